//! The YAML of the manager: 35 fields for each server, and groups of settings for the manager
//! itself, most of which it never obeyed.

use super::{Effect, FieldRow, Translated, as_text, set};
use crate::tree::{Entry, Kind, Node, entry};
use Effect::{Key, Mebibytes, Together, Unused, Words};

const fn row(field: &'static str, effect: Effect) -> FieldRow {
    FieldRow { field, effect }
}

const REACH: Effect = Together("with command, connection_type, host, port and base_url: how it is run or reached");
const LABEL: Effect = Unused("it is only a label; the server itself says what it is");

/// The 35 fields of a server.
pub const FIELDS: &[FieldRow] = &[
    row("name", Together("the name of the entry, where servers stand in a list")),
    row("command", REACH),
    row("description", Key("description")),
    row("version", LABEL),
    row("args", Key("args")),
    row("environment", Key("env")),
    row("tags", Key("tags")),
    row("allowed_origins", Unused("origins are checked once, for all servers: listen.allowed_origins")),
    row("connection_type", REACH),
    row("server_type", LABEL),
    row("working_directory", Key("cwd")),
    row("host", REACH),
    row("port", REACH),
    row("base_url", REACH),
    row("startup_timeout", Key("startup_timeout")),
    row("request_timeout", Key("request_timeout")),
    row("max_retries", Key("retry.attempts")),
    row("retry_delay", Key("retry.delay")),
    row("health_check_interval", Key("health.interval")),
    row("health_check_timeout", Key("health.timeout")),
    row("failure_threshold", Key("health.failures")),
    row("recovery_threshold", Key("health.recoveries")),
    row("auto_restart", Words("restart", "always", "never")),
    row("restart_delay", Key("restart_delay")),
    row("max_restart_attempts", Key("max_restarts")),
    row("restart_window", Key("restart_window")),
    row(
        "requires_auth",
        Together("signing in begins when the server asks for it; `auth_token` is sent without being asked"),
    ),
    row("auth_token", Together("the header `Authorization: Bearer …` of a remote server")),
    row("validate_ssl", Unused("certificates are always checked; add your own authority to those of the system")),
    row("max_concurrent_requests", Key("max_concurrent")),
    row("request_rate_limit", Key("rate_limit.calls_per_second")),
    row("memory_limit_mb", Mebibytes("resources.memory")),
    row("cpu_limit_percent", Key("resources.cpu")),
    row(
        "priority",
        Unused("it orders servers that stand in for each other; say which do with `group` in a file of our own"),
    ),
    row("enabled", Key("enabled")),
];

/// Other names under which its discovery knew some of them.
const ALIASES: &[(&str, &str)] = &[
    ("type", "connection_type"),
    ("timeout", "request_timeout"),
    ("env", "environment"),
    ("cwd", "working_directory"),
];

const INTERVAL: Effect = Key("discovery.interval");
const FOLDERS: Effect = Key("discovery.folders");
const DATA: Effect = Unused("all state lies in the data folder: --data");
const LOGS: Effect =
    Unused("logs lie in the data folder; their size is limits.log_file_bytes_max and limits.log_files_max");
const API: Effect =
    Unused("commands reach the daemon over its own socket, which only you can open; clients connect to listen.address");

/// The settings of the manager, by group and field; several spellings were in use.
pub const GROUPS: &[FieldRow] = &[
    row("discovery.config_directories", FOLDERS),
    row("discovery.directories", FOLDERS),
    row("discovery.auto_discovery", Key("discovery.auto")),
    row("discovery.enabled", Key("discovery.auto")),
    row("discovery.discovery_interval", INTERVAL),
    row("discovery.interval", INTERVAL),
    row("health_monitoring.global_health_check_interval", Key("defaults.health.interval")),
    row("health_monitoring.interval", Key("defaults.health.interval")),
    row("health_monitoring.max_concurrent_health_checks", Key("limits.probes_max")),
    row(
        "health_monitoring.metrics_collection_interval",
        Unused("figures are kept as calls happen; nothing is collected on a timer"),
    ),
    row("recovery.global_auto_recovery", Together("`restart` and `health.recover` of `[defaults]`")),
    row(
        "recovery.recovery_check_interval",
        Unused("a recovery begins when a probe fails or a process ends, not on a timer"),
    ),
    row("performance.max_startup_concurrency", Key("limits.startup_concurrency")),
    row("performance.max_concurrent_health_checks", Key("limits.probes_max")),
    row(
        "performance.metrics_collection_interval",
        Unused("figures are kept as calls happen; nothing is collected on a timer"),
    ),
    row("storage.state_file", DATA),
    row("storage.log_level", Unused("how much is said is a flag: -q, -v, -vv")),
    row("storage.log_file", LOGS),
    row("api.api_enabled", API),
    row("api.api_host", API),
    row("api.api_port", API),
    row("api.enabled", API),
    row("api.host", API),
    row("api.port", API),
];

