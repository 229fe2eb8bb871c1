//! One file as written: which format it is in, whose it is, its settings and its servers. Each
//! value is right in itself; nothing is expanded and neighbours are not looked at.

use crate::diagnostic::{Report, Severity, Source, Span};
use crate::foreign::normalise;
use crate::keys::{SERVER_KEYS, Shape, TOP_KEYS, find};
use crate::predecessors::{Translated, translate};
use crate::read::{Field, Fields, Manner, Value, read_fields, unknown_key};
use crate::tree::{Entry, Kind, Node, parse_json, parse_toml};
use crate::yaml::parse_yaml;

/// A file, read.
#[derive(Debug, Default)]
pub(crate) struct RawConfig {
    pub(crate) settings: Vec<((&'static str, &'static str), Field)>,
    pub(crate) servers: Vec<RawServer>,
    pub(crate) services: Vec<RawServer>,
    pub(crate) profiles: Vec<crate::profiles::RawProfile>,
    /// Whether there were syntax errors, so that what was read is partly a guess.
    pub(crate) broken: bool,
}

/// An entry of a server, read.
#[derive(Debug)]
pub(crate) struct RawServer {
    pub(crate) name: String,
    pub(crate) name_span: Span,
    pub(crate) fields: Fields,
    /// Every key that stands there, also those whose value could not be read.
    pub(crate) keys: Vec<String>,
    /// Keys of other tools.
    pub(crate) extra: Vec<Entry>,
    pub(crate) manner: Manner,
    /// Whether `env_file` is stronger than `env`, as one of the predecessors has it.
    pub(crate) env_file_wins: bool,
}

/// Tables of servers that other tools write.
const FOREIGN_TABLES: &[&str] = &["mcpServers", "mcp_servers"];

/// How many keys of other tools one note names.
const NAMED_KEYS_MAX: usize = 8;

/// Reads a file. Values of secrets are hidden in everything that `source` shows afterwards.
pub(crate) fn read(source: &mut Source, report: &mut Report) -> RawConfig {
    let parsed = match format(source) {
        Format::Toml => None,
        Format::Json => Some(parse_json(source, report)),
        Format::Yaml => Some(parse_yaml(source, report)),
    };
    if let Some(tree) = parsed {
        let Some(tree) = tree else {
            return RawConfig::default();
        };
        source.mask(&secrets(&tree));
        return match translate(source, &tree) {
            Some(translated) => read_translated(source, translated, report),
            None => read_json(source, &tree, report),
        };
    }
    let mut syntax = Report::default();
    let tree = parse_toml(source, &mut syntax);
    source.mask(&secrets(&tree));
    // Made again, so that these too hide secrets.
    let broken = !syntax.diagnostics.is_empty();
    for found in syntax.diagnostics {
        report.error(source, found.span.unwrap_or_default(), found.message);
    }
    let mut meaning = Report::default();
    let mut raw = read_toml(source, &tree, &mut meaning);
    raw.broken = broken;
    // Around a syntax error the tree is a guess: what is said of those lines would mislead.
    let lines: Vec<_> = report.diagnostics.iter().map(|found| found.line).collect();
    let said = meaning.diagnostics.into_iter();
    let kept = said.filter(|found| !broken || !lines.contains(&found.line));
    report.diagnostics.extend(kept);
    raw
}

enum Format {
    Toml,
    Json,
    Yaml,
}

fn format(source: &Source) -> Format {
    match source.path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => Format::Toml,
        Some("json" | "jsonc") => Format::Json,
        Some("yaml" | "yml") => Format::Yaml,
        _ if source.text.trim_start().starts_with(['{', '/']) => Format::Json,
        _ => Format::Toml,
    }
}

/// A file of a predecessor, already in our words.
fn read_translated(source: &Source, translated: Translated, report: &mut Report) -> RawConfig {
    translated.say(source, report);
    let mut raw = RawConfig::default();
    for section in &translated.settings {
        match section.key.as_str() {
            "services" => crate::services::read_services(source, section, &mut raw, report),
            _ => read_setting(source, section, &mut raw, report),
        }
    }
    let Some(first) = translated.servers.first() else {
        return raw;
    };
    let span = first.key_span;
    let value = Node { span, kind: Kind::Table(translated.servers.clone()) };
    let table = Entry { key: "servers".to_owned(), key_span: span, value };
    let mut notes = Vec::new();
    read_servers(source, &table, Manner::Foreign, &mut raw, &mut notes, report);
    for server in &mut raw.servers {
        server.env_file_wins = translated.env_file_wins;
    }
    mention(source, &notes, report);
    raw
}

/// Servers that were declared in a form of their own, each in our words.
pub(crate) fn read_found(source: &Source, servers: Vec<Entry>, report: &mut Report) -> RawConfig {
    let mut raw = RawConfig::default();
    let value = Node { span: Span::default(), kind: Kind::Table(servers) };
    let table = Entry { key: "servers".to_owned(), key_span: Span::default(), value };
    read_servers(source, &table, Manner::Foreign, &mut raw, &mut Vec::new(), report);
    raw
}

