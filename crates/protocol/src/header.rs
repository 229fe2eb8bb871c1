//! HTTP headers that repeat parts of the body, so that proxies can route without parsing it
//! (protocol.md sections 1.3 and 1.6). The header decides nothing: it must equal the body.

use crate::{Object, Raw};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::HashSet;

/// The revision of the request.
pub const PROTOCOL_VERSION: &str = "mcp-protocol-version";
/// The method.
pub const METHOD: &str = "mcp-method";
/// The name, URI or task id, for the methods that have one.
pub const NAME: &str = "mcp-name";
/// Prefix of the headers that mirror marked arguments.
pub const PARAM_PREFIX: &str = "mcp-param-";
/// The legacy session.
pub const SESSION_ID: &str = "mcp-session-id";

const SENTINEL_START: &str = "=?base64?";
const SENTINEL_END: &str = "?=";

/// A header value that cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the header value is not valid Base64 of UTF-8 between `=?base64?` and `?=`")]
pub struct BadHeaderValue;

/// Writes `text` as a header value: as it is where that is unambiguous, else as Base64 between
/// the sentinel marks.
#[must_use]
pub fn encode(text: &str) -> Cow<'_, str> {
    let looks_encoded = text.starts_with(SENTINEL_START) && text.ends_with(SENTINEL_END);
    let blank_ends = text.starts_with(' ') || text.ends_with(' ');
    let visible = text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    let plain = visible && !blank_ends && !looks_encoded;
    if plain {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{SENTINEL_START}{}{SENTINEL_END}", STANDARD.encode(text)))
}

/// Reads a header value back; blanks around it do not count.
///
/// # Errors
/// When the sentinel marks hold no Base64 of UTF-8.
pub fn decode(value: &str) -> Result<Cow<'_, str>, BadHeaderValue> {
    let value = value.trim_matches([' ', '\t']);
    let Some(inner) = value.strip_prefix(SENTINEL_START).and_then(|rest| rest.strip_suffix(SENTINEL_END)) else {
        return Ok(Cow::Borrowed(value));
    };
    let bytes = STANDARD.decode(inner).map_err(|_| BadHeaderValue)?;
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| BadHeaderValue)
}

/// A property of a tool's input schema that is mirrored in a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirroredParam {
    /// Header name, lower case: `mcp-param-…`.
    pub header: String,
    /// Keys from the root of `arguments` to the value.
    pub path: Vec<String>,
}

/// An `x-mcp-header` annotation that the specification forbids; the tool must not be listed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid x-mcp-header at {path}: {why}")]
pub struct BadAnnotation {
    /// Where in the schema.
    pub path: String,
    /// What is wrong.
    pub why: &'static str,
}

/// The name of a tool and its mirrored properties, when it has a proper set of any.
#[must_use]
pub fn mirrored_of_tool(tool: &Raw) -> Option<(String, Vec<MirroredParam>)> {
    memchr::memmem::find(tool.as_bytes(), b"x-mcp-header")?;
    let tool: Value = tool.read().ok()?;
    let params = mirrored_params(tool.get("inputSchema")?).ok()?;
    Some((tool.get("name")?.as_str()?.to_owned(), params))
}

/// Finds the mirrored properties of an input schema.
///
/// # Errors
/// The first annotation that is not allowed (section 1.6: only string, integer and boolean
/// properties, reachable through `properties` alone, names unique tokens).
pub fn mirrored_params(schema: &Value) -> Result<Vec<MirroredParam>, BadAnnotation> {
    let mut found = Vec::new();
    let mut path = Vec::new();
    walk(schema, &mut path, true, &mut found)?;
    let mut seen = HashSet::new();
    match found.iter().find(|param| !seen.insert(param.header.as_str())) {
        Some(twice) => Err(BadAnnotation { path: twice.path.join("."), why: "the name is used twice" }),
        None => Ok(found),
    }
}

