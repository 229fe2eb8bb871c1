//! A command line split into words by the quoting rules of POSIX (Shell Command Language, 2.2).
//! What only a shell can do is refused with its name; nothing is ever expanded.

/// The longest line, in bytes.
const LINE_BYTES_MAX: usize = 32 * 1024;
/// The most words.
const WORDS_MAX: usize = 1000;

/// Words in the place of the program that only a shell understands.
const OF_THE_SHELL: &[&str] = &[
    "!", ".", ":", "[[", "alias", "case", "cd", "eval", "exec", "exit", "export", "for", "function", "if", "read",
    "return", "set", "shift", "source", "trap", "ulimit", "umask", "unset", "until", "while", "{", "}",
];

/// The words of `line`: the program and its arguments, each exactly as it is passed on.
///
/// # Errors
/// Why it is refused, as in "holds several commands, and no shell is here".
pub(crate) fn split(line: &str) -> Result<Vec<String>, String> {
    if line.len() > LINE_BYTES_MAX {
        return Err(format!("has more than {LINE_BYTES_MAX} bytes"));
    }
    if line.contains('\0') {
        return Err("holds a NUL character".to_owned());
    }
    let mut reader = Reader { rest: line.chars().peekable(), words: Vec::new(), word: None };
    while let Some(character) = reader.rest.next() {
        if !reader.take(character)? {
            break;
        }
    }
    reader.finish();
    let words = reader.words;
    if words.len() > WORDS_MAX {
        return Err(format!("has more than {WORDS_MAX} words"));
    }
    match words.first() {
        None => Err("names no program".to_owned()),
        Some((first, true)) if OF_THE_SHELL.contains(&first.as_str()) => {
            Err(format!("begins with `{first}`, a word of the shell and no program"))
        }
        Some((first, true)) if is_assignment(first) => {
            Err(format!("begins with `{first}`; variables are set with `env`"))
        }
        Some((first, _)) if first.is_empty() => Err("names no program".to_owned()),
        Some(_) => Ok(words.into_iter().map(|(word, _)| word).collect()),
    }
}

struct Reader<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    /// Each with whether nothing in it was quoted.
    words: Vec<(String, bool)>,
    word: Option<(String, bool)>,
}

// === impl Reader ===

impl Reader<'_> {
    fn finish(&mut self) {
        self.words.extend(self.word.take());
    }

    fn word(&mut self) -> &mut (String, bool) {
        self.word.get_or_insert_with(|| (String::new(), true))
    }

    /// Reads one character outside of quotes; whether the line goes on.
    fn take(&mut self, character: char) -> Result<bool, String> {
        let starts = self.word.is_none();
        match character {
            ' ' | '\t' => self.finish(),
            '\'' => self.single_quoted()?,
            '"' => self.double_quoted()?,
            '\\' => match self.rest.next() {
                // A line that is continued: both are left out.
                Some('\n') => {}
                Some(escaped) => {
                    let word = self.word();
                    word.1 = false;
                    word.0.push(escaped);
                }
                None => return Err("ends with a backslash".to_owned()),
            },
            '#' if starts => return Ok(false),
            '~' if starts => return Err("has `~`, which is not expanded; write the whole path".to_owned()),
            '{' if self.is_alternative() => return Err("has alternatives in braces; quote them".to_owned()),
            '$' => self.dollar()?,
            '|' | '&' | ';' | '<' | '>' | '(' | ')' | '`' | '\n' | '\r' | '*' | '?' | '[' => {
                return Err(of_the_shell(character).to_owned());
            }
            other => self.word().0.push(other),
        }
        Ok(true)
    }

    fn single_quoted(&mut self) -> Result<(), String> {
        self.word().1 = false;
        loop {
            match self.rest.next() {
                Some('\'') => return Ok(()),
                Some(inside) => self.word().0.push(inside),
                None => return Err("has a quote that is not closed".to_owned()),
            }
        }
    }

    fn double_quoted(&mut self) -> Result<(), String> {
        self.word().1 = false;
        loop {
            match self.rest.next() {
                Some('"') => return Ok(()),
                Some('$') => self.dollar()?,
                Some('`') => return Err(of_the_shell('`').to_owned()),
                Some('\\') => match self.rest.next() {
                    Some('\n') => {}
                    Some(escaped @ ('"' | '\\' | '$' | '`')) => self.word().0.push(escaped),
                    Some(other) => self.word().0.extend(['\\', other]),
                    None => return Err("has a quote that is not closed".to_owned()),
                },
                Some(inside) => self.word().0.push(inside),
                None => return Err("has a quote that is not closed".to_owned()),
            }
        }
    }

    /// A dollar stays one before what begins no expansion (POSIX 2.6).
    fn dollar(&mut self) -> Result<(), String> {
        match self.rest.peek() {
            Some('(') => Err("has `$(…)`, a command inside a command".to_owned()),
            Some(next) if next.is_ascii_alphanumeric() || "_{@*#?-$!'\"".contains(*next) => {
                Err("has a variable, which is not expanded; put it in single quotes if it is meant so".to_owned())
            }
            _ => {
                self.word().0.push('$');
                Ok(())
            }
        }
    }

    /// Whether a brace begins `{a,b}` or `{1..3}`, which other shells expand.
    fn is_alternative(&self) -> bool {
        let inside: String = self.rest.clone().take_while(|next| !" \t\n}".contains(*next)).collect();
        inside.contains(',') || inside.contains("..")
    }
}

