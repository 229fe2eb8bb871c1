//! What a declared server asks of the machine: the program that is run, a port, memory and other
//! limits, what is installed before. It checks what is written; whether the host can give it is
//! found out where the program is started.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use crate::config::{Approval, Config, Isolation, Reach, Server};
use crate::diagnostic::Report;
use crate::keys::{RESOURCES_KEYS, Shape, find};
use crate::load::{Document, severity_for};
use crate::raw::RawServer;
use crate::read::{Field, Value, text_of, texts_of};
use crate::server::Work;

/// The least memory that a program can be held to, in bytes: less than that, and the system ends
/// it before it has begun.
const MEMORY_MIN: u64 = 16 * 1024 * 1024;
/// The fewest open files that a program can be held to: its runtime wants some before it begins.
const OPEN_FILES_MIN: u64 = 32;

/// A program that serves at a URL and is run by us.
#[derive(Clone)]
pub struct Program {
    /// Program, a path or a name to find in PATH.
    pub command: String,
    /// Arguments with variables expanded: may hold secrets.
    pub args: Vec<String>,
    /// `env_file` and `env`, the latter winning.
    pub env: BTreeMap<String, SecretString>,
    /// Working folder; the switchboard's own if absent.
    pub cwd: Option<PathBuf>,
    /// Names of our own variables that are passed on.
    pub inherit_env: Vec<String>,
}

/// Words of a command with variables expanded: may hold secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretWords(pub Vec<String>);

/// The program of a server, however it is spoken to.
#[derive(Clone, Copy)]
pub struct Runs<'a> {
    /// Program, a path or a name to find in PATH.
    pub command: &'a str,
    /// Arguments with variables expanded: may hold secrets.
    pub args: &'a [String],
    /// Its own variables.
    pub env: &'a BTreeMap<String, SecretString>,
    /// Working folder; the switchboard's own if absent.
    pub cwd: Option<&'a Path>,
    /// Names of our own variables that are passed on.
    pub inherit_env: &'a [String],
}

/// What the program of a server may use with all it starts. `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resources {
    /// Memory, in bytes.
    pub memory: Option<u64>,
    /// Processor, in percent of one core.
    pub cpu: Option<u32>,
    /// Processes and threads.
    pub processes: Option<u32>,
    /// Open files of each process.
    pub open_files: Option<u64>,
    /// What is kept of its stderr, in bytes per second.
    pub stderr: u64,
}

// === impl SecretWords ===

impl std::ops::Deref for SecretWords {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.0
    }
}

/// Shows how many there are.
impl std::fmt::Debug for SecretWords {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} words", self.0.len())
    }
}

// === impl Program ===

/// Shows neither arguments nor values of the environment: both hold secrets.
impl std::fmt::Debug for Program {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Program")
            .field("command", &self.command)
            .field("args", &format_args!("[{} hidden]", self.args.len()))
            .field("env", &self.env.keys())
            .field("cwd", &self.cwd)
            .finish_non_exhaustive()
    }
}

// === impl Server ===

impl Server {
    /// The program that is run for it; none where it is only reached.
    #[must_use]
    pub fn runs(&self) -> Option<Runs<'_>> {
        if let Reach::Stdio { command, args, env, cwd, inherit_env } = &self.reach {
            return Some(Runs { command, args, env, cwd: cwd.as_deref(), inherit_env });
        }
        let Program { command, args, env, cwd, inherit_env } = self.hosted.as_ref()?;
        Some(Runs { command, args, env, cwd: cwd.as_deref(), inherit_env })
    }

    /// Whether it is ours to start: a program or a container, and not what others run.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.runs().is_some() || matches!(self.reach, Reach::Container { .. })
    }

    /// The port of this machine on which its program listens, as far as the entry says it.
    #[must_use]
    pub fn listens_on(&self) -> Option<u16> {
        self.port.or_else(|| {
            self.hosted.as_ref()?;
            let (Reach::Http { url, .. } | Reach::WebSocket { url, .. }) = &self.reach else {
                let Reach::Tcp { address } = &self.reach else { return None };
                let (host, port) = address.rsplit_once(':')?;
                return port.parse().ok().filter(|_| is_loopback(host));
            };
            let url = url.parse::<http::Uri>().ok()?;
            url.port_u16().filter(|_| url.host().is_some_and(is_loopback))
        })
    }
}

