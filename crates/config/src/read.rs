//! The one reader: a tree and a table of keys in, typed values with places out. It reports every
//! misfit and goes on. It looks at one value at a time: what values mean together is `check`'s.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::diagnostic::{Diagnostic, Report, Severity, Source, Span};
use crate::keys::{Key, SERVER_KEYS, Shape, find, is_default};
use crate::names::did_you_mean;
use crate::quantity::{parse_bytes, parse_duration, show_bytes, show_duration};
use crate::tree::{Entry, Kind, Node};
use crate::words::split_words;

/// A text and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Located {
    pub(crate) text: String,
    pub(crate) span: Span,
}

/// A value as written: right in itself, nothing expanded.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Flag(bool),
    Count(u64),
    Duration(Duration),
    Text(Located),
    Texts(Vec<Located>),
    Map(Vec<(Located, Located)>),
    Object(serde_json::Map<String, serde_json::Value>),
    Section(Fields),
}

#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) key_span: Span,
    pub(crate) span: Span,
    pub(crate) value: Value,
}

pub(crate) type Fields = BTreeMap<&'static str, Field>;

/// How strict to be: our own file, or one that belongs to another tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Unknown keys are errors.
    Own,
    /// Unknown keys are kept; numbers may stand where texts are meant.
    Foreign,
}

/// Reads the entries of one table. What no key is known for comes back when `manner` is foreign.
pub(crate) fn read_fields(
    source: &Source,
    entries: &[Entry],
    keys: &'static [Key],
    context: &str,
    manner: Manner,
    report: &mut Report,
) -> (Fields, Vec<Entry>) {
    let mut fields = Fields::new();
    let mut extra = Vec::new();
    for entry in entries {
        match find(keys, &entry.key) {
            // Other tools have keys of these names that mean something else.
            Some(key)
                if manner == Manner::Foreign
                    && matches!(key.name, "health" | "health_check")
                    && !matches!(entry.value.kind, Kind::Table(_)) =>
            {
                extra.push(entry.clone());
            }
            Some(key) => {
                let mut reader = Reader { source, manner, name: format!("{context}{}", key.name), report };
                if let Some(value) = reader.value(&key.shape, &entry.value) {
                    let field = Field { key_span: entry.key_span, span: entry.value.span, value };
                    fields.insert(key.name, field);
                }
            }
            None if manner == Manner::Foreign => extra.push(entry.clone()),
            None => {
                let known = keys.iter().map(|key| key.name);
                unknown_key(source, entry, context, known, report);
            }
        }
    }
    (fields, extra)
}

/// Reports a key that our own file does not know.
pub(crate) fn unknown_key<'a>(
    source: &Source,
    entry: &Entry,
    context: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
    report: &mut Report,
) {
    let message = format!("unknown key `{context}{}`", entry.key);
    let diagnostic = report.error(source, entry.key_span, message);
    diagnostic.label("not a key of switchboard.toml here");
    match did_you_mean(&entry.key, known.clone()) {
        Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
        None => {
            let known: Vec<&str> = known.into_iter().collect();
            diagnostic.hint(format!("known here: {}", known.join(", ")))
        }
    };
}

/// The numbers that are allowed, and how one is written.
struct Range<'a> {
    min: u64,
    max: u64,
    show: &'a dyn Fn(u64) -> String,
}

struct Reader<'a> {
    source: &'a Source,
    manner: Manner,
    name: String,
    report: &'a mut Report,
}

// === impl Reader ===

