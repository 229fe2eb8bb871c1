//! Splits a command line into words as a shell does, and does nothing else that a shell does: no
//! variable, no pattern, no pipe. What a shell would treat as more than a word stays a word.

/// The words of `text`; `None` when a quote is not closed or a backslash ends it.
pub fn split_words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        match character {
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match rest.next()? {
                        '\'' => break,
                        inner => word.push(inner),
                    }
                }
            }
            '"' => quoted(&mut rest, word.get_or_insert_default())?,
            '\\' => word.get_or_insert_default().push(rest.next()?),
            space if space.is_whitespace() => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Some(words)
}

/// Up to the closing double quote, in which a backslash only protects what is special there.
fn quoted(rest: &mut std::str::Chars<'_>, word: &mut String) -> Option<()> {
    loop {
        match rest.next()? {
            '"' => return Some(()),
            '\\' => {
                let next = rest.next()?;
                if !matches!(next, '"' | '\\' | '$' | '`') {
                    word.push('\\');
                }
                word.push(next);
            }
            inner => word.push(inner),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::split_words;

    #[test]
    fn words_are_split_as_a_shell_splits_them() {
        let cases: [(&str, &[&str]); 6] = [
            ("npm ci", &["npm", "ci"]),
            ("  sh -c 'a b' \"c \\\" d\" ", &["sh", "-c", "a b", "c \" d"]),
            ("a\\ b '' \"\"", &["a b", "", ""]),
            ("--x='1 2'3", &["--x=1 23"]),
            ("a && rm -rf $HOME | b; `c`", &["a", "&&", "rm", "-rf", "$HOME", "|", "b;", "`c`"]),
            ("\"C:\\dir\"", &["C:\\dir"]),
        ];
        for (text, words) in cases {
            assert_eq!(split_words(text).unwrap(), words, "{text}");
        }
        for broken in ["'a", "\"a", "a\\"] {
            assert_eq!(split_words(broken), None, "{broken}");
        }
        assert_eq!(split_words(" ").unwrap(), [] as [String; 0]);
    }
}
