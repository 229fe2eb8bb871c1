//! What is wrong with a configuration, said so that a person can mend it: message, place, caret,
//! hint. It carries the few lines it points at, so it outlives the file it was found in.
//!
//! It deliberately decides nothing: whether an error stops a start or a reload is the caller's.

use std::path::{Path, PathBuf};

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; everything works.
    Note,
    /// Something that was declared will not work or is not used.
    Warning,
    /// The configuration must not be used as it is.
    Error,
}

/// A range of bytes in a file; `end` is the first byte after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// First byte after the range.
    pub end: usize,
}

/// One problem, or one thing worth saying, about a configuration.
#[derive(Debug, Clone, Serialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one sentence that reads alone.
    pub message: String,
    /// The file it was found in; `None` for environment variables and flags.
    pub file: Option<PathBuf>,
    /// The bytes it points at.
    pub span: Option<Span>,
    /// Line of the span, from 1.
    pub line: Option<usize>,
    /// Column of the span in characters, from 1.
    pub column: Option<usize>,
    /// What stands under the caret.
    pub label: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    #[serde(skip)]
    excerpt: Option<Excerpt>,
}

/// The lines that a diagnostic shows, with values of secrets already masked.
#[derive(Debug, Clone)]
struct Excerpt {
    text: String,
    span: Span,
}

/// The most lines that one diagnostic shows of a file.
const EXCERPT_LINES_MAX: usize = 4;

// === impl Diagnostic ===

impl Diagnostic {
    /// A diagnostic without a place.
    pub fn new(severity: Severity, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity,
            message: message.into(),
            file: None,
            span: None,
            line: None,
            column: None,
            label: None,
            hint: None,
            excerpt: None,
        }
    }

    /// Says in which file it is, without a line.
    pub fn in_file(mut self, file: &Path) -> Diagnostic {
        self.file = Some(file.to_path_buf());
        self
    }

    /// Says what to do about it.
    pub fn hint(&mut self, hint: impl Into<String>) -> &mut Diagnostic {
        self.hint = Some(hint.into());
        self
    }

    /// Says what stands under the caret.
    pub fn label(&mut self, label: impl Into<String>) -> &mut Diagnostic {
        self.label = Some(label.into());
        self
    }

    /// The diagnostic as text of several lines, without a line end. `color` adds ANSI sequences.
    pub fn render(&self, color: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Note => Level::NOTE,
        };
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let renderer = renderer.decor_style(DecorStyle::Ascii);
        let title = level.primary_title(visible(&self.message));
        let path = self.file.as_ref().map(|file| file.display().to_string());
        let mut text = match (&self.excerpt, &path) {
            (Some(excerpt), Some(path)) => {
                let label = self.label.as_deref().map(visible);
                let range = excerpt.span.start..excerpt.span.end;
                let mark = AnnotationKind::Primary.span(range).label(label);
                let snippet = Snippet::source(excerpt.text.as_str())
                    .line_start(self.line.unwrap_or(1))
                    .path(path.as_str())
                    .annotation(mark);
                renderer.render(&[title.element(snippet)])
            }
            _ => renderer.render(&[annotate_snippets::Group::with_title(title)]),
        };
        if let (None, Some(path)) = (&self.excerpt, &path) {
            text.push_str(&format!("\n  in {path}"));
        }
        if let Some(hint) = &self.hint {
            let name = if color { "\u{1b}[1m\u{1b}[96mhint\u{1b}[0m" } else { "hint" };
            text.push_str(&format!("\n{name}: {}", visible(hint)));
        }
        text
    }
}

/// The text with everything written out that a screen does not show as it is, such as ends of lines,
/// what controls a terminal, what turns the direction of writing, what has no width: a file must
/// neither drive the terminal nor show a person something else than what runs.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_unseen(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

fn is_unseen(character: char) -> bool {
    let odd = matches!(character, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0e}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}');
    character.is_control() || odd
}

/// All diagnostics as text, an empty line between two.
pub fn render(diagnostics: &[Diagnostic], color: bool) -> String {
    let rendered: Vec<String> = diagnostics.iter().map(|one| one.render(color)).collect();
    rendered.join("\n\n")
}

