//! YAML into the same tree as TOML and JSON, with positions: the files of a predecessor are YAML.
//!
//! Plain words are read as YAML 1.2 says (`yes` is a text). Tags and merge keys mean nothing here.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle};

use crate::diagnostic::{Report, Source, Span};
use crate::tree::{Entry, Kind, Node};

/// The deepest nesting that is read.
const DEPTH_MAX: usize = 64;
/// The most values of a file, repeated ones (`*alias`) counted each time.
const NODES_MAX: usize = 100_000;

/// A list or table that is being read.
struct Open {
    start: usize,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    /// The last is the key that waits for its value.
    Table(Vec<Entry>, Option<(String, Span)>),
}

/// Reads YAML. `None` after a syntax error.
pub(crate) fn parse_yaml(source: &Source, report: &mut Report) -> Option<Node> {
    let offsets = offsets(&source.text);
    let at = |index: usize| match &offsets {
        Some(offsets) => offsets.get(index).copied().unwrap_or(source.text.len()),
        None => index.min(source.text.len()),
    };
    let mut builder = Builder::default();
    for event in Parser::new_from_str(&source.text) {
        let (event, span) = match event {
            Ok(read) => read,
            Err(error) => {
                let start = at(error.marker().index());
                let message = format!("this is not valid YAML: {}", error.info());
                report.error(source, Span { start, end: start }, message);
                return None;
            }
        };
        let span = Span { start: at(span.start.index()), end: at(span.end.index()) };
        if let Err(message) = builder.take(event, span) {
            report.error(source, span, message);
            return None;
        }
    }
    Some(builder.root.unwrap_or(Node { span: Span::default(), kind: Kind::Table(Vec::new()) }))
}

/// Where each character begins, unless each is one byte.
fn offsets(text: &str) -> Option<Vec<usize>> {
    (!text.is_ascii()).then(|| text.char_indices().map(|(at, _)| at).collect())
}

#[derive(Default)]
struct Builder {
    root: Option<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

// === impl Builder ===

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), String> {
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                Err("the file holds several documents; only one can be read".to_owned())
            }
            Event::Scalar(text, style, anchor, _) => {
                let kind = match style {
                    ScalarStyle::Plain => plain(&text),
                    _ => Kind::Text(text.into_owned()),
                };
                self.put(Node { span, kind }, anchor)
            }
            Event::SequenceStart(anchor, _) => self.begin(span, anchor, Content::List(Vec::new())),
            Event::MappingStart(anchor, _) => self.begin(span, anchor, Content::Table(Vec::new(), None)),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open { start, anchor, content }) = self.open.pop() else {
                    return Ok(());
                };
                let kind = match content {
                    Content::List(nodes) => Kind::List(nodes),
                    Content::Table(entries, _) => Kind::Table(entries),
                };
                self.put(Node { span: Span { start, end: span.end.max(start) }, kind }, anchor)
            }
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned().ok_or("the alias names nothing that was read")?;
                self.put(Node { span, ..node }, 0)
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, span: Span, anchor: usize, content: Content) -> Result<(), String> {
        if self.open.len() >= DEPTH_MAX {
            return Err(format!("it is nested more than {DEPTH_MAX} deep"));
        }
        self.open.push(Open { start: span.start, anchor, content });
        Ok(())
    }

    fn put(&mut self, node: Node, anchor: usize) -> Result<(), String> {
        self.nodes += count(&node);
        if self.nodes > NODES_MAX {
            return Err(format!("it holds more than {NODES_MAX} values"));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::List(nodes)) => nodes.push(node),
            Some(Content::Table(entries, waiting)) => match waiting.take() {
                None => *waiting = Some((key(&node)?, node.span)),
                Some((key, _)) if entries.iter().any(|entry| entry.key == key) => {
                    return Err(format!("the key `{key}` stands in this table twice"));
                }
                Some((key, key_span)) => entries.push(Entry { key, key_span, value: node }),
            },
        }
        Ok(())
    }
}

/// Lists and tables were counted when their parts came, unless an alias repeats them.
fn count(node: &Node) -> usize {
    match &node.kind {
        Kind::List(nodes) => 1 + nodes.iter().map(count).sum::<usize>(),
        Kind::Table(entries) => 1 + entries.iter().map(|entry| count(&entry.value)).sum::<usize>(),
        _ => 1,
    }
}

fn key(node: &Node) -> Result<String, String> {
    match &node.kind {
        Kind::Text(text) => Ok(text.clone()),
        Kind::Integer(number) => Ok(number.to_string()),
        Kind::Flag(flag) => Ok(flag.to_string()),
        _ => Err(format!("{} cannot be a key", node.describe())),
    }
}

/// What a text without quotes is.
fn plain(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "true" | "True" | "TRUE" => return Kind::Flag(true),
        "false" | "False" | "FALSE" => return Kind::Flag(false),
        _ => {}
    }
    if let Ok(number) = text.parse::<i64>() {
        return Kind::Integer(number);
    }
    let hexadecimal = text.strip_prefix("0x").and_then(|digits| i64::from_str_radix(digits, 16).ok());
    if let Some(number) = hexadecimal {
        return Kind::Integer(number);
    }
    let numeric = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'))
        && text.bytes().any(|byte| byte.is_ascii_digit());
    match text.parse::<f64>() {
        Ok(number) if numeric => Kind::Float(number),
        _ => Kind::Text(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<serde_json::Value, String> {
        let source = Source::new(Path::new("a.yaml"), text);
        let mut report = Report::default();
        let node = parse_yaml(&source, &mut report);
        node.map(|node| node.to_json()).ok_or_else(|| report.diagnostics[0].message.clone())
    }

    #[test]
    fn values_are_what_yaml_says() {
        let text =
            "a: 1\nb: [x, 'y', 2.5, true, ~]\nc:\n  d: \"1\"\n  e: yes\n1: 0x10\nbig: &all {k: v}\nagain: *all\n";
        let expected = serde_json::json!({
            "a": 1, "b": ["x", "y", 2.5, true, null], "c": { "d": "1", "e": "yes" }, "1": 16,
            "big": { "k": "v" }, "again": { "k": "v" },
        });
        assert_eq!(read(text), Ok(expected));
        assert_eq!(read(""), Ok(serde_json::json!({})));
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_a_reason() {
        for (text, word) in [
            ("a: [1", "YAML"),
            ("a: 1\na: 2", "twice"),
            ("a: 1\n---\nb: 2", "several documents"),
            (&format!("{}1", "- ".repeat(DEPTH_MAX + 2)), "deep"),
        ] {
            assert!(read(text).is_err_and(|message| message.contains(word)), "{text}");
        }
    }

    #[test]
    fn repeated_values_are_bounded() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for at in 1..8 {
            let alias = format!("*a{}, ", at - 1).repeat(10);
            text.push_str(&format!("a{at}: &a{at} [{}]\n", alias.trim_end_matches(", ")));
        }
        assert!(read(&text).is_err_and(|message| message.contains("values")));
    }

    #[test]
    fn places_are_bytes() {
        let source = Source::new(Path::new("a.yaml"), "ä: ö\nkey: value\n");
        let node = parse_yaml(&source, &mut Report::default()).unwrap();
        let last = node.entries().last().unwrap();
        assert_eq!(&source.text[last.key_span.start..last.key_span.end], "key");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[ -~\n]{0,200}") {
            let _ = read(&text);
        }
    }
}
