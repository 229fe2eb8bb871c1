//! What is served at the address of the HTTP listener beside MCP: REST, the dashboard, metrics. The
//! listener knows that there is something, and nothing of what it is; who may do what there is its
//! own affair, but no page of another site gets that far.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use std::error::Error;
use std::pin::Pin;

/// Why a body ends early.
pub type BodyError = Box<dyn Error + Send + Sync>;
/// The body of an answer.
pub type BesideBody = UnsyncBoxBody<Bytes, BodyError>;
/// An answer on its way.
pub type BesideAnswer = Pin<Box<dyn Future<Output = Response<BesideBody>> + Send>>;

/// Answers requests whose path is none of MCP's. The name of the host and the page that asks have
/// been checked; a token has not.
pub trait Beside: Send + Sync {
    /// Answers one request. A request to upgrade may be taken up with `hyper::upgrade::on`.
    fn answer(&self, request: Request<Incoming>) -> BesideAnswer;
}
