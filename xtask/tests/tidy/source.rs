//! Looking at Rust source without compiling it: which text is code, where functions begin and end,
//! which of them are tests. It knows as much of the language as the rules of the house need.

use std::ops::Range;

/// A source file, once as written and once with comments and literals blanked out.
pub(crate) struct Source {
    pub(crate) text: String,
    /// As long as `text`, with the same lines; only code is left.
    pub(crate) code: String,
}

/// A function with a body.
pub(crate) struct Function {
    pub(crate) name: String,
    /// Where it starts, counted from 1.
    pub(crate) line: usize,
    pub(crate) lines: usize,
    /// It is a test or stands among tests.
    pub(crate) test: bool,
}

// === impl Source ===

impl Source {
    pub(crate) fn new(text: String) -> Self {
        let code = code(&text);
        Self { text, code }
    }

    /// The line, counted from 1, of a position in the text.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.text.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count() + 1
    }

    /// Where `word` stands as a word of its own in the code.
    pub(crate) fn words(&self, word: &str) -> Vec<usize> {
        words(&self.code, word)
    }

    pub(crate) fn functions(&self) -> Vec<Function> {
        let tests = self.test_modules();
        let found = self.words("fn").into_iter();
        found.filter_map(|at| self.function(at, &tests)).collect()
    }

    /// The function whose `fn` stands at `at`; types such as `fn()` and signatures are none.
    fn function(&self, at: usize, tests: &[Range<usize>]) -> Option<Function> {
        let rest = &self.code[at + 2..];
        let named = rest.trim_start();
        let length = named.find(|letter| !is_word(letter)).unwrap_or(named.len());
        let name = named[..length].to_owned();
        if name.is_empty() {
            return None;
        }
        let body = self.body(at)?;
        let line = self.line(at);
        Some(Function {
            name,
            line,
            lines: self.line(body.end - 1) - line + 1,
            test: self.is_marked(at) || tests.iter().any(|test| test.contains(&at)),
        })
    }

    /// The braces that follow, unless a semicolon comes first.
    fn body(&self, at: usize) -> Option<Range<usize>> {
        let mut depth = 0_u32;
        for (offset, byte) in self.code.bytes().enumerate().skip(at) {
            match byte {
                b'(' | b'[' => depth += 1,
                b')' | b']' => depth = depth.checked_sub(1)?,
                b';' if depth == 0 => return None,
                b'{' if depth == 0 => return Some(offset..closing(&self.code, offset)),
                _ => {}
            }
        }
        None
    }

    /// Whether `#[test]`, `#[tokio::test]` or the like stands on the lines above.
    fn is_marked(&self, at: usize) -> bool {
        let above = self.code[..at].lines().rev().skip(1);
        let mut attributes = above.map(str::trim).take_while(|line| line.starts_with("#[") || line.is_empty());
        attributes.any(|line| line.starts_with("#[test") || line.contains("::test"))
    }

    fn test_modules(&self) -> Vec<Range<usize>> {
        let marks = self.code.match_indices("#[cfg(test)]");
        marks.filter_map(|(at, mark)| self.body(at + mark.len())).collect()
    }
}

/// Where `word` stands as a word of its own.
pub(crate) fn words(text: &str, word: &str) -> Vec<usize> {
    let alone = |at: &usize| {
        let before = text[..*at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    };
    text.match_indices(word).map(|(at, _)| at).filter(alone).collect()
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Behind the brace that closes the one at `open`.
fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0_u32;
    for (offset, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return offset + 1;
        }
    }
    code.len()
}

/// The text with comments and literals as blanks, line feeds kept.
fn code(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => line_end(bytes, at),
            b'/' if bytes[at..].starts_with(b"/*") => comment_end(bytes, at),
            b'"' => string_end(bytes, at),
            b'\'' => character_end(bytes, at),
            b'r' | b'b' | b'c' if at == 0 || !is_word(char::from(bytes[at - 1])) => raw_end(bytes, at),
            _ => at,
        };
        for byte in &mut code[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.max(at + 1);
    }
    String::from_utf8(code).unwrap_or_default()
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    let length = bytes[at..].iter().position(|&byte| byte == b'\n');
    length.map_or(bytes.len(), |length| at + length)
}

fn comment_end(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0_u32);
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            (at, depth) = (at + 2, depth + 1);
        } else if bytes[at..].starts_with(b"*/") {
            (at, depth) = (at + 2, depth - 1);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Behind a character; a lifetime is none.
fn character_end(bytes: &[u8], start: usize) -> usize {
    let rest = &bytes[start + 1..];
    if rest.first() == Some(&b'\\') {
        let length = rest.iter().skip(2).position(|&byte| byte == b'\'');
        return length.map_or(bytes.len(), |length| start + length + 4);
    }
    let text = std::str::from_utf8(rest).unwrap_or_default();
    let first = text.chars().next().map_or(0, char::len_utf8);
    if first > 0 && rest.get(first) == Some(&b'\'') { start + first + 2 } else { start }
}

/// Behind `r"…"`, `r#"…"#`, `br"…"` and the like; where it is none, `start`.
fn raw_end(bytes: &[u8], start: usize) -> usize {
    let prefix = bytes[start..].iter().take_while(|byte| b"rbc".contains(byte)).count();
    let hashes = bytes[start + prefix..].iter().take_while(|&&byte| byte == b'#').count();
    let open = start + prefix + hashes;
    let raw = bytes[start..start + prefix].contains(&b'r');
    if prefix > 2 || bytes.get(open) != Some(&b'"') || (hashes > 0 && !raw) {
        return start;
    }
    if !raw {
        return string_end(bytes, open);
    }
    let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let length = bytes[open + 1..].windows(close.len()).position(|window| window == close);
    length.map_or(bytes.len(), |length| open + 1 + length + close.len())
}
