//! What the answers to `server/discover` and `initialize` mean (protocol.md sections 1.7, 1.22).
//!
//! Pure: an answer in, a verdict out. Sending and waiting is the transports' affair.

use super::{ConnectError, Handshake};
use protocol::{Era, Error, Object, Raw, Reply, Version, meta};

/// What a probe with `server/discover` tells.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It is modern and said what it can do.
    Modern(Handshake),
    /// It speaks only the legacy way.
    Legacy,
    /// It is modern, but not in a way that we can go on from.
    Refused(ConnectError),
}

const MISSING_METHOD: i64 = -32601;
const HEADER_MISMATCH: i64 = -32020;
const MISSING_CAPABILITY: i64 = -32021;
const UNSUPPORTED_VERSION: i64 = -32022;

/// Judges the answer to `server/discover`; `http_status` is absent on a pipe.
pub(super) fn judge(reply: &Reply, http_status: Option<u16>) -> Verdict {
    let error = match reply {
        Ok(result) => return judge_result(result),
        Err(error) => error,
    };
    match (error.upstream_code, http_status) {
        (Some(UNSUPPORTED_VERSION), _) => judge_unsupported(error),
        (Some(HEADER_MISMATCH), Some(_)) => {
            Verdict::Refused(ConnectError::handshake(format!("it refused our headers: {}", error.message)))
        }
        (Some(MISSING_CAPABILITY), Some(_)) | (Some(MISSING_METHOD), Some(404)) => Verdict::Modern(blind()),
        _ => Verdict::Legacy,
    }
}

fn judge_result(result: &Object) -> Verdict {
    let versions = result.get("supportedVersions").and_then(|raw| raw.read::<Vec<String>>().ok());
    let (Some(versions), Some(capabilities)) = (versions, capabilities(result)) else {
        return Verdict::Legacy;
    };
    if !versions.iter().any(|version| version == Version::MODERN_LATEST.as_str()) {
        return legacy_or_unknown(&versions);
    }
    let server_info = result.object("_meta").and_then(|meta| meta.get(meta::SERVER_INFO).cloned());
    Verdict::Modern(Handshake {
        era: Era::Modern,
        version: Version::MODERN_LATEST,
        capabilities,
        server_info: server_info.or_else(|| result.get("serverInfo").cloned()).map(|info| info.apart()),
        instructions: result.text("instructions").map(|text| text.to_string()),
        supported_versions: versions,
    })
}

fn judge_unsupported(error: &Error) -> Verdict {
    let data = error.data.as_ref().and_then(|data| Object::of(data).ok());
    let supported = data.and_then(|data| data.get("supported")?.read::<Vec<String>>().ok()).unwrap_or_default();
    if supported.iter().any(|version| version == Version::MODERN_LATEST.as_str()) {
        return Verdict::Refused(ConnectError::handshake(format!(
            "it lists {} and refuses it",
            Version::MODERN_LATEST
        )));
    }
    legacy_or_unknown(&supported)
}

fn legacy_or_unknown(versions: &[String]) -> Verdict {
    let only_unknown = !versions.is_empty() && versions.iter().all(|version| Version::is_modern_date(version));
    if only_unknown {
        let message = format!("it speaks only revisions that we do not: {}", versions.join(", "));
        return Verdict::Refused(ConnectError::Handshake { message });
    }
    Verdict::Legacy
}

/// A modern server that cannot be asked what it can do: everything is tried.
fn blind() -> Handshake {
    Handshake {
        era: Era::Modern,
        version: Version::MODERN_LATEST,
        capabilities: Raw::from_static("{\"tools\":{},\"prompts\":{},\"resources\":{}}"),
        server_info: None,
        instructions: None,
        supported_versions: vec![Version::MODERN_LATEST.as_str().to_owned()],
    }
}

