//! A failure with the members that the predecessor's page reads as well: `error`, and those that it
//! counts or lists. Its status says that it is one, which theirs often did not (S1-06).

use crate::Problem;
use axum::Json;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use protocol::ErrorKind;
use serde_json::{Map, Value, json};

/// What a handler here answers.
pub(super) type Answer<T> = Result<Json<T>, Refused>;

/// A failure, and what else its answer says.
#[derive(Debug)]
pub(super) struct Refused {
    problem: Box<Problem>,
    more: Map<String, Value>,
}

// === impl Refused ===

impl Refused {
    /// Adds a member.
    pub(super) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.more.insert(key.to_owned(), value.into());
        self
    }

    fn to_json(&self) -> Value {
        let mut said = json!(self.problem);
        if let Some(said) = said.as_object_mut() {
            said.insert("error".to_owned(), json!(self.problem.title));
            said.extend(self.more.clone());
        }
        said
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self { problem: Box::new(problem), more: Map::new() }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self.to_json())).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

/// What cannot be done as it was asked for.
pub(super) fn bad(why: impl std::fmt::Display) -> Problem {
    Problem::new(ErrorKind::InvalidParams, why.to_string())
}

/// What only a person at this machine may do, and the command that does it.
pub(super) fn local_only(what: &str, command: &str) -> Problem {
    let problem = Problem::new(ErrorKind::Denied, format!("{what} is not done over HTTP"));
    problem.hint(format!("at this machine: {command}"))
}

/// The header `Idempotency-Key`, for tools that take one.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Option<String> {
    Some(headers.get("idempotency-key")?.to_str().ok()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_keeps_the_members_that_a_page_reads() {
        let refused = Refused::from(bad("no")).with("keys", json!([])).with("count", 0);
        let said = refused.to_json();
        assert_eq!((&said["error"], &said["title"], &said["count"]), (&json!("no"), &json!("no"), &json!(0)));
        let response = refused.into_response();
        assert_eq!(
            (response.status().as_u16(), &response.headers()[CONTENT_TYPE]),
            (400, &HeaderValue::from_static("application/problem+json"))
        );
    }

    #[test]
    fn what_the_host_must_do_is_forbidden_with_the_command() {
        let problem = local_only("adding a server", "switchboard add");
        assert_eq!((problem.status, problem.hint.as_deref()), (403, Some("at this machine: switchboard add")));
    }
}
