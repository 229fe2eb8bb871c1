//! A record as it is shown and kept: one shape for live events, REST and the store. What the call was
//! about (arguments, result) is deliberately no part of it: who may see that is decided by who tells it.

use super::{Record, Stretch};
use serde::Serialize;

/// A finished call in words and numbers.
#[derive(Debug, Serialize)]
pub struct Told<'a> {
    id: String,
    at: String,
    method: &'a str,
    server: Option<&'a str>,
    name: Option<&'a str>,
    principal: &'a str,
    client_era: &'a str,
    server_era: &'a str,
    outcome: &'a str,
    total_us: u64,
    stages: Vec<Stage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    bytes_in: usize,
    bytes_out: usize,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cached: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    via: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
}

/// A stage of it: microseconds since the call came.
#[derive(Debug, Serialize)]
struct Stage {
    stage: &'static str,
    from_us: u64,
    to_us: u64,
}

// === impl Told ===

impl<'a> Told<'a> {
    /// What is told of `record`.
    #[must_use]
    pub fn of(record: &'a Record) -> Self {
        Self {
            id: record.id.to_string(),
            at: supervisor::utc(record.at),
            method: &record.method,
            server: record.server.as_deref(),
            name: record.own.as_deref(),
            principal: record.principal.as_str(),
            client_era: record.eras.0,
            server_era: record.eras.1,
            outcome: record.outcome,
            total_us: record.total_us,
            stages: record.stages().into_iter().map(Stage::of).collect(),
            trace_id: record.trace.as_ref().map(|trace| trace.id_text()),
            bytes_in: record.bytes_in,
            bytes_out: record.bytes_out,
            cached: record.cached,
            via: record.via,
            cause: record.cause.as_deref(),
        }
    }
}

// === impl Stage ===

impl Stage {
    fn of(stretch: Stretch) -> Self {
        let Stretch { stage, from_us, to_us } = stretch;
        Self { stage: stage.as_str(), from_us, to_us }
    }
}
