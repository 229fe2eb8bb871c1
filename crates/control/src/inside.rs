//! The builtin server `switchboard`: the control plane as tools, for agents that look after the
//! servers they use. It reads only, unless its entry has `allow_changes`; what it changes is what
//! a person may do with `start`, `stop` and `restart`. No tool takes a command line, an
//! environment or a path.

mod definitions;

use crate::routes::search::band;
use crate::routes::servers::describe;
use crate::{Act, Deed, Deeds, Problem, find, said, why};
use gateway::server::Command;
use gateway::{Gateway, Scope, Snapshot, finder};
use protocol::{Call, Error, ErrorKind, Object, Raw, Reply, ReplyFuture, Service};
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock, Weak};

/// Lines of a log where nobody says how many, and at most.
const LINES: (usize, usize) = (50, 500);
/// Tools that `search` answers with where nobody says how many, and at most.
const FOUND: (usize, usize) = (10, 50);
/// Characters of a tool's description there.
const ABOUT_CHARS_MAX: usize = 200;

/// Makes the builtin server for the entries that want one. Made before the gateway, which needs it
/// to start, and told of the gateway afterwards.
#[derive(Debug, Clone)]
pub struct Inside {
    gateway: Arc<OnceLock<Weak<Gateway>>>,
    deeds: Deeds,
}

/// The server of one entry.
#[derive(Clone)]
struct Server {
    gateway: Arc<OnceLock<Weak<Gateway>>>,
    allow_changes: bool,
    deeds: Deeds,
}

// === impl Inside ===

impl Inside {
    /// What agents change is told to `deeds`.
    #[must_use]
    pub fn new(deeds: Deeds) -> Self {
        Self { gateway: Arc::default(), deeds }
    }

    /// The service of `entry`, if its server is this one.
    #[must_use]
    pub fn service(&self, entry: &config::Server) -> Option<Arc<dyn Service>> {
        match &entry.reach {
            config::Reach::Builtin { builtin, allow_changes, .. } if builtin == "switchboard" => {
                let (gateway, deeds) = (self.gateway.clone(), self.deeds.clone());
                Some(Arc::new(Server { gateway, allow_changes: *allow_changes, deeds }))
            }
            _ => None,
        }
    }

    /// The gateway that the tools are about. The first one counts.
    pub fn attach(&self, gateway: &Arc<Gateway>) {
        // A second one would be a second switchboard in one process, which has its own `Inside`.
        let _ = self.gateway.set(Arc::downgrade(gateway));
    }
}

// === impl Server ===

impl Service for Server {
    fn call(&self, call: Call) -> ReplyFuture {
        let server = self.clone();
        Box::pin(async move {
            match &*call.method {
                "server/discover" => Ok(definitions::discover()),
                "tools/list" => Ok(definitions::tools(server.allow_changes)),
                "tools/call" => server.call_tool(&call).await,
                other => Err(Error::new(ErrorKind::MethodNotFound, format!("`{other}` is not served here"))),
            }
        })
    }
}

impl Server {
    async fn call_tool(&self, call: &Call) -> Reply {
        let name = call.params.text("name").unwrap_or_default();
        let Some(tool) = definitions::find(&name, self.allow_changes) else {
            return Err(Error::new(ErrorKind::UnknownName, format!("there is no tool `{name}` here")));
        };
        let gateway = self.gateway.get().and_then(Weak::upgrade);
        let gateway = gateway.ok_or_else(|| Error::new(ErrorKind::UpstreamStarting, "the switchboard is starting"))?;
        let arguments = call.params.get("arguments").map(Raw::read::<Arguments>).transpose();
        let arguments = match arguments {
            Ok(arguments) => arguments.unwrap_or_default(),
            Err(error) => return Ok(failed(&Problem::new(ErrorKind::InvalidParams, error.to_string()))),
        };
        let done = match tool {
            Tool::List => Ok(list(&gateway.snapshot())),
            Tool::Status => status(&gateway.snapshot(), &arguments),
            Tool::Logs => logs(&gateway.snapshot(), &arguments),
            Tool::Why => reasons(&gateway, &arguments, call),
            Tool::Search => search(&gateway, arguments, call).await,
            Tool::Restart => tell(&gateway.snapshot(), &arguments, Command::Restart).inspect(|_| {
                let name = arguments.server.clone().unwrap_or_default();
                self.deeds.note(Deed::new(call.context.principal.as_str(), Act::Restarted, name));
            }),
        };
        Ok(match done {
            Ok(value) => result(&value),
            Err(problem) => failed(&problem),
        })
    }
}

/// The tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tool {
    List,
    Status,
    Logs,
    Why,
    Search,
    Restart,
}

