//! Typed functions as a [`Service`]: how the servers inside this program are made.
//!
//! A [`Tool`] is a function over an argument struct and a result struct; their doc comments and
//! types become the schemas, its [`Effect`] the annotations. A [`ToolServer`] answers the MCP
//! methods over a list of them. It deliberately knows no storage and no transport: what a tool
//! works on is captured by its function.

mod effect;
pub use effect::Effect;

mod failure;
pub use failure::{Failure, FailureKind};

mod schema;

mod arguments;

mod tool;
pub use tool::Tool;

mod resource;
pub use resource::ResourceTemplate;

use crate::{Call, Error, ErrorKind, Object, Raw, Reply, ReplyFuture, Service, Version};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::json;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

/// How long a client may keep a list, in milliseconds: an hour.
const LIST_TTL_MS: u64 = 3_600_000;

/// A server made of typed functions.
#[derive(Debug)]
pub struct ToolServer {
    name: &'static str,
    instructions: &'static str,
    tools: Vec<Arc<Tool>>,
    by_name: HashMap<&'static str, usize>,
    templates: Vec<ResourceTemplate>,
    /// The answer to `tools/list`, the same bytes each time.
    listed: Raw,
}

// === impl ToolServer ===

impl ToolServer {
    /// A server without tools. `instructions` are what a model reads about it, in a sentence.
    #[must_use]
    pub fn new(name: &'static str, instructions: &'static str) -> Self {
        let listed = Raw::from_static("[]");
        Self { name, instructions, tools: Vec::new(), by_name: HashMap::new(), templates: Vec::new(), listed }
    }

    /// Adds a tool; a second one of the same name takes the place of the first.
    #[must_use]
    pub fn tool(mut self, tool: Tool) -> Self {
        match self.by_name.get(tool.name) {
            Some(index) => self.tools[*index] = Arc::new(tool),
            None => {
                self.by_name.insert(tool.name, self.tools.len());
                self.tools.push(Arc::new(tool));
            }
        }
        let definitions: Vec<&Raw> = self.tools.iter().map(|tool| &tool.definition).collect();
        self.listed = Raw::array(&definitions);
        self
    }

    /// Adds resources that are read by a template of URIs.
    #[must_use]
    pub fn resources(mut self, template: ResourceTemplate) -> Self {
        self.templates.push(template);
        self
    }

    /// The server's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The definitions of its tools as `tools/list` gives them: a JSON array.
    #[must_use]
    pub fn definitions(&self) -> &Raw {
        &self.listed
    }

    fn discover(&self) -> Object {
        let mut capabilities = json!({ "tools": {} });
        if !self.templates.is_empty() {
            capabilities["resources"] = json!({});
        }
        let mut result = Object::new();
        result.set_json("supportedVersions", &Version::ALL.map(Version::as_str));
        result.set_json("capabilities", &capabilities);
        result.set_json("serverInfo", &json!({ "name": self.name, "version": env!("CARGO_PKG_VERSION") }));
        result.set_json("instructions", self.instructions);
        kept(result)
    }

    fn call_tool(&self, call: Call) -> ReplyFuture {
        let name = call.params.text("name").unwrap_or_default();
        let Some(tool) = self.by_name.get(&*name).and_then(|index| self.tools.get(*index)) else {
            let error = Error::new(ErrorKind::UnknownName, format!("`{}` has no tool `{name}`", self.name));
            return Box::pin(std::future::ready(Err(error)));
        };
        let tool = tool.clone();
        Box::pin(async move {
            let arguments = call.params.get("arguments");
            // A tool that panics fails alone (faults.md F-36).
            let done = AssertUnwindSafe(tool.call(call.context, arguments)).catch_unwind().await;
            let done = done.unwrap_or_else(|_| {
                tracing::error!(tool = tool.name, "a tool panicked");
                Err(Failure::new(FailureKind::Unexpected, format!("`{}` failed: a bug of ours", tool.name)))
            });
            Ok(complete(done.unwrap_or_else(|failure| failure.into_result())))
        })
    }

    fn read(&self, call: Call) -> BoxFuture<'static, Reply> {
        let uri = call.params.text("uri").unwrap_or_default();
        let Some(template) = self.templates.iter().find(|template| template.fits(&uri)) else {
            let error = Error::new(ErrorKind::UnknownName, format!("`{}` has no resource `{uri}`", self.name));
            return Box::pin(std::future::ready(Err(error)));
        };
        template.read(call.context, uri.to_string())
    }
}

impl Service for ToolServer {
    fn call(&self, call: Call) -> ReplyFuture {
        let reply = match &*call.method {
            "server/discover" => Ok(self.discover()),
            "tools/list" => Ok(kept([("tools", self.listed.clone())].into_iter().collect())),
            "tools/call" => return self.call_tool(call),
            "resources/list" => Ok(kept([("resources", Raw::from_static("[]"))].into_iter().collect())),
            "resources/templates/list" => {
                let templates: Vec<_> = self.templates.iter().map(ResourceTemplate::definition).collect();
                Ok(kept([("resourceTemplates", Raw::of(&templates))].into_iter().collect()))
            }
            "resources/read" => return self.read(call),
            other => Err(Error::new(ErrorKind::MethodNotFound, format!("`{other}` is not served here"))),
        };
        Box::pin(std::future::ready(reply))
    }
}

/// A list that is the same as long as the program runs, marked so (protocol revision 2026-07-28,
/// caching).
fn kept(mut list: Object) -> Object {
    list.set_json("ttlMs", &LIST_TTL_MS);
    list.set_json("cacheScope", "public");
    complete(list)
}

/// Every result of the modern revision says what it is.
fn complete(mut result: Object) -> Object {
    result.set("resultType", Raw::from_static("\"complete\""));
    result
}

#[cfg(test)]
mod tests;
