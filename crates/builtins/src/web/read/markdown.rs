//! A tree as Markdown: headings, lists, tables, code, links and emphasis, and nothing else.
//!
//! Words stay what they are: nothing is put between letters that stand together, nothing hidden is
//! shown. It deliberately chooses nothing: what part of a page is worth reading is decided before.

use super::clean;
use super::inline::{Inline, is_block, is_hidden};
use super::table;
use super::tree::{Id, Tree};
use url::Url;

/// How deep lists and quotes are indented; deeper ones stay at this depth.
const FRAMES_MAX: usize = 10;
/// The longest name of a language behind a code fence, in bytes.
const LANGUAGE_BYTES_MAX: usize = 20;

/// Writes blocks.
pub(super) struct Writer<'a> {
    inline: Inline<'a>,
    tree: &'a Tree,
    left_out: fn(&Tree, Id) -> bool,
    out: String,
    /// What each line begins with.
    frames: Vec<Frame>,
    /// How many line ends are owed before the next text.
    gap: usize,
    /// Whether a space is owed.
    space: bool,
    /// The link that a block is in: its first heading leads there.
    link: Option<String>,
}

struct Frame {
    /// Written once, then `rest`.
    first: Option<String>,
    rest: &'static str,
}

/// The Markdown of `root` and what is in it, without what `left_out` names; links are seen from `base`.
pub(super) fn write(tree: &Tree, root: Id, base: &Url, left_out: fn(&Tree, Id) -> bool) -> String {
    let inline = Inline::new(tree, base);
    let (out, frames) = (String::new(), Vec::new());
    let mut writer = Writer { inline, tree, left_out, out, frames, gap: 0, space: false, link: None };
    writer.node(root);
    writer.out.truncate(writer.out.trim_end().len());
    writer.out
}

// === impl Writer ===

impl<'a> Writer<'a> {
    fn children(&mut self, id: Id) {
        let tree = self.tree;
        // What stands within a line is written together: marks depend on their neighbours.
        let mut run = String::new();
        for child in tree.children(id) {
            if self.is_inline(child) {
                self.inline.push(child, &mut run);
            } else {
                self.flow(&std::mem::take(&mut run));
                self.node(child);
            }
        }
        self.flow(&run);
    }

    fn is_inline(&self, id: Id) -> bool {
        self.tree.text(id).is_some()
            || self.tree.name(id).is_some_and(|name| name != "br" && !is_block(name) && !self.inline.has_block(id))
    }

    fn node(&mut self, id: Id) {
        if self.is_inline(id) {
            let text = self.inline.element(id);
            return self.flow(&text);
        }
        let Some(name) = self.tree.name(id) else {
            return self.children(id);
        };
        if is_hidden(self.tree, id) || (self.left_out)(self.tree, id) {
            return;
        }
        match name {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => self.heading(id, name),
            "p" => self.apart(id, 2),
            "br" => self.line_break(),
            "hr" => self.rule(),
            "pre" | "listing" | "xmp" => self.code(id),
            "blockquote" => self.framed(id, "> ".to_owned(), "> ", 2),
            "ul" | "ol" | "menu" => self.list(id, name),
            // Beside a list, or in a list without its element.
            "li" => self.framed(id, "- ".to_owned(), "  ", 1),
            "dt" | "summary" => self.term(id),
            "dd" => self.framed(id, ": ".to_owned(), "  ", 1),
            "table" => self.table(id),
            "a" if self.inline.has_block(id) => self.linked_block(id),
            _ if is_block(name) => self.apart(id, if name == "figcaption" { 1 } else { 2 }),
            _ => self.children(id),
        }
    }

    /// A block with an empty line around it.
    fn apart(&mut self, id: Id, gap: usize) {
        self.end_line(gap);
        self.children(id);
        self.end_line(2);
    }

    fn heading(&mut self, id: Id, name: &str) {
        let level = usize::from(name.as_bytes()[1] - b'0');
        let text = self.inline.line(id);
        if text.is_empty() {
            return;
        }
        self.end_line(2);
        let text = match self.link.take() {
            Some(link) if !text.contains("](") => format!("[{text}]({link})"),
            _ => text,
        };
        self.line(&format!("{} {text}", "#".repeat(level)));
        self.end_line(2);
    }

    fn rule(&mut self) {
        self.end_line(2);
        self.line("---");
        self.end_line(2);
    }

    fn linked_block(&mut self, id: Id) {
        let link = self.inline.target(id);
        let headed = self.tree.below(id, |_| true).any(|id| self.tree.name(id).is_some_and(is_heading));
        if headed {
            let before = std::mem::replace(&mut self.link, link);
            self.children(id);
            self.link = before;
            return;
        }
        let rich = |id: Id| matches!(self.tree.name(id), Some("ul" | "ol" | "table" | "pre" | "blockquote"));
        if self.tree.below(id, |_| true).any(rich) {
            return self.children(id);
        }
        self.end_line(2);
        let text = self.inline.element(id);
        self.flow(&text);
        self.end_line(2);
    }

    fn term(&mut self, id: Id) {
        let text = self.inline.line(id);
        if !text.is_empty() {
            self.end_line(2);
            let strong = text.contains(['*', '[', '`']);
            self.line(&if strong { text } else { format!("**{text}**") });
            self.end_line(1);
        }
    }

    fn list(&mut self, id: Id, name: &str) {
        let nested = !self.frames.is_empty();
        self.end_line(if nested { 1 } else { 2 });
        let start = self.tree.attribute(id, "start").and_then(|start| start.trim().parse::<u32>().ok());
        let mut number = start.unwrap_or(1);
        let tree = self.tree;
        for child in tree.children(id) {
            if tree.name(child) != Some("li") {
                self.node(child);
                continue;
            }
            if is_hidden(tree, child) {
                continue;
            }
            let (first, rest) = if name == "ol" { (format!("{number}. "), "   ") } else { ("- ".to_owned(), "  ") };
            number = number.saturating_add(1);
            self.framed(child, first, rest, 1);
        }
        self.end_line(if nested { 1 } else { 2 });
    }