/// `reachable` says whether only `properties` keys led here.
fn walk(
    schema: &Value,
    path: &mut Vec<String>,
    reachable: bool,
    found: &mut Vec<MirroredParam>,
) -> Result<(), BadAnnotation> {
    match schema {
        Value::Array(items) => items.iter().try_for_each(|item| walk(item, path, false, found)),
        Value::Object(members) => {
            if let Some(name) = members.get("x-mcp-header") {
                let bad = |why| Err(BadAnnotation { path: path.join("."), why });
                let Some(name) = name.as_str() else { return bad("the name is no string") };
                if name.is_empty() || !name.bytes().all(is_token_byte) {
                    return bad("the name is no header token");
                }
                if !reachable || path.is_empty() {
                    return bad("not reachable through properties alone");
                }
                if !matches!(members.get("type").and_then(Value::as_str), Some("string" | "integer" | "boolean")) {
                    return bad("only string, integer and boolean properties can be mirrored");
                }
                found.push(MirroredParam {
                    header: format!("{PARAM_PREFIX}{}", name.to_ascii_lowercase()),
                    path: path.clone(),
                });
            }
            for (key, value) in members {
                match (key.as_str(), value) {
                    ("properties", Value::Object(properties)) => {
                        for (name, property) in properties {
                            path.push(name.clone());
                            walk(property, path, reachable, found)?;
                            path.pop();
                        }
                    }
                    ("default" | "const" | "enum" | "examples", _) => {}
                    _ => walk(value, path, false, found)?,
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

impl MirroredParam {
    /// The value in `arguments` as header text; `None` when absent, null or no scalar.
    #[must_use]
    pub fn value(&self, arguments: Option<&Raw>) -> Option<String> {
        let (last, path) = self.path.split_last()?;
        let mut object = Object::of(arguments?).ok()?;
        for key in path {
            object = object.object(key)?;
        }
        let value = object.get(last)?;
        match value.as_bytes().first()? {
            b'"' => value.string().map(|text| text.to_string()),
            b't' | b'f' | b'-' | b'0'..=b'9' => Some(value.as_str().to_owned()),
            _ => None,
        }
    }

    /// Whether a decoded header says the same as the body; integers compare as numbers.
    #[must_use]
    pub fn matches(&self, header: &str, body: &str) -> bool {
        header == body
            || match (header.parse::<f64>(), body.parse::<f64>()) {
                (Ok(left), Ok(right)) => left == right && left.fract() == 0.0,
                _ => false,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    proptest! {
        #[test]
        fn values_survive(text in any::<String>()) {
            let encoded = encode(&text).into_owned();
            prop_assert!(encoded.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
            prop_assert_eq!(decode(&encoded).unwrap(), text);
        }
    }

    #[test]
    fn sentinel_is_exact() {
        assert_eq!(decode("=?base64?w6k=?=").unwrap(), "é");
        assert_eq!(decode("=?BASE64?w6k=?=").unwrap(), "=?BASE64?w6k=?=");
        assert!(decode("=?base64?*?=").is_err());
        assert_eq!(decode("  x ").unwrap(), "x");
    }

    #[test]
    fn annotations_are_found_where_allowed_and_refused_elsewhere() {
        let good = json!({"type":"object","properties":{
            "region":{"type":"string","x-mcp-header":"Region"},
            "deep":{"type":"object","properties":{"n":{"type":"integer","x-mcp-header":"N"}}}}});
        let params = mirrored_params(&good).unwrap();
        assert_eq!(params.len(), 2);
        assert_eq!(params[0].header, "mcp-param-region");
        let arguments = Raw::from_static(r#"{"region":"é","deep":{"n":42}}"#);
        assert_eq!(params[0].value(Some(&arguments)).as_deref(), Some("é"));
        let number = &params[1];
        assert_eq!(number.value(Some(&arguments)).as_deref(), Some("42"));
        assert!(number.matches("42.0", "42") && !number.matches("42.5", "42"));
        for bad in [
            json!({"properties":{"a":{"type":"number","x-mcp-header":"A"}}}),
            json!({"properties":{"a":{"type":"string","x-mcp-header":""}}}),
            json!({"properties":{"a":{"type":"string","x-mcp-header":"a b"}}}),
            json!({"properties":{"a":{"type":"array","items":{"type":"string","x-mcp-header":"A"}}}}),
            json!({"properties":{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}}}),
        ] {
            assert!(mirrored_params(&bad).is_err(), "{bad}");
        }
    }
}
