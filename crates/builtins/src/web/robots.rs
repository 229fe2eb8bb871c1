//! `robots.txt` as RFC 9309 has it: what a site asks machines to leave alone.
//!
//! A value made of bytes that answers for a path. It deliberately fetches nothing and knows no
//! crawl delays, which the RFC does not have.

use url::Url;

/// How much of a file counts, in bytes (RFC 9309, section 2.5).
pub(super) const FILE_BYTES_MAX: usize = 500 * 1024;
/// The most rules of a file that count.
const RULES_MAX: usize = 5000;
/// The longest pattern that counts, in bytes.
const PATTERN_BYTES_MAX: usize = 1024;
/// Our name in these files.
pub(super) const PRODUCT: &str = "switchboard";

/// What a site asks of us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Robots {
    /// It says nothing, or has no such file (section 2.3.1.3).
    Silent,
    /// Its file cannot be had: nothing may be fetched (section 2.3.1.4).
    Unreachable {
        /// Why.
        reason: String,
    },
    /// It has rules.
    Rules(Vec<Rule>),
}

/// One line of `Allow` or `Disallow`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    allow: bool,
    pattern: String,
}

impl Robots {
    /// Reads a file.
    pub(super) fn parse(file: &[u8]) -> Self {
        // A line that is cut off would say something else.
        let whole = match file.get(..FILE_BYTES_MAX) {
            Some(start) => &start[..start.iter().rposition(|byte| *byte == b'\n').unwrap_or(0)],
            None => file,
        };
        let file = String::from_utf8_lossy(whole);
        let (mut ours, mut anyones) = (Vec::new(), Vec::new());
        let (mut for_us, mut for_all, mut named_us) = (false, false, false);
        // Several names may stand before the rules of one group (section 2.2.1).
        let mut naming = false;
        for line in file.trim_start_matches('\u{feff}').split(['\n', '\r']) {
            let line = line.split('#').next().unwrap_or_default();
            let Some((key, value)) = line.split_once(':') else { continue };
            let (key, value) = (key.trim().to_ascii_lowercase(), value.trim());
            match key.as_str() {
                "user-agent" => {
                    if !naming {
                        (for_us, for_all, naming) = (false, false, true);
                    }
                    let token = value.split(|c: char| !(c.is_ascii_alphabetic() || matches!(c, '-' | '_')));
                    let us = token.into_iter().next().is_some_and(|name| name.eq_ignore_ascii_case(PRODUCT));
                    for_us |= us;
                    named_us |= us;
                    for_all |= value == "*";
                }
                "allow" | "disallow" => {
                    naming = false;
                    let rule = Rule { allow: key == "allow", pattern: normal(value, true) };
                    if value.is_empty() || rule.pattern.len() > PATTERN_BYTES_MAX {
                        continue;
                    }
                    if for_us && ours.len() < RULES_MAX {
                        ours.push(rule.clone());
                    }
                    if for_all && anyones.len() < RULES_MAX {
                        anyones.push(rule);
                    }
                }
                _ => {}
            }
        }
        let rules = if named_us { ours } else { anyones };
        if rules.is_empty() { Self::Silent } else { Self::Rules(rules) }
    }

    /// Whether `url` may be fetched: the longest rule that fits decides, and `Allow` where two are as
    /// long (section 2.2.2).
    pub(super) fn permits(&self, url: &Url) -> bool {
        let rules = match self {
            Self::Silent => return true,
            Self::Unreachable { .. } => return false,
            Self::Rules(rules) => rules,
        };
        if url.path() == "/robots.txt" {
            return true;
        }
        let path = match url.query() {
            Some(query) => normal(&format!("{}?{query}", url.path()), false),
            None => normal(url.path(), false),
        };
        let fitting = rules.iter().filter(|rule| fits(&rule.pattern, &path));
        fitting.max_by_key(|rule| (rule.pattern.len(), rule.allow)).is_none_or(|rule| rule.allow)
    }
}

/// Percent-encoding as both sides are compared: what needs none has none, what needs it has it.
fn normal(text: &str, pattern: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut index = 0;
    while index < bytes.len() {
        let byte = bytes[index];
        let encoded = (byte == b'%').then(|| bytes.get(index + 1..index + 3)).flatten();
        let encoded =
            encoded.and_then(|hex| std::str::from_utf8(hex).ok()).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        match encoded {
            Some(byte) if plain(byte) => out.push(char::from(byte)),
            Some(byte) => out.push_str(&format!("%{byte:02X}")),
            None if byte.is_ascii_graphic() && (pattern || !matches!(byte, b'*' | b'$')) => out.push(char::from(byte)),
            None => out.push_str(&format!("%{byte:02X}")),
        }
        index += if encoded.is_some() { 3 } else { 1 };
    }
    out
}

