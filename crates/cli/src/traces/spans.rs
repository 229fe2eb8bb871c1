//! A finished call as spans: one for the call, one for each of its stages, all of moments that are over.
//! Attributes are those of OpenTelemetry's conventions for MCP and generative AI, where these have one.
//!
//! What a call was called with, what came of it, and who called are deliberately in no span.

use gateway::record::{Record, Stage, Stretch};
use gateway::trace::Trace;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use std::time::UNIX_EPOCH;

/// The longest text of an attribute, in bytes.
const TEXT_BYTES_MAX: usize = 256;
/// Flags of a span that is sampled and says whether its parent is elsewhere (`SpanFlags` of the protocol).
const SAMPLED: u32 = 0x101;
/// Its parent is elsewhere.
const REMOTE_PARENT: u32 = 0x200;
/// Tells the spans of stages apart: an odd number with many bits (2^64 divided by the golden ratio).
const APART: u64 = 0x9e37_79b9_7f4a_7c15;

/// The spans of a call; none for one that is not traced.
pub(super) fn of(record: &Record) -> Option<Vec<Span>> {
    let trace = record.trace.as_ref()?;
    let start_ns = record.at.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let start_ns = u64::try_from(start_ns).unwrap_or(u64::MAX);
    let at = |us: u64| start_ns.saturating_add(us.saturating_mul(1000));
    let failed = !matches!(record.outcome, "ok" | "input_required");
    let remote = if trace.parent.is_some() { REMOTE_PARENT } else { 0 };
    let mut spans = vec![Span {
        trace_id: trace.id.to_vec(),
        span_id: trace.span.to_vec(),
        parent_span_id: trace.parent.map(|parent| parent.to_vec()).unwrap_or_default(),
        trace_state: trace.state.clone().unwrap_or_default(),
        flags: SAMPLED | remote,
        name: name(record),
        kind: SpanKind::Server.into(),
        start_time_unix_nano: start_ns,
        end_time_unix_nano: at(record.total_us),
        attributes: of_call(record, failed),
        status: failed.then(|| Status { message: String::new(), code: StatusCode::Error.into() }),
        ..Span::default()
    }];
    spans.extend(record.stages().into_iter().map(|Stretch { stage, from_us, to_us }| {
        let upstream = stage == Stage::Upstream;
        Span {
            trace_id: trace.id.to_vec(),
            span_id: id_of(trace, stage).to_vec(),
            parent_span_id: trace.span.to_vec(),
            trace_state: trace.state.clone().unwrap_or_default(),
            flags: SAMPLED,
            name: stage.as_str().to_owned(),
            kind: if upstream { SpanKind::Client } else { SpanKind::Internal }.into(),
            start_time_unix_nano: at(from_us),
            end_time_unix_nano: at(to_us),
            attributes: if upstream { of_call(record, failed) } else { Vec::new() },
            ..Span::default()
        }
    }));
    Some(spans)
}

/// The span of a stage: that of the stay with the server was told to the server.
fn id_of(trace: &Trace, stage: Stage) -> [u8; 8] {
    if stage == Stage::Upstream {
        return trace.upstream;
    }
    let number = u64::from_be_bytes(trace.span) ^ APART.wrapping_mul(stage as u64 + 1);
    number.max(1).to_be_bytes()
}

/// `{mcp.method.name} {target}`, where the target is one of few.
fn name(record: &Record) -> String {
    match (target(record), &record.own) {
        (Some(_), Some(own)) => format!("{} {}", record.method.as_str(), cut(own)),
        _ => record.method.as_str().to_owned(),
    }
}

/// Which attribute says what was called, where that is a name and not whatever a client writes.
fn target(record: &Record) -> Option<&'static str> {
    match record.method.as_str() {
        "tools/call" => Some("gen_ai.tool.name"),
        "prompts/get" => Some("gen_ai.prompt.name"),
        _ => None,
    }
}

fn of_call(record: &Record, failed: bool) -> Vec<KeyValue> {
    let mut attributes = vec![text("mcp.method.name", record.method.as_str())];
    if let (Some(key), Some(own)) = (target(record), &record.own) {
        attributes.push(text(key, own));
    }
    if record.method == *"tools/call" {
        attributes.push(text("gen_ai.operation.name", "execute_tool"));
    }
    if let Some(server) = &record.server {
        attributes.push(text("switchboard.server", server));
    }
    attributes.push(text("switchboard.client.era", record.eras.0));
    attributes.push(text("switchboard.server.era", record.eras.1));
    attributes.push(text("switchboard.outcome", record.outcome));
    attributes.push(text("switchboard.record.id", &record.id.to_string()));
    if failed {
        attributes.push(text("error.type", record.outcome));
    }
    let value = |value| Some(AnyValue { value: Some(value) });
    let cached = KeyValue {
        key: "switchboard.cached".to_owned(),
        value: value(any_value::Value::BoolValue(record.cached)),
        ..KeyValue::default()
    };
    attributes.push(cached);
    attributes
}

/// An attribute.
pub(super) fn text(key: &str, value: &str) -> KeyValue {
    let value = any_value::Value::StringValue(cut(value).to_owned());
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{Principal, Text};

    fn record(trace: Option<Trace>, outcome: &'static str) -> Record {
        let records = gateway::record::Records::new(1);
        let mut open = records.open(&Text::from_static("tools/call"), &Principal::new("secret-me"), "modern", 5);
        open.note(|record| record.trace = trace.map(Box::new));
        open.routed(&"s".into(), Text::from_static("t"), "legacy");
        open.ended(outcome, 3);
        drop(open);
        records.take_now().remove(0)
    }

    #[test]
    fn stages_lie_within_their_call_and_have_ids_of_their_own() {
        let trace = Trace { id: [1; 16], parent: Some([2; 8]), span: [3; 8], upstream: [4; 8], state: None };
        let spans = of(&record(Some(trace), "timeout")).unwrap();
        let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(names, ["tools/call t", "policy", "upstream", "finish"]);
        let call = &spans[0];
        assert_eq!((call.parent_span_id.as_slice(), call.flags), ([2; 8].as_slice(), 0x301));
        assert_eq!(call.status.as_ref().unwrap().code, StatusCode::Error as i32);
        for stage in &spans[1..] {
            assert_eq!((&stage.parent_span_id, &stage.trace_id), (&call.span_id, &call.trace_id));
            assert!(stage.start_time_unix_nano >= call.start_time_unix_nano);
            assert!(stage.end_time_unix_nano <= call.end_time_unix_nano);
        }
        assert_eq!(spans[2].span_id, [4; 8]);
        let ids: std::collections::BTreeSet<_> = spans.iter().map(|span| &span.span_id).collect();
        assert_eq!(ids.len(), spans.len());
        assert!(!format!("{spans:?}").contains("secret-me"));
    }

    #[test]
    fn what_is_not_traced_has_no_spans() {
        assert!(of(&record(None, "ok")).is_none());
    }
}