/// A file that was read: its path and text, kept while diagnostics may point into it.
#[derive(Debug)]
pub(crate) struct Source {
    /// Where it was read from.
    pub(crate) path: PathBuf,
    /// Its text, without a byte order mark.
    pub(crate) text: String,
    /// The same text, byte for byte as long, with values of secrets masked.
    masked: String,
    /// Where each line but the first begins: every key of a large file is asked for its line.
    lines: Vec<usize>,
}

// === impl Source ===

impl Source {
    pub(crate) fn new(path: &Path, text: &str) -> Source {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
        let lines = text.match_indices('\n').map(|(newline, _)| newline + 1).collect();
        Source { path: path.to_path_buf(), masked: text.clone(), text, lines }
    }

    /// Hides the values at `spans` in everything that is shown from now on. References such as
    /// `${TOKEN}` stay, since they are what a person must see, and they are not secret.
    pub(crate) fn mask(&mut self, spans: &[Span]) {
        let mut bytes = std::mem::take(&mut self.masked).into_bytes();
        for span in spans {
            let mut in_reference = false;
            for at in span.start..span.end.min(bytes.len()) {
                in_reference |= bytes[at..].starts_with(b"${");
                let ends = bytes[at] == b'}';
                if !in_reference && !matches!(bytes[at], b'"' | b'\'' | b'\n' | b'\r') {
                    bytes[at] = b'*';
                }
                in_reference &= !ends;
            }
        }
        self.masked = String::from_utf8_lossy(&bytes).into_owned();
    }

    /// Line and column of a byte, both from 1, the column in characters.
    pub(crate) fn line_column(&self, at: usize) -> (usize, usize) {
        let at = self.boundary(at);
        let line = self.lines.partition_point(|start| *start <= at);
        let start = line.checked_sub(1).and_then(|before| self.lines.get(before)).map_or(0, |start| *start);
        (line + 1, self.text[start..at].chars().count() + 1)
    }

    /// A diagnostic that points at `span`.
    pub(crate) fn diagnostic(&self, severity: Severity, span: Span, message: impl Into<String>) -> Diagnostic {
        let (line, column) = self.line_column(span.start);
        let mut diagnostic = Diagnostic::new(severity, message).in_file(&self.path);
        diagnostic.span = Some(span);
        diagnostic.line = Some(line);
        diagnostic.column = Some(column);
        diagnostic.excerpt = Some(self.excerpt(span));
        diagnostic
    }

    fn excerpt(&self, span: Span) -> Excerpt {
        let start = self.boundary(span.start);
        let first = self.text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let mut last = first;
        for line in self.text[first..].split_inclusive('\n').take(EXCERPT_LINES_MAX) {
            last += line.len();
            if last >= span.end {
                break;
            }
        }
        let end = self.boundary(span.end).clamp(start, last);
        let shown = self.masked.get(first..last).unwrap_or_default();
        let shown = shown.trim_end_matches(['\n', '\r']);
        let start = (start - first).min(shown.len());
        Excerpt { text: shown.to_owned(), span: Span { start, end: (end - first).clamp(start, shown.len()) } }
    }

    /// The nearest character boundary at or before `at`.
    fn boundary(&self, at: usize) -> usize {
        self.text.floor_char_boundary(at)
    }
}

/// What was found so far; readers add to it and go on.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) diagnostics: Vec<Diagnostic>,
}

// === impl Report ===

impl Report {
    pub(crate) fn at(
        &mut self,
        source: &Source,
        severity: Severity,
        span: Span,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        self.push(source.diagnostic(severity, span, message))
    }

    pub(crate) fn error(&mut self, source: &Source, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.at(source, Severity::Error, span, message)
    }

    pub(crate) fn push(&mut self, diagnostic: Diagnostic) -> &mut Diagnostic {
        let at = self.diagnostics.len();
        self.diagnostics.push(diagnostic);
        &mut self.diagnostics[at]
    }
}
