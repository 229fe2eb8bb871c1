//! Clients of both eras, just enough of them: they add what their era wants to every request and
//! hand everything that comes back to the test.

use crate::http::{Answer, send};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

/// The modern revision.
pub const MODERN: &str = "2026-07-28";
/// The newest legacy revision.
pub const LEGACY: &str = "2025-11-25";

/// Names of keys in `_meta`.
const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const META_INFO: &str = "io.modelcontextprotocol/clientInfo";

/// What the tests do with a client of either era.
pub trait Client: Send + Sync {
    /// Sends a request under `id` and gives the answer while it still comes in.
    fn open(&self, id: Value, method: &str, params: Value) -> Answer;

    /// An id that this client has not used.
    fn fresh_id(&self) -> Value;

    /// Status and response of a request.
    #[track_caller]
    fn request(&self, method: &str, params: Value) -> (u16, Value) {
        self.open(self.fresh_id(), method, params).last()
    }

    /// The result of a request.
    #[track_caller]
    fn result(&self, method: &str, params: Value) -> Value {
        let (status, mut response) = self.request(method, params);
        assert!(response["result"].is_object(), "expected a result of {method}, got {status}: {response}");
        response["result"].take()
    }

    /// The result of a tool.
    #[track_caller]
    fn call(&self, tool: &str, arguments: Value) -> Value {
        self.result("tools/call", json!({"name": tool, "arguments": arguments}))
    }

    /// The text of a tool's result.
    #[track_caller]
    fn text(&self, tool: &str, arguments: Value) -> String {
        let result = self.call(tool, arguments);
        assert_ne!(result["isError"], true, "expected {tool} to succeed: {result}");
        result["content"][0]["text"].as_str().unwrap_or_default().to_owned()
    }

    /// The text of a tool's failure.
    #[track_caller]
    fn failure(&self, tool: &str, arguments: Value) -> String {
        let result = self.call(tool, arguments);
        assert_eq!(result["isError"], true, "expected {tool} to fail: {result}");
        result["content"][0]["text"].as_str().unwrap_or_default().to_owned()
    }

    /// The names in `tools/list`, all pages.
    #[track_caller]
    fn tools(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut params = json!({});
        loop {
            let page = self.result("tools/list", params);
            let tools = page["tools"].as_array().cloned().unwrap_or_default();
            names.extend(tools.iter().filter_map(|tool| tool["name"].as_str().map(str::to_owned)));
            match page["nextCursor"].as_str() {
                Some(cursor) => params = json!({"cursor": cursor}),
                None => return names,
            }
        }
    }
}

/// A client of 2026-07-28: every request carries its whole context.
#[derive(Debug)]
pub struct Modern {
    address: SocketAddr,
    path: String,
    token: Option<String>,
    ids: AtomicU64,
}

impl Modern {
    /// A client of the endpoint `path`.
    #[must_use]
    pub fn new(address: SocketAddr, path: &str) -> Self {
        Self { address, path: path.to_owned(), token: None, ids: AtomicU64::new(1) }
    }

    /// Sends this bearer token with every request.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// A proper request; keys that `params._meta` has already are kept.
    #[must_use]
    pub fn message(id: Value, method: &str, mut params: Value) -> Value {
        let mut meta = json!({
            META_VERSION: MODERN,
            META_CAPABILITIES: {},
            META_INFO: {"name": "e2e", "version": "1"},
        });
        if let (Some(meta), Some(own)) = (meta.as_object_mut(), params["_meta"].as_object()) {
            meta.extend(own.clone());
        }
        params["_meta"] = meta;
        json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
    }

    /// The headers that belong to a message.
    #[must_use]
    pub fn headers(message: &Value) -> Vec<(String, String)> {
        let mut headers = vec![
            ("Content-Type".to_owned(), "application/json".to_owned()),
            ("Accept".to_owned(), "application/json, text/event-stream".to_owned()),
            ("MCP-Protocol-Version".to_owned(), MODERN.to_owned()),
        ];
        if let Some(method) = message["method"].as_str() {
            headers.push(("Mcp-Method".to_owned(), method.to_owned()));
            let key = match method {
                "tools/call" | "prompts/get" => "name",
                "resources/read" => "uri",
                "tasks/get" | "tasks/update" | "tasks/cancel" => "taskId",
                _ => "",
            };
            if let Some(name) = message["params"][key].as_str() {
                headers.push(("Mcp-Name".to_owned(), name.to_owned()));
            }
        }
        headers
    }

