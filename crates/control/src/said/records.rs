//! What `/api/records` and `/api/audit` answer.

use protocol::Raw;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// `GET /api/records`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Records {
    /// The records, the newest first.
    pub records: Vec<Record>,
    /// Go on from here with `before`; none where there are no more. A page may hold fewer records than
    /// were asked for and still have a next one: one request reads so much and no more.
    pub next: Option<String>,
}

/// What happened to one call. A line of a page of the store reads as one.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Record {
    /// Its name: 16 hexadecimal digits, whose order is that of coming. Empty in records of versions before.
    #[serde(default)]
    pub id: String,
    /// When it came, UTC.
    pub at: String,
    /// The method of the protocol.
    pub method: String,
    /// Declared name of the server that it went to.
    pub server: Option<String>,
    /// The server's own name of the tool or prompt, or the URI.
    pub name: Option<String>,
    /// Who called.
    pub principal: String,
    /// Era of the client.
    pub client_era: String,
    /// Era of the server; `-` where none was called.
    pub server_era: String,
    /// `ok`, `tool_error`, `input_required`, `abandoned`, or the name of an error kind.
    pub outcome: String,
    /// Whether the answer was known: no server was called.
    #[serde(default)]
    pub cached: bool,
    /// The tool of the switchboard's own through which it was called, such as `call_tool`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
    /// Bytes of the parameters.
    pub bytes_in: u64,
    /// Bytes of the result.
    pub bytes_out: u64,
    /// Microseconds in all.
    pub total_us: u64,
    /// Its stages (DESIGN.md section 5), those that happened, in order.
    #[serde(default)]
    pub stages: Vec<RecordStage>,
    /// What the log knows of a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The arguments, where the server's entry keeps them; for others than the owner only `{type, bytes}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub arguments: Option<Raw>,
    /// The result, where the server's entry keeps it; in a list only `{type, bytes}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub result: Option<Raw>,
    /// The trace that it belongs to (W3C), in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

/// A stage of a call, in microseconds since it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecordStage {
    /// `listener`, `authn`, `route`, `policy`, `wait`, `upstream` or `finish`.
    pub stage: String,
    /// Where it begins.
    pub from_us: u64,
    /// Where it ends.
    pub to_us: u64,
}

/// `GET /api/audit`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Audit {
    /// The entries, the newest first.
    pub events: Vec<AuditEvent>,
    /// Go on from here with `before`; none where there are no more.
    pub next: Option<String>,
}

/// Somebody did something.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditEvent {
    /// Its number, from 1 on, without gaps.
    pub entry: i64,
    /// When, UTC.
    pub at: String,
    /// Who.
    pub who: String,
    /// What: `started`, `stopped`, `approved`, …
    pub what: String,
    /// To what: a server, `configuration` or `state`.
    pub on: String,
    /// The rest.
    pub details: Value,
}

/// `GET /api/audit/verify`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditVerified {
    /// Whether no entry was changed or taken out.
    pub whole: bool,
    /// How many entries there are; none where one is not right.
    pub entries: Option<i64>,
    /// The first that is not right.
    pub broken: Option<i64>,
    /// Why not.
    pub why: Option<String>,
}
