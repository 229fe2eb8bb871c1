//! Answering messages, rightly or as wrongly as the mode says.

mod tricks;

use super::greed;
use super::tools;
use super::wire::Wire;
use super::{Era, Mode, pause};
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tricks::{Storm, Trick};

const LEGACY: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];
const MODERN: &str = "2026-07-28";
const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const META_SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";
/// The longest that `sleep` sleeps.
const MAX_SLEEP: Duration = Duration::from_secs(600);

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Read the next message.
    Continue,
    /// End the process, on purpose.
    Exit,
    /// End it with this code.
    ExitWith(u8),
    /// Read nothing more, and stay.
    Rest,
}

/// One server and all that it remembers.
pub(super) struct Server {
    mode: Mode,
    era: Era,
    wire: Wire,
    calls: u64,
    grown: u64,
    /// What `hog` has taken.
    hoard: Vec<Vec<u8>>,
    listed: bool,
    lists: u64,
    /// Ids of the modern listens that want to know of changed tools.
    listens: Vec<Value>,
    /// What came back to requests of ours, by their ids.
    answers: Map<String, Value>,
    cancelled: Arc<Mutex<HashSet<String>>>,
    /// The call whose questions are not all answered yet.
    storm: Option<Storm>,
}

/// A request, taken apart.
struct Request<'a> {
    id: &'a Value,
    method: &'a str,
    params: &'a Value,
    modern: bool,
}

impl Server {
    pub(super) fn new(mode: Mode, era: Era, wire: Wire) -> Self {
        Self {
            mode,
            era,
            wire,
            calls: 0,
            grown: 0,
            hoard: Vec::new(),
            listed: false,
            lists: 0,
            listens: Vec::new(),
            answers: Map::new(),
            cancelled: Arc::default(),
            storm: None,
        }
    }

    /// Handles one line of input.
    pub(super) fn handle(&mut self, line: &str) -> io::Result<Next> {
        let Ok(message) = serde_json::from_str::<Value>(line) else {
            self.wire.error(&Value::Null, -32700, "that was not JSON", &Value::Null)?;
            return Ok(Next::Continue);
        };
        let params = &message["params"];
        let Some(method) = message["method"].as_str() else {
            self.remember(&message);
            return self.weather(&message).map(|()| Next::Continue);
        };
        match message.get("id") {
            None => self.notified(method, params),
            Some(id) => {
                let modern = params["_meta"][META_VERSION].is_string();
                self.asked(&Request { id, method, params, modern })
            }
        }
    }

    /// Keeps what a client answered to a request of ours.
    fn remember(&mut self, message: &Value) {
        let answer = message.get("result").or_else(|| message.get("error"));
        if let (Some(id), Some(answer)) = (message["id"].as_str(), answer) {
            self.answers.insert(id.to_owned(), answer.clone());
        }
    }

    fn notified(&mut self, method: &str, params: &Value) -> io::Result<Next> {
        match method {
            "notifications/initialized" if self.mode == Mode::DieAfterInit => {
                return Ok(Next::Exit);
            }
            "notifications/initialized" if self.mode == Mode::Asks => {
                for (id, method) in [("ask-ping", "ping"), ("ask-roots", "roots/list")] {
                    self.wire.send(&json!({"jsonrpc": "2.0", "id": id, "method": method}))?;
                }
            }
            "notifications/cancelled" => {
                let id = params["requestId"].clone();
                self.listens.retain(|listen| *listen != id);
                let mut cancelled = self.cancelled.lock().unwrap_or_else(PoisonError::into_inner);
                cancelled.insert(id.to_string());
            }
            _ => {}
        }
        Ok(Next::Continue)
    }