impl Reader<'_> {
    fn value(&mut self, shape: &Shape, node: &Node) -> Option<Value> {
        match shape {
            Shape::Flag { .. } => match node.kind {
                Kind::Flag(flag) => Some(Value::Flag(flag)),
                _ => self.misfit(node, "true or false"),
            },
            Shape::Text { .. } | Shape::Secret => self.text(node, "a string").map(Value::Text),
            Shape::Texts => self.texts(node),
            Shape::Command => self.command(node),
            Shape::Secrets => self.map(node),
            Shape::Object => match node.to_json() {
                serde_json::Value::Object(object) => Some(Value::Object(object)),
                _ => self.misfit(node, "a table"),
            },
            Shape::Word { words, .. } => self.word(node, words),
            Shape::Count { min, max, .. } => match node.kind {
                Kind::Integer(number) => {
                    let show = &|number: u64| number.to_string();
                    let range = Range { min: *min, max: *max, show };
                    self.ranged(node, u64::try_from(number).ok(), range).map(Value::Count)
                }
                _ => self.misfit(node, "a whole number"),
            },
            Shape::Bytes { min, max, .. } => {
                let number = match &node.kind {
                    Kind::Integer(number) => u64::try_from(*number).ok(),
                    Kind::Text(text) => match parse_bytes(text) {
                        Some(bytes) => Some(bytes),
                        None => return self.misfit(node, "a size such as \"4MiB\""),
                    },
                    _ => return self.misfit(node, "a size such as \"4MiB\""),
                };
                let range = Range { min: *min, max: *max, show: &show_bytes };
                self.ranged(node, number, range).map(Value::Count)
            }
            Shape::Duration { min, max, .. } => self.duration(node, *min, *max),
            Shape::Section { keys } => self.section(node, keys),
            Shape::Defaults => self.defaults(node),
        }
    }

    fn duration(&mut self, node: &Node, min: u64, max: u64) -> Option<Value> {
        const FORM: &str = "a duration such as \"30s\" (a bare number is seconds)";
        let duration = match &node.kind {
            Kind::Integer(seconds) => u64::try_from(*seconds).ok().map(Duration::from_secs),
            Kind::Float(seconds) if self.manner == Manner::Foreign => Duration::try_from_secs_f64(*seconds).ok(),
            Kind::Text(text) => match parse_duration(text) {
                Some(duration) => Some(duration),
                None => return self.misfit(node, FORM),
            },
            _ => return self.misfit(node, FORM),
        };
        let milliseconds = duration.and_then(|one| u64::try_from(one.as_millis()).ok());
        let show = &|one: u64| show_duration(Duration::from_millis(one));
        let range = Range { min, max, show };
        self.ranged(node, milliseconds, range).map(|one| Value::Duration(Duration::from_millis(one)))
    }

    fn ranged(&mut self, node: &Node, number: Option<u64>, range: Range<'_>) -> Option<u64> {
        let Range { min, max, show } = range;
        let fitting = number.filter(|number| (min..=max).contains(number));
        if fitting.is_none() {
            let message = format!("`{}` is out of range", self.name);
            self.error(node.span, message).label(format!("must be from {} to {}", show(min), show(max)));
        }
        fitting
    }

    fn word(&mut self, node: &Node, words: &'static [&'static str]) -> Option<Value> {
        let word = self.text(node, "a string")?;
        // Types of a connection that we know but do not speak are `check`'s to explain.
        if self.name.ends_with(".type") || words.contains(&word.text.as_str()) {
            return Some(Value::Text(word));
        }
        let message = format!("`{}` cannot be `{}`", self.name, word.text);
        let hint = match did_you_mean(&word.text, words.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("one of: {}", words.join(", ")),
        };
        self.error(node.span, message).hint(hint);
        None
    }

    fn text(&mut self, node: &Node, expected: &str) -> Option<Located> {
        let text = match &node.kind {
            Kind::Text(text) => text.clone(),
            Kind::Integer(number) if self.manner == Manner::Foreign => number.to_string(),
            Kind::Float(number) if self.manner == Manner::Foreign => number.to_string(),
            Kind::Flag(flag) if self.manner == Manner::Foreign => flag.to_string(),
            Kind::Integer(_) | Kind::Float(_) | Kind::Flag(_) => {
                let name = self.name.clone();
                self.wrong_form(&name, node, expected).hint("write it in quotes");
                return None;
            }
            _ => return self.misfit(node, expected),
        };
        let span = node.span;
        Some(Located { text, span })
    }

    fn texts(&mut self, node: &Node) -> Option<Value> {
        let Kind::List(nodes) = &node.kind else {
            return self.misfit(node, "a list of strings");
        };
        let texts = nodes.iter().filter_map(|node| self.text(node, "a list of strings"));
        Some(Value::Texts(texts.collect()))
    }

    fn command(&mut self, node: &Node) -> Option<Value> {
        let Kind::Text(text) = &node.kind else {
            return self.texts(node);
        };
        let Some(words) = split_words(text) else {
            return self.misfit(node, "a command with every quote closed, or a list of words");
        };
        let words = words.into_iter().map(|text| Located { text, span: node.span });
        Some(Value::Texts(words.collect()))
    }

    fn map(&mut self, node: &Node) -> Option<Value> {
        let Kind::Table(entries) = &node.kind else {
            return self.misfit(node, "a table of strings");
        };
        let mut map = Vec::with_capacity(entries.len());
        for entry in entries {
            let key = Located { text: entry.key.clone(), span: entry.key_span };
            if let Some(value) = self.text(&entry.value, "a table of strings") {
                map.push((key, value));
            }
        }
        Some(Value::Map(map))
    }

    fn section(&mut self, node: &Node, keys: &'static [Key]) -> Option<Value> {
        let Kind::Table(entries) = &node.kind else {
            return self.misfit(node, "a table");
        };
        let context = format!("{}.", self.name);
        let (source, manner) = (self.source, self.manner);
        let (fields, _) = read_fields(source, entries, keys, &context, manner, self.report);
        Some(Value::Section(fields))
    }

    /// Keys of servers, but none that says what a server is.
    fn defaults(&mut self, node: &Node) -> Option<Value> {
        let Some(Value::Section(mut fields)) = self.section(node, SERVER_KEYS) else {
            return None;
        };
        let one: Vec<&'static str> = fields.keys().copied().filter(|name| !is_default(name)).collect();
        for name in one {
            if let Some(field) = fields.remove(name) {
                let message = format!("`defaults.{name}` makes no sense for many servers");
                self.error(field.key_span, message).hint("write it in the server's own entry");
            }
        }
        Some(Value::Section(fields))
    }

    fn misfit<T>(&mut self, node: &Node, expected: &str) -> Option<T> {
        let name = self.name.clone();
        let diagnostic = self.wrong_form(&name, node, expected);
        if name.ends_with(".command") && matches!(node.kind, Kind::List(_)) {
            diagnostic.hint("write the program in `command` and the other words in `args`");
        }
        None
    }

    fn wrong_form(&mut self, name: &str, node: &Node, expected: &str) -> &mut Diagnostic {
        let message = format!("`{name}` must be {expected}");
        let label = match node.kind {
            Kind::Text(_) if expected.contains("such as") => "this cannot be read".to_owned(),
            _ => format!("this is {}", node.describe()),
        };
        self.error(node.span, message).label(label)
    }

    fn error(&mut self, span: Span, message: String) -> &mut Diagnostic {
        self.report.at(self.source, Severity::Error, span, message)
    }
}