fn read_toml(source: &Source, tree: &Node, report: &mut Report) -> RawConfig {
    let entries = tree.entries();
    let is_ours = |one: &Entry| {
        matches!(one.key.as_str(), "servers" | "services" | "profiles") || find(TOP_KEYS, &one.key).is_some()
    };
    let codex = entries.iter().any(|one| FOREIGN_TABLES.contains(&one.key.as_str()))
        && !entries.iter().any(is_ours)
        && source.path.file_name().is_none_or(|name| name != "switchboard.toml");
    let mut raw = RawConfig::default();
    let mut notes = Vec::new();
    for one in entries {
        match (one.key.as_str(), find(TOP_KEYS, &one.key)) {
            ("servers", _) => read_servers(source, one, Manner::Own, &mut raw, &mut notes, report),
            ("services", _) => crate::services::read_services(source, one, &mut raw, report),
            ("profiles", _) => crate::profiles::read_profiles(source, one, &mut raw, report),
            (table, _) if FOREIGN_TABLES.contains(&table) => {
                read_servers(source, one, Manner::Foreign, &mut raw, &mut notes, report);
            }
            (_, Some(_)) => read_setting(source, one, &mut raw, report),
            (_, None) if codex => notes.push((format!("`{}`", one.key), one.key_span)),
            (_, None) => {
                let known = TOP_KEYS.iter().map(|key| key.name);
                unknown_key(source, one, "", known.chain(["servers", "services", "profiles", "mcpServers"]), report);
            }
        }
    }
    mention(source, &notes, report);
    raw
}

fn read_setting(source: &Source, one: &Entry, raw: &mut RawConfig, report: &mut Report) {
    let alone = std::slice::from_ref(one);
    let (fields, _) = read_fields(source, alone, TOP_KEYS, "", Manner::Own, report);
    for (name, field) in fields {
        match field.value {
            Value::Section(inner) => {
                let inner = inner.into_iter();
                raw.settings.extend(inner.map(|(key, field)| ((name, key), field)));
            }
            _ => raw.settings.push((("", name), field)),
        }
    }
}

fn read_json(source: &Source, tree: &Node, report: &mut Report) -> RawConfig {
    let mut raw = RawConfig::default();
    if !matches!(tree.kind, Kind::Table(_)) {
        let message = "the file must hold an object";
        report.error(source, tree.span, message).label(format!("this is {}", tree.describe()));
        return raw;
    }
    let mut notes = Vec::new();
    let mut found = false;
    for one in tree.entries() {
        match one.key.as_str() {
            "mcpServers" | "mcp_servers" | "servers" => {
                found = true;
                read_servers(source, one, Manner::Foreign, &mut raw, &mut notes, report);
            }
            "inputs" | "$schema" => {}
            _ => notes.push((format!("`{}`", one.key), one.key_span)),
        }
    }
    if !found {
        let start = Span { start: tree.span.start, end: tree.span.start };
        report
            .at(source, Severity::Warning, start, "the file declares no servers")
            .hint("servers stand under `mcpServers`, or `servers` in files of VS Code");
    }
    mention(source, &notes, report);
    raw
}

fn read_servers(
    source: &Source,
    table: &Entry,
    manner: Manner,
    raw: &mut RawConfig,
    notes: &mut Vec<(String, Span)>,
    report: &mut Report,
) {
    if !matches!(table.value.kind, Kind::Table(_)) {
        let message = format!("`{}` must be a table of servers by name", table.key);
        report.error(source, table.value.span, message).label(format!("this is {}", table.value.describe()));
        return;
    }
    for one in table.value.entries() {
        if !matches!(one.value.kind, Kind::Table(_)) {
            let message = format!("the server `{}` must be a table", one.key);
            report.error(source, one.value.span, message).label(format!("this is {}", one.value.describe()));
            continue;
        }
        let entries = match manner {
            Manner::Own => one.value.entries().to_vec(),
            Manner::Foreign => normalise(one.value.entries()),
        };
        let context = format!("servers.{}.", one.key);
        let (fields, extra) = read_fields(source, &entries, SERVER_KEYS, &context, manner, report);
        for key in &extra {
            notes.push((format!("`{}` of `{}`", key.key, one.key), key.key_span));
        }
        raw.servers.push(RawServer {
            name: one.key.clone(),
            name_span: one.key_span,
            fields,
            keys: entries.into_iter().map(|entry| entry.key).collect(),
            extra,
            manner,
            env_file_wins: false,
        });
    }
}

/// One note for all keys that belong to other tools.
fn mention(source: &Source, notes: &[(String, Span)], report: &mut Report) {
    let Some((_, first)) = notes.first() else {
        return;
    };
    let named = notes.iter().take(NAMED_KEYS_MAX);
    let mut names: Vec<String> = named.map(|(name, _)| name.clone()).collect();
    if notes.len() > NAMED_KEYS_MAX {
        names.push(format!("{} more", notes.len() - NAMED_KEYS_MAX));
    }
    let message = format!("keys of other tools are kept and not used: {}", names.join(", "));
    report.at(source, Severity::Note, *first, message);
}

/// Where values stand that must never be shown.
pub(crate) fn secrets(tree: &Node) -> Vec<Span> {
    let mut spans = Vec::new();
    for one in tree.entries() {
        let secret_table =
            matches!(one.key.as_str(), "env" | "headers" | "http_headers" | "environment" | "oauth" | "auth");
        let is_secret = |key: &str| {
            let shape = find(crate::keys::LISTEN_KEYS, key).map(|key| &key.shape);
            matches!(shape, Some(Shape::Secret)) || matches!(key, "bearer_token" | "auth_token")
        };
        match &one.value.kind {
            Kind::Table(values) if secret_table => {
                spans.extend(values.iter().map(|value| value.value.span));
            }
            Kind::Text(_) if is_secret(&one.key) => spans.push(one.value.span),
            _ => spans.extend(secrets(&one.value)),
        }
    }
    spans
}
