//! Percent-encoded forms: queries, request bodies and what comes back on a redirect.

/// `name=value&…`, encoded.
pub(super) fn encode(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// `text` with everything escaped that is not unreserved (RFC 3986).
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// The pairs of a query, decoded, in their order. `None` when it cannot be read or names
/// something twice: two readers could understand it differently.
#[must_use]
pub fn parse_query(query: &str) -> Option<Vec<(String, String)>> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let (name, value) = (unescape(name)?, unescape(value)?);
        if pairs.iter().any(|(known, _)| *known == name) {
            return None;
        }
        pairs.push((name, value));
    }
    Some(pairs)
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let (digits, after) = rest.split_at_checked(2)?;
                let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                bytes.push(digit(digits[0])? * 16 + digit(digits[1])?);
                rest = after;
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}

/// `url` with `query` added to what it has.
pub(super) fn with_query(url: &str, query: &str) -> String {
    let (base, fragment) = url.split_once('#').map_or((url, ""), |(base, fragment)| (base, fragment));
    debug_assert!(fragment.is_empty(), "endpoints have no fragment");
    let sign = if base.contains('?') { '&' } else { '?' };
    format!("{base}{sign}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let pairs = [("a", "x y&=+%ü"), ("resource", "https://h/p?q#f"), ("empty", "")];
        let text = encode(&pairs);
        assert!(text.is_ascii() && !text.contains(' '), "{text}");
        let read = parse_query(&text).unwrap();
        assert_eq!(read, pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_not_read() {
        assert_eq!(parse_query("code=a&code=b"), None);
        for broken in ["a=%", "a=%4", "a=%zz", "a=%+1", "a=%ff"] {
            assert_eq!(parse_query(broken), None, "{broken}");
        }
        assert_eq!(
            parse_query("a+b=c%20d&&e").unwrap(),
            [("a b".to_owned(), "c d".to_owned()), ("e".to_owned(), String::new()),]
        );
    }

    #[test]
    fn a_query_is_added_to_the_one_there() {
        assert_eq!(with_query("https://h/a", "b=c"), "https://h/a?b=c");
        assert_eq!(with_query("https://h/a?t=1", "b=c"), "https://h/a?t=1&b=c");
    }
}
