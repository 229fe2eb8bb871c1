//! The one seam: something that answers MCP requests.
//!
//! A child process, a remote server, a fake in a test and the gateway itself implement it;
//! listeners, the CLI's `/api` and tests call it. The model is the modern one: a request with
//! its whole context, optional notifications of that request, one answer.

use crate::{CallContext, Error, Notification, Object, Text};
use std::future::Future;
use std::pin::Pin;

/// One request with its whole context.
#[derive(Debug, Clone)]
pub struct Call {
    /// Such as `tools/call`.
    pub method: Text,
    /// The parameters, without the `_meta` keys that [`CallContext`] carries.
    pub params: Object,
    /// Who asks and how to reach them meanwhile.
    pub context: CallContext,
}

/// The result object, or why there is none.
pub type Reply = Result<Object, Error>;

/// An answer in the making. Dropping it cancels the call.
pub type ReplyFuture = Pin<Box<dyn Future<Output = Reply> + Send + 'static>>;

/// Something that answers MCP requests.
pub trait Service: Send + Sync {
    /// Answers one request. Its notifications go to `call.context.notifier` before the answer.
    /// Dropping the future cancels the request wherever it has got to.
    fn call(&self, call: Call) -> ReplyFuture;

    /// Takes note of a client's notification. Most services care for none.
    fn notify(&self, _notification: Notification, _context: CallContext) {}
}
