//! Files of the systems that came before, read as they are: each field becomes keys of ours, or
//! is named with the reason why it has no effect. Pure rewriting of the tree; the reader follows.
//!
//! Which field becomes what stands in the tables of `launcher` and `orchestrator`, and for people in
//! `docs/predecessors.md`. Nothing here is given to a shell.

mod launcher;
mod orchestrator;

use crate::diagnostic::{Report, Severity, Source, Span};
use crate::keys::{Key, SERVER_KEYS, Shape, TOP_KEYS, find};
use crate::tree::{Entry, Kind, Node};

pub use launcher::FIELDS as LAUNCHER_FIELDS;
pub use orchestrator::{FIELDS as MANAGER_FIELDS, GROUPS as MANAGER_GROUPS};

/// A field of a predecessor and what it comes to here.
#[derive(Debug)]
pub struct FieldRow {
    /// Its name; a group's fields with a dot.
    pub field: &'static str,
    /// What becomes of it.
    pub effect: Effect,
}

/// What becomes of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The same value under a key of ours.
    Key(&'static str),
    /// A number of MiB becomes a size.
    Mebibytes(&'static str),
    /// True or false becomes one of two words.
    Words(&'static str, &'static str, &'static str),
    /// Several fields together; how is said here.
    Together(&'static str),
    /// No effect, for this reason.
    Unused(&'static str),
}

/// A file in our words.
#[derive(Debug, Default)]
pub(crate) struct Translated {
    /// Servers by name, with keys of ours.
    pub(crate) servers: Vec<Entry>,
    /// Sections of settings.
    pub(crate) settings: Vec<Entry>,
    /// Whether `env_file` is stronger than `env`.
    pub(crate) env_file_wins: bool,
    /// Fields without effect: the field, whose it is, why, and where it stands.
    unused: Vec<(String, String, String, Span)>,
    /// What cannot be used at all, with what to do.
    refused: Vec<(Span, String, String)>,
}

/// The file in our words, if it is one of a predecessor.
pub(crate) fn translate(source: &Source, tree: &Node) -> Option<Translated> {
    if launcher::is_launcher(source, tree) {
        return Some(launcher::translate(tree));
    }
    let yaml = matches!(source.path.extension().and_then(|kind| kind.to_str()), Some("yaml" | "yml"));
    yaml.then(|| orchestrator::translate(tree))
}

// === impl Translated ===

impl Translated {
    fn unused(&mut self, entry: &Entry, field: &str, whose: &str, why: &str) {
        self.unused.push((field.to_owned(), whose.to_owned(), why.to_owned(), entry.key_span));
    }

    /// Puts a value under a key of ours, or says that this version does not have the key yet.
    fn put(&mut self, ours: &mut Vec<Entry>, path: &str, from: &Entry, kind: Kind, whose: &str) {
        match is_known(SERVER_KEYS, path) {
            true => set(ours, path, from, kind),
            false => self.unused(from, &from.key, whose, &not_here(path)),
        }
    }

    /// The same for a setting.
    fn put_setting(&mut self, path: &str, from: &Entry, kind: Kind, field: &str) {
        let known = match path.strip_prefix("defaults.") {
            Some(key) => is_known(SERVER_KEYS, key),
            None => is_known(TOP_KEYS, path),
        };
        match known {
            true => set(&mut self.settings, path, from, kind),
            false => self.unused(from, field, "", &not_here(path)),
        }
    }

    /// Says what has no effect and what cannot be used.
    pub(crate) fn say(&self, source: &Source, report: &mut Report) {
        let mut said: Vec<(&str, &str)> = Vec::new();
        for (field, _, why, span) in &self.unused {
            if said.contains(&(field, why)) {
                continue;
            }
            said.push((field, why));
            let same = self.unused.iter().filter(|other| (&other.0, &other.2) == (field, why));
            let whose: Vec<String> = same.filter(|one| !one.1.is_empty()).map(|one| format!("`{}`", one.1)).collect();
            let of = if whose.is_empty() { String::new() } else { format!(" of {}", whose.join(", ")) };
            let message = format!("`{field}`{of} has no effect: {why}");
            report.at(source, Severity::Note, *span, message);
        }
        for (span, message, hint) in &self.refused {
            report.error(source, *span, message.clone()).hint(hint.clone());
        }
    }
}

fn not_here(path: &str) -> String {
    format!("this version has no `{path}`")
}

/// Whether a key of ours, with a dot for each section, exists.
fn is_known(keys: &'static [Key], path: &str) -> bool {
    let (first, rest) = match path.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (path, None),
    };
    match (find(keys, first).map(|key| &key.shape), rest) {
        (Some(Shape::Section { keys }), Some(rest)) => is_known(keys, rest),
        (Some(_), None) => true,
        _ => false,
    }
}

/// Puts a value under a path of keys; a section that is missing is made, a value that is there stays.
fn set(entries: &mut Vec<Entry>, path: &str, from: &Entry, kind: Kind) {
    let entry = |key: &str, kind: Kind| Entry {
        key: key.to_owned(),
        key_span: from.key_span,
        value: Node { span: from.value.span, kind },
    };
    let Some((section, rest)) = path.split_once('.') else {
        if !entries.iter().any(|one| one.key == path) {
            entries.push(entry(path, kind));
        }
        return;
    };
    if !entries.iter().any(|one| one.key == section) {
        entries.push(entry(section, Kind::Table(Vec::new())));
    }
    if let Some(Kind::Table(inside)) = entries.iter_mut().find(|one| one.key == section).map(|one| &mut one.value.kind)
    {
        set(inside, rest, from, kind);
    }
}

/// A list of texts, each at the place of `from`.
fn texts(from: &Entry, words: impl IntoIterator<Item = String>) -> Kind {
    let text = |word| Node { span: from.value.span, kind: Kind::Text(word) };
    Kind::List(words.into_iter().map(text).collect())
}

/// A value as the text that other tools make of it.
fn as_text(node: &Node) -> Option<String> {
    match &node.kind {
        Kind::Text(text) => Some(text.clone()),
        Kind::Integer(number) => Some(number.to_string()),
        Kind::Float(number) => Some(number.to_string()),
        Kind::Flag(flag) => Some(flag.to_string()),
        _ => None,
    }
}