/// What the tools are called with; each takes some of it.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    server: Option<String>,
    name: Option<String>,
    #[serde(rename = "as")]
    principal: Option<String>,
    text: Option<String>,
    lines: Option<usize>,
    limit: Option<usize>,
}

fn needed<'a>(argument: &'a Option<String>, name: &str) -> Result<&'a str, Problem> {
    argument.as_deref().ok_or_else(|| Problem::new(ErrorKind::InvalidParams, format!("`{name}` is missing")))
}

/// A line for each server: small, since a model reads it.
fn list(snapshot: &Snapshot) -> Value {
    let servers = snapshot.servers.values().map(|server| {
        let said::Server { name, state, health, tools, reason, hint, .. } = describe(snapshot, server);
        json!({ "name": name, "state": state, "health": health, "tools": tools, "reason": reason, "next": hint })
    });
    json!({ "servers": servers.collect::<Vec<_>>() })
}

fn status(snapshot: &Snapshot, arguments: &Arguments) -> Result<Value, Problem> {
    let server = find::server(snapshot, needed(&arguments.server, "server")?)?;
    Ok(valued(&describe(snapshot, server)))
}

fn logs(snapshot: &Snapshot, arguments: &Arguments) -> Result<Value, Problem> {
    let server = find::server(snapshot, needed(&arguments.server, "server")?)?;
    let count = arguments.lines.unwrap_or(LINES.0).min(LINES.1);
    let lines = server.log.tail(count);
    let lines = lines.iter().map(|line| {
        json!({
            "at": supervisor::utc(line.at), "stream": line.stream.to_string(), "text": line.shown(),
        })
    });
    Ok(json!({ "server": &*server.name, "lines": lines.collect::<Vec<_>>() }))
}

fn reasons(gateway: &Gateway, arguments: &Arguments, call: &Call) -> Result<Value, Problem> {
    let own = &call.context.principal;
    let principal = arguments.principal.as_deref().map_or_else(|| own.clone(), protocol::Principal::new);
    Ok(valued(&why::explain(gateway, needed(&arguments.name, "name")?, &principal)?))
}

/// Tools that fit what is wanted, best first, and the servers that are enough for all of it.
async fn search(gateway: &Gateway, arguments: Arguments, call: &Call) -> Result<Value, Problem> {
    let text = crate::routes::search::text(arguments.text.as_deref().unwrap_or_default())?.to_owned();
    let server = match &arguments.server {
        Some(name) => Some(find::server(&gateway.snapshot(), name)?.name.to_string()),
        None => None,
    };
    let limit = arguments.limit.unwrap_or(FOUND.0).clamp(1, FOUND.1);
    let sought = finder::Find { text, limit, server };
    let finder::Found { answer, tools } = gateway.find(&Scope::All, &call.context.principal, sought).await;
    let shown = answer.tools.iter().map(|hit| {
        let about = tools.iter().find(|tool| tool.public == hit.id).map(|tool| tool.description.as_str());
        let about: String = about.unwrap_or_default().chars().take(ABOUT_CHARS_MAX).collect();
        let why: Vec<String> = hit.reasons.iter().map(ToString::to_string).collect();
        // Two digits tell apart what a reader can.
        let score = (f64::from(hit.score) * 100.0).round() / 100.0;
        json!({ "name": hit.id, "server": hit.server, "score": score, "description": about, "why": why })
    });
    let chosen = answer.servers.iter().filter(|server| server.chosen).map(|server| &server.server);
    Ok(json!({
        "band": band(answer.band), "tools": shown.collect::<Vec<_>>(), "servers": chosen.collect::<Vec<_>>(),
    }))
}

fn tell(snapshot: &Snapshot, arguments: &Arguments, command: Command) -> Result<Value, Problem> {
    let server = find::server(snapshot, needed(&arguments.server, "server")?)?;
    if !server.entry.is_active() {
        return Err(server.status().refusal(&server.name).into());
    }
    server.tell(command);
    Ok(json!({ "server": &*server.name, "told": true, "state_before": server.status().state }))
}

fn valued<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

fn result(value: &Value) -> Object {
    let content = json!([{ "type": "text", "text": value.to_string() }]);
    [("content", Raw::of(&content)), ("structuredContent", Raw::of(value))].into_iter().collect()
}

/// A failure that a model can read and act on.
fn failed(problem: &Problem) -> Object {
    let text = match &problem.hint {
        Some(hint) => format!("{}\nnext: {hint}", problem.title),
        None => problem.title.clone(),
    };
    let content = json!([{ "type": "text", "text": text }]);
    [("content", Raw::of(&content)), ("isError", Raw::from_static("true"))].into_iter().collect()
}