/// Whether what is reached is on this machine, as far as its address says it.
pub(crate) fn is_here(reach: &Reach) -> bool {
    match reach {
        Reach::Http { url, .. } | Reach::WebSocket { url, .. } => {
            url.parse::<http::Uri>().is_ok_and(|url| url.host().is_some_and(is_loopback))
        }
        Reach::Tcp { address } => address.rsplit_once(':').is_some_and(|(host, _)| is_loopback(host)),
        Reach::Unix { .. } | Reach::Stdio { .. } | Reach::Builtin { .. } | Reach::Container { .. } => true,
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The port of an entry; checked against what several instances would do with it.
pub(crate) fn port(work: &mut Work<'_>, reach: &Reach, isolation: Isolation) -> Option<u16> {
    let field = work.field("port")?;
    let Value::Count(port @ 1..) = field.value else { return None };
    if isolation != Isolation::Shared && matches!(reach, Reach::Stdio { .. }) {
        work.problem(field.key_span, "`port` does not go with `isolation`")
            .hint("every instance would want the same port; leave one of the two out");
    }
    u16::try_from(port).ok()
}

/// The section `resources`.
pub(crate) fn resources(work: &mut Work<'_>) -> Resources {
    let section = match work.field("resources").map(|field| &field.value) {
        Some(Value::Section(fields)) => Some(fields),
        _ => None,
    };
    let field = |name: &str| section.and_then(|fields| fields.get(name));
    let mut limit = |name: &str, least: u64, in_words: &str| {
        let field: &Field = field(name)?;
        let Value::Count(number) = field.value else { return None };
        if number > 0 && number < least {
            let message = format!("`resources.{name}` is out of range");
            work.problem(field.span, &message).hint(format!("at least {in_words}, or 0 for no limit"));
        }
        (number > 0).then_some(number)
    };
    let memory = limit("memory", MEMORY_MIN, "16MiB");
    let cpu = limit("cpu", 1, "1").and_then(|percent| u32::try_from(percent).ok());
    let processes = limit("processes", 1, "1").and_then(|most| u32::try_from(most).ok());
    let open_files = limit("open_files", OPEN_FILES_MIN, "32");
    let stderr = match (field("stderr").map(|field| &field.value), find(RESOURCES_KEYS, "stderr").map(|key| &key.shape))
    {
        (Some(Value::Count(rate)), _) => *rate,
        (_, Some(Shape::Bytes { default, .. })) => *default,
        _ => 0,
    };
    Resources { memory, cpu, processes, open_files, stderr }
}

/// Where a server keeps what must last: absolute, and never a whole disk or a whole home.
pub(crate) fn data(work: &mut Work<'_>) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for text in texts_of(work.field("data")) {
        let expanded = work.expand(text);
        let declaration = work.declaration;
        let path = declaration.environment.resolve(&expanded, &declaration.document.folder);
        // A backup takes all of it: `..` and links in it are followed when that is made.
        let too_much = path.parent().is_none() || declaration.environment.home.as_ref() == Some(&path);
        if expanded.trim().is_empty() || too_much {
            work.problem(text.span, "`data` names nothing, a whole disk or a whole home")
                .hint("name the folder that the server keeps its files in");
            continue;
        }
        folders.push(path);
    }
    folders
}

/// The words of `install`, with variables.
pub(crate) fn install(work: &mut Work<'_>) -> SecretWords {
    let words = texts_of(work.field("install"));
    let expanded: Vec<String> = words.iter().map(|word| work.expand(word)).collect();
    if let Some(field) = work.field("install")
        && expanded.first().is_none_or(|program| program.trim().is_empty())
    {
        work.problem(field.span, "`install` is empty").hint("leave it out, or write a command such as \"npm ci\"");
    }
    SecretWords(expanded)
}

/// The URL of a program that only says its type and its port.
pub(crate) fn url_of_port(work: &Work<'_>) -> Option<String> {
    let kind = text_of(work.field("type"))?;
    let Value::Count(port @ 1..) = work.field("port")?.value else { return None };
    Some(match kind.text.as_str() {
        "http" | "streamable-http" | "streamableHttp" => format!("http://127.0.0.1:{port}/mcp"),
        "sse" => format!("http://127.0.0.1:{port}/sse"),
        "websocket" | "ws" => format!("ws://127.0.0.1:{port}/mcp"),
        "tcp" => format!("tcp://127.0.0.1:{port}"),
        _ => return None,
    })
}

/// Two programs cannot listen on one port: the later one is left out.
pub(crate) fn refuse_like_ports<'a>(
    config: &mut Config,
    declared: impl Iterator<Item = (usize, &'a RawServer)>,
    documents: &[Document],
    report: &mut Report,
) {
    let mut declared: Vec<(usize, &RawServer)> = declared.collect();
    declared.sort_by_key(|(at, raw)| (*at, raw.name_span.start));
    let mut first: BTreeMap<u16, String> = BTreeMap::new();
    for (at, raw) in declared {
        let Some(server) = config.servers.get(&raw.name).filter(|server| server.enabled) else { continue };
        let Some(port) = server.listens_on().filter(|_| server.approval == Approval::Approved) else { continue };
        let Some(other) = first.get(&port) else {
            first.insert(port, raw.name.clone());
            continue;
        };
        let place = config.servers.get(other).map(|server| server.origin.to_string()).unwrap_or_default();
        let message = format!("the servers `{}` and `{other}` have the same port {port}", raw.name);
        let document = &documents[at];
        let span = raw.fields.get("port").or_else(|| raw.fields.get("url")).map_or(raw.name_span, |field| field.span);
        report
            .at(&document.source, severity_for(document.approval()), span, message)
            .hint(format!("give one of them another port; the other stands at {place}"));
        config.servers.remove(&raw.name);
    }
}
