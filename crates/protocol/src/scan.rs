//! One pass over JSON bytes that checks the grammar and allocates nothing.
//!
//! The relay carries `arguments` and `result` without looking inside, so it needs to know where
//! a value ends and that it is well-formed, and nothing else. Strings, the bulk of every large
//! result, are skipped in blocks. What this does not do: decode, look for duplicate keys below
//! the level that is asked for, or check UTF-8 (callers check the whole message once).

/// The deepest nesting that can be asked for: one bit of a `u128` per level.
pub const DEPTH_MAX: u32 = 127;

/// Why bytes are not one JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {at}")]
pub struct ScanError {
    /// Offset in bytes from the start of the message.
    pub at: usize,
    /// What is wrong there.
    pub kind: ScanErrorKind,
}

/// The kinds of [`ScanError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScanErrorKind {
    /// The bytes end inside a value.
    #[error("unexpected end")]
    Truncated,
    /// A byte that cannot stand here.
    #[error("unexpected byte")]
    Unexpected,
    /// Objects and arrays nest deeper than allowed.
    #[error("nesting too deep")]
    TooDeep,
    /// A control character or a bad escape inside a string.
    #[error("bad string")]
    BadString,
    /// Bytes after the value.
    #[error("trailing bytes")]
    Trailing,
    /// Not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
}

type Scan = Result<usize, ScanError>;

fn fail<T>(at: usize, kind: ScanErrorKind) -> Result<T, ScanError> {
    Err(ScanError { at, kind })
}

/// Checks that `data` is UTF-8 and exactly one JSON value, blanks around it allowed, and returns
/// where the value begins and ends.
///
/// # Errors
/// The first byte at which `data` stops being that.
pub fn document(data: &[u8], depth_max: u32) -> Result<(usize, usize), ScanError> {
    check_utf8(data)?;
    let start = blanks(data, 0);
    let end = value(data, start, depth_max)?;
    let rest = blanks(data, end);
    if rest < data.len() {
        return fail(rest, ScanErrorKind::Trailing);
    }
    Ok((start, end))
}

/// Checks that `data` is UTF-8.
///
/// # Errors
/// Where it stops being UTF-8.
pub fn check_utf8(data: &[u8]) -> Result<(), ScanError> {
    match std::str::from_utf8(data) {
        Ok(_) => Ok(()),
        Err(error) => fail(error.valid_up_to(), ScanErrorKind::NotUtf8),
    }
}

/// Skips blanks from `at`; returns the first offset that is none.
#[inline]
#[must_use]
pub fn blanks(data: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = data.get(at) {
        at += 1;
    }
    at
}

/// Checks the JSON value that begins at `at` (no blanks before it) and returns where it ends.
///
/// # Errors
/// See [`ScanErrorKind`]; `depth_max` is capped at [`DEPTH_MAX`].
pub fn value(data: &[u8], mut at: usize, depth_max: u32) -> Scan {
    let depth_max = depth_max.min(DEPTH_MAX);
    // One bit per open container: 1 is an object, 0 an array.
    let mut open: u128 = 0;
    let mut depth = 0;
    loop {
        let mut closed_empty = false;
        match data.get(at) {
            Some(b'"') => at = string(data, at)?,
            Some(&opener @ (b'{' | b'[')) => {
                if depth == depth_max {
                    return fail(at, ScanErrorKind::TooDeep);
                }
                depth += 1;
                let object = opener == b'{';
                open = open << 1 | u128::from(object);
                at = blanks(data, at + 1);
                closed_empty = data.get(at) == Some(if object { &b'}' } else { &b']' });
                if !closed_empty {
                    if object {
                        at = key(data, at)?;
                    }
                    continue;
                }
            }
            Some(b'-' | b'0'..=b'9') => at = number(data, at)?,
            Some(b't') => at = literal(data, at, b"true")?,
            Some(b'f') => at = literal(data, at, b"false")?,
            Some(b'n') => at = literal(data, at, b"null")?,
            Some(_) => return fail(at, ScanErrorKind::Unexpected),
            None => return fail(at, ScanErrorKind::Truncated),
        }
        // A value has ended: close containers until one goes on.
        loop {
            if depth == 0 {
                return Ok(at);
            }
            if !closed_empty {
                at = blanks(data, at);
            }
            closed_empty = false;
            let object = open & 1 == 1;
            match data.get(at) {
                Some(b',') => {
                    at = blanks(data, at + 1);
                    if object {
                        at = key(data, at)?;
                    }
                    break;
                }
                Some(b'}') if object => {}
                Some(b']') if !object => {}
                Some(_) => return fail(at, ScanErrorKind::Unexpected),
                None => return fail(at, ScanErrorKind::Truncated),
            }
            depth -= 1;
            open >>= 1;
            at += 1;
        }
    }
}

/// Reads `"key" :` and returns where its value begins.
fn key(data: &[u8], at: usize) -> Scan {
    let end = key_string(data, at)?;
    after_colon(data, end)
}

/// Checks that a string begins at `at` and returns where it ends.
pub(crate) fn key_string(data: &[u8], at: usize) -> Scan {
    match data.get(at) {
        Some(b'"') => string(data, at),
        Some(_) => fail(at, ScanErrorKind::Unexpected),
        None => fail(at, ScanErrorKind::Truncated),
    }
}