/// The settings of all layers, the last that speaks winning, each with the index of its source.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub(crate) fields: BTreeMap<(&'static str, &'static str), (usize, Field)>,
}

// === impl Settings ===

impl Settings {
    pub(crate) fn get(&self, section: &str, name: &str) -> Option<&(usize, Field)> {
        let mut fields = self.fields.iter();
        fields.find_map(|(key, field)| (key == &(section, name)).then_some(field))
    }

    pub(crate) fn count(&self, section: &str, keys: &'static [Key], name: &str) -> usize {
        let field = self.get(section, name).map(|(_, field)| field);
        count_or_default(field, keys, name)
    }

    pub(crate) fn bytes(&self, section: &str, keys: &'static [Key], name: &str) -> usize {
        self.count(section, keys, name)
    }

    pub(crate) fn duration(&self, section: &str, keys: &'static [Key], name: &str) -> Duration {
        let field = self.get(section, name).map(|(_, field)| field);
        duration_or_default(field, keys, name)
    }

    pub(crate) fn flag(&self, section: &str, keys: &'static [Key], name: &str) -> bool {
        let field = self.get(section, name).map(|(_, field)| field);
        flag_of(field)
            .unwrap_or(matches!(find(keys, name).map(|key| &key.shape), Some(Shape::Flag { default: Some(true) })))
    }
}

/// The number in a field, or the default in the table of keys.
pub(crate) fn number_or_default(field: Option<&Field>, keys: &'static [Key], name: &str) -> u64 {
    match (field.map(|field| &field.value), find(keys, name).map(|key| &key.shape)) {
        (Some(Value::Count(number)), _) => *number,
        (_, Some(Shape::Count { default, .. } | Shape::Bytes { default, .. })) => *default,
        _ => 0,
    }
}

/// The count in a field, or the default in the table of keys.
pub(crate) fn count_or_default(field: Option<&Field>, keys: &'static [Key], name: &str) -> usize {
    usize::try_from(number_or_default(field, keys, name)).unwrap_or(usize::MAX)
}

/// The duration in a field, or the default in the table of keys.
pub(crate) fn duration_or_default(field: Option<&Field>, keys: &'static [Key], name: &str) -> Duration {
    match (field.map(|field| &field.value), find(keys, name).map(|key| &key.shape)) {
        (Some(Value::Duration(duration)), _) => *duration,
        (_, Some(Shape::Duration { default, .. })) => Duration::from_millis(*default),
        _ => Duration::ZERO,
    }
}

/// The flag in a field.
pub(crate) fn flag_of(field: Option<&Field>) -> Option<bool> {
    match field.map(|field| &field.value) {
        Some(Value::Flag(flag)) => Some(*flag),
        _ => None,
    }
}

/// The text in a field.
pub(crate) fn text_of(field: Option<&Field>) -> Option<&Located> {
    match field.map(|field| &field.value) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}

/// The texts in a field; none if it is not there.
pub(crate) fn texts_of(field: Option<&Field>) -> &[Located] {
    match field.map(|field| &field.value) {
        Some(Value::Texts(texts)) => texts,
        _ => &[],
    }
}

/// The table of texts in a field; none if it is not there.
pub(crate) fn map_of(field: Option<&Field>) -> &[(Located, Located)] {
    match field.map(|field| &field.value) {
        Some(Value::Map(map)) => map,
        _ => &[],
    }
}

/// The table of whatever values in a field.
pub(crate) fn object_of(field: Option<&Field>) -> Option<&serde_json::Map<String, serde_json::Value>> {
    match field.map(|field| &field.value) {
        Some(Value::Object(object)) => Some(object),
        _ => None,
    }
}
