//! A failure as `/api` says it (RFC 9457): what happened, what to do next, and the exit code that
//! the command line ends with. It carries no cause: that is for the log.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::{Error, ErrorKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Name of the error kind, as in `docs/errors.md`; of a failure of a server inside, its `type`.
    pub kind: String,
    /// What happened and why.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// Exit code of the command line.
    pub exit: u8,
    /// Whether trying again can help.
    pub retryable: bool,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Problem {
    /// A failure of `kind`.
    #[must_use]
    pub fn new(kind: ErrorKind, title: impl Into<String>) -> Self {
        let row = kind.row();
        // Some kinds are answers with status 200 in MCP; over REST a failure never is.
        let status = match (row.status, row.exit) {
            (200, 12) => 404,
            (200, 2) => 400,
            (200, 10) => 503,
            (200, 11) => 403,
            (200, 70) => 500,
            (200, _) => 502,
            (status, _) => status,
        };
        let (kind, exit, retryable) = (row.name.to_owned(), row.exit, row.retryable);
        Self { kind, title: title.into(), status, exit, retryable, hint: None }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let problem = Self::new(error.kind, error.message);
        match error.hint {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_failure_has_the_status_of_success() {
        for kind in ErrorKind::ALL {
            let problem = Problem::new(*kind, "x");
            assert!(problem.status >= 400, "{problem:?}");
        }
    }

    #[test]
    fn it_reads_back_as_it_was_written() {
        let problem = Problem::from(Error::new(ErrorKind::UnknownName, "no").hint("look"));
        let read: Problem = serde_json::from_str(&serde_json::to_string(&problem).unwrap()).unwrap();
        assert_eq!((read.exit, read.status), (12, 404));
        assert_eq!(read, problem);
    }
}
