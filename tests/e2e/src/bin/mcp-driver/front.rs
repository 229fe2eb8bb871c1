//! The clients in front of the switchboard, one of each era, that answer what they are asked.

use crate::person;
use e2e::{Answer, Client as _, LEGACY, Legacy, Modern, send};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

/// Answers to one call at most.
const ROUNDS_MAX: usize = 8;
const PATH: &str = "/mcp";

/// A client of either era.
pub(crate) trait Front {
    /// The result of a request, after everything that was asked meanwhile is answered. `mirrored`
    /// are headers that repeat arguments, for clients whose era has them.
    fn ask(&self, method: &str, params: Value, mirrored: &[(String, String)]) -> Result<Value, String>;
}

/// A client of 2026-07-28.
pub(crate) struct ModernFront(Modern);

/// A session of 2025-11-25.
pub(crate) struct LegacyFront {
    address: SocketAddr,
    headers: Vec<(String, String)>,
    ids: AtomicU64,
}

fn result_of(mut response: Value, status: u16) -> Result<Value, String> {
    if response["result"].is_object() { Ok(response["result"].take()) } else { Err(format!("{status}: {response}")) }
}

// === impl ModernFront ===

impl ModernFront {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self(Modern::new(address, PATH))
    }
}

impl Front for ModernFront {
    fn ask(&self, method: &str, mut params: Value, mirrored: &[(String, String)]) -> Result<Value, String> {
        params["_meta"] = json!({"io.modelcontextprotocol/clientCapabilities": person::capabilities()});
        for _ in 0..ROUNDS_MAX {
            let message = Modern::message(self.0.fresh_id(), method, params.clone());
            let mut headers = Modern::headers(&message);
            headers.extend_from_slice(mirrored);
            let (status, response) = self.0.post(&headers, message.to_string().as_bytes()).last();
            let result = result_of(response, status)?;
            if result["resultType"] != "input_required" {
                return Ok(result);
            }
            let mut answers = json!({});
            for (key, question) in result["inputRequests"].as_object().into_iter().flatten() {
                let asked = question["method"].as_str().unwrap_or_default();
                answers[key] = person::answer(asked, &question["params"]).ok_or(format!("asked for {question}"))?;
            }
            params["inputResponses"] = answers;
            if let Some(members) = params.as_object_mut() {
                members.remove("requestState");
            }
            if result["requestState"].is_string() {
                params["requestState"] = result["requestState"].clone();
            }
        }
        Err(format!("{method} asks without an end"))
    }
}

// === impl LegacyFront ===

impl LegacyFront {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let mut front = Self { address, headers: Legacy::bare_headers(), ids: AtomicU64::new(1) };
        let mut hello = Legacy::hello(LEGACY);
        hello["params"]["capabilities"] = person::capabilities();
        let answer = front.post(&hello);
        let session = answer.header("mcp-session-id").expect("expected a session").to_owned();
        let (status, response) = answer.last();
        assert!(response["result"].is_object(), "expected a session, got {status}: {response}");
        front.headers.push(("Mcp-Session-Id".to_owned(), session));
        front.headers.push(("MCP-Protocol-Version".to_owned(), LEGACY.to_owned()));
        drop(front.post(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})));
        front
    }

    fn post(&self, message: &Value) -> Answer {
        send(self.address, "POST", PATH, &self.headers, message.to_string().as_bytes())
    }

    fn respond(&self, request: &Value) {
        let asked = request["method"].as_str().unwrap_or_default();
        let mut response = json!({"jsonrpc": "2.0", "id": request["id"]});
        match person::answer(asked, &request["params"]) {
            Some(result) => response["result"] = result,
            None => response["error"] = json!({"code": -32601, "message": "Method not found"}),
        }
        drop(self.post(&response));
    }
}

impl Front for LegacyFront {
    fn ask(&self, method: &str, params: Value, _: &[(String, String)]) -> Result<Value, String> {
        let id = Value::from(self.ids.fetch_add(1, Ordering::Relaxed));
        let mut answer = self.post(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        let status = answer.status;
        if !answer.is_stream() {
            return result_of(answer.last().1, status);
        }
        while let Some(message) = answer.next_event() {
            if message["method"].is_string() && !message["id"].is_null() {
                self.respond(&message);
            } else if message["id"] == id {
                return result_of(message, status);
            }
        }
        Err(format!("the stream of {method} ended without a response"))
    }
}
