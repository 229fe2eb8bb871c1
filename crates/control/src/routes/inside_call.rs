//! A tool of a server inside this program, called for a route: through the same door as every
//! client's call, so that policies, limits and records count, and there is no way round them.
//!
//! It knows none of the tools.

use super::call::through_door;
use crate::access::Asker;
use crate::{Control, Problem, find};
use config::Reach;
use gateway::Snapshot;
use protocol::{ErrorKind, Object, Raw};
use serde_json::Value;

/// What a tool's `type` of failure is over REST: status, exit code of the command line, and whether
/// trying again can help. The types are those of `protocol::tools::FailureKind`.
const FAILURES: &[(&str, u16, u8, bool)] = &[
    ("validation", 400, 2, false),
    ("not_found", 404, 12, false),
    ("conflict", 409, 1, true),
    ("denied", 403, 11, false),
    ("timeout", 504, 10, true),
    ("connection", 502, 1, true),
    ("http_error", 502, 1, false),
    ("quota", 429, 10, true),
    ("unavailable", 503, 10, true),
];

/// Calls `tool` of the server inside that is called `server`, in the name of `asker`; gives its
/// structured result.
///
/// # Errors
/// 404 where no entry is that server, what a rule says, and what the tool says.
pub(crate) async fn inside_call(
    control: &Control,
    asker: &Asker,
    server: &str,
    tool: &str,
    arguments: &Value,
) -> Result<Value, Problem> {
    let gateway = &control.parts.gateway;
    gateway.first_listed().await;
    let found = {
        let snapshot = gateway.snapshot();
        let name = entry(&snapshot, server).ok_or_else(|| missing(server))?;
        find::tool(&snapshot, &format!("{name}.{tool}"))?
    };
    let result = through_door(control, asker, &found, Raw::of(arguments)).await?;
    structured(&result)
}

/// The name of the entry that is this server: the one of the same name, else the first.
fn entry(snapshot: &Snapshot, server: &str) -> Option<String> {
    let is_it = |entry: &config::Server| matches!(&entry.reach, Reach::Builtin { builtin, .. } if builtin == server);
    let named = snapshot.servers.get(server).filter(|found| is_it(&found.entry));
    let found = named.or_else(|| snapshot.servers.values().find(|found| is_it(&found.entry)));
    found.map(|found| found.name.to_string())
}

fn missing(server: &str) -> Problem {
    let problem = Problem::new(ErrorKind::UnknownEndpoint, format!("the server `{server}` is not configured here"));
    problem.hint(format!("put [servers.{server}] with builtin = \"{server}\" into the configuration"))
}

/// The structured content of a result; a failure says what happened and what to do next.
fn structured(result: &Object) -> Result<Value, Problem> {
    if result.get("isError").is_none_or(|is_error| is_error.as_bytes() != b"true") {
        return Ok(result.get("structuredContent").and_then(|content| content.read().ok()).unwrap_or_default());
    }
    let content: Value = result.get("content").and_then(|content| content.read().ok()).unwrap_or_default();
    let text = content[0]["text"].as_str().unwrap_or_default();
    let said: Value = serde_json::from_str(text).unwrap_or_default();
    let kind = said["type"].as_str().unwrap_or("unexpected");
    let row = FAILURES.iter().find(|(name, ..)| *name == kind);
    let (kind, status, exit, retryable) = row.copied().unwrap_or(("unexpected", 500, 70, false));
    let title = said["error"].as_str().unwrap_or(text).to_owned();
    let hint = said["next"].as_str().map(str::to_owned);
    Err(Problem { kind: kind.to_owned(), title, status, exit, retryable, hint })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn result(value: Value) -> Object {
        Object::of(&Raw::of(&value)).unwrap()
    }

    #[test]
    fn a_failure_of_a_tool_is_a_problem_with_its_status_and_next_step() {
        let said = json!({ "error": "gone", "type": "not_found", "next": "look" }).to_string();
        let failed = result(json!({ "isError": true, "content": [{ "type": "text", "text": said }] }));
        let problem = structured(&failed).unwrap_err();
        assert_eq!((problem.status, problem.exit, problem.kind.as_str()), (404, 12, "not_found"));
        assert_eq!((problem.title.as_str(), problem.hint.as_deref()), ("gone", Some("look")));
        let foreign = result(json!({ "isError": true, "content": [{ "type": "text", "text": "no JSON" }] }));
        assert_eq!(structured(&foreign).unwrap_err().title, "no JSON");
    }

    #[test]
    fn a_result_is_its_structured_content() {
        assert_eq!(structured(&result(json!({ "structuredContent": { "a": 1 } }))).unwrap(), json!({ "a": 1 }));
    }
}
