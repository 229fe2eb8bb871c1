//! What stands within a line: emphasis, links, code, images.
//!
//! It deliberately knows no blocks: those found inside a line are set apart by a space.

use super::clean;
use super::markdown::longest_run;
use super::tree::{Id, Tree};
use url::Url;

/// The longest target of a link or an image that is kept, in bytes.
const TARGET_BYTES_MAX: usize = 2000;

/// Writes lines.
pub(super) struct Inline<'a> {
    tree: &'a Tree,
    base: &'a Url,
    /// Which elements have a block somewhere inside.
    blocks: Vec<bool>,
}

/// Elements that begin a line of their own.
pub(super) fn is_block(name: &str) -> bool {
    matches!(
        name,
        "address"
            | "article"
            | "aside"
            | "blockquote"
            | "body"
            | "caption"
            | "center"
            | "dd"
            | "details"
            | "dir"
            | "div"
            | "dl"
            | "dt"
            | "fieldset"
            | "figcaption"
            | "figure"
            | "footer"
            | "form"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "header"
            | "hgroup"
            | "hr"
            | "legend"
            | "li"
            | "listing"
            | "main"
            | "menu"
            | "nav"
            | "ol"
            | "p"
            | "pre"
            | "search"
            | "section"
            | "summary"
            | "table"
            | "tbody"
            | "td"
            | "tfoot"
            | "th"
            | "thead"
            | "tr"
            | "ul"
            | "xmp"
    )
}

/// Whether an element shows nothing, or nothing to read.
pub(super) fn is_hidden(tree: &Tree, id: Id) -> bool {
    let Some(name) = tree.name(id) else { return false };
    let silent = matches!(
        name,
        "script"
            | "style"
            | "noscript"
            | "template"
            | "head"
            | "title"
            | "meta"
            | "link"
            | "svg"
            | "iframe"
            | "object"
            | "embed"
            | "audio"
            | "video"
            | "canvas"
            | "input"
            | "button"
            | "select"
            | "textarea"
            | "datalist"
            | "dialog"
            | "map"
            | "source"
            | "track"
            | "param"
            | "progress"
            | "meter"
    );
    silent || tree.attribute(id, "hidden").is_some() || tree.attribute(id, "style").is_some_and(hides)
}

fn hides(style: &str) -> bool {
    let style: String = style.chars().filter(|character| !character.is_whitespace()).collect();
    let style = style.to_ascii_lowercase();
    style.contains("display:none") || style.contains("visibility:hidden")
}

// === impl Inline ===

impl<'a> Inline<'a> {
    pub(super) fn new(tree: &'a Tree, base: &'a Url) -> Self {
        let mut blocks = vec![false; tree.len()];
        let order: Vec<Id> = tree.below(Tree::root(), |_| true).collect();
        for &id in order.iter().rev() {
            blocks[id] = tree
                .children(id)
                .any(|child| blocks[child] || tree.name(child).is_some_and(|name| is_block(name) || name == "br"));
        }
        Self { tree, base, blocks }
    }

    /// Whether there is a block inside.
    pub(super) fn has_block(&self, id: Id) -> bool {
        self.blocks[id]
    }

    /// What is in an element as one line, its white space settled.
    pub(super) fn line(&self, id: Id) -> String {
        let mut out = String::new();
        self.contents(id, &mut out);
        settled(&out)
    }

    /// An element as it stands in running text.
    pub(super) fn element(&self, id: Id) -> String {
        let mut out = String::new();
        self.push(id, &mut out);
        out
    }

    /// What is in an element, every space of it; line breaks are line ends.
    pub(super) fn verbatim(&self, id: Id) -> String {
        let mut out = String::new();
        for id in self.tree.below(id, |id| !is_hidden(self.tree, id)) {
            if let Some(text) = self.tree.text(id) {
                out.push_str(&clean::plain(text));
            }
            let line = match self.tree.name(id) {
                Some("br") => true,
                // Some code has an element for each line.
                Some("div" | "p" | "li" | "tr") => !out.is_empty() && !out.ends_with('\n'),
                _ => false,
            };
            if line {
                out.push('\n');
            }
        }
        out
    }

    /// Where a link leads, when that is worth saying.
    pub(super) fn target(&self, id: Id) -> Option<String> {
        let href = self.tree.attribute(id, "href")?.trim();
        if href.is_empty() || href.starts_with('#') {
            return None;
        }
        self.absolute(href, &["http", "https", "mailto", "ftp", "tel"])
    }

    fn absolute(&self, reference: &str, schemes: &[&str]) -> Option<String> {
        let url = self.base.join(reference).ok()?;
        if !schemes.contains(&url.scheme()) || url.as_str().len() > TARGET_BYTES_MAX {
            return None;
        }
        // A link within the page leads nowhere from here.
        let mut elsewhere = url.clone();
        elsewhere.set_fragment(None);
        let mut here = self.base.clone();
        here.set_fragment(None);
        if url.fragment().is_some() && elsewhere == here {
            return None;
        }
        Some(url.as_str().replace('(', "%28").replace(')', "%29"))
    }

