//! MCP requests over the raw HTTP client, in both eras, correct unless a test changes them.

use crate::http::{Reply, exchange};
use serde_json::{Value, json};

/// The modern revision.
pub const VERSION: &str = "2026-07-28";

/// The body of a correct modern request.
pub fn modern_body(id: u64, method: &str, params: Value) -> Value {
    let mut params = params;
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!(VERSION);
    params["_meta"]["io.modelcontextprotocol/clientInfo"] = json!({"name": "raw", "version": "1"});
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

/// The headers that go with it.
pub fn modern_headers<'a>(method: &'a str, name: Option<&'a str>) -> Vec<(&'a str, &'a str)> {
    let mut headers = vec![
        ("Content-Type", "application/json"),
        ("Accept", "application/json, text/event-stream"),
        ("MCP-Protocol-Version", VERSION),
        ("Mcp-Method", method),
    ];
    headers.extend(name.map(|name| ("Mcp-Name", name)));
    headers
}

/// Sends a correct modern request to `/mcp`.
pub fn modern(address: &str, method: &str, params: Value) -> Reply {
    let name = params["name"].as_str().or_else(|| params["uri"].as_str()).map(str::to_owned);
    let body = modern_body(1, method, params).to_string();
    exchange(address, "POST", "/mcp", &modern_headers(method, name.as_deref()), body.as_bytes())
}

/// The body of an `initialize` request.
pub fn legacy_initialize(version: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}
    }})
}

/// A session of a legacy client.
#[derive(Debug)]
pub struct LegacySession {
    address: String,
    /// The revision that was agreed on.
    pub version: String,
    /// The value of `Mcp-Session-Id`.
    pub id: String,
    next: u64,
}

impl LegacySession {
    /// Shakes hands.
    ///
    /// # Panics
    /// The handshake fails.
    pub fn open(address: &str, version: &str) -> Self {
        let headers = [("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream")];
        let body = legacy_initialize(version).to_string();
        let reply = exchange(address, "POST", "/mcp", &headers, body.as_bytes());
        assert_eq!(reply.status, 200, "initialize: {reply:?}");
        let agreed = reply.answer()["result"]["protocolVersion"].as_str().map(str::to_owned);
        let agreed = agreed.unwrap_or_else(|| panic!("no version in {reply:?}"));
        let id = reply.header("mcp-session-id").unwrap_or_else(|| panic!("no session in {reply:?}"));
        let mut session = Self { address: address.to_owned(), version: agreed, id: id.to_owned(), next: 1 };
        let told = session.post(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string());
        assert_eq!(told.status, 202, "initialized: {told:?}");
        session
    }

    /// Sends a body as it is.
    pub fn post(&mut self, body: &str) -> Reply {
        let headers = [
            ("Content-Type", "application/json"),
            ("Accept", "application/json, text/event-stream"),
            ("MCP-Protocol-Version", self.version.as_str()),
            ("Mcp-Session-Id", self.id.as_str()),
        ];
        exchange(&self.address, "POST", "/mcp", &headers, body.as_bytes())
    }

    /// Sends a request.
    pub fn request(&mut self, method: &str, params: &Value) -> Reply {
        let body = json!({"jsonrpc": "2.0", "id": self.next, "method": method, "params": params});
        self.next += 1;
        self.post(&body.to_string())
    }
}
