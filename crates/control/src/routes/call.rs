//! `POST /api/call`: one call of a tool, through the same door as every client's call.

use crate::access::Asker;
use crate::asked::Whole;
use crate::find::Found;
use crate::{Control, Problem, find};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use gateway::Door;
use protocol::{Call, CallContext, ErrorKind, Object, Raw, Service, Text};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this file.
pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(call))
}

/// The body of a call. It is read without it, so that the arguments reach the server as they are written.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the body, which is read as it came")]
struct NewCall {
    /// A public name, or `SERVER.TOOL`.
    name: String,
    /// The arguments, as the tool's schema wants them.
    #[schema(value_type = Option<Object>)]
    arguments: Option<()>,
}

/// Call a tool.
///
/// The answer is the result as the server gave it. A tool that fails is a result; a failure of the
/// gateway is a problem.
#[utoipa::path(post, path = "/api/call", request_body = NewCall, responses((status = OK, description = "The result in the words of the protocol", body = Object)))]
async fn call(State(control): State<Control>, asker: Asker, Whole(body): Whole) -> Result<impl IntoResponse, Problem> {
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
    let result = through_door(&control, &asker, &found, arguments).await?;
    Ok(([(CONTENT_TYPE, "application/json")], result.to_raw().bytes().clone()))
}

/// Calls a tool in the name of `asker`.
///
/// # Errors
/// Failures of the gateway. A tool that fails is a result.
pub(crate) async fn through_door(
    control: &Control,
    asker: &Asker,
    found: &Found,
    arguments: Raw,
) -> Result<Object, Problem> {
    let params: Object = [("name", Raw::of(&*found.name)), ("arguments", arguments)].into_iter().collect();
    let context = CallContext::internal(asker.principal.clone());
    let call = Call { method: Text::from_static("tools/call"), params, context };
    let result = Door::new(control.parts.gateway.clone(), found.scope.clone()).call(call).await?;
    match our_failure(&result) {
        Some(problem) => Err(problem),
        None => Ok(result),
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
