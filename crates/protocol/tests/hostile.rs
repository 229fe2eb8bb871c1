//! Ten thousand hostile envelopes: whatever the bytes, reading never panics, and what is accepted
//! reads the same once written.

#![expect(clippy::panic, reason = "a helper of the tests fails them")]

use bytes::Bytes;
use proptest::prelude::*;
use protocol::{Output, ParseLimits, parse_client, parse_upstream};

const LIMITS: ParseLimits = ParseLimits { bytes_max: 1 << 16, depth_max: 64 };

fn check(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    if let Ok(message) = parse_client(&bytes, LIMITS) {
        let mut out = Output::default();
        message.write(&mut out);
        let written = out.into_bytes();
        let Ok(again) = parse_client(&written, LIMITS) else { panic!("what we write, we read") };
        let mut out = Output::default();
        again.write(&mut out);
        assert_eq!(out.into_bytes(), written);
    }
    let _ = parse_upstream(&bytes, LIMITS);
}

fn member() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(r#""jsonrpc":"2.0""#.to_owned()),
        Just(r#""jsonrpc":2.0"#.to_owned()),
        Just(r#""method":"tools/call""#.to_owned()),
        Just(r#""meth\u006fd":"x""#.to_owned()),
        Just(r#""id":1"#.to_owned()),
        Just(r#""id":"\ud800""#.to_owned()),
        Just(r#""id":99999999999999999999999"#.to_owned()),
        Just(r#""params":{"name":"a","arguments":{"x":[1,{"y":null}]}}"#.to_owned()),
        Just(r#""params":[]"#.to_owned()),
        Just(r#""result":{"content":[]}"#.to_owned()),
        Just(r#""error":{"code":-1,"message":"m"}"#.to_owned()),
        Just("\"\u{0}\":1".to_owned()),
        "[\\[\\]{}:,\"a0-9\\\\ ]{0,12}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn envelopes_made_of_members(members in prop::collection::vec(member(), 0..6), tail in "[}\\] ]{0,2}") {
        check(format!("{{{}}}{tail}", members.join(",")).as_bytes());
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        check(&bytes);
    }
}
