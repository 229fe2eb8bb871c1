//! The JSON-RPC 2.0 envelope: request, notification, response, and how each is written.
//!
//! Ids are kept as they came, whatever their size. Reading is in `parse.rs`.

use crate::{Error, Object, Output, Raw, Text};

/// A request id: a JSON string or integer, kept byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Id(Raw);

/// Any message.
#[derive(Debug, Clone)]
pub enum Message {
    /// Wants an answer.
    Request(Request),
    /// Wants none.
    Notification(Notification),
    /// Is one.
    Response(Response),
}

/// A question.
#[derive(Debug, Clone)]
pub struct Request {
    /// What the answer will carry.
    pub id: Id,
    /// Such as `tools/call`.
    pub method: Text,
    /// The parameters; MCP knows only objects.
    pub params: Option<Object>,
}

/// A statement that nobody answers.
#[derive(Debug, Clone)]
pub struct Notification {
    /// Such as `notifications/progress`.
    pub method: Text,
    /// The parameters.
    pub params: Option<Object>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// Of the question; absent when the question was unreadable.
    pub id: Option<Id>,
    /// The result, or the error that took its place.
    pub outcome: Result<Object, Error>,
}

// === impl Id ===

impl Id {
    /// An id of ours.
    #[must_use]
    pub fn number(number: u64) -> Self {
        Self(Raw::of(&number))
    }

    /// The id in `raw`, when it is a string or an integer.
    #[must_use]
    pub fn of(raw: &Raw) -> Option<Self> {
        let fits = match raw.as_bytes().first()? {
            b'"' => true,
            b'-' | b'0'..=b'9' => raw.as_bytes()[1..].iter().all(u8::is_ascii_digit),
            _ => false,
        };
        fits.then(|| Self(raw.clone()))
    }

    /// The id as JSON.
    #[must_use]
    pub fn raw(&self) -> &Raw {
        &self.0
    }

    /// The number, when it is one of ours.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        self.0.as_str().parse().ok()
    }
}

// === impl Message and its kinds ===

impl Message {
    /// Writes the message.
    pub fn write(&self, out: &mut Output) {
        match self {
            Self::Request(request) => request.write(out),
            Self::Notification(notification) => notification.write(out),
            Self::Response(response) => response.write(out),
        }
    }
}

const HEAD: &str = "{\"jsonrpc\":\"2.0\"";

fn write_method(out: &mut Output, method: &Text, params: Option<&Object>) {
    out.push_str(",\"method\":");
    out.push_json_str(method);
    if let Some(params) = params {
        out.push_str(",\"params\":");
        params.write(out);
    }
    out.push(b"}");
}

impl Request {
    /// Writes the request.
    pub fn write(&self, out: &mut Output) {
        out.push_str(HEAD);
        out.push_str(",\"id\":");
        out.push_raw(&self.id.0);
        write_method(out, &self.method, self.params.as_ref());
    }
}

impl Notification {
    /// A notification of `method`.
    #[must_use]
    pub fn new(method: &'static str, params: Option<Object>) -> Self {
        Self { method: Text::from_static(method), params }
    }

    /// Writes the notification.
    pub fn write(&self, out: &mut Output) {
        out.push_str(HEAD);
        write_method(out, &self.method, self.params.as_ref());
    }
}

impl Response {
    /// Writes the response; one without an id gets `null`, as JSON-RPC says.
    pub fn write(&self, out: &mut Output) {
        out.push_str(HEAD);
        out.push_str(",\"id\":");
        match &self.id {
            Some(id) => out.push_raw(&id.0),
            None => out.push(b"null"),
        }
        match &self.outcome {
            Ok(result) => {
                out.push_str(",\"result\":");
                result.write(out);
            }
            Err(error) => {
                out.push_str(",\"error\":");
                error.write(out);
            }
        }
        out.push(b"}");
    }
}
