//! A tool of a server inside this program, called through the gateway's door: its rules and records count
//! as for every caller. What the tool refuses is a problem with the right status.

use super::answer::bad;
use crate::access::Asker;
use crate::{Control, Problem, find};
use gateway::{Door, Scope};
use protocol::{Call, CallContext, ErrorKind, Object, Raw, Service as _, Text};
use serde_json::Value;

/// Calls `tool` of `server`; gives its structured result.
///
/// # Errors
/// Where there is no such server, and what the gateway and the tool refuse.
pub(super) async fn inside_call(
    control: &Control,
    asker: &Asker,
    server: &str,
    tool: &str,
    arguments: &Value,
) -> Result<Value, Problem> {
    let gateway = &control.parts.gateway;
    gateway.first_listed().await;
    let reduced = {
        let snapshot = gateway.snapshot();
        let Ok(found) = find::server(&snapshot, server) else { return Err(not_offered(server)) };
        found.entry.reduced.clone()
    };
    let params: Object =
        [("name", Raw::of(&Value::from(tool))), ("arguments", Raw::of(arguments))].into_iter().collect();
    let context = CallContext::internal(asker.principal.clone());
    let call = Call { method: Text::from_static("tools/call"), params, context };
    let result = Door::new(gateway.clone(), Scope::Server(reduced.as_str().into())).call(call).await?;
    if let Some(problem) = crate::routes::call::our_failure(&result) {
        return Err(problem);
    }
    let mut result: Value = result.to_raw().read().map_err(|error| bad(error))?;
    match result["isError"] == true {
        true => Err(refused(result["content"][0]["text"].as_str().unwrap_or_default())),
        false => Ok(result["structuredContent"].take()),
    }
}

fn not_offered(server: &str) -> Problem {
    let problem = Problem::new(ErrorKind::UnknownName, format!("the server `{server}` is not offered"));
    problem.hint(format!("offer it: builtins = [\"{server}\"] in switchboard.toml"))
}

/// What a tool of ours says when it fails, as a problem.
fn refused(text: &str) -> Problem {
    let said: Value = serde_json::from_str(text).unwrap_or_default();
    let (kind, status) = match said["type"].as_str() {
        Some("validation") => (ErrorKind::InvalidParams, 400),
        Some("not_found") => (ErrorKind::UnknownName, 404),
        Some("conflict") => (ErrorKind::InvalidParams, 409),
        Some("denied") => (ErrorKind::Denied, 403),
        Some("quota") => (ErrorKind::Overloaded, 429),
        Some("timeout") => (ErrorKind::Timeout, 504),
        Some("connection" | "unavailable") => (ErrorKind::UpstreamDown, 503),
        _ => (ErrorKind::Upstream, 502),
    };
    let problem = Problem { status, ..Problem::new(kind, said["error"].as_str().unwrap_or(text)) };
    match said["next"].as_str() {
        Some(next) => problem.hint(next),
        None => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_tool_refuses_has_the_status_of_it() {
        for (kind, status) in [("validation", 400), ("not_found", 404), ("conflict", 409), ("connection", 503)] {
            let problem = refused(&format!(r#"{{"error":"no","type":"{kind}","next":"look"}}"#));
            assert_eq!((problem.status, problem.title.as_str(), problem.hint.as_deref()), (status, "no", Some("look")));
        }
        assert_eq!(refused("plain text").title, "plain text");
    }
}
