//! A line that was meant for a shell, split into the words that the shell would have passed on.
//! Nothing is ever given to a shell: a line that needs one is refused, with what needs it.

/// What a line of the shell comes to without a shell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Line {
    /// `NAME=value` before the program.
    pub(crate) assignments: Vec<(String, String)>,
    /// The program and its arguments, with `${NAME}` where a variable stands.
    pub(crate) words: Vec<String>,
}

/// Splits `line` as POSIX shells do: quotes, backslashes, `$NAME`, `~/`, `NAME=value` in front.
/// Fails with what would need a shell.
pub(crate) fn split(line: &str) -> Result<Line, String> {
    let mut words = Vec::new();
    let mut reader = Reader { rest: line.chars().peekable(), word: None, bare: true };
    while let Some(character) = reader.rest.next() {
        reader.take(character, &mut words)?;
    }
    words.extend(reader.word.take().map(|word| (word, reader.bare)));
    let mut split = Line::default();
    for (word, bare) in words {
        match assignment(&word).filter(|_| split.words.is_empty()) {
            Some(pair) => split.assignments.push(pair),
            None if split.words.is_empty() && bare && word == "exec" => {}
            None if split.words.is_empty() && BUILTINS.contains(&word.as_str()) => {
                return Err(format!("`{word}` is a word of the shell, not a program"));
            }
            None => split.words.push(word),
        }
    }
    match split.words.is_empty() {
        true => Err("it names no program".to_owned()),
        false => Ok(split),
    }
}

/// Words at the start of a line that only a shell understands.
const BUILTINS: &[&str] = &["cd", "source", ".", "export", "eval", "if", "for", "while", "set", "ulimit", "umask"];

struct Reader<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    word: Option<String>,
    /// Whether the word has no quotes.
    bare: bool,
}

// === impl Reader ===

impl Reader<'_> {
    fn take(&mut self, character: char, words: &mut Vec<(String, bool)>) -> Result<(), String> {
        match character {
            ' ' | '\t' => {
                words.extend(self.word.take().map(|word| (word, self.bare)));
                self.bare = true;
            }
            '\'' => {
                self.bare = false;
                let word = self.word.get_or_insert_default();
                loop {
                    match self.rest.next() {
                        Some('\'') => break,
                        Some(inside) => push_plain(word, inside),
                        None => return Err("a quote is not closed".to_owned()),
                    }
                }
            }
            '"' => self.double_quoted()?,
            '\\' => {
                let escaped = self.rest.next().ok_or("it ends with a backslash")?;
                self.bare = false;
                push_plain(self.word.get_or_insert_default(), escaped);
            }
            '$' => self.variable()?,
            '~' if self.word.is_none() && matches!(self.rest.peek(), None | Some('/' | ' ')) => {
                self.word = Some("${HOME}".to_owned());
            }
            '#' if self.word.is_none() => return Err("`#` begins a comment of the shell".to_owned()),
            '|' | '&' | ';' | '<' | '>' | '(' | ')' | '`' | '\n' | '*' | '?' | '[' | '{' => {
                return Err(needs_shell(character));
            }
            other => self.word.get_or_insert_default().push(other),
        }
        Ok(())
    }

    fn double_quoted(&mut self) -> Result<(), String> {
        self.bare = false;
        self.word.get_or_insert_default();
        loop {
            match self.rest.next() {
                Some('"') => return Ok(()),
                Some('$') => self.variable()?,
                Some('`') => return Err(needs_shell('`')),
                Some('\\') => {
                    let escaped = self.rest.next().ok_or("a quote is not closed")?;
                    let word = self.word.get_or_insert_default();
                    if !matches!(escaped, '"' | '\\' | '$' | '`') {
                        word.push('\\');
                    }
                    push_plain(word, escaped);
                }
                Some(inside) => self.word.get_or_insert_default().push(inside),
                None => return Err("a quote is not closed".to_owned()),
            }
        }
    }

    /// `$NAME` and `${NAME}` become `${NAME}`; a dollar before anything else stays.
    fn variable(&mut self) -> Result<(), String> {
        let braced = self.rest.next_if_eq(&'{').is_some();
        if !braced && self.rest.peek() == Some(&'(') {
            return Err("`$(…)` runs another program in a shell".to_owned());
        }
        let mut name = String::new();
        while let Some(letter) = self.rest.next_if(|next| next.is_ascii_alphanumeric() || *next == '_') {
            name.push(letter);
        }
        let word = self.word.get_or_insert_default();
        if braced && self.rest.next() != Some('}') {
            return Err(format!("`${{{name}…}}` needs a shell"));
        }
        match name.is_empty() {
            true => word.push_str("$$"),
            false => word.push_str(&format!("${{{name}}}")),
        }
        Ok(())
    }
}

/// In the files of other tools only `${` begins a reference.
fn push_plain(word: &mut String, character: char) {
    word.push(character);
    if word.ends_with("${") {
        word.truncate(word.len() - 2);
        word.push_str("$${");
    }
}

fn needs_shell(character: char) -> String {
    let what = match character {
        '|' => "`|` joins programs",
        '&' => "`&` runs programs one after the other, or in the background",
        ';' | '\n' => "it holds several commands",
        '<' | '>' => "it redirects input or output",
        '`' | '(' | ')' => "it runs a command inside a command",
        _ => "a pattern of file names stands in it",
    };
    format!("{what}, which only a shell can do")
}

fn assignment(word: &str) -> Option<(String, String)> {
    let (name, value) = word.split_once('=')?;
    crate::variables::is_variable_name(name).then(|| (name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_those_that_a_shell_passes_on() {
        for (line, words) in [
            ("python server.py --port 8050", &["python", "server.py", "--port", "8050"][..]),
            ("node 'a b.js' \"c d\" e\\ f ''", &["node", "a b.js", "c d", "e f", ""]),
            ("exec uv run \"$HOME/x\" ~/y $NAME", &["uv", "run", "${HOME}/x", "${HOME}/y", "${NAME}"]),
            ("x '${A}' \"\\$5\"", &["x", "$${A}", "$5"]),
        ] {
            assert_eq!(split(line).map(|line| line.words), Ok(words.iter().map(|word| (*word).to_owned()).collect()));
        }
        let line = split("PORT=8050 DEBUG='a b' node s.js").unwrap();
        let owned = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(line.assignments, [owned("PORT", "8050"), owned("DEBUG", "a b")]);
        assert_eq!(line.words, ["node", "s.js"]);
    }

    #[test]
    fn what_needs_a_shell_is_refused() {
        for line in [
            "a | b",
            "a && b",
            "a; b",
            "a > f",
            "a $(b)",
            "a `b`",
            "cd x",
            "source v",
            "a *.js",
            "a 'b",
            "",
            "A=1",
            "a &",
            "a \"`b`\"",
            "a ${B:-c}",
        ] {
            assert!(split(line).is_err(), "{line}");
        }
    }

    proptest! {
        #[test]
        fn a_quoted_word_comes_through_whole(word in "[a-zA-Z |;&<>*]{1,20}") {
            let line = format!("x '{word}'");
            prop_assert_eq!(split(&line).map(|line| line.words), Ok(vec!["x".to_owned(), word]));
        }
    }
}
