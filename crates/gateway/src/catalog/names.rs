//! Public names: from a server's name and a tool's own name, alone and for ever.
//!
//! The name of a tool never depends on which other servers there are (DESIGN.md sections 7 and
//! 14), so adding a server can hide nothing and rename nothing.

use config::Prefix;
use protocol::Text;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// Hex digits of the hash that ends a name which had to be changed.
const HASH_DIGITS: usize = 8;

/// The public name of `own`, offered by the server whose reduced name is `reduced`.
///
/// `server__tool`; the tool's own name where it begins with `server_` (no stutter) or where the
/// server asks for no prefix. A name longer than `length_max` characters, or with characters that
/// AI clients refuse, is cut and ends with a hash of what it was.
#[must_use]
pub fn public_name(reduced: &str, own: &str, prefix: Prefix, length_max: usize) -> Text {
    let stutters = own
        .strip_prefix(reduced)
        .and_then(|rest| rest.strip_prefix('_'))
        .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('_'));
    let whole = match prefix {
        Prefix::Never => return own.into(),
        Prefix::Always if stutters => own.to_owned(),
        Prefix::Always => format!("{reduced}__{own}"),
    };
    let allowed = |character: char| character.is_ascii_alphanumeric() || character == '_' || character == '-';
    if whole.chars().all(allowed) && whole.len() <= length_max {
        return whole.into();
    }
    let digest = Sha256::digest(format!("{reduced}\0{own}"));
    let mut name: String = whole.chars().map(|c| if allowed(c) { c } else { '_' }).collect();
    name.truncate(length_max.saturating_sub(HASH_DIGITS + 1));
    name.push('_');
    for byte in &digest[..HASH_DIGITS / 2] {
        let _ = write!(name, "{byte:02x}");
    }
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn named(reduced: &str, own: &str) -> String {
        public_name(reduced, own, Prefix::Always, 46).to_string()
    }

    #[test]
    fn joins_without_stutter() {
        assert_eq!(named("github", "create_issue"), "github__create_issue");
        assert_eq!(named("git", "git_status"), "git_status");
        assert_eq!(named("git", "git__status"), "git__git__status");
        assert_eq!(named("git", "git_"), "git__git_");
        assert_eq!(named("fetch", "fetch"), "fetch__fetch");
        assert_eq!(public_name("x", "a.b/c", Prefix::Never, 46), "a.b/c");
    }

    #[test]
    fn long_and_odd_names_end_with_a_stable_hash() {
        let long = named("server", &"tool".repeat(20));
        assert_eq!(long.len(), 46);
        assert_eq!(long, "server__tooltooltooltooltooltooltoolt_b70010bb");
        assert_ne!(named("s", "a.b"), named("s", "a/b"));
    }

    proptest! {
        #[test]
        fn always_fits_what_clients_accept(reduced in "[a-z0-9-]{1,20}", own in "\\PC{1,80}") {
            let name = named(&reduced, &own);
            prop_assert!(name.len() <= 46);
            prop_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'));
        }
    }
}