pub(super) fn translate(tree: &Node) -> Translated {
    let mut translated = Translated::default();
    for one in tree.entries() {
        match (one.key.as_str(), &one.value.kind) {
            ("servers" | "mcp_servers" | "mcpServers", Kind::Table(servers)) => {
                for each in servers {
                    add(each.clone(), &mut translated);
                }
            }
            ("servers" | "mcp_servers" | "mcpServers", Kind::List(servers)) => {
                for each in servers {
                    named(each, &mut translated);
                }
            }
            (group, Kind::Table(fields)) if GROUPS.iter().any(|row| row.field.starts_with(&format!("{group}."))) => {
                for field in fields {
                    setting(group, field, &mut translated);
                }
            }
            // The same fields stood at the top of other files.
            (field, _) => {
                let known = GROUPS.iter().find(|row| row.field.split_once('.').is_some_and(|(_, name)| name == field));
                match known.and_then(|row| row.field.split_once('.')) {
                    Some((group, _)) => setting(group, one, &mut translated),
                    None => translated.unused(one, field, "", "it is not a key that is known"),
                }
            }
        }
    }
    share_health(&mut translated);
    translated
}

/// A server that says something of its own about its health still means the rest of what was said
/// for all: in our files a section of a server stands for itself.
fn share_health(translated: &mut Translated) {
    let defaults = entry(&translated.settings, "defaults").map(|defaults| defaults.value.entries());
    let shared = defaults.and_then(|defaults| entry(defaults, "health")).map(|health| health.value.entries().to_vec());
    for server in &mut translated.servers {
        let Kind::Table(ours) = &mut server.value.kind else { continue };
        if entry(ours, "health").is_some() {
            for one in shared.iter().flatten() {
                set(ours, &format!("health.{}", one.key), one, one.value.kind.clone());
            }
        }
    }
}

fn setting(group: &str, field: &Entry, translated: &mut Translated) {
    let name = format!("{group}.{}", field.key);
    match GROUPS.iter().find(|row| row.field == name).map(|row| row.effect) {
        Some(Key(path)) => {
            let kind = match (&field.value.kind, path) {
                // One folder needs no list.
                (Kind::Text(_), "discovery.folders") => Kind::List(vec![field.value.clone()]),
                (kind, _) => kind.clone(),
            };
            translated.put_setting(path, field, kind, &name);
        }
        // Its recovery was what restarted a server that had ended, and one that was not well.
        Some(Together(_)) => {
            let word = match field.value.kind {
                Kind::Flag(false) => "never",
                _ => "always",
            };
            set(&mut translated.settings, "defaults.restart", field, Kind::Text(word.to_owned()));
            set(&mut translated.settings, "defaults.health.recover", field, field.value.kind.clone());
        }
        Some(Unused(why)) => translated.unused(field, &name, "", why),
        _ => translated.unused(field, &name, "", "it is not a key that is known"),
    }
}

/// A server of a list, which says its name itself.
fn named(server: &Node, translated: &mut Translated) {
    match entry(server.entries(), "name") {
        Some(name) => {
            let key = name.value.text().unwrap_or_default().to_owned();
            let key_span = name.value.span;
            add(Entry { key, key_span, value: server.clone() }, translated);
        }
        None => {
            let message = "a server of the list has no `name`".to_owned();
            translated.refused.push((server.span, message, "give it one, such as name: search".to_owned()));
        }
    }
}

fn add(server: Entry, translated: &mut Translated) {
    if let Kind::Table(fields) = &server.value.kind {
        let mut ours = reach(&server.key, fields, translated);
        for field in fields {
            one(&server.key, field, &mut ours, translated);
        }
        let value = Node { span: server.value.span, kind: Kind::Table(ours) };
        translated.servers.push(Entry { value, ..server });
    } else {
        translated.servers.push(server);
    }
}

/// The field behind a name or its alias.
fn field<'a>(fields: &'a [Entry], name: &str) -> Option<&'a Entry> {
    let present = |name: &str| entry(fields, name).filter(|one| !matches!(one.value.kind, Kind::Null));
    present(name).or_else(|| ALIASES.iter().filter(|(_, of)| *of == name).find_map(|(alias, _)| present(alias)))
}

