//! Patterns of keys, read exactly as Redis reads them (`stringmatchlen` in its `util.c`): by bytes,
//! with `*`, `?`, `[abc]`, `[^a-z]` and `\` for the next byte as it is. An open `[` ends with the pattern.

/// Whether the whole of `text` fits `pattern`. Takes at most their lengths' product in steps.
pub(super) fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    // Where the last `*` is taken up again, one byte later each time.
    let mut again: Option<(&[u8], &[u8])> = None;
    loop {
        if let [b'*', rest @ ..] = pattern {
            again = Some((rest, text));
            pattern = rest;
            continue;
        }
        let step = match text {
            [] if pattern.is_empty() => return true,
            [] => return false,
            [byte, rest @ ..] => one(pattern, *byte).map(|pattern| (pattern, rest)),
        };
        let next = step.or_else(|| {
            let (after, from) = again?;
            let later = from.get(1..)?;
            again = Some((after, later));
            Some((after, later))
        });
        let Some((pattern_next, text_next)) = next else { return false };
        (pattern, text) = (pattern_next, text_next);
    }
}

/// Matches the first thing in `pattern`, which is no `*`, with one byte; gives the rest of the pattern.
fn one(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    match pattern {
        [] => None,
        [b'?', rest @ ..] => Some(rest),
        [b'[', class @ ..] => {
            let (matched, rest) = of_class(class, byte);
            matched.then_some(rest)
        }
        [b'\\', literal, rest @ ..] | [literal, rest @ ..] => (*literal == byte).then_some(rest),
    }
}

/// Whether `byte` is in the class that begins here, and what follows the class.
fn of_class(class: &[u8], byte: u8) -> (bool, &[u8]) {
    let (negated, mut class) = match class {
        [b'^', rest @ ..] => (true, rest),
        _ => (false, class),
    };
    let mut found = false;
    loop {
        class = match class {
            [b'\\', literal, rest @ ..] => {
                found |= *literal == byte;
                rest
            }
            [b']', rest @ ..] => return (found != negated, rest),
            [] => return (found != negated, class),
            [from, b'-', to, rest @ ..] => {
                found |= (*from.min(to)..=*from.max(to)).contains(&byte);
                rest
            }
            [literal, rest @ ..] => {
                found |= *literal == byte;
                rest
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, text: &str) -> bool {
        fits(pattern.as_bytes(), text.as_bytes())
    }

    #[test]
    fn patterns_are_read_as_redis_reads_them() {
        for (pattern, text) in [
            ("*", "x"),
            ("user:*", "user:1"),
            ("**a**", "xxaxx"),
            ("a?c", "abc"),
            ("[abc]x", "bx"),
            ("[^abc]", "d"),
            ("[a-c]", "b"),
            ("[c-a]", "b"),
            ("[a\\]]", "]"),
            ("\\*", "*"),
            ("\\", "\\"),
            ("[ab", "b"),
            ("[^", "b"),
            ("*[0-9]", "key-7"),
            ("a*b*c", "aXbXbXc"),
        ] {
            assert!(check(pattern, text), "{pattern} fits {text}");
        }
        for (pattern, text) in
            [("", "x"), ("a", "ab"), ("ab", "a"), ("?", "ab"), ("\\*", "x"), ("[]x", "x"), ("[", "["), ("a*b", "axc")]
        {
            assert!(!check(pattern, text), "{pattern} does not fit {text}");
        }
    }

    #[test]
    fn a_hostile_pattern_takes_no_longer_than_it_is_long() {
        assert!(!check(&format!("{}b", "*a".repeat(400)), &"a".repeat(1000)));
    }
}
