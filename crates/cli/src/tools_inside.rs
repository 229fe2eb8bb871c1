//! Tools of a server inside, called by a command: through the daemon where one runs, so that its
//! rules and records count; else right here, on the same state.
//!
//! It deliberately knows none of the tools.

use crate::client::Client;
use crate::context::Context;
use crate::report::{Kind, Report};
use bytes::Bytes;
use protocol::{Call, CallContext, Object, Principal, Raw, Service, Text};
use serde_json::{Value, json};
use std::sync::Arc;

/// Whoever calls from the command line, as on the daemon's own socket.
const PRINCIPAL: &str = "local";

/// A server inside, wherever it is.
pub(crate) struct Tools<'a> {
    server: &'static str,
    client: Client,
    context: &'a Context,
    /// The server in this process, once the daemon was found missing.
    here: Option<Arc<dyn Service>>,
}

// === impl Tools ===

impl<'a> Tools<'a> {
    /// The tools of `server`.
    ///
    /// # Errors
    /// Without a data folder.
    pub(crate) fn new(server: &'static str, context: &'a Context) -> Result<Self, Report> {
        Ok(Self { server, client: context.client()?, context, here: None })
    }

    /// Calls a tool; gives its structured result.
    ///
    /// # Errors
    /// What the tool says, as it says it, and what keeps it from being called.
    pub(crate) async fn call(&mut self, tool: &str, arguments: &Value) -> Result<Value, Report> {
        let result = match &self.here {
            Some(service) => here(service.as_ref(), tool, arguments).await?,
            None => match self.through_daemon(tool, arguments).await {
                Err(report) if report.exit == Report::new(Kind::NoDaemon, "").exit => {
                    let service = super::commands::serve::service(self.server, self.context).await?;
                    let result = here(service.as_ref(), tool, arguments).await?;
                    self.here = Some(service);
                    result
                }
                result => result?,
            },
        };
        structured(&result)
    }

    async fn through_daemon(&self, tool: &str, arguments: &Value) -> Result<Raw, Report> {
        let body = json!({ "name": format!("{}.{tool}", self.server), "arguments": arguments });
        self.client.post("/api/call", Bytes::from(body.to_string())).await
    }
}

async fn here(service: &dyn Service, tool: &str, arguments: &Value) -> Result<Raw, Report> {
    let params: Object =
        [("name", Raw::of(&Value::from(tool))), ("arguments", Raw::of(arguments))].into_iter().collect();
    let context = CallContext::internal(Principal::new(PRINCIPAL));
    let call = Call { method: Text::from_static("tools/call"), params, context };
    match service.call(call).await {
        Ok(result) => Ok(result.to_raw()),
        Err(error) => Err(Report::failed(error.message.to_string())),
    }
}

/// The structured content of a result; a failure says what happened and what to do next.
fn structured(result: &Raw) -> Result<Value, Report> {
    let mut result: Value = result.read().unwrap_or_default();
    if result["isError"] != true {
        return Ok(result["structuredContent"].take());
    }
    let text = result["content"][0]["text"].as_str().unwrap_or_default();
    let said: Value = serde_json::from_str(text).unwrap_or_default();
    let report = Report::failed(said["error"].as_str().unwrap_or(text));
    Err(match said["next"].as_str() {
        Some(next) => report.hint(next),
        None => report,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_with_its_next_step() {
        let said = json!({"error": "gone", "type": "not_found", "next": "look"}).to_string();
        let failed = Raw::of(&json!({"isError": true, "content": [{"type": "text", "text": said}]}));
        let report = structured(&failed).unwrap_err();
        assert_eq!((report.message.as_str(), report.hints), ("gone", vec!["look".to_owned()]));
        let foreign = Raw::of(&json!({"isError": true, "content": [{"type": "text", "text": "no JSON"}]}));
        assert_eq!(structured(&foreign).unwrap_err().message, "no JSON");
        let done = Raw::of(&json!({"content": [], "structuredContent": {"a": 1}}));
        assert_eq!(structured(&done).unwrap(), json!({"a": 1}));
    }
}