/// How it is run or reached.
fn reach(name: &str, fields: &[Entry], translated: &mut Translated) -> Vec<Entry> {
    let mut ours = Vec::new();
    let command = field(fields, "command");
    let kind = field(fields, "connection_type").and_then(|one| one.value.text()).unwrap_or("stdio");
    if matches!(kind, "stdio" | "local") {
        if let Some(from) = command {
            set(&mut ours, "command", from, from.value.kind.clone());
        }
        for idle in ["host", "port", "base_url", "auth_token", "requires_auth"] {
            if let Some(from) = field(fields, idle) {
                translated.unused(from, idle, name, "a local program is spoken to over its stdin and stdout");
            }
        }
        return ours;
    }
    let base = field(fields, "base_url");
    let host = field(fields, "host").and_then(|one| one.value.text()).unwrap_or("localhost");
    let port = field(fields, "port");
    let number = port.and_then(|one| as_text(&one.value));
    let url = match (kind, base.and_then(|one| one.value.text()), number) {
        (_, Some(base), _) => Some(base.to_owned()),
        ("unix_socket" | "unix", None, _) => Some(format!("unix://{host}")),
        ("websocket" | "ws", None, Some(port)) => Some(format!("ws://{host}:{port}")),
        ("tcp", None, Some(port)) => Some(format!("tcp://{host}:{port}")),
        (_, None, Some(port)) => Some(format!("http://{host}:{port}/mcp")),
        (_, None, None) => None,
    };
    let place = base.or(port).or_else(|| field(fields, "host")).or_else(|| field(fields, "connection_type"));
    match (place, url) {
        (Some(from), Some(url)) => set(&mut ours, "url", from, Kind::Text(url)),
        (Some(from), None) => {
            let message = format!("server `{name}`: the connection_type `{kind}` needs a `port` or a `base_url`");
            translated.refused.push((from.value.span, message, "write the port that it listens on".to_owned()));
        }
        _ => {}
    }
    let own_port = port.filter(|_| base.is_none() && matches!(host, "localhost" | "127.0.0.1"));
    match (command, own_port) {
        (Some(from), Some(port)) => {
            translated.put(&mut ours, "port", port, port.value.kind.clone(), name);
            match entry(&ours, "port") {
                Some(_) => set(&mut ours, "command", from, from.value.kind.clone()),
                None => translated.unused(from, "command", name, "it is reached at its port; start it yourself"),
            }
        }
        (Some(from), None) => translated.unused(from, "command", name, "it is reached over the network"),
        (None, _) => {}
    }
    if let Some(token) = field(fields, "auth_token").and_then(|one| Some((one, one.value.text()?))) {
        set(&mut ours, "headers.Authorization", token.0, Kind::Text(format!("Bearer {}", token.1)));
    }
    ours
}

/// One field that stands for itself.
fn one(name: &str, from: &Entry, ours: &mut Vec<Entry>, translated: &mut Translated) {
    let alias = ALIASES.iter().find(|(alias, _)| *alias == from.key);
    let field = alias.map_or(from.key.as_str(), |(_, field)| field);
    if matches!(from.value.kind, Kind::Null) {
        return;
    }
    let remote = entry(ours, "command").is_none();
    match (FIELDS.iter().find(|row| row.field == field).map(|row| row.effect), &from.value.kind) {
        (Some(Key("args" | "env" | "cwd")), kind) if remote => {
            let empty = matches!(kind, Kind::List(list) if list.is_empty())
                || matches!(kind, Kind::Table(table) if table.is_empty());
            if !empty {
                translated.unused(from, field, name, "it is reached over the network, not started");
            }
        }
        (Some(Key(path)), kind) => translated.put(ours, path, from, kind.clone(), name),
        (Some(Mebibytes(path)), Kind::Integer(number)) => {
            translated.put(ours, path, from, Kind::Text(format!("{number}MiB")), name);
        }
        (Some(Words(path, yes, no)), Kind::Flag(flag)) => {
            let word = if *flag { yes } else { no };
            translated.put(ours, path, from, Kind::Text(word.to_owned()), name);
        }
        (Some(Mebibytes(path) | Words(path, ..)), kind) => translated.put(ours, path, from, kind.clone(), name),
        // Certificates are checked, as it asks; the rest asks for nothing.
        (Some(Unused(_)), Kind::Flag(true)) if field == "validate_ssl" => {}
        (Some(Unused(_)), Kind::Integer(100)) if field == "priority" => {}
        (Some(Unused(_)), Kind::List(none)) if none.is_empty() => {}
        (Some(Unused(why)), _) => translated.unused(from, field, name, why),
        (Some(Together(_)), _) => {}
        (None, _) => translated.unused(from, field, name, "it is not a key that is known"),
    }
}
