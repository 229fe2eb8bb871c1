//! What must hold of any bytes that somebody calls a message. Run by the fuzz target on whatever
//! libFuzzer invents, and by the tests on the seeds. It does not judge which messages are accepted.

use bytes::Bytes;
use protocol::{Message, Output, ParseLimits, parse_client, parse_upstream};

const LIMITS: ParseLimits = ParseLimits { bytes_max: 1 << 20, depth_max: 64 };

/// Reads `data` as a client's and as an upstream's message.
///
/// # Panics
/// When reading panics, or when what we write reads differently from what was read.
pub(crate) fn run(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    let strict = parse_client(&bytes, LIMITS).ok();
    let tolerant = parse_upstream(&bytes, LIMITS).ok();
    if let Some(message) = &strict {
        let (same, dropped) = tolerant.as_ref().expect("tolerant reading takes what strict takes");
        assert_eq!(*dropped, 0, "strict reading lets no unknown member pass");
        assert_eq!(written(message), written(same));
    }
    if let Some((message, _)) = &tolerant {
        let once = written(message);
        let again = parse_client(&once, LIMITS).expect("what we write is read strictly");
        assert_eq!(written(&again), once, "writing is canonical");
    }
}

fn written(message: &Message) -> Bytes {
    let mut out = Output::default();
    message.write(&mut out);
    let len = out.len();
    let bytes = out.into_bytes();
    assert_eq!(bytes.len(), len);
    bytes
}
