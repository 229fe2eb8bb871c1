//! The client's edge of an answer: what a result must look like in the era of whoever asked
//! (protocol.md section 2.2, row 4).
//!
//! Inside, a result is carried as the server gave it; each edge adds or takes away what its own
//! era wants, whatever the other one was.

use crate::catalog::Kind;
use protocol::{Object, Raw, meta, method};
use std::sync::OnceLock;

/// Name and version under which we appear to clients and servers.
#[must_use]
pub(crate) fn server_info() -> &'static Raw {
    static INFO: OnceLock<Raw> = OnceLock::new();
    INFO.get_or_init(|| {
        Raw::of(
            &serde_json::json!({"name": "switchboard", "title": "Switchboard", "version": env!("CARGO_PKG_VERSION")}),
        )
    })
}

/// `resultType` of a result; absent means complete.
#[must_use]
pub(crate) fn is_input_required(result: &Object) -> bool {
    result.get("resultType").is_some_and(|kind| kind.as_str() == "\"input_required\"")
}

/// Makes `result` what a modern client must get: `resultType`, cache hints, who answered.
#[must_use]
pub(crate) fn modern(method_name: &str, mut result: Object) -> Object {
    static COMPLETE: Raw = Raw::from_static("\"complete\"");
    static ZERO: Raw = Raw::from_static("0");
    static PRIVATE: Raw = Raw::from_static("\"private\"");
    static ONLY_INFO: OnceLock<Raw> = OnceLock::new();
    if result.get("resultType").is_none() {
        result.set("resultType", COMPLETE.clone());
    }
    let cacheable = method::find(method_name).is_some_and(|row| row.cacheable);
    if cacheable && !is_input_required(&result) {
        if result.get("ttlMs").is_none() {
            result.set("ttlMs", ZERO.clone());
        }
        if result.get("cacheScope").is_none() {
            result.set("cacheScope", PRIVATE.clone());
        }
    }
    match result.object("_meta") {
        None => {
            let only_info = ONLY_INFO
                .get_or_init(|| [(meta::SERVER_INFO, server_info().clone())].into_iter().collect::<Object>().to_raw());
            result.set("_meta", only_info.clone());
        }
        Some(meta) if meta.get(meta::SERVER_INFO).is_some() => {}
        Some(mut meta) => {
            meta.set(meta::SERVER_INFO, server_info().clone());
            result.set("_meta", meta.to_raw());
        }
    }
    result
}

/// Makes `result` what a legacy client knows. Questions have been put to it by then: its session
/// answers them before there is a result.
#[must_use]
pub(crate) fn legacy(method_name: &str, mut result: Object) -> Object {
    result.remove("resultType");
    if Kind::of_method(method_name).is_some() || method_name == "resources/read" {
        result.remove("ttlMs");
        result.remove("cacheScope");
    }
    let carries_info = |raw: &Raw| memchr::memmem::find(raw.as_bytes(), meta::SERVER_INFO.as_bytes()).is_some();
    if result.get("_meta").is_some_and(carries_info)
        && let Some(mut meta) = result.object("_meta")
    {
        meta.remove(meta::SERVER_INFO);
        if meta.is_empty() {
            result.remove("_meta");
        } else {
            result.set("_meta", meta.to_raw());
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(json: &'static str) -> Object {
        Object::of(&Raw::from_static(json)).unwrap()
    }

    #[test]
    fn what_one_edge_adds_the_other_takes_away() {
        let bare = r#"{"tools":[ 1.0 ],"x":{"a":1}}"#;
        let dressed = modern("tools/list", object(bare));
        assert_eq!(dressed.get("ttlMs").unwrap().as_str(), "0");
        assert!(dressed.object("_meta").unwrap().get(meta::SERVER_INFO).is_some());
        assert_eq!(legacy("tools/list", dressed).to_raw().as_str(), bare);
    }

    #[test]
    fn what_the_server_said_stays() {
        let said = object(r#"{"resultType":"complete","ttlMs":7,"cacheScope":"public","_meta":{"a/b":1}}"#);
        let dressed = modern("resources/read", said);
        assert_eq!(dressed.get("ttlMs").unwrap().as_str(), "7");
        let undressed = legacy("resources/read", dressed);
        assert_eq!(undressed.to_raw().as_str(), r#"{"_meta":{"a/b":1}}"#);
        let call = legacy("tools/call", object(r#"{"resultType":"complete","ttlMs":7}"#));
        assert_eq!(call.to_raw().as_str(), r#"{"ttlMs":7}"#, "not a cache hint there");
    }

    #[test]
    fn a_question_is_never_cacheable() {
        let asks = r#"{"resultType":"input_required","requestState":"x"}"#;
        assert!(modern("resources/read", object(asks)).get("ttlMs").is_none());
    }
}
