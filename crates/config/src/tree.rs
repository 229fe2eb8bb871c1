//! One tree with positions for every format, so that one reader serves TOML and JSON alike.
//!
//! It knows syntax only: duplicate keys and broken text are reported here, what a key means is not.

use jsonc_parser::ast::Value as Json;
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostic::{Report, Source, Span};

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Null,
    Flag(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    Date(String),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key of a table with its value, in the order of the file.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

// === impl Node ===

impl Node {
    /// What it is, as a person would call it.
    pub(crate) fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "null",
            Kind::Flag(_) => "true or false",
            Kind::Integer(_) => "a whole number",
            Kind::Float(_) => "a number with a fraction",
            Kind::Text(_) => "a string",
            Kind::Date(_) => "a date",
            Kind::List(_) => "a list",
            Kind::Table(_) => "a table",
        }
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.kind {
            Kind::Table(entries) => entries,
            _ => &[],
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value as JSON, to keep what belongs to other tools.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match &self.kind {
            Kind::Null => serde_json::Value::Null,
            Kind::Flag(flag) => (*flag).into(),
            Kind::Integer(number) => (*number).into(),
            Kind::Float(number) => (*number).into(),
            Kind::Text(text) | Kind::Date(text) => text.as_str().into(),
            Kind::List(nodes) => nodes.iter().map(Node::to_json).collect(),
            Kind::Table(entries) => entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect(),
        }
    }
}

/// Looks a key up.
pub(crate) fn entry<'a>(entries: &'a [Entry], key: &str) -> Option<&'a Entry> {
    entries.iter().find(|entry| entry.key == key)
}

/// Reads TOML. Each syntax error is reported; what could be read comes back nevertheless.
pub(crate) fn parse_toml(source: &Source, report: &mut Report) -> Node {
    let (document, errors) = DeTable::parse_recoverable(&source.text);
    for error in errors {
        let range = error.span().unwrap_or(0..0);
        let span = Span { start: range.start, end: range.end };
        let message = error.message().trim().replace('\n', ", ");
        report.error(source, span, format!("this is not valid TOML: {message}"));
    }
    let span = Span { start: 0, end: source.text.len() };
    Node { span, kind: toml_table(document.get_ref()) }
}

fn toml_table(table: &DeTable<'_>) -> Kind {
    let mut entries = Vec::with_capacity(table.len());
    for (key, value) in table {
        entries.push(Entry { key: key.get_ref().to_string(), key_span: toml_span(key), value: toml_node(value) });
    }
    entries.sort_by_key(|entry| entry.key_span.start);
    Kind::Table(entries)
}

fn toml_node(value: &Spanned<DeValue<'_>>) -> Node {
    let kind = match value.get_ref() {
        DeValue::String(text) => Kind::Text(text.to_string()),
        DeValue::Integer(number) => {
            let digits = number.as_str();
            match i64::from_str_radix(digits, number.radix()) {
                Ok(integer) => Kind::Integer(integer),
                Err(_) => Kind::Float(digits.parse().unwrap_or(f64::INFINITY)),
            }
        }
        DeValue::Float(number) => Kind::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => Kind::Flag(*flag),
        DeValue::Datetime(date) => Kind::Date(date.to_string()),
        DeValue::Array(values) => Kind::List(values.iter().map(toml_node).collect()),
        DeValue::Table(table) => toml_table(table),
    };
    Node { span: toml_span(value), kind }
}

fn toml_span<T>(spanned: &Spanned<T>) -> Span {
    let range = spanned.span();
    Span { start: range.start, end: range.end }
}

/// Reads JSON with comments and trailing commas. `None` after a syntax error.
pub(crate) fn parse_json(source: &Source, report: &mut Report) -> Option<Node> {
    let options = ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    let parsed = jsonc_parser::parse_to_ast(&source.text, &CollectOptions::default(), &options);
    match parsed {
        Ok(parsed) => match parsed.value {
            Some(value) => Some(json_node(&value, source, report)),
            None => Some(Node { span: Span::default(), kind: Kind::Table(Vec::new()) }),
        },
        Err(error) => {
            let range = error.range();
            let span = Span { start: range.start, end: range.end };
            let kind = error.kind().to_string();
            let mut words = kind.chars();
            let first = words.next().map(|first| first.to_ascii_lowercase());
            let kind: String = first.into_iter().chain(words).collect();
            report.error(source, span, format!("this is not valid JSON: {kind}"));
            None
        }
    }
}

fn json_node(value: &Json<'_>, source: &Source, report: &mut Report) -> Node {
    let kind = match value {
        Json::StringLit(text) => Kind::Text(text.value.to_string()),
        Json::NumberLit(number) => match number.value.parse() {
            Ok(integer) => Kind::Integer(integer),
            Err(_) => Kind::Float(number.value.parse().unwrap_or(f64::NAN)),
        },
        Json::BooleanLit(flag) => Kind::Flag(flag.value),
        Json::NullKeyword(_) => Kind::Null,
        Json::Array(array) => {
            let elements = array.elements.iter();
            Kind::List(elements.map(|one| json_node(one, source, report)).collect())
        }
        Json::Object(object) => json_table(object, source, report),
    };
    Node { span: json_span(value), kind }
}

fn json_table(object: &jsonc_parser::ast::Object<'_>, source: &Source, report: &mut Report) -> Kind {
    let mut entries: Vec<Entry> = Vec::with_capacity(object.properties.len());
    let mut seen = std::collections::HashMap::new();
    for property in &object.properties {
        let key = property.name.as_str().to_owned();
        let key_span = json_span(&property.name);
        if let Some(first) = seen.insert(key.clone(), key_span) {
            let (line, _) = source.line_column(first.start);
            report
                .error(source, key_span, format!("the key `{key}` stands here twice"))
                .hint(format!("the first is on line {line}; keep one of them"));
            continue;
        }
        entries.push(Entry { key, key_span, value: json_node(&property.value, source, report) });
    }
    Kind::Table(entries)
}

fn json_span(ranged: &impl Ranged) -> Span {
    let range = ranged.range();
    Span { start: range.start, end: range.end }
}
