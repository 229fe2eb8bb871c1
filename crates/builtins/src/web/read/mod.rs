//! Reading what the web sends: which charset, what kind, and what of it is worth reading.
//!
//! All functions of bytes. It deliberately fetches nothing and keeps nothing.

mod article;
use article::{Readable, readable};

mod markdown;

mod inline;

mod table;

mod clean;

mod tree;

mod charset;

mod pdf;

use url::Url;

/// What a body says, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    /// What it is called, if it says so.
    pub(super) title: Option<String>,
    /// Markdown of a page, the text of anything else.
    pub(super) text: String,
    /// Its charset; none of a PDF file.
    pub(super) encoding: Option<&'static str>,
    /// Whether only a part was read.
    pub(super) cut: bool,
}

/// A body that is no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoText {
    /// Pictures, sounds, archives, programs.
    #[error("it is no text but {kind} ({bytes} bytes)")]
    Binary {
        /// Its media type.
        kind: String,
        /// Its size.
        bytes: usize,
    },
    /// A PDF file whose text cannot be had.
    #[error("{reason}")]
    Pdf {
        /// Why.
        reason: String,
    },
}

/// Text that may have marks of HTML in it, without them, on one line.
pub(super) fn without_marks(text: &str) -> String {
    let text = if text.contains(['<', '&']) {
        let tree = tree::Tree::parse(text);
        let shown = tree.below(tree::Tree::root(), |id| !inline::is_hidden(&tree, id));
        shown.filter_map(|id| tree.text(id)).collect()
    } else {
        text.to_owned()
    };
    inline::settled(&clean::plain(&text))
}

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Media {
    Html,
    Text,
    Pdf,
    Binary,
}

/// Reads a body that came with this `Content-Type` from `url`; `raw` leaves a page as it is written.
///
/// # Errors
/// When it is no text.
pub(super) fn read(body: &[u8], content_type: Option<&str>, url: &Url, raw: bool) -> Result<Text, NoText> {
    match media(body, content_type) {
        Media::Html if !raw => {
            let (html, encoding) = charset::decode(body, content_type);
            let Readable { title, markdown } = readable(&html, url);
            Ok(Text { title, text: markdown, encoding: Some(encoding), cut: false })
        }
        Media::Html | Media::Text => {
            let (text, encoding) = charset::decode(body, content_type);
            Ok(Text { title: None, text: clean::plain(&text), encoding: Some(encoding), cut: false })
        }
        Media::Pdf => {
            let read = pdf::text(body).map_err(|reason| NoText::Pdf { reason })?;
            Ok(Text { title: read.title, text: read.text, encoding: None, cut: read.cut })
        }
        Media::Binary => {
            let kind = content_type.and_then(|kind| kind.split(';').next()).unwrap_or("binary data").trim().to_owned();
            Err(NoText::Binary { kind, bytes: body.len() })
        }
    }
}

fn media(body: &[u8], content_type: Option<&str>) -> Media {
    let kind = content_type.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim().to_ascii_lowercase();
    if body.starts_with(b"%PDF-") {
        return Media::Pdf;
    }
    match kind.as_str() {
        "text/html" | "application/xhtml+xml" => Media::Html,
        // Said by who knows nothing better.
        "" | "application/octet-stream" | "binary/octet-stream" | "text/plain" | "unknown/unknown" => {
            sniffed(body, &kind)
        }
        kind if is_text(kind) => Media::Text,
        _ => Media::Binary,
    }
}

fn is_text(kind: &str) -> bool {
    let (family, form) = kind.split_once('/').unwrap_or((kind, ""));
    let words =
        ["json", "xml", "javascript", "ecmascript", "yaml", "toml", "csv", "sql", "x-sh", "graphql", "x-ndjson"];
    family == "text"
        || family == "message"
        || words.iter().any(|word| form == *word || form.ends_with(&format!("+{word}")))
        || words.iter().any(|word| form == format!("x-{word}"))
        || matches!(form, "x-www-form-urlencoded" | "jsonl" | "json5" | "ld+json" | "rtf" | "x-tex" | "x-latex")
}

/// What a body is by its first bytes.
fn sniffed(body: &[u8], kind: &str) -> Media {
    let start = &body[..body.len().min(1024)];
    let utf16 = start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]);
    if !utf16 && start.iter().any(|byte| matches!(byte, 0..=8 | 0x0e..=0x1a | 0x1c..=0x1f)) {
        return Media::Binary;
    }
    let text = String::from_utf8_lossy(start).trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
    let html = ["<!doctype html", "<html", "<head", "<body"].iter().any(|mark| text.starts_with(mark));
    if html && kind != "text/plain" { Media::Html } else { Media::Text }
}

#[cfg(test)]
mod tests;
