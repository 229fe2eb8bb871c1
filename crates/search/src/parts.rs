//! Splitting a text of several steps: a search for each step finds what a search for all of them
//! together drowns.
//!
//! It is plain punctuation and a list of words, no grammar: a text that is split wrongly still is
//! searched as a whole.

/// The most steps of a text; the rest belongs to the last one.
pub(crate) const PARTS_MAX: usize = 6;

/// A step has at least this many words, else it belongs to what stands before it.
const WORDS_MIN: usize = 2;

/// What stands between steps, in lower case, between blanks.
const BETWEEN: &[&str] = &[" and then ", " then ", " after that ", " afterwards ", " and also ", " as well as "];

/// Verbs that begin a step after "and": without one, "and" joins things.
const VERBS: &[&str] = &[
    "add",
    "append",
    "archive",
    "ask",
    "assign",
    "attach",
    "book",
    "build",
    "calculate",
    "call",
    "cancel",
    "change",
    "check",
    "clone",
    "close",
    "comment",
    "commit",
    "compare",
    "convert",
    "copy",
    "count",
    "create",
    "delete",
    "deploy",
    "describe",
    "disable",
    "download",
    "draft",
    "edit",
    "email",
    "enable",
    "export",
    "extract",
    "fetch",
    "find",
    "fix",
    "forward",
    "generate",
    "get",
    "give",
    "import",
    "insert",
    "install",
    "invite",
    "list",
    "load",
    "log",
    "look",
    "mail",
    "make",
    "mark",
    "measure",
    "merge",
    "message",
    "move",
    "notify",
    "open",
    "order",
    "play",
    "plot",
    "post",
    "print",
    "provide",
    "publish",
    "push",
    "put",
    "query",
    "read",
    "record",
    "remind",
    "remove",
    "rename",
    "reply",
    "report",
    "restart",
    "retrieve",
    "review",
    "run",
    "save",
    "schedule",
    "search",
    "send",
    "set",
    "share",
    "show",
    "start",
    "stop",
    "store",
    "submit",
    "suggest",
    "summarise",
    "summarize",
    "take",
    "tell",
    "test",
    "transfer",
    "translate",
    "trigger",
    "turn",
    "update",
    "upload",
    "verify",
    "write",
];

/// The steps of `text`, in order; empty when it is one step.
pub(crate) fn split(text: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = Vec::new();
    for sentence in sentences(text) {
        for step in steps(sentence) {
            let step = step.trim_matches(|c: char| c.is_whitespace() || matches!(c, ',' | '.' | '-' | '*' | ':'));
            if step.split_whitespace().take(WORDS_MIN).count() < WORDS_MIN {
                continue;
            }
            if parts.len() == PARTS_MAX {
                return parts;
            }
            parts.push(step);
        }
    }
    if parts.len() < 2 { Vec::new() } else { parts }
}

/// Sentences, lines and what stands between semicolons.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let bytes = rest.as_bytes();
        let ends = |at: &usize| match bytes[*at] {
            b'\n' | b';' => true,
            b'.' | b'!' | b'?' => bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace),
            _ => false,
        };
        let end = (0..bytes.len()).find(ends).map_or(rest.len(), |at| at + 1);
        let (sentence, after) = rest.split_at(end);
        rest = after;
        Some(sentence.trim_end_matches([';', '\n', '.', '!', '?']))
    })
}

/// The steps of a sentence.
fn steps(sentence: &str) -> Vec<&str> {
    let lower = sentence.to_ascii_lowercase();
    let mut cuts: Vec<(usize, usize)> = Vec::new();
    for between in BETWEEN {
        cuts.extend(lower.match_indices(between).map(|(at, found)| (at, at + found.len())));
    }
    for joint in [" and ", ", ", ", and "] {
        for (at, found) in lower.match_indices(joint) {
            let after = at + found.len();
            let next = lower[after..].split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
            if VERBS.binary_search(&next).is_ok() {
                cuts.push((at, after));
            }
        }
    }
    cuts.sort_unstable();
    let mut steps = Vec::new();
    let mut start = 0;
    for (at, after) in cuts {
        if at >= start {
            steps.push(&sentence[start..at]);
            start = after;
        } else {
            start = start.max(after);
        }
    }
    steps.push(&sentence[start..]);
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn steps_are_told_apart_by_punctuation_and_words() {
        assert_eq!(split("Find the file, then send it to Bob"), ["Find the file", "send it to Bob"]);
        assert_eq!(
            split("I want to work with GitHub repositories and save notes"),
            ["I want to work with GitHub repositories", "save notes"]
        );
        assert_eq!(split("- open the page\n- take a screenshot\n"), ["open the page", "take a screenshot"]);
        assert_eq!(split("Book a flight to Rome; cancel the hotel."), ["Book a flight to Rome", "cancel the hotel"]);
    }

    #[test]
    fn one_step_is_left_whole() {
        for text in ["", "salt and pepper", "read src/main.rs v1.2.3", "list issues and pull requests", "and then", "."]
        {
            assert_eq!(split(text), Vec::<&str>::new(), "{text}");
        }
    }

    #[test]
    fn the_verbs_are_in_order() {
        assert!(VERBS.is_sorted());
    }

    proptest! {
        #[test]
        fn parts_are_pieces_of_the_text_and_few(text in "[a-zA-Zé,;.! \n]{0,200}") {
            let parts = split(&text);
            prop_assert!(parts.len() <= PARTS_MAX && parts.len() != 1);
            prop_assert!(parts.iter().all(|part| text.contains(part)));
        }
    }
}
