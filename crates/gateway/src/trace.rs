//! Traces of calls: the context that a client brings (W3C Trace Context, in the headers of its request or
//! in `_meta`, protocol.md section 1.2) is taken, and handed on with our span as the parent.
//!
//! Spans are made of finished records by whoever exports them; here is only what must be known while
//! the call is on its way. Where traces are off, this is one look at a number, and contexts in `_meta`
//! pass as they came, as every other key does.

use protocol::{Call, Object, TraceHeaders};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Keys of `_meta`, and names of headers.
pub const PARENT: &str = "traceparent";
/// The same for what vendors add.
pub const STATE: &str = "tracestate";
/// A longer `tracestate` need not be handed on (W3C Trace Context section 3.3.1.5).
const STATE_BYTES_MAX: usize = 512;
/// Length of a `traceparent` of version 00.
const PARENT_BYTES: usize = 55;

/// The place of a call in a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// Id of the trace.
    pub id: [u8; 16],
    /// The client's span, when the client brought one.
    pub parent: Option<[u8; 8]>,
    /// The span of the call.
    pub span: [u8; 8],
    /// The span of its stay with the server, which is the parent of what the server does.
    pub upstream: [u8; 8],
    /// What vendors added.
    pub state: Option<String>,
}

/// Whether calls are traced, and which.
#[derive(Debug)]
pub(crate) struct Tracing {
    /// One more than the percentage of calls that are traced; 0 is off.
    percent: AtomicU32,
    ids: AtomicU64,
    seed: RandomState,
}

/// A `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Parent {
    id: [u8; 16],
    span: [u8; 8],
    sampled: bool,
}

// === impl Trace ===

impl Trace {
    /// The id of the trace as it is written.
    #[must_use]
    pub fn id_text(&self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.id))
    }
}

// === impl Tracing ===

impl Tracing {
    /// Off where `percent` is none; else so many of a hundred calls are traced that bring no trace.
    pub(crate) fn new(percent: Option<u32>) -> Self {
        let tracing = Self { percent: AtomicU32::new(0), ids: AtomicU64::new(0), seed: RandomState::new() };
        tracing.set(percent);
        tracing
    }

    /// The same from now on.
    pub(crate) fn set(&self, percent: Option<u32>) {
        self.percent.store(percent.map_or(0, |percent| percent.min(100) + 1), Ordering::Relaxed);
    }

    /// Whether contexts are taken at all.
    pub(crate) fn is_on(&self) -> bool {
        self.percent.load(Ordering::Relaxed) > 0
    }

    /// Takes the context that the call brings; what its server is told stands in the call then. None for
    /// a call that is not traced.
    pub(crate) fn begin(&self, call: &mut Call) -> Option<Box<Trace>> {
        let mut meta = call.params.object("_meta").unwrap_or_default();
        let own = meta.text(PARENT).and_then(|text| Parent::parse(&text));
        let headers = call.context.came.trace.take();
        let (parent, state) = match (own, &headers) {
            (Some(parent), _) => (Some(parent), meta.text(STATE).map(|state| state.to_string())),
            (None, Some(headers)) => (Parent::parse(&headers.parent), headers.state.clone()),
            (None, None) => (None, None),
        };
        let state = state.filter(|state| parent.is_some() && state.len() <= STATE_BYTES_MAX);
        let id = parent.map_or_else(|| self.trace_id(), |parent| parent.id);
        let sampled = parent.map_or_else(|| self.is_chosen(&id), |parent| parent.sampled);
        let trace = sampled.then(|| {
            let (span, upstream) = (self.span_id(), self.span_id());
            let parent = parent.map(|parent| parent.span);
            Box::new(Trace { id, parent, span, upstream, state: state.clone() })
        });
        // What is not traced here may be elsewhere: it is handed on as it came.
        let told = match (&trace, parent) {
            (Some(trace), _) => Parent { id, span: trace.upstream, sampled: true },
            (None, Some(parent)) => parent,
            (None, None) => return None,
        };
        tell(call, &mut meta, told, state);
        trace
    }

    /// Whether a trace that begins here is one of those that are kept: decided by its id.
    fn is_chosen(&self, id: &[u8; 16]) -> bool {
        let percent = self.percent.load(Ordering::Relaxed).saturating_sub(1);
        let drawn = u32::from_be_bytes([id[12], id[13], id[14], id[15]]);
        u64::from(drawn) * 100 < u64::from(percent) << 32
    }

    /// A number that nobody has seen, not 0.
    fn number(&self) -> u64 {
        self.seed.hash_one(self.ids.fetch_add(1, Ordering::Relaxed)).max(1)
    }

    fn span_id(&self) -> [u8; 8] {
        self.number().to_be_bytes()
    }

    fn trace_id(&self) -> [u8; 16] {
        (u128::from(self.number()) << 64 | u128::from(self.number())).to_be_bytes()
    }
}

/// Writes the context into the call: for every server into `_meta`, for those over HTTP into headers too.
fn tell(call: &mut Call, meta: &mut Object, told: Parent, state: Option<String>) {
    let parent = told.to_string();
    meta.set_json(PARENT, &parent);
    match &state {
        Some(state) => meta.set_json(STATE, state),
        None => {
            meta.remove(STATE);
        }
    }
    call.params.set("_meta", meta.to_raw());
    call.context.came.trace = Some(Arc::new(TraceHeaders { parent, state }));
}

