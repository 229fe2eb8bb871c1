//! Keys of `_meta` that the protocol itself reads (protocol.md section 1.2).
//!
//! Inside the gateway a request's context travels in [`crate::CallContext`]; the listener takes
//! these keys out of `_meta` and the upstream's connection writes the ones its era wants.

use crate::Object;

/// Revision of the request; must equal the HTTP header.
pub const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
/// What the client can do, for this request only.
pub const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// Name and version of the client, for display.
pub const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
/// From which level on the request wants log messages.
pub const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
/// Name and version of the server, on every result.
pub const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";
/// Which listen request a message belongs to.
pub const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";
/// Names the progress notifications of a request.
pub const PROGRESS_TOKEN: &str = "progressToken";

/// Ties a message of 2025-11-25 to a task.
pub const RELATED_TASK: &str = "io.modelcontextprotocol/related-task";

/// The extension of long-running calls (section 1.16).
pub const TASKS_EXTENSION: &str = "io.modelcontextprotocol/tasks";
/// The extension of skills (section 1.18).
pub const SKILLS_EXTENSION: &str = "io.modelcontextprotocol/skills";

/// The keys that describe the client and not the request.
pub const CONTEXT_KEYS: [&str; 4] = [PROTOCOL_VERSION, CLIENT_CAPABILITIES, CLIENT_INFO, LOG_LEVEL];

/// `_meta` of `params`, when it is there and an object.
#[must_use]
pub fn of(params: Option<&Object>) -> Option<Object> {
    params?.object("_meta")
}