fn of_the_shell(character: char) -> &'static str {
    match character {
        '|' => "has `|`, which joins programs; run one after the other",
        '&' => "has `&`: one command at a time, none in the background",
        ';' | '\n' | '\r' => "holds several commands; run one after the other",
        '<' | '>' => "redirects input or output; the output is in the answer",
        '`' | '(' | ')' => "has a command inside a command",
        _ => "has a pattern of file names; quote it if it is meant as it stands",
    }
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        let mut letters = name.chars();
        letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
            && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_are_those_that_a_shell_passes_on() {
        for (line, words) in [
            ("git log -1 --format=%h", &["git", "log", "-1", "--format=%h"][..]),
            ("  echo\t'a b' \"c d\" e\\ f ''  ", &["echo", "a b", "c d", "e f", ""]),
            ("echo 'it'\\''s' \"\\$5 \\x\" a\"b\"c", &["echo", "it's", "$5 \\x", "abc"]),
            ("echo a # the rest", &["echo", "a"]),
            ("echo a#b $ 'x;|&$(id)`*' HEAD@{1} a=b", &["echo", "a#b", "$", "x;|&$(id)`*", "HEAD@{1}", "a=b"]),
            ("a \\\n b\\\nc", &["a", "bc"]),
        ] {
            let expected: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(split(line), Ok(expected), "{line}");
        }
    }

    #[test]
    fn what_needs_a_shell_is_refused() {
        for line in [
            "a | b",
            "a && b",
            "a; b",
            "a > f",
            "a < f",
            "a 2>&1",
            "a $(b)",
            "a `b`",
            "cd x",
            "source v",
            "a *.js",
            "a ~/x",
            "a 'b",
            "a \"b",
            "",
            "   ",
            "# x",
            "A=1 b",
            "a &",
            "a \"`b`\"",
            "a $B",
            "a \"${B}\"",
            "a {b,c}",
            "a\nb",
            "a\0b",
            "exec a",
            "a \\",
            "(a)",
            "a ?",
            "a [b]",
            "! a",
            "'' a",
            "a $'x'",
        ] {
            assert!(split(line).is_err(), "{line:?}");
        }
        assert!(split(&"x".repeat(40_000)).is_err() && split(&"x ".repeat(1200)).is_err());
    }

    proptest! {
        #[test]
        fn a_quoted_word_comes_through_whole(word in "[^'\\x00]{0,40}") {
            let words = split(&format!("x '{word}'"));
            prop_assert_eq!(words, Ok(vec!["x".to_owned(), word]));
        }

        #[test]
        fn nothing_makes_it_panic(line in "[ a'\"\\\\$`|{},.~#=\n-]{0,40}") {
            let _ = split(&line);
        }
    }
}