// === impl Parent ===

impl Parent {
    /// Reads one; none for what is none. Versions after 00 begin as that one does (section 3.2.4).
    fn parse(text: &str) -> Option<Self> {
        let (first, rest) = text.as_bytes().split_at_checked(PARENT_BYTES)?;
        let is_00 = first.starts_with(b"00-");
        if first.starts_with(b"ff") || (is_00 && !rest.is_empty()) || !(rest.is_empty() || rest.starts_with(b"-")) {
            return None;
        }
        let [version, id, span, flags] =
            <[&[u8]; 4]>::try_from(first.split(|byte| *byte == b'-').collect::<Vec<_>>()).ok()?;
        let [_] = hex::<1>(version)?;
        let (id, span, [flags]) = (hex(id)?, hex(span)?, hex(flags)?);
        (id != [0; 16] && span != [0; 8]).then_some(Self { id, span, sampled: flags & 1 == 1 })
    }
}

impl std::fmt::Display for Parent {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (id, span) = (u128::from_be_bytes(self.id), u64::from_be_bytes(self.span));
        write!(formatter, "00-{id:032x}-{span:016x}-{:02x}", u8::from(self.sampled))
    }
}

/// Lower-case hexadecimal digits, exactly as many as it takes.
fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    if digits.len() != N * 2 {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{CallContext, Principal, Raw, Text};

    const CLIENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn call(meta: serde_json::Value, headers: Option<&str>) -> Call {
        let params = serde_json::json!({"name": "t", "_meta": meta});
        let mut context = CallContext::internal(Principal::new("me"));
        context.came.trace =
            headers.map(|parent| Arc::new(TraceHeaders { parent: parent.to_owned(), state: Some("h=1".to_owned()) }));
        Call { method: Text::from_static("tools/call"), params: Object::of(&Raw::of(&params)).unwrap(), context }
    }

    fn told(call: &Call) -> serde_json::Value {
        call.params.get("_meta").unwrap().read().unwrap()
    }

    #[test]
    fn the_context_of_meta_is_taken_before_that_of_headers_and_handed_on_with_our_span() {
        let tracing = Tracing::new(Some(0));
        let header = CLIENT.replace("4bf9", "aaaa");
        let mut both = call(serde_json::json!({"traceparent": CLIENT, "tracestate": "m=2", "x/y": 3}), Some(&header));
        let trace = tracing.begin(&mut both).unwrap();
        assert_eq!(trace.parent, Some(0x00f0_67aa_0ba9_02b7_u64.to_be_bytes()));
        assert_ne!(trace.span, trace.upstream);
        let upstream = u64::from_be_bytes(trace.upstream);
        let parent = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{upstream:016x}-01");
        assert_eq!(told(&both), serde_json::json!({"traceparent": parent, "tracestate": "m=2", "x/y": 3}));
        assert_eq!(both.context.came.trace.as_ref().unwrap().parent, parent);
        let mut headers = call(serde_json::json!({}), Some(&header));
        assert_eq!(tracing.begin(&mut headers).unwrap().id[..2], [0xaa, 0xaa]);
        assert_eq!(told(&headers)["tracestate"], "h=1");
    }

    #[test]
    fn who_brings_no_context_is_traced_as_often_as_asked_for() {
        let mut none = call(serde_json::json!({}), None);
        assert!(Tracing::new(Some(0)).begin(&mut none).is_none());
        assert_eq!(told(&none), serde_json::json!({}), "nothing is made up for what is not traced");
        assert!(Tracing::new(Some(100)).begin(&mut none).unwrap().parent.is_none());
        let tracing = Tracing::new(Some(25));
        let kept = (0..4000).filter(|_| tracing.begin(&mut call(serde_json::json!({}), None)).is_some()).count();
        assert!((800..1200).contains(&kept), "{kept}");
    }

    #[test]
    fn who_says_that_it_is_not_sampled_is_handed_on_as_it_came() {
        let unsampled = CLIENT.replace("-01", "-00");
        let mut call = call(serde_json::json!({"traceparent": unsampled}), None);
        assert!(Tracing::new(Some(100)).begin(&mut call).is_none());
        assert_eq!(told(&call)["traceparent"], unsampled);
    }

    #[test]
    fn what_is_no_context_is_none() {
        let bad = [
            "",
            "x",
            "00",
            &CLIENT[1..],
            &CLIENT.to_uppercase(),
            &CLIENT.replace("00-4", "ff-4"),
            &format!("{CLIENT}-x"),
            &CLIENT.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &CLIENT.replace('-', "_"),
            &CLIENT.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &"é".repeat(40),
        ]
        .map(str::to_owned);
        for text in &bad {
            assert_eq!(Parent::parse(text), None, "{text}");
        }
        assert!(Parent::parse(&format!("{}-more", CLIENT.replace("00-4", "01-4"))).is_some());
        assert_eq!(Parent::parse(CLIENT).unwrap().to_string(), CLIENT);
    }
}