    fn asked(&mut self, request: &Request<'_>) -> io::Result<Next> {
        if request.method == "server/discover" && self.mode == Mode::DieOnProbe {
            return Ok(Next::Exit);
        }
        if self.mode == Mode::HangAfterList && self.listed {
            return Ok(Next::Continue);
        }
        if self.listed && matches!(request.method, "ping" | "server/discover") {
            match self.mode {
                Mode::HangOnPing => return Ok(Next::Continue),
                Mode::SlowPing(wait) => pause(wait),
                _ => {}
            }
        }
        match (request.method, self.era) {
            ("server/discover", Era::Modern | Era::Dual) => {
                self.reply(request, discovery())?;
                let exits = self.mode == Mode::DieAfterInit;
                return Ok(if exits { Next::Exit } else { Next::Continue });
            }
            ("initialize", Era::Modern) => {
                let data = json!({"supported": [MODERN], "requested": request.params["protocolVersion"]});
                self.wire.error(request.id, -32022, "this server has no sessions", &data)?;
            }
            ("initialize", _) => self.wire.result(request.id, &handshake(request.params))?,
            ("ping", Era::Legacy | Era::Dual) => self.wire.result(request.id, &json!({}))?,
            (_, Era::Legacy) if request.modern => self.unknown(request)?,
            (_, Era::Modern) if !request.modern => {
                self.wire.error(request.id, -32602, "the metadata is missing", &Value::Null)?;
            }
            ("tools/list", _) => {
                self.list(request)?;
                return Ok(if self.mode == Mode::NoRead { Next::Rest } else { Next::Continue });
            }
            ("tools/call", _) => return self.call(request),
            ("subscriptions/listen", Era::Modern | Era::Dual) => self.listen(request)?,
            _ => self.unknown(request)?,
        }
        Ok(Next::Continue)
    }

    fn unknown(&self, request: &Request<'_>) -> io::Result<()> {
        self.wire.error(request.id, -32601, "there is no such method here", &Value::Null)
    }

    /// Sends a result in the shape of the request's era.
    fn reply(&self, request: &Request<'_>, result: Value) -> io::Result<()> {
        self.wire.result(request.id, &shaped(request, result))
    }

    fn list(&mut self, request: &Request<'_>) -> io::Result<()> {
        self.listed = true;
        self.lists += 1;
        let mut result = if self.mode == Mode::EndlessPages {
            let (tools, next) = tools::endless_page(request.params["cursor"].as_str());
            json!({"tools": tools, "nextCursor": next})
        } else {
            json!({"tools": tools::list(self.mode, self.grown)})
        };
        if request.modern {
            result["ttlMs"] = json!(60_000);
            result["cacheScope"] = json!("public");
        }
        self.reply(request, result)
    }

    fn listen(&mut self, request: &Request<'_>) -> io::Result<()> {
        let wanted = request.params["notifications"]["toolsListChanged"] == true;
        let accepted = if wanted { json!({"toolsListChanged": true}) } else { json!({}) };
        if wanted {
            self.listens.push(request.id.clone());
        }
        self.wire.send(&json!({
            "jsonrpc": "2.0",
            "method": "notifications/subscriptions/acknowledged",
            "params": {"notifications": accepted, "_meta": {META_SUBSCRIPTION: request.id}},
        }))
    }

