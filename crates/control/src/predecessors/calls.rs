//! `POST /api/call-tool`, and the call of the manager: one call of a tool, through the same door as every
//! client's call.

use super::answer::{Answer, Refused};
use super::now;
use crate::access::Asker;
use crate::asked::Body;
use crate::{Control, Problem, find};
use axum::Json;
use axum::extract::State;
use gateway::Door;
use protocol::{Call, CallContext, ErrorKind, Manner, Object, Raw, Service as _, Text};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::time::Duration;
use tokio::time::{Instant, timeout};
use utoipa::ToSchema;

/// A tool of a server, and what it is called with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = predecessors::CallTool)]
pub(super) struct Asked {
    /// The server.
    service: String,
    tool_name: String,
    #[serde(default)]
    params: Map<String, Value>,
}

/// What came of a call.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::Called)]
pub(super) struct Called {
    /// Whether the tool did what was asked.
    success: bool,
    /// Its structured result, else what its text says, as JSON if it is JSON, else all its content.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Value>,
    /// What it said, where it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    timestamp: String,
    execution_time_ms: f64,
}

/// Calls a tool. A tool that fails is a result with `success: false`; everything else that fails is a
/// problem.
#[utoipa::path(post, path = "/api/call-tool", request_body = Asked, responses((status = OK, body = Called)))]
pub(super) async fn call_tool(
    State(control): State<Control>,
    asker: Asker,
    Body(asked): Body<Asked>,
) -> Answer<Called> {
    let Asked { service, tool_name, params } = asked;
    control.parts.gateway.first_listed().await;
    let found = {
        let snapshot = control.parts.gateway.snapshot();
        find::server(&snapshot, &service)?;
        find::tool(&snapshot, &format!("{service}.{tool_name}")).map_err(unconnected)?
    };
    called(&control, &asker, found, &Value::Object(params), (Manner::default(), None)).await
}

/// Calls a tool in this manner, for at most so long.
pub(super) async fn called(
    control: &Control,
    asker: &Asker,
    found: find::Found,
    arguments: &Value,
    (manner, patience): (Manner, Option<Duration>),
) -> Answer<Called> {
    let began = Instant::now();
    let params: Object = [("name", Raw::of(&*found.name)), ("arguments", Raw::of(arguments))].into_iter().collect();
    let context = CallContext { manner, ..CallContext::internal(asker.principal.clone()) };
    let call = Call { method: Text::from_static("tools/call"), params, context };
    let reply = Door::new(control.parts.gateway.clone(), found.scope).call(call);
    let reply = match patience {
        None => reply.await,
        Some(patience) => timeout(patience, reply).await.unwrap_or_else(|_| Err(too_long(patience))),
    };
    let failed = |problem: Problem| {
        let refused = Refused::from(unconnected(problem)).with("success", false).with("timestamp", now());
        refused.with("execution_time_ms", elapsed_ms(began))
    };
    let result = reply.map_err(|error| failed(error.into()))?;
    if let Some(problem) = crate::routes::call::our_failure(&result) {
        return Err(failed(problem));
    }
    let result: Value = result.to_raw().read().map_err(|error| failed(super::answer::bad(error)))?;
    let is_error = result["isError"] == true;
    let data = data(result);
    Ok(Json(Called {
        success: !is_error,
        error: is_error.then(|| said(&data)),
        data: Some(data).filter(|_| !is_error),
        timestamp: now(),
        execution_time_ms: elapsed_ms(began),
    }))
}

fn elapsed_ms(began: Instant) -> f64 {
    (began.elapsed().as_secs_f64() * 1_000_000.0).round() / 1000.0
}

fn too_long(patience: Duration) -> protocol::Error {
    let message = format!("the call did not end within {} ms", patience.as_millis());
    protocol::Error::new(ErrorKind::Timeout, message)
        .hint("give it more `timeout`; what it did until then is not known")
}

/// A server that cannot be called now is 503, as the predecessor had it.
fn unconnected(problem: Problem) -> Problem {
    let kinds = [ErrorKind::UpstreamDown, ErrorKind::NotRunning, ErrorKind::NeedsAuth];
    let status = if kinds.iter().any(|kind| kind.row().name == problem.kind) { 503 } else { problem.status };
    Problem { status, ..problem }
}

fn data(mut result: Value) -> Value {
    if let Some(structured) = result.get_mut("structuredContent") {
        return structured.take();
    }
    let content = result["content"].take();
    let only = content.as_array().filter(|blocks| blocks.len() == 1).and_then(|blocks| blocks[0]["text"].as_str());
    match only {
        Some(text) => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)),
        None => content,
    }
}

/// What a tool that failed said: in tools of ours it is the member `error`.
fn said(data: &Value) -> String {
    let text = data["error"].as_str().or_else(|| data.as_str()).or_else(|| data[0]["text"].as_str());
    text.map_or_else(|| data.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_data_is_what_the_tool_means() {
        let text = |text: &str| json!({ "content": [{ "type": "text", "text": text }] });
        assert_eq!(data(text("plain")), "plain");
        assert_eq!(data(text("{\"a\":1}")), json!({ "a": 1 }));
        assert_eq!(data(json!({ "content": [], "structuredContent": { "b": 2 } })), json!({ "b": 2 }));
        let two = json!([{ "type": "text", "text": "1" }, { "type": "text", "text": "2" }]);
        assert_eq!(data(json!({ "content": two })), two);
        assert_eq!((said(&json!({ "error": "no" })), said(&json!("plain"))), ("no".to_owned(), "plain".to_owned()));
    }

    #[test]
    fn a_server_that_is_not_there_now_is_503() {
        assert_eq!(unconnected(Problem::new(ErrorKind::UpstreamDown, "x")).status, 503);
        assert_eq!(unconnected(Problem::new(ErrorKind::NotRunning, "x")).status, 503);
        assert_eq!(unconnected(Problem::new(ErrorKind::UnknownName, "x")).status, 404);
    }
}