    /// A block whose lines begin with something.
    fn framed(&mut self, id: Id, first: String, rest: &'static str, gap: usize) {
        self.end_line(gap);
        if self.frames.len() >= FRAMES_MAX {
            self.children(id);
        } else {
            // A mark of what was empty is taken back with its frame.
            self.frames.push(Frame { first: Some(first), rest });
            self.children(id);
            self.frames.pop();
        }
        // What is loose inside does not make the list loose.
        self.gap = 0;
        self.space = false;
        self.end_line(gap);
    }

    fn table(&mut self, id: Id) {
        let Some(table) = table::read(self.tree, id, &self.inline) else {
            return self.apart(id, 2);
        };
        self.end_line(2);
        for caption in self.tree.children(id).filter(|child| self.tree.name(*child) == Some("caption")) {
            let text = self.inline.line(caption);
            if !text.is_empty() {
                self.line(&text);
                self.end_line(2);
            }
        }
        for row in table.lines() {
            self.line(row);
            self.end_line(1);
        }
        self.end_line(2);
    }

    fn code(&mut self, id: Id) {
        let text = self.inline.verbatim(id);
        let text = text.trim_end().trim_start_matches('\n');
        if text.trim().is_empty() {
            return;
        }
        let fence = "`".repeat(longest_run(text, '`').max(2) + 1);
        let language = self.language(id).unwrap_or_default();
        self.end_line(2);
        self.line(&format!("{fence}{language}"));
        for line in text.lines() {
            self.end_line(1);
            self.line(line.trim_end());
        }
        self.end_line(1);
        self.line(&fence);
        self.end_line(2);
    }

    /// The language of a code block, as its classes or those around it say.
    fn language(&self, id: Id) -> Option<String> {
        let inside = self.tree.children(id).filter(|child| self.tree.name(*child) == Some("code"));
        let around = std::iter::successors(self.tree.parent(id), |id| self.tree.parent(*id)).take(2);
        for id in std::iter::once(id).chain(inside).chain(around) {
            if let Some(said) = ["data-lang", "data-language"].iter().find_map(|name| self.tree.attribute(id, name)) {
                return language_name(said);
            }
            let classes = self.tree.attribute(id, "class").unwrap_or_default();
            for class in classes.split_ascii_whitespace() {
                let start = ["language-", "lang-", "highlight-source-", "brush:"];
                if let Some(said) = start.iter().find_map(|start| class.strip_prefix(start)) {
                    return language_name(said);
                }
            }
        }
        None
    }

    fn line_break(&mut self) {
        if self.gap > 0 || self.out.is_empty() {
            self.gap = if self.out.is_empty() { 0 } else { 2 };
        } else {
            self.gap = 1;
        }
        self.space = false;
    }

    /// Owes at least so many line ends before what comes.
    fn end_line(&mut self, gap: usize) {
        self.space = false;
        // The first block of an item stands right behind its mark.
        let marked = self.frames.last().is_some_and(|frame| frame.first.is_some());
        if !self.out.is_empty() && !marked {
            self.gap = self.gap.max(gap);
        }
    }

    /// A line as it is.
    fn line(&mut self, text: &str) {
        self.start();
        self.out.push_str(text);
    }

    /// Running text: white space becomes one space, or none at a line's end.
    fn flow(&mut self, text: &str) {
        let mut words = text.split([' ', '\n', '\t', '\r', '\u{c}']);
        let first = words.next().unwrap_or_default();
        self.word(first);
        for word in words {
            self.space = true;
            self.word(word);
        }
    }

    fn word(&mut self, word: &str) {
        if word.is_empty() {
            return;
        }
        let begins =
            self.gap > 0 || self.out.is_empty() || self.frames.last().is_some_and(|frame| frame.first.is_some());
        self.start();
        if !begins && self.space {
            self.out.push(' ');
        }
        self.space = false;
        self.out.push_str(&if begins { clean::line_start(word) } else { word.into() });
    }

    /// Ends the line before, as owed, and begins the next.
    fn start(&mut self) {
        let fresh = self.out.is_empty();
        let pending = self.frames.iter().any(|frame| frame.first.is_some());
        if self.gap == 0 && !fresh && !pending {
            return;
        }
        if !fresh {
            for blank in 0..self.gap.max(1) {
                if blank > 0 {
                    let begun = self.frames.iter().take_while(|frame| frame.first.is_none());
                    let begun: String = begun.map(|frame| frame.rest).collect();
                    self.out.push_str(begun.trim_end());
                }
                self.out.push('\n');
            }
        }
        for frame in &mut self.frames {
            match frame.first.take() {
                Some(first) => self.out.push_str(&first),
                None => self.out.push_str(frame.rest),
            }
        }
        self.gap = 0;
    }
}

fn is_heading(name: &str) -> bool {
    matches!(name, "h1" | "h2" | "h3" | "h4" | "h5" | "h6")
}

fn language_name(said: &str) -> Option<String> {
    let allowed = |character: char| character.is_ascii_alphanumeric() || matches!(character, '+' | '#' | '-' | '_');
    let name: String = said.chars().take_while(|character| allowed(*character)).collect();
    (!name.is_empty() && name.len() <= LANGUAGE_BYTES_MAX && name != "none").then_some(name)
}

/// The longest run of a character.
pub(super) fn longest_run(text: &str, wanted: char) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for character in text.chars() {
        run = if character == wanted { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}