/// Whether a pattern with `*` and a last `$` fits the start of a path. Pieces are looked for from left to
/// right, so that no pattern costs more than its length and the path's.
fn fits(pattern: &str, path: &str) -> bool {
    let (pattern, whole) = pattern.strip_suffix('$').map_or((pattern, false), |pattern| (pattern, true));
    // A `$` elsewhere is a character, which the path has encoded.
    let pattern = pattern.replace('$', "%24");
    let mut pieces = pattern.split('*');
    let Some(mut rest) = path.strip_prefix(pieces.next().unwrap_or_default()) else { return false };
    let mut last = None;
    for piece in pieces {
        if let Some(before) = last.replace(piece) {
            match rest.find(before) {
                Some(at) => rest = &rest[at + before.len()..],
                None => return false,
            }
        }
    }
    match (last, whole) {
        (None, false) => true,
        (None, true) => rest.is_empty(),
        (Some(last), true) => rest.ends_with(last),
        (Some(last), false) => rest.contains(last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(file: &str, path: &str) -> bool {
        Robots::parse(file.as_bytes()).permits(&Url::parse(&format!("https://a.example{path}")).unwrap())
    }

    #[test]
    fn the_longest_rule_decides() {
        let file = "User-agent: *\nDisallow: /a\nAllow: /a/b\nDisallow: /a/b/c.html$\nDisallow: /*.gif$\nAllow: /same\nDisallow: /same\n";
        for (path, expected) in [
            ("/", true),
            ("/a", false),
            ("/abc", false),
            ("/a/b", true),
            ("/a/b/c.html", false),
            ("/a/b/c.html?x", true),
            ("/x/y.gif", false),
            ("/x/y.gif?z", true),
            ("/same", true),
            ("/robots.txt", true),
        ] {
            assert_eq!(permits(file, path), expected, "{path}");
        }
    }

    #[test]
    fn our_group_is_ours_alone() {
        let file = "user-agent: other\ndisallow: /\n\nUSER-AGENT: Switchboard/9\nUser-agent: friend\nDisallow: /us # no\n\nUser-Agent: *\nDisallow: /all\nUser-agent: switchboard\nDisallow: /too";
        assert!(!permits(file, "/us") && !permits(file, "/too") && permits(file, "/all") && permits(file, "/"));
        assert!(permits("User-agent: switchboard\nDisallow:\nUser-agent: *\nDisallow: /", "/x"));
        assert!(!permits("User-agent: switchboards\nAllow: /\nUser-agent: *\nDisallow: /", "/x"));
    }

    #[test]
    fn paths_are_compared_in_one_encoding() {
        let file = "User-agent: *\nDisallow: /foo/bar/ツ\nDisallow: /p/%61%7e\nDisallow: /q?*id=\nDisallow: /star%2A\nDisallow: /x/*/y/*/z";
        for path in ["/foo/bar/%E3%83%84", "/foo/bar/ツ", "/p/a~", "/p/%61~", "/q?a=1&id=2", "/star*", "/x/1/y/2/3/z"]
        {
            assert!(!permits(file, path), "{path}");
        }
        assert!(permits(file, "/q?a=1") && permits(file, "/x/y/z"));
    }

    #[test]
    fn what_is_no_such_file_says_nothing() {
        for file in ["", "<html>not found</html>", "Disallow: /", "User-agent: *\n", "\u{feff}User-agent: *\nDisallow:"]
        {
            assert!(permits(file, "/x"), "{file}");
        }
        assert!(!permits("\u{feff}User-agent: *\r\nDisallow: /x\r\n", "/x"));
        let unreachable = Robots::Unreachable { reason: String::new() };
        assert!(!unreachable.permits(&Url::parse("https://a.example/").unwrap()));
    }

    #[test]
    fn a_hostile_file_costs_little() {
        let rule = format!("Disallow: /{}\n", "*a".repeat(400));
        let file = format!("User-agent: *\n{}", rule.repeat(2000));
        assert!(permits(&file, &format!("/{}b", "a".repeat(300))));
    }
}
