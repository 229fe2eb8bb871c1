//! The text of a PDF file, within bounds of pages, time and what its streams unpack to.
//!
//! It deliberately draws nothing: text comes in the order of the file, without its layout.

use super::clean;
use lopdf::{Document, LoadOptions};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// The most pages that are read.
const PAGES_MAX: usize = 1000;
/// How long reading may take.
const TIME_MAX: Duration = Duration::from_secs(10);
/// What one stream may unpack to, in bytes.
const STREAM_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The most text that is read, in bytes.
const TEXT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The text of a file, page after page; `cut` says that there is more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PdfText {
    pub(super) text: String,
    pub(super) title: Option<String>,
    pub(super) cut: bool,
}

/// Reads the text of a PDF file.
///
/// # Errors
/// Why there is none.
pub(super) fn text(bytes: &[u8]) -> Result<PdfText, String> {
    // What a stranger made may be anything, also for the library.
    let read = catch_unwind(AssertUnwindSafe(|| pages(bytes)));
    read.unwrap_or_else(|_| Err("the PDF is made in a way that cannot be read".to_owned()))
}

fn pages(bytes: &[u8]) -> Result<PdfText, String> {
    let options = LoadOptions { max_decompressed_size: Some(STREAM_BYTES_MAX), ..LoadOptions::default() };
    let document = Document::load_mem_with_options(bytes, options);
    let document = document.map_err(|error| format!("the PDF cannot be read: {error}"))?;
    if document.is_encrypted() {
        return Err("the PDF is locked with a password".to_owned());
    }
    let began = Instant::now();
    let numbers: Vec<u32> = document.get_pages().keys().copied().collect();
    let mut out = PdfText { text: String::new(), title: title(&document), cut: numbers.len() > PAGES_MAX };
    for number in numbers.into_iter().take(PAGES_MAX) {
        if began.elapsed() > TIME_MAX || out.text.len() > TEXT_BYTES_MAX {
            out.cut = true;
            break;
        }
        // A page that cannot be read is left out; the others are still worth reading.
        let read = catch_unwind(AssertUnwindSafe(|| document.extract_text_with_limit(&[number], STREAM_BYTES_MAX)));
        let Ok(Ok(page)) = read else { continue };
        let lines = page.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        let page = lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
        if !page.is_empty() {
            out.text.push_str(if out.text.is_empty() { "" } else { "\n\n" });
            out.text.push_str(&clean::plain(&page));
        }
    }
    if out.text.is_empty() {
        return Err("the PDF has no text in it, only pictures perhaps".to_owned());
    }
    Ok(out)
}

fn title(document: &Document) -> Option<String> {
    let info = document.trailer.get(b"Info").ok()?.as_reference().ok()?;
    let title = document.get_dictionary(info).ok()?.get(b"Title").ok()?;
    let title = lopdf::decode_text_string(title).ok()?;
    let title = clean::plain(title.trim());
    (!title.is_empty()).then_some(title)
}