    /// Posts bytes with these headers, right or wrong.
    #[track_caller]
    pub fn post(&self, headers: &[(String, String)], body: &[u8]) -> Answer {
        let mut headers = headers.to_vec();
        if let Some(token) = &self.token {
            headers.push(("Authorization".to_owned(), format!("Bearer {token}")));
        }
        send(self.address, "POST", &self.path, &headers, body)
    }
}

impl Client for Modern {
    #[track_caller]
    fn open(&self, id: Value, method: &str, params: Value) -> Answer {
        let message = Self::message(id, method, params);
        self.post(&Self::headers(&message), message.to_string().as_bytes())
    }

    fn fresh_id(&self) -> Value {
        self.ids.fetch_add(1, Ordering::Relaxed).into()
    }
}

/// A client of an older revision: a session.
#[derive(Debug)]
pub struct Legacy {
    address: SocketAddr,
    path: String,
    /// The id of its session.
    pub session: String,
    /// The result of `initialize`.
    pub initialized: Value,
    headers: Vec<(String, String)>,
    ids: AtomicU64,
}

impl Legacy {
    /// Opens a session of 2025-11-25 at the endpoint `path`.
    ///
    /// # Panics
    /// When it is refused.
    #[must_use]
    #[track_caller]
    pub fn new(address: SocketAddr, path: &str) -> Self {
        Self::connect(address, path, LEGACY, None)
    }

    /// Opens a session of `version`, with a bearer token if there is one.
    ///
    /// # Panics
    /// When it is refused.
    #[must_use]
    #[track_caller]
    pub fn connect(address: SocketAddr, path: &str, version: &str, token: Option<&str>) -> Self {
        let mut headers = Self::bare_headers();
        headers.extend(token.map(|token| ("Authorization".to_owned(), format!("Bearer {token}"))));
        let hello = Self::hello(version).to_string();
        let answer = send(address, "POST", path, &headers, hello.as_bytes());
        let session = answer.header("mcp-session-id").map(str::to_owned);
        let (status, mut response) = answer.last();
        let session = session.unwrap_or_else(|| panic!("expected a session, got {status}: {response}"));
        headers.push(("Mcp-Session-Id".to_owned(), session.clone()));
        let agreed = response["result"]["protocolVersion"].as_str().unwrap_or_default().to_owned();
        if agreed.as_str() >= "2025-06-18" {
            headers.push(("MCP-Protocol-Version".to_owned(), agreed));
        }
        let initialized = response["result"].take();
        let ids = AtomicU64::new(1);
        let client = Self { address, path: path.to_owned(), session, initialized, headers, ids };
        client.notify("notifications/initialized", json!({}));
        client
    }

    /// An `initialize` request.
    #[must_use]
    pub fn hello(version: &str) -> Value {
        let client = json!({"name": "e2e", "version": "1"});
        let params = json!({"protocolVersion": version, "capabilities": {}, "clientInfo": client});
        json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params})
    }

    /// The headers of a message before there is a session.
    #[must_use]
    pub fn bare_headers() -> Vec<(String, String)> {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        vec![pair("Content-Type", "application/json"), pair("Accept", "application/json, text/event-stream")]
    }

    /// The headers of a message in this session.
    #[must_use]
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// Posts bytes in this session, right or wrong.
    #[track_caller]
    pub fn post(&self, body: &[u8]) -> Answer {
        send(self.address, "POST", &self.path, &self.headers, body)
    }

    /// Sends a notification.
    ///
    /// # Panics
    /// When it is not accepted with 202.
    #[track_caller]
    pub fn notify(&self, method: &str, params: Value) {
        let message = json!({"jsonrpc": "2.0", "method": method, "params": params});
        let status = self.post(message.to_string().as_bytes()).status;
        assert_eq!(status, 202, "expected {method} to be accepted");
    }

    /// Opens the stream of what the session is told outside of its calls.
    #[track_caller]
    pub fn listen(&self) -> Answer {
        let answer = send(self.address, "GET", &self.path, &self.headers, b"");
        assert_eq!(answer.status, 200, "expected a GET stream");
        answer
    }

    /// Ends the session; gives the status.
    #[track_caller]
    pub fn delete(&self) -> u16 {
        send(self.address, "DELETE", &self.path, &self.headers, b"").status
    }
}

impl Client for Legacy {
    #[track_caller]
    fn open(&self, id: Value, method: &str, params: Value) -> Answer {
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.post(message.to_string().as_bytes())
    }

    fn fresh_id(&self) -> Value {
        self.ids.fetch_add(1, Ordering::Relaxed).into()
    }
}