    fn contents(&self, id: Id, out: &mut String) {
        for child in self.tree.children(id) {
            self.push(child, out);
        }
    }

    /// Writes a node to the end of a line.
    pub(super) fn push(&self, id: Id, out: &mut String) {
        if let Some(text) = self.tree.text(id) {
            out.push_str(&clean::escaped(text));
            return;
        }
        let Some(name) = self.tree.name(id) else { return };
        if is_hidden(self.tree, id) {
            return;
        }
        match name {
            "br" => out.push(' '),
            "b" | "strong" => self.wrapped(id, "**", out),
            "i" | "em" => self.wrapped(id, "*", out),
            "del" | "s" | "strike" => self.wrapped(id, "~~", out),
            "code" | "kbd" | "samp" | "tt" if !self.blocks[id] => self.code(id, out),
            "a" => self.link(id, out),
            "img" => self.image(id, out),
            "math" => match self.tree.attribute(id, "alttext") {
                Some(text) => out.push_str(&clean::escaped(text)),
                None => self.contents(id, out),
            },
            _ if is_block(name) => {
                out.push(' ');
                self.contents(id, out);
                out.push(' ');
            }
            _ => self.contents(id, out),
        }
    }

    /// Emphasis; none within a word, where it would tear it apart.
    fn wrapped(&self, id: Id, mark: &str, out: &mut String) {
        let mut inside = String::new();
        self.contents(id, &mut inside);
        let text = inside.trim();
        let before = out.chars().next_back().is_some_and(char::is_alphanumeric);
        let tears = (before && !inside.starts_with(char::is_whitespace))
            || (!inside.ends_with(char::is_whitespace) && self.next_is_word(id));
        // Marks that meet marks are read as other marks.
        let meets = text.starts_with(['*', '~']) || text.ends_with(['*', '~']) || out.ends_with(['*', '~']);
        if text.is_empty() || tears || meets {
            out.push_str(&inside);
            return;
        }
        let (lead, trail) = edges(&inside);
        out.push_str(lead);
        out.push_str(mark);
        out.push_str(text);
        out.push_str(mark);
        out.push_str(trail);
    }

    /// Whether a word goes on right after an element.
    fn next_is_word(&self, id: Id) -> bool {
        let mut here = id;
        for _ in 0..4 {
            if let Some(next) = self.tree.next(here) {
                let text = self.tree.below(next, |_| true).take(4).find_map(|id| self.tree.text(id));
                return text.and_then(|text| text.chars().next()).is_some_and(char::is_alphanumeric);
            }
            match self.tree.parent(here) {
                Some(parent) if self.tree.name(parent).is_some_and(|name| !is_block(name)) => here = parent,
                _ => return false,
            }
        }
        false
    }

    fn code(&self, id: Id, out: &mut String) {
        let inside = self.verbatim(id);
        let text = settled(&inside);
        if text.is_empty() {
            out.push_str(&inside);
            return;
        }
        let (lead, trail) = edges(&inside);
        let fence = "`".repeat(if text.contains('`') { longest_run(&text, '`') + 1 } else { 1 });
        let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
        out.push_str(lead);
        for part in [&fence, pad, &text, pad, &fence] {
            out.push_str(part);
        }
        out.push_str(trail);
    }

    fn link(&self, id: Id, out: &mut String) {
        let mut inside = String::new();
        self.contents(id, &mut inside);
        let text = settled(&inside);
        // A link in a link is none in Markdown.
        match self.target(id) {
            Some(target) if !text.is_empty() && !text.replace("![", "").contains("](") => {
                let (lead, trail) = edges(&inside);
                out.push_str(lead);
                out.push_str(&format!("[{text}]({target})"));
                out.push_str(trail);
            }
            _ => out.push_str(&inside),
        }
    }

    /// A picture that says what it shows.
    fn image(&self, id: Id, out: &mut String) {
        let alt = settled(&clean::escaped(self.tree.attribute(id, "alt").unwrap_or_default()));
        let source = ["src", "data-src"].iter().find_map(|name| self.tree.attribute(id, name)).map(str::trim);
        let source = source.and_then(|source| self.absolute(source, &["http", "https"]));
        if let (false, Some(source)) = (alt.is_empty(), source) {
            out.push_str(&format!("![{alt}]({source})"));
        }
    }
}

/// The white space before and after what is in `whole`.
fn edges(whole: &str) -> (&str, &str) {
    (&whole[..whole.len() - whole.trim_start().len()], &whole[whole.trim_end().len()..])
}

/// Text with its white space settled: one space between words, none around.
pub(super) fn settled(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split([' ', '\n', '\t', '\r', '\u{c}']).filter(|word| !word.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}
