//! Masks what looks like a secret in arguments and results before they go into a record.

use protocol::Raw;
use serde_json::Value;

/// Keys whose values are never recorded.
const SECRET_WORDS: [&str; 10] = [
    "password",
    "passwd",
    "secret",
    "token",
    "api_key",
    "apikey",
    "authorization",
    "credential",
    "private_key",
    "cookie",
];

/// Beginnings of well-known tokens.
const SECRET_PREFIXES: [&str; 9] = ["sk-", "ghp_", "gho_", "github_pat_", "xoxb-", "xoxp-", "AKIA", "Bearer ", "eyJ"];

const MASK: &str = "***";

/// A copy of `raw` with secrets masked.
#[must_use]
pub(crate) fn redact(raw: &Raw) -> Raw {
    let mut value: Value = raw.read().unwrap_or(Value::Null);
    mask(&mut value);
    Raw::of(&value)
}

fn mask(value: &mut Value) {
    match value {
        Value::String(text) if SECRET_PREFIXES.iter().any(|prefix| text.starts_with(prefix)) => *text = MASK.to_owned(),
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::Object(members) => {
            for (key, value) in members {
                let key = key.to_ascii_lowercase().replace('-', "_");
                if SECRET_WORDS.iter().any(|word| key.contains(word)) {
                    *value = Value::String(MASK.to_owned());
                } else {
                    mask(value);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_by_key_and_by_shape() {
        let raw = Raw::from_static(r#"{"user":"x","API-Key":7,"deep":[{"note":"ghp_abc"}],"access_token":{"a":1}}"#);
        assert_eq!(
            redact(&raw).as_str(),
            r#"{"user":"x","API-Key":"***","deep":[{"note":"***"}],"access_token":"***"}"#
        );
    }
}
