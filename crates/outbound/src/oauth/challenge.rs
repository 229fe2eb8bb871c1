//! What a server says when it refuses a request: the `WWW-Authenticate` header (RFC 9110
//! section 11.6.1, RFC 6750, RFC 9728). Pure reading; tolerant, since a server only answers.

use http::{HeaderMap, StatusCode, header};
use std::collections::BTreeSet;

/// The most characters of the header that are read.
const HEADER_BYTES_MAX: usize = 8 * 1024;

/// A refusal that asks for a token, or for another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Challenge {
    /// Whether there is a token and it does not permit enough (403).
    pub insufficient: bool,
    /// Scopes that the operation needs.
    pub scopes: BTreeSet<String>,
    /// Where the metadata of the protected resource is.
    pub resource_metadata: Option<String>,
}

impl Challenge {
    /// The challenge in an answer; `None` when it is none. A 401 is always one; a 403 only when
    /// it says that the scope is what is missing.
    #[must_use]
    pub fn read(status: StatusCode, headers: &HeaderMap) -> Option<Self> {
        let bearer = bearer(headers);
        let value = |name: &str| bearer.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let insufficient = match status {
            StatusCode::UNAUTHORIZED => false,
            StatusCode::FORBIDDEN if value("error") == Some("insufficient_scope") => true,
            _ => return None,
        };
        Some(Self {
            insufficient,
            scopes: scopes(value("scope").unwrap_or_default()),
            resource_metadata: value("resource_metadata").map(str::to_owned),
        })
    }
}

/// The words of a scope.
fn scopes(text: &str) -> BTreeSet<String> {
    kept(text.split_ascii_whitespace().map(str::to_owned))
}

/// The most scopes that a server can name, and the most characters of one.
const SCOPES_MAX: usize = 200;
const SCOPE_BYTES_MAX: usize = 200;

/// Those that are words as RFC 6749 has them: they are shown to a person and sent on.
pub(super) fn kept(scopes: impl Iterator<Item = String>) -> BTreeSet<String> {
    let legal = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    let word = |scope: &String| (1..=SCOPE_BYTES_MAX).contains(&scope.len()) && scope.bytes().all(legal);
    scopes.filter(word).take(SCOPES_MAX).collect()
}

/// The words of a scope, as they are sent.
pub(super) fn joined(scopes: &BTreeSet<String>) -> String {
    scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// The parameters of the first `Bearer` challenge, names in lower case.
fn bearer(headers: &HeaderMap) -> Vec<(String, String)> {
    let values = headers.get_all(header::WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    for value in values.filter(|value| value.len() <= HEADER_BYTES_MAX) {
        for (scheme, parameters) in challenges(value) {
            if scheme.eq_ignore_ascii_case("bearer") {
                return parameters;
            }
        }
    }
    Vec::new()
}

type Parameters = Vec<(String, String)>;

/// The challenges of one header value: a scheme begins where a word is not followed by `=`.
fn challenges(value: &str) -> Vec<(String, Parameters)> {
    let mut found: Vec<(String, Parameters)> = Vec::new();
    let mut rest = value;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find(|character: char| !is_token(character)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.is_empty() {
            return found;
        }
        let after_space = after.trim_start_matches([' ', '\t']);
        match after_space.strip_prefix('=') {
            Some(text) if !text.starts_with('=') => {
                let (text, after) = parameter(text.trim_start_matches([' ', '\t']));
                if let Some((_, parameters)) = found.last_mut() {
                    parameters.push((word.to_ascii_lowercase(), text));
                }
                rest = after;
            }
            // Padding of a token68, which we have no use for.
            Some(text) => rest = text.trim_start_matches('='),
            None => {
                found.push((word.to_owned(), Vec::new()));
                rest = after;
            }
        }
    }
}

/// A token or a quoted string at the start of `text`, and what follows.
fn parameter(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            _ => value.push(character),
        }
    }
    (value, "")
}

fn is_token(character: char) -> bool {
    character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~/".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, values: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::WWW_AUTHENTICATE, value.parse().unwrap());
        }
        Challenge::read(StatusCode::from_u16(status).unwrap(), &headers)
    }

    #[test]
    fn challenges_are_read_as_servers_write_them() {
        let metadata = |url: &str| Challenge { resource_metadata: Some(url.to_owned()), ..Challenge::default() };
        assert_eq!(read(401, &[]), Some(Challenge::default()));
        assert_eq!(read(401, &[r#"Bearer resource_metadata="https://h/a""#]), Some(metadata("https://h/a")));
        assert_eq!(read(401, &["bearer resource_metadata=https://h/a, x=y"]), Some(metadata("https://h/a")));
        let both = [r#"Basic realm="a, Bearer scope=x", Bearer realm="r", resource_metadata="https://h/\"q""#];
        assert_eq!(read(401, &both), Some(metadata("https://h/\"q")));
        let two = ["Negotiate abc==", r#"Bearer error="invalid_token" , scope = "b a""#];
        let challenge = read(401, &two).unwrap();
        assert_eq!(joined(&challenge.scopes), "a b");
    }

    #[test]
    fn a_403_is_a_challenge_only_for_scopes() {
        assert_eq!(read(403, &[]), None);
        assert_eq!(read(403, &[r#"Bearer error="invalid_token""#]), None);
        let challenge = read(403, &[r#"Bearer error="insufficient_scope", scope="w""#]).unwrap();
        assert!(challenge.insufficient && challenge.scopes.contains("w"));
        assert_eq!(read(200, &["Bearer"]), None);
    }

    #[test]
    fn what_is_no_scope_is_dropped() {
        let named = ["a:b/c.d", "", "two words", "\u{1b}[2J", "\"", "\\", "ü"].map(str::to_owned);
        assert_eq!(joined(&kept(named.into_iter())), "a:b/c.d");
        assert_eq!(kept((0..999).map(|number| number.to_string())).len(), SCOPES_MAX);
        assert!(kept([String::from_utf8(vec![b'x'; 201]).unwrap()].into_iter()).is_empty());
    }

    #[test]
    fn broken_headers_end_and_do_no_harm() {
        for value in ["Bearer scope=\"", "Bearer =", "=", "Bearer scope", "\"", "Bearer a=\"\\", ",,,", "Bearer ==\"x"]
        {
            assert!(read(401, &[value]).is_some(), "{value}");
        }
    }
}
