//! What of a page is worth reading: its article, or all of it where it has none.
//!
//! The article is found by `legible`, a port of Mozilla's Readability. It deliberately fetches
//! nothing: it is a function of the page's text and its URL.

use super::inline::is_hidden;
use super::tree::{Id, Tree};
use super::{clean, markdown};
use legible::Options;
use std::panic::{AssertUnwindSafe, catch_unwind};
use url::Url;

/// An article shorter than this may be a stray box of a page that is none, in characters.
const ARTICLE_CHARS_MIN: usize = 400;
/// How many times longer the rest of such a page is.
const REST_FACTOR: usize = 4;
/// The longest title, in characters.
const TITLE_CHARS_MAX: usize = 300;

/// A page as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Readable {
    /// What it is called, if it says so.
    pub(super) title: Option<String>,
    /// Markdown.
    pub(super) markdown: String,
}

/// Reads a page that was found at `url`.
#[must_use]
pub(super) fn readable(html: &str, url: &Url) -> Readable {
    let tree = Tree::parse(html);
    if tree.is_over() {
        return Readable { title: title(&tree), markdown: plain_text(&tree) };
    }
    let base = base(&tree, url);
    let options = Options::new().keep_classes(true);
    // A stranger's page must not take a thread down with it.
    let article = catch_unwind(AssertUnwindSafe(|| legible::parse(html, Some(base.as_str()), Some(options)).ok()));
    let article = article.ok().flatten();
    let root = root(&tree);
    match article {
        Some(article) if !is_stray(&tree, root, article.length) => {
            let content = Tree::parse(&article.content);
            let named = Some(shortened(&article.title)).filter(|title| !title.is_empty());
            let markdown = markdown::write(&content, Tree::root(), &base, is_furniture);
            Readable { title: named.or_else(|| title(&tree)), markdown }
        }
        _ => Readable { title: title(&tree), markdown: markdown::write(&tree, root, &base, is_furniture) },
    }
}

/// Whether what was found is too little of too much.
fn is_stray(tree: &Tree, root: Id, chars: usize) -> bool {
    if chars >= ARTICLE_CHARS_MIN {
        return false;
    }
    let all: usize = tree
        .below(root, |id| !is_hidden(tree, id) && !is_furniture(tree, id))
        .filter_map(|id| tree.text(id))
        .map(|text| text.split_whitespace().map(|word| word.chars().count() + 1).sum::<usize>())
        .sum();
    all > chars.saturating_mul(REST_FACTOR) && all > ARTICLE_CHARS_MIN
}

/// What is around a page and not in it.
fn is_furniture(tree: &Tree, id: Id) -> bool {
    let role = tree.attribute(id, "role").unwrap_or_default();
    matches!(tree.name(id), Some("nav" | "footer" | "aside"))
        || matches!(role, "navigation" | "banner" | "contentinfo" | "complementary" | "search" | "dialog")
}

/// What is read where there is no article: the main part if the page names one, else its body.
fn root(tree: &Tree) -> Id {
    let is_main = |id: &Id| tree.name(*id) == Some("main") || tree.attribute(*id, "role") == Some("main");
    let main = tree.below(Tree::root(), |id| !is_hidden(tree, id)).find(is_main);
    main.or_else(|| tree.find("body")).unwrap_or(Tree::root())
}

/// What links are seen from.
fn base(tree: &Tree, url: &Url) -> Url {
    let said = tree.find("base").and_then(|base| tree.attribute(base, "href"));
    said.and_then(|href| url.join(href.trim()).ok()).unwrap_or_else(|| url.clone())
}

fn title(tree: &Tree) -> Option<String> {
    let id = tree.find("title")?;
    let text: String = tree.children(id).filter_map(|id| tree.text(id)).collect();
    Some(shortened(&text)).filter(|title| !title.is_empty())
}

fn shortened(text: &str) -> String {
    let text = super::inline::settled(&clean::plain(text));
    text.chars().take(TITLE_CHARS_MAX).collect()
}

/// The text of a tree that is too deep for anything else.
fn plain_text(tree: &Tree) -> String {
    let shown = tree.below(Tree::root(), |id| !is_hidden(tree, id));
    let texts = shown.filter_map(|id| tree.text(id)).map(|text| super::inline::settled(&clean::plain(text)));
    texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
}
