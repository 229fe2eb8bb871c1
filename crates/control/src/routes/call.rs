//! `POST /api/call`: one call of a tool, through the same door as every client's call.

use crate::access::Asker;
use crate::{Control, Problem, find};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use bytes::Bytes;
use gateway::Door;
use protocol::{Call, CallContext, ErrorKind, Object, Raw, Service, Text};

/// Answers with the result as the server gave it. A tool that fails is a result; a failure of the
/// gateway is a problem.
pub(crate) async fn call(
    State(control): State<Control>,
    asker: Asker,
    body: Bytes,
) -> Result<impl IntoResponse, Problem> {
    let gateway = &control.parts.gateway;
    let depth_max = u32::try_from(gateway.snapshot().config.limits.depth_max).unwrap_or(u32::MAX);
    let bad = |why: String| Problem::new(ErrorKind::InvalidParams, format!("the body cannot be used: {why}"));
    let body = Raw::parse(body, depth_max).map_err(|error| bad(error.to_string()))?;
    let body = Object::of(&body).map_err(|error| bad(error.to_string()))?;
    let name = body.text("name").ok_or_else(|| bad("it names no tool".to_owned()))?;
    let arguments = body.get("arguments").cloned().unwrap_or_else(|| Raw::from_static("{}"));
    if !arguments.is_object() {
        return Err(bad("`arguments` is not an object".to_owned()));
    }
    gateway.first_listed().await;
    let found = find::tool(&gateway.snapshot(), &name)?;
    let params: Object = [("name", Raw::of(&*found.name)), ("arguments", arguments)].into_iter().collect();
    let context = CallContext::internal(asker.principal.clone());
    let call = Call { method: Text::from_static("tools/call"), params, context };
    let result = Door::new(gateway.clone(), found.scope).call(call).await?;
    match our_failure(&result) {
        Some(problem) => Err(problem),
        None => Ok(([(CONTENT_TYPE, "application/json")], result.to_raw().bytes().clone())),
    }
}

/// What the gateway says to a model as a result, it says to a person as a problem.
pub(crate) fn our_failure(result: &Object) -> Option<Problem> {
    let failure = result.object("_meta")?.object("dev.switchboard/error")?;
    let name = failure.text("kind")?;
    let kind = ErrorKind::ALL.iter().find(|kind| *name == *kind.row().name)?;
    let content: serde_json::Value = result.get("content")?.read().ok()?;
    let text = content.get(0)?.get("text")?.as_str()?;
    Some(match text.split_once("\nhint: ") {
        Some((message, hint)) => Problem::new(*kind, message).hint(hint),
        None => Problem::new(*kind, text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(json: &'static str) -> Object {
        Object::of(&Raw::from_static(json)).unwrap()
    }

    #[test]
    fn our_failures_are_problems_and_those_of_tools_are_not() {
        let ours = r#"{"content":[{"type":"text","text":"down\nhint: look"}],"isError":true,"_meta":{"dev.switchboard/error":{"kind":"upstream_down"}}}"#;
        let problem = our_failure(&object(ours)).unwrap();
        assert_eq!((problem.title.as_str(), problem.hint.as_deref(), problem.exit), ("down", Some("look"), 1));
        assert!(our_failure(&object(r#"{"content":[{"type":"text","text":"no"}],"isError":true}"#)).is_none());
    }
}
