//! How a value is written and read: JSON is given back as JSON, and everything else as the text that
//! it was. A text is never changed by it: not its quotes, and not the digits of its numbers.

use serde_json::Value;

/// So many digits any reader of JSON gets right (IEEE 754, `DBL_DIG`).
const DIGITS_MAX: usize = 15;

/// What is kept of a value: a text as it is, everything else as JSON.
#[must_use]
pub fn written(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// What a kept text means. A JSON string stays the text with its quotes, since that is what was kept;
/// so does JSON with a number that has more digits than would come back.
#[must_use]
pub fn read(text: String) -> Value {
    match serde_json::from_str::<Value>(&text) {
        Ok(Value::String(_)) | Err(_) => Value::String(text),
        Ok(_) if !is_exact(&text) => Value::String(text),
        Ok(value) => value,
    }
}

/// Whether every number in this JSON comes back as it is.
fn is_exact(json: &str) -> bool {
    let (mut inside, mut escaped, mut number) = (false, false, String::new());
    for character in json.chars().chain([' ']) {
        if inside {
            inside = escaped || character != '"';
            escaped = !escaped && character == '\\';
            continue;
        }
        if character.is_ascii_digit() || matches!(character, '-' | '+' | '.' | 'e' | 'E') {
            number.push(character);
            continue;
        }
        if !number_is_exact(&number) {
            return false;
        }
        number.clear();
        inside = character == '"';
    }
    true
}

fn number_is_exact(number: &str) -> bool {
    let mantissa = number.split(['e', 'E']).next().unwrap_or_default();
    let digits = mantissa.chars().filter(char::is_ascii_digit).count();
    digits <= DIGITS_MAX || number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn json_comes_back_as_json_and_text_as_it_was() {
        for (kept, value) in [
            (json!("plain"), json!("plain")),
            (json!("{\"a\": [1, null]}"), json!({"a": [1, null]})),
            (json!({"a": [1, null]}), json!({"a": [1, null]})),
            (json!("\"quoted\""), json!("\"quoted\"")),
            (json!("42"), json!(42)),
            (json!(42), json!(42)),
            (json!("null"), json!(null)),
            (json!("true"), json!(true)),
            (json!(""), json!("")),
            (json!("[1,"), json!("[1,")),
            (json!("18446744073709551615"), json!(u64::MAX)),
            (json!("{\"id\":12345678901234567890123}"), json!("{\"id\":12345678901234567890123}")),
            (json!("{\"id\":\"12345678901234567890123\"}"), json!({"id": "12345678901234567890123"})),
            (json!("[\"\\\"\", 1.25, -1e300]"), json!(["\"", 1.25, -1e300])),
            (json!("0.12345678901234567890"), json!("0.12345678901234567890")),
        ] {
            assert_eq!(read(written(kept.clone())), value, "{kept}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(read(deep.clone()), Value::String(deep));
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_was_written(text in ".{0,20}|[\\[\\]{}\":,0-9eE.+-]{0,12}") {
            let again = match read(text.clone()) {
                Value::String(same) => {
                    prop_assert_eq!(same, text);
                    return Ok(());
                }
                value => value,
            };
            // The same numbers, as any reader of JSON sees them.
            prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), again);
        }
    }
}
