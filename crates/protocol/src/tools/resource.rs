//! Resources that are read by a template: `goal://{id}` and the like.
//!
//! It deliberately lists none: what there is, a tool says.

use super::Failure;
use crate::{CallContext, Error, ErrorKind, Object, Raw, Reply};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use std::fmt;
use std::future::Future;

type Read = dyn Fn(CallContext, String) -> BoxFuture<'static, Result<Option<String>, Failure>> + Send + Sync;

/// Resources whose URIs begin alike, read by one function.
pub struct ResourceTemplate {
    /// `scheme://{id}`: one variable, at the end.
    template: &'static str,
    name: &'static str,
    mime: &'static str,
    read: Box<Read>,
}

// === impl ResourceTemplate ===

impl ResourceTemplate {
    /// Resources at `template`, which ends with its only variable (`goal://{id}`). `read` is given
    /// what stands in its place and answers the text, or nothing where there is no such resource.
    #[must_use]
    pub fn new<F, D>(template: &'static str, name: &'static str, mime: &'static str, read: F) -> Self
    where
        F: Fn(CallContext, String) -> D + Send + Sync + 'static,
        D: Future<Output = Result<Option<String>, Failure>> + Send + 'static,
    {
        let read = move |context, id| -> BoxFuture<'static, _> { Box::pin(read(context, id)) };
        Self { template, name, mime, read: Box::new(read) }
    }

    pub(super) fn definition(&self) -> Value {
        json!({ "uriTemplate": self.template, "name": self.name, "mimeType": self.mime })
    }

    fn prefix(&self) -> &'static str {
        self.template.split_once('{').map_or(self.template, |(prefix, _)| prefix)
    }

    pub(super) fn fits(&self, uri: &str) -> bool {
        uri.strip_prefix(self.prefix()).is_some_and(|rest| !rest.is_empty())
    }

    pub(super) fn read(&self, context: CallContext, uri: String) -> BoxFuture<'static, Reply> {
        let id = uri.strip_prefix(self.prefix()).unwrap_or_default().to_owned();
        let (reading, mime) = ((self.read)(context, id), self.mime);
        Box::pin(async move {
            match reading.await {
                Ok(Some(text)) => {
                    let contents = json!([{ "uri": uri, "mimeType": mime, "text": text }]);
                    let mut result: Object = [("contents", Raw::of(&contents))].into_iter().collect();
                    // Whose it is and how long it stays so is not known.
                    result.set_json("ttlMs", &0);
                    result.set_json("cacheScope", "private");
                    Ok(super::complete(result))
                }
                Ok(None) => Err(Error::new(ErrorKind::UnknownName, format!("there is no resource `{uri}`"))),
                Err(failure) => Err(Error::new(ErrorKind::Internal, failure.message)),
            }
        })
    }
}

impl fmt::Debug for ResourceTemplate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ResourceTemplate").field("template", &self.template).finish_non_exhaustive()
    }
}