/// Skips `:` and the blanks around it.
pub(crate) fn after_colon(data: &[u8], at: usize) -> Scan {
    let at = blanks(data, at);
    match data.get(at) {
        Some(b':') => Ok(blanks(data, at + 1)),
        Some(_) => fail(at, ScanErrorKind::Unexpected),
        None => fail(at, ScanErrorKind::Truncated),
    }
}

/// Bytes looked at one by one before the vector search pays for its start.
const NEAR: usize = 24;

/// Checks the string that begins at `at` and returns the offset after its closing quote.
fn string(data: &[u8], at: usize) -> Scan {
    let mut at = at + 1;
    'escapes: loop {
        let far = at + NEAR;
        while at < far {
            match data.get(at) {
                Some(b'"') => return Ok(at + 1),
                Some(b'\\') => {
                    at = escape(data, at + 1)?;
                    continue 'escapes;
                }
                Some(0..0x20) => return fail(at, ScanErrorKind::BadString),
                Some(_) => at += 1,
                None => return fail(at, ScanErrorKind::Truncated),
            }
        }
        let rest = data.get(at..).unwrap_or_default();
        let plain = memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
        // The minimum of bytes is one vector instruction per block.
        if rest[..plain].iter().fold(u8::MAX, |least, &byte| least.min(byte)) < 0x20 {
            let control = rest.iter().position(|&byte| byte < 0x20).unwrap_or_default();
            return fail(at + control, ScanErrorKind::BadString);
        }
        at += plain;
    }
}

/// Checks the escape whose letter is at `at`.
fn escape(data: &[u8], at: usize) -> Scan {
    match data.get(at) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 1),
        Some(b'u') => match data.get(at + 1..at + 5) {
            Some(hex) if hex.iter().all(u8::is_ascii_hexdigit) => Ok(at + 5),
            Some(_) => fail(at, ScanErrorKind::BadString),
            None => fail(data.len(), ScanErrorKind::Truncated),
        },
        Some(_) => fail(at, ScanErrorKind::BadString),
        None => fail(at, ScanErrorKind::Truncated),
    }
}

fn literal(data: &[u8], at: usize, word: &[u8]) -> Scan {
    match data.get(at..at + word.len()) {
        Some(found) if found == word => Ok(at + word.len()),
        Some(_) => fail(at, ScanErrorKind::Unexpected),
        None => fail(data.len(), ScanErrorKind::Truncated),
    }
}

/// RFC 8259 section 6.
fn number(data: &[u8], mut at: usize) -> Scan {
    if data.get(at) == Some(&b'-') {
        at += 1;
    }
    at = match data.get(at) {
        Some(b'0') => at + 1,
        Some(b'1'..=b'9') => digits(data, at)?,
        Some(_) => return fail(at, ScanErrorKind::Unexpected),
        None => return fail(at, ScanErrorKind::Truncated),
    };
    if data.get(at) == Some(&b'.') {
        at = digits(data, at + 1)?;
    }
    if let Some(b'e' | b'E') = data.get(at) {
        at += 1;
        if let Some(b'+' | b'-') = data.get(at) {
            at += 1;
        }
        at = digits(data, at)?;
    }
    Ok(at)
}

fn digits(data: &[u8], mut at: usize) -> Scan {
    let start = at;
    while let Some(b'0'..=b'9') = data.get(at) {
        at += 1;
    }
    match (at > start, data.get(at)) {
        (true, _) => Ok(at),
        (false, Some(_)) => fail(at, ScanErrorKind::Unexpected),
        (false, None) => fail(at, ScanErrorKind::Truncated),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ours(text: &[u8]) -> bool {
        document(text, DEPTH_MAX).is_ok()
    }

    fn theirs(text: &[u8]) -> bool {
        serde_json::from_slice::<&serde_json::value::RawValue>(text).is_ok()
    }

    #[test]
    fn agrees_with_serde_json_on_hand_picked_texts() {
        let texts = [
            "{}",
            "[]",
            "[[],{}]",
            "{\"a\":[1,2,{\"b\":null}]}",
            " {\"a\" : 1 , \"b\":[ ] } ",
            "-0",
            "01",
            "1.",
            "1e5",
            "1e",
            "-",
            "\"\\u00e9\"",
            "\"\\u00g9\"",
            "\"\\x\"",
            "\"\n\"",
            "[1,]",
            "{\"a\":1,}",
            "{,}",
            "[,]",
            "{\"a\"}",
            "{1:2}",
            "tru",
            "true ",
            "nul",
            "",
            " ",
            "[",
            "{",
            "\"",
            "\"\\",
            "[1 2]",
            "{\"a\" 1}",
            "]",
            "}",
            "[}",
            "{]",
            "\u{feff}{}",
            "1 2",
            "[\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\\n\"]",
        ];
        for text in texts {
            assert_eq!(ours(text.as_bytes()), theirs(text.as_bytes()), "{text:?}");
        }
    }

    #[test]
    fn depth_is_limited_exactly() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(document(nested(5).as_bytes(), 5).is_ok());
        let error = document(nested(6).as_bytes(), 5).unwrap_err();
        assert_eq!(error.kind, ScanErrorKind::TooDeep);
        assert!(document(nested(127).as_bytes(), 1000).is_ok());
        assert!(document(nested(128).as_bytes(), 1000).is_err());
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json(text in r#"[\[\]{}:,"\\ a0-9eE.+\-tfnu\n]{0,24}"#) {
            prop_assert_eq!(ours(text.as_bytes()), theirs(text.as_bytes()));
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..96)) {
            let _ = document(&bytes, DEPTH_MAX);
        }
    }
}