/// Reads the result of `initialize`.
///
/// # Errors
/// When it is an error or names a revision that we do not speak.
pub(super) fn initialized(reply: Reply) -> Result<Handshake, ConnectError> {
    let result = reply.map_err(|error| ConnectError::handshake(format!("`initialize` failed: {}", error.message)))?;
    let Some(named) = result.text("protocolVersion") else {
        return Err(ConnectError::handshake("the answer to `initialize` has no `protocolVersion`"));
    };
    let version = match Version::parse(&named) {
        Some(version) if version.era() == Era::Legacy => version,
        // It answered `initialize`, so it has agreed to the legacy way.
        Some(_) => Version::LEGACY_LATEST,
        None => {
            return Err(ConnectError::handshake(format!("it wants protocol revision {named}, which we do not speak")));
        }
    };
    Ok(Handshake {
        era: Era::Legacy,
        version,
        capabilities: capabilities(&result).unwrap_or_else(|| Raw::from_static("{}")),
        server_info: result.get("serverInfo").map(Raw::apart),
        instructions: result.text("instructions").map(|text| text.to_string()),
        supported_versions: vec![named.to_string()],
    })
}

fn capabilities(result: &Object) -> Option<Raw> {
    result.get("capabilities").filter(|raw| raw.is_object()).map(Raw::apart)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(json: &'static str) -> Reply {
        Ok(Object::of(&Raw::from_static(json)).unwrap())
    }

    fn error(json: &'static str) -> Reply {
        Err(Error::from_upstream(&Raw::from_static(json)).unwrap())
    }

    fn word(verdict: Verdict) -> &'static str {
        match verdict {
            Verdict::Modern(_) => "modern",
            Verdict::Legacy => "legacy",
            Verdict::Refused(_) => "refused",
        }
    }

    #[test]
    fn the_table_of_answers() {
        let refused = r#"{"code":-32022,"message":"no","data":{"supported":["2027-01-01"]}}"#;
        let cases = [
            (result(r#"{"supportedVersions":["2026-07-28"],"capabilities":{}}"#), None, "modern"),
            (result(r#"{"supportedVersions":["2025-11-25","2026-07-28"],"capabilities":{}}"#), Some(200), "modern"),
            (result(r#"{"supportedVersions":["2025-11-25"],"capabilities":{}}"#), Some(200), "legacy"),
            (result(r#"{"supportedVersions":["2027-01-01"],"capabilities":{}}"#), None, "refused"),
            (result("{}"), None, "legacy"),
            (error(r#"{"code":-32601,"message":"no"}"#), None, "legacy"),
            (error(r#"{"code":-32601,"message":"no"}"#), Some(200), "legacy"),
            (error(r#"{"code":-32601,"message":"no"}"#), Some(404), "modern"),
            (error(r#"{"code":-32000,"message":"Bad Request: Server not initialized"}"#), Some(400), "legacy"),
            (error(r#"{"code":-32602,"message":"no"}"#), None, "legacy"),
            (error(r#"{"code":-32020,"message":"no"}"#), Some(400), "refused"),
            (error(r#"{"code":-32021,"message":"no"}"#), Some(400), "modern"),
            (error(refused), Some(400), "refused"),
            (error(r#"{"code":-32022,"message":"no","data":{"supported":["2025-06-18"]}}"#), None, "legacy"),
        ];
        for (reply, status, expected) in cases {
            assert_eq!(word(judge(&reply, status)), expected, "{reply:?} {status:?}");
        }
    }

    #[test]
    fn initialize_agrees_a_legacy_revision() {
        let read = |json| initialized(result(json));
        assert_eq!(read(r#"{"protocolVersion":"2025-03-26"}"#).unwrap().version, Version::V2025_03_26);
        assert_eq!(read(r#"{"protocolVersion":"2026-07-28"}"#).unwrap().version, Version::LEGACY_LATEST);
        assert!(read(r#"{"protocolVersion":"1999-01-01"}"#).is_err());
        assert!(read("{}").is_err());
    }
}
