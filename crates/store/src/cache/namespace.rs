//! Whose keys they are: a prefix that no other namespace's keys can begin with, and that no pattern
//! can reach out of.

use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::sync::Arc;

/// What every key of ours in Redis begins with.
const ROOT: &str = "switchboard";
/// A longer name (encoded, in bytes) is replaced by its digest.
const NAME_BYTES_MAX: usize = 200;

/// The keys of one owner in one area.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Namespace(Arc<str>);

// === impl Namespace ===

impl Namespace {
    /// The keys of `name` in `area`, such as a principal's in `cache`.
    #[must_use]
    pub fn new(area: &str, name: &str) -> Self {
        Self(format!("{ROOT}:{}:{}:", encoded(area), encoded(name)).into())
    }

    /// The keys that the server `cache` keeps for a person.
    #[must_use]
    pub fn of(person: &str) -> Self {
        Self::new("cache", person)
    }

    /// The keys of the server `cache` where all callers share them.
    #[must_use]
    pub fn shared() -> Self {
        Self::new("cache-shared", "all")
    }

    /// What its keys begin with in Redis. It has no character that a pattern would read.
    pub(super) fn prefix(&self) -> &str {
        &self.0
    }
}

/// Text as a part of a key that ends before the next `:` and means nothing to a pattern: letters,
/// digits, `.`, `_` and `-` stay, everything else is `%` and its byte. A long one becomes its digest.
#[must_use]
pub fn encoded(part: &str) -> String {
    let mut text = String::with_capacity(part.len());
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-') {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    if text.len() > NAME_BYTES_MAX {
        text = format!("~{:x}", Sha256::digest(part));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_owner_can_name_itself_into_the_keys_of_another() {
        assert_eq!(Namespace::new("cache", "anna").prefix(), "switchboard:cache:anna:");
        assert_eq!(Namespace::new("cache", "a:b*[?]").prefix(), "switchboard:cache:a%3Ab%2A%5B%3F%5D:");
        assert_ne!(Namespace::new("cache", "a"), Namespace::new("cache", "a:"));
        assert_ne!(encoded("%3A"), encoded(":"));
        let long = encoded(&"é".repeat(100));
        assert!(long.len() < NAME_BYTES_MAX && long.starts_with('~') && long != encoded(&"é".repeat(101)), "{long}");
    }
}