    fn call(&mut self, request: &Request<'_>) -> io::Result<Next> {
        self.calls += 1;
        let arguments = &request.params["arguments"];
        let name = request.params["name"].as_str().unwrap_or_default();
        if let Mode::ExitAfter(calls) = self.mode
            && self.calls >= calls
        {
            return tricks::exit(self.calls, arguments);
        }
        let result = match (name, self.mode) {
            ("echo", _) => tools::text(arguments["text"].as_str().unwrap_or_default()),
            ("count", _) => tools::text(&self.calls.to_string()),
            ("pid", _) => tools::text(&std::process::id().to_string()),
            ("sleep", _) => return self.sleep(request).map(|()| Next::Continue),
            ("die", Mode::DieOnCall) => return Ok(Next::Exit),
            ("huge", Mode::HugeResult(bytes)) => tools::text(&"x".repeat(bytes)),
            ("hog", Mode::Hog(megabytes)) => {
                self.hoard.push(greed::hog(megabytes));
                tools::text(&self.hoard.iter().map(Vec::len).sum::<usize>().to_string())
            }
            ("bomb", Mode::Bomb) => tools::text(&greed::bomb()),
            ("asked", Mode::Asks) => tools::text(&json!(self.answers).to_string()),
            ("lists", Mode::Shuffle) => tools::text(&self.lists.to_string()),
            ("grow", Mode::ChangeList) | ("shuffle", Mode::Shuffle) => {
                self.grow()?;
                tools::text(&self.grown.to_string())
            }
            ("lost", Mode::LieIds) => {
                let lie = json!("an-id-that-nobody-used");
                self.wire.result(&lie, &tools::text("lost"))?;
                return Ok(Next::Continue);
            }
            ("broken", Mode::BadJson) => {
                let id = request.id;
                let half = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[{{"type":"#);
                self.wire.send_raw(&half)?;
                return Ok(Next::Continue);
            }
            _ => match self.trick(name, request)? {
                Trick::Answer(result) => result,
                Trick::Silence => return Ok(Next::Continue),
                Trick::Unknown => {
                    let why = format!("there is no tool `{name}` here");
                    self.wire.error(request.id, -32602, &why, &Value::Null)?;
                    return Ok(Next::Continue);
                }
            },
        };
        if let Mode::Drip(pause) = self.mode {
            let result = shaped(request, result);
            let message = json!({"jsonrpc": "2.0", "id": request.id, "result": result});
            self.wire.drip(&message.to_string(), pause)?;
        } else if self.mode == Mode::LieIds {
            self.lie(request)?;
            self.reply(request, result)?;
            // The same id once more, with something else.
            self.reply(request, tools::text("a duplicate"))?;
        } else {
            self.reply(request, result)?;
        }
        Ok(Next::Continue)
    }

    /// Answers to nothing: unknown ids, and ids of another type than the request's.
    fn lie(&self, request: &Request<'_>) -> io::Result<()> {
        let text = json!(request.id.to_string());
        for id in [json!(987_654_321), json!(-1), json!(1.5), Value::Null, json!("x"), text] {
            if id != *request.id {
                self.wire.result(&id, &tools::text("a lie"))?;
            }
        }
        Ok(())
    }

    fn grow(&mut self) -> io::Result<()> {
        self.grown += 1;
        let method = "notifications/tools/list_changed";
        if self.era != Era::Modern {
            self.wire.send(&json!({"jsonrpc": "2.0", "method": method}))?;
        }
        for listen in &self.listens {
            let params = json!({"_meta": {META_SUBSCRIPTION: listen}});
            self.wire.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}))?;
        }
        Ok(())
    }

    /// Sleeps on a thread of its own, so that other calls go on; a cancelled one stays unanswered.
    fn sleep(&self, request: &Request<'_>) -> io::Result<()> {
        let ms = request.params["arguments"]["ms"].as_u64().unwrap_or(0);
        let token = &request.params["_meta"]["progressToken"];
        if !token.is_null() {
            let params = json!({"progressToken": token, "progress": 0, "total": ms});
            let method = "notifications/progress";
            self.wire.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}))?;
        }
        let result = shaped(request, tools::text(&format!("slept {ms}")));
        let (id, wire) = (request.id.clone(), self.wire.clone());
        let cancelled = Arc::clone(&self.cancelled);
        let lies = self.mode == Mode::LieIds;
        std::thread::spawn(move || {
            pause(Duration::from_millis(ms).min(MAX_SLEEP));
            let mut cancelled = cancelled.lock().unwrap_or_else(PoisonError::into_inner);
            if !cancelled.remove(&id.to_string()) || lies {
                // If stdout is closed, the main thread sees its end of stdin.
                let _ = wire.result(&id, &result);
            }
        });
        Ok(())
    }
}

/// Adds what the modern era wants in each result.
fn shaped(request: &Request<'_>, mut result: Value) -> Value {
    if request.modern {
        result["resultType"] = json!("complete");
    }
    result
}

fn discovery() -> Value {
    json!({
        "resultType": "complete",
        "supportedVersions": [MODERN],
        "capabilities": {"tools": {"listChanged": true}},
        "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "mcp-misbehave", "version": "1"}},
        "ttlMs": 60_000,
        "cacheScope": "public",
    })
}

fn handshake(params: &Value) -> Value {
    let asked = params["protocolVersion"].as_str().unwrap_or_default();
    let known = LEGACY.iter().find(|version| **version == asked);
    json!({
        "protocolVersion": known.unwrap_or(&LEGACY[3]),
        "capabilities": {"tools": {"listChanged": true}},
        "serverInfo": {"name": "mcp-misbehave", "version": "1"},
    })
}
