//! The tools of modes that do more than answer wrongly: they close pipes, ask without end,
//! leave children. It judges nothing: what must follow is for the tests.

use super::{Mode, Next, Request, Server, tools};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// How long a process stays that does nothing but stay, in seconds.
const STAY: &str = "1000";

/// What came of a tool.
pub(super) enum Trick {
    /// This is its result.
    Answer(Value),
    /// It is not answered, or not now.
    Silence,
    /// There is no such tool in this mode.
    Unknown,
}

/// A call that is answered when all its questions are.
pub(super) struct Storm {
    id: Value,
    modern: bool,
    left: u64,
    results: u64,
    refusals: u64,
}

/// Ends the process as the call's arguments say.
pub(super) fn exit(calls: u64, arguments: &Value) -> io::Result<Next> {
    writeln!(io::stderr(), "fatal: call {calls} was one too many")?;
    if arguments["signal"] == true {
        std::process::abort();
    }
    let code = arguments["code"].as_u64().and_then(|code| u8::try_from(code).ok());
    Ok(Next::ExitWith(code.unwrap_or(1)))
}

impl Server {
    pub(super) fn trick(&mut self, name: &str, request: &Request<'_>) -> io::Result<Trick> {
        Ok(match (name, self.mode) {
            ("flood", Mode::FloodLine(bytes)) => {
                self.wire.flood_line(bytes)?;
                Trick::Silence
            }
            ("hang_up", Mode::HalfClose) => {
                self.hang_up(request)?;
                Trick::Silence
            }
            ("storm", Mode::Storm(count)) => {
                self.begin_storm(request, count)?;
                Trick::Silence
            }
            ("brood", Mode::Brood(count)) => {
                brood(count)?;
                Trick::Answer(tools::text(&format!("left {count}")))
            }
            _ => Trick::Unknown,
        })
    }

    /// Becomes a process that has one pipe less and says nothing.
    #[expect(clippy::disallowed_methods, reason = "a test peer that has to misbehave")]
    fn hang_up(&self, request: &Request<'_>) -> io::Result<()> {
        let mut stay = Command::new("sleep");
        stay.arg(STAY);
        match request.params["arguments"]["how"].as_str() {
            Some("stdin") => stay.stdin(Stdio::null()),
            Some("middle") => {
                self.wire.half(&format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{"cont"#, request.id))?;
                stay.stdout(Stdio::null())
            }
            _ => stay.stdout(Stdio::null()),
        };
        Err(stay.exec())
    }

    fn begin_storm(&mut self, request: &Request<'_>, count: u64) -> io::Result<()> {
        let message = json!({"role": "user", "content": {"type": "text", "text": "?"}});
        let schema = json!({"type": "object", "properties": {}});
        let questions = [
            ("ping", json!({})),
            ("sampling/createMessage", json!({"messages": [message], "maxTokens": 1})),
            ("elicitation/create", json!({"message": "?", "requestedSchema": schema})),
            ("roots/list", json!({})),
        ];
        for (number, (method, params)) in (0..count).zip(questions.iter().cycle()) {
            let id = format!("storm-{number}");
            self.wire.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))?;
        }
        let id = request.id.clone();
        self.storm = Some(Storm { id, modern: request.modern, left: count, results: 0, refusals: 0 });
        Ok(())
    }

    /// Counts what was answered to a storm, and answers its call at the end.
    pub(super) fn weather(&mut self, answer: &Value) -> io::Result<()> {
        let Some(storm) = self.storm.as_mut().filter(|_| is_of_storm(answer)) else { return Ok(()) };
        storm.left = storm.left.saturating_sub(1);
        let count = if answer.get("result").is_some() { &mut storm.results } else { &mut storm.refusals };
        *count += 1;
        if storm.left > 0 {
            return Ok(());
        }
        let Some(Storm { id, modern, results, refusals, .. }) = self.storm.take() else { return Ok(()) };
        let request = Request { id: &id, method: "tools/call", params: &Value::Null, modern };
        self.reply(&request, tools::text(&format!("{results} answered, {refusals} refused")))
    }
}

fn is_of_storm(answer: &Value) -> bool {
    answer["id"].as_str().is_some_and(|id| id.starts_with("storm-"))
}

/// Leaves children whose parents are gone, and which end at once: somebody must collect them.
#[expect(clippy::disallowed_methods, reason = "a test peer that has to misbehave")]
fn brood(count: u64) -> io::Result<()> {
    let script = "i=0; while [ $i -lt $0 ]; do (true &); i=$((i+1)); done";
    let mut shell = Command::new("sh");
    shell.args(["-c", script, &count.to_string()]).stdin(Stdio::null()).stdout(Stdio::null());
    shell.status().map(drop)
}
