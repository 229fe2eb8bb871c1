//! The configuration in force, for people and for `--json`: what came from where, secrets hidden.
//!
//! Texts of servers are shown as they were written, since variables may have brought secrets.

use serde_json::{Map, Value, json};

use crate::config::{
    Approval, Config, EraChoice, HttpDialect, Isolation, OAuth, Pin, Prefix, Reach, Restart, Server, Start,
};
use crate::host::Resources;
use crate::quantity::{show_bytes, show_duration};
use crate::search::SearchSettings;
use crate::show_services::container_of_server;

/// What stands in place of a secret.
pub(crate) const HIDDEN: &str = "***";

/// The configuration as TOML with the origin of each value as a comment.
pub fn show(config: &Config) -> String {
    let mut text = String::new();
    let value = to_json(config);
    let origin = |key: &str| match config.origins.get(key) {
        Some(origin) => format!("  # {origin}"),
        None => "  # default".to_owned(),
    };
    line(&mut text, "roots", &value["roots"], &origin("roots"));
    line(&mut text, "builtins", &value["builtins"], &origin("builtins"));
    if !value["container_engine"].is_null() {
        line(&mut text, "container_engine", &value["container_engine"], &origin("container_engine"));
    }
    for section in
        ["listen", "limits", "catalog", "names", "discovery", "records", "state", "cache", "telemetry", "log", "search"]
    {
        text.push_str(&format!("\n[{section}]\n"));
        for (key, value) in members(&value[section]) {
            line(&mut text, key, value, &origin(&format!("{section}.{key}")));
        }
    }
    for (name, shown) in members(&value["services"]) {
        text.push_str(&format!("\n[services.{}]\n", quoted_key(name)));
        for (key, value) in filled(shown) {
            line(&mut text, key, value, "");
        }
    }
    for (name, shown) in members(&value["profiles"]) {
        let origin = config.profiles.get(name).map(|profile| format!("  # {}", profile.origin)).unwrap_or_default();
        let header = format!("profiles.{}", quoted_key(name));
        text.push_str(&format!("\n[{header}]{origin}\n"));
        for (key, value) in filled(shown).filter(|(key, _)| *key != "tools") {
            line(&mut text, key, value, "");
        }
        for (tool, texts) in members(&shown["tools"]) {
            text.push_str(&format!("\n[{header}.tools.{}]\n", quoted_key(tool)));
            members(texts).for_each(|(key, value)| line(&mut text, key, value, ""));
        }
    }
    for server in config.servers.values() {
        let header = format!("servers.{}", quoted_key(&server.name));
        text.push_str(&format!("\n[{header}]  # {}", server.origin));
        if server.approval == Approval::Pending {
            text.push_str(", pending: not approved on this machine");
        }
        text.push('\n');
        let shown = shown_server(server);
        for (key, value) in filled(&shown).filter(|(_, value)| !value.is_object()) {
            line(&mut text, key, value, &shared(config, server, key));
        }
        for (key, value) in filled(&shown).filter(|(_, value)| value.is_object()) {
            text.push_str(&format!("\n[{header}.{key}]\n"));
            for (inner, value) in filled(value) {
                line(&mut text, inner, value, &shared(config, server, &format!("{key}.{inner}")));
            }
        }
    }
    text
}

/// A remark at what a server has from `[defaults]`.
fn shared(config: &Config, server: &Server, key: &str) -> String {
    let shared = config.origins.get(&format!("defaults.{key}"));
    let shared = shared.filter(|shared| server.origins.get(key) == Some(*shared));
    shared.map(|origin| format!("  # defaults at {origin}")).unwrap_or_default()
}

fn line(text: &mut String, key: &str, value: &Value, comment: &str) {
    if let Ok(value) = toml::Value::try_from(value) {
        text.push_str(&format!("{} = {value}{comment}\n", quoted_key(key)));
    }
}

/// The members that say something: no empty list, and no table of nothing else.
fn filled(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let says = |value: &Value| value.as_array().is_none_or(|list| !list.is_empty());
    members(value).filter(move |(_, value)| match value.as_object() {
        Some(inner) => inner.values().any(|value| !value.is_null() && says(value)),
        None => says(value),
    })
}

/// The members of an object that have a value.
fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let members = value.as_object().into_iter().flatten();
    members.filter(|(_, value)| !value.is_null())
}

fn quoted_key(key: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if !key.is_empty() && key.bytes().all(bare) { key.to_owned() } else { toml::Value::from(key).to_string() }
}

/// The configuration as JSON, secrets hidden; durations and sizes as they would be written.
pub fn to_json(config: &Config) -> Value {
    let limits = config.limits.table().into_iter();
    let limits: Map<String, Value> = limits
        .map(|row| match (row.unit, row.value.parse::<u64>()) {
            ("count", Ok(count)) => (row.name.to_owned(), count.into()),
            _ => (row.name.to_owned(), row.value.into()),
        })
        .collect();
    let servers = config.servers.values();
    let servers: Map<String, Value> = servers.map(|server| (server.name.clone(), server_json(server))).collect();
    let origins = config.origins.iter();
    let origins: Map<String, Value> = origins.map(|(key, origin)| (key.clone(), origin.to_string().into())).collect();
    json!({
        "listen": {
            "address": config.listen.address.to_string(),
            "tcp": config.listen.tcp.map(|address| address.to_string()),
            "unix": config.listen.unix.as_ref().map(|path| path.to_string_lossy()),
            "token": config.listen.token.as_ref().map(|_| HIDDEN),
            "allowed_hosts": config.listen.allowed_hosts,
            "allowed_origins": config.listen.allowed_origins,
            "public_url": config.listen.public_url,
        },
        "builtins": config.builtins,
        "records": { "keep": show_duration(config.records.keep), "bytes_max": show_bytes(config.records.bytes_max as u64) },
        "state": { "url": config.state.url.as_ref().map(|_| HIDDEN) },
        "cache": {
            "url": config.cache.url.as_ref().map(|_| HIDDEN),
            "entries_max": config.cache.entries_max,
            "bytes_max": show_bytes(config.cache.bytes_max as u64),
            "timeout": show_duration(config.cache.timeout),
        },
        "telemetry": {
            "otlp_url": config.telemetry.otlp_url.as_ref().map(|url| if url.contains('@') { HIDDEN } else { url }),
            "otlp_headers": config.telemetry.otlp_headers.as_ref().map(|_| HIDDEN),
            "sample": config.telemetry.sample,
            "service_name": config.telemetry.service_name,
        },
        "log": {
            "format": config.log.format.as_str(),
            "level": config.log.level.clone().unwrap_or_default().to_string(),
            "file": config.log.file.map_or("auto", |on| if on { "on" } else { "off" }),
            "file_bytes_max": show_bytes(config.log.file_bytes_max as u64),
            "files_max": config.log.files_max,
        },
        "search": shown_search(&config.search),
        "limits": limits,
        "catalog": {
            "ttl": show_duration(config.catalog.ttl),
            "first_list_wait": show_duration(config.catalog.first_list_wait),
            "change_quiet": show_duration(config.catalog.change_quiet),
            "change_wait_max": show_duration(config.catalog.change_wait_max),
        },
        "names": { "max": config.names.max },
        "discovery": {
            "folders": config.discovery.folders,
            "interval": show_duration(config.discovery.interval),
            "auto": config.discovery.auto,
        },
        "roots": config.roots,
        "container_engine": config.container_engine,
        "servers": servers,
        "services": crate::show_services::services(config),
        "profiles": crate::profiles::shown(config),
        "origins": origins,
    })
}

fn shown_search(search: &SearchSettings) -> Value {
    let limits = &search.default_limits;
    json!({
        "feedback": search.feedback,
        "rules": search.rules.as_ref().map(|path| path.to_string_lossy()),
        "server_keywords": search.server_keywords,
        "task_patterns": search.task_patterns,
        "default_limits": {
            "response_timeout": show_duration(limits.response_timeout),
            "max_retries": limits.max_retries,
            "startup_wait": show_duration(limits.startup_wait),
        },
    })
}

fn server_json(server: &Server) -> Value {
    let mut shown = shown_server(server);
    shown["public_name"] = server.reduced.as_str().into();
    shown["pending"] = (server.approval == Approval::Pending).into();
    shown["origin"] = server.origin.to_string().into();
    let extra: Vec<&String> = server.raw_extra.0.keys().collect();
    if !extra.is_empty() {
        shown["keys_of_other_tools"] = json!(extra);
    }
    shown
}

/// How a server is run or reached, as it would stand in a file.
fn shown_reach(server: &Server) -> Value {
    match &server.reach {
        Reach::Stdio { env, cwd, inherit_env, .. } => json!({
            "command": server.written.command,
            "args": server.written.args,
            "cwd": cwd.as_ref().map(|cwd| cwd.to_string_lossy()),
            "inherit_env": inherit_env,
            "env": hidden(env.keys().collect()),
        }),
        Reach::Http { headers, dialect, .. } => json!({
            "type": match dialect {
                HttpDialect::Any => None,
                HttpDialect::Streamable => Some("http"),
                HttpDialect::Sse => Some("sse"),
            },
            "url": server.written.url,
            "headers": hidden(headers.iter().map(|(name, _)| name).collect()),
        }),
        Reach::WebSocket { headers, .. } => json!({
            "type": "websocket",
            "url": server.written.url,
            "headers": hidden(headers.iter().map(|(name, _)| name).collect()),
        }),
        Reach::Tcp { .. } | Reach::Unix { .. } => json!({ "url": server.written.url }),
        Reach::Builtin { builtin, allow_changes, options, env } => json!({
            "builtin": builtin,
            "allow_changes": allow_changes,
            "options": hidden(options.0.keys().collect()),
            "env": hidden(env.keys().collect()),
        }),
        Reach::Container { container, endpoint } => container_of_server(server, container, endpoint),
    }
}

/// The keys of a server as they would stand in a file.
fn shown_server(server: &Server) -> Value {
    let mut shown = shown_reach(server);
    add_program(server, &mut shown);
    let details = json!({
        "enabled": server.enabled,
        "description": server.description,
        "tags": server.tags, "depends_on": server.depends_on,
        "startup_timeout": show_duration(server.startup_timeout),
        "request_timeout": show_duration(server.request_timeout),
        "request_timeout_max": show_duration(server.request_timeout_max),
        "stop_timeout": show_duration(server.stop_timeout),
        "prefix": match server.prefix {
            Prefix::Always => "always",
            Prefix::Never => "never",
        },
        "isolation": match server.isolation {
            Isolation::Shared => "shared",
            Isolation::Principal => "principal",
            Isolation::Session => "session",
        },
        "era": match server.era {
            EraChoice::Auto => "auto",
            EraChoice::Legacy => "legacy",
            EraChoice::Modern => "modern",
        },
        "record_arguments": server.record_arguments,
        "record_results": server.record_results,
        "auth": matches!(server.reach, Reach::Http { .. }).then(|| if server.oauth.is_some() { "auto" } else { "none" }),
        "oauth": server.oauth.as_ref().map_or(Value::Null, shown_oauth),
        "tools": { "allow": server.tools.allow, "deny": server.tools.deny, "safe": server.tools.safe },
    });
    for part in [details, shown_life(server), Value::Object(crate::guards::shown(server))] {
        if let (Some(shown), Value::Object(part)) = (shown.as_object_mut(), part) {
            shown.extend(part);
        }
    }
    (shown["health"], shown["health_check"]) = crate::health::shown(&server.health);
    shown
}

/// When it runs and how many of it.
fn shown_life(server: &Server) -> Value {
    json!({
        "restart": match server.restart {
            Restart::Always => "always",
            Restart::OnFailure => "on-failure",
            Restart::Never => "never",
        },
        "restart_delay": show_duration(server.restart_delay),
        "restart_delay_max": show_duration(server.restart_delay_max),
        "max_restarts": server.max_restarts,
        "restart_window": show_duration(server.restart_window),
        "stable_after": show_duration(server.stable_after),
        "start": match server.start {
            Start::Eager => "eager",
            Start::Lazy => "lazy",
        },
        "idle_timeout": show_duration(server.idle_timeout.unwrap_or_default()),
        "replicas": server.replicas,
        "pin": match server.pin {
            Pin::None => "none",
            Pin::Session => "session",
            Pin::Principal => "principal",
        },
        "watch": server.watch.as_ref().map(|files| &files.globs),
        "data": (!server.data.is_empty()).then_some(&server.data),
    })
}

/// What belongs to the program of a server, however that is spoken to.
fn add_program(server: &Server, shown: &mut Value) {
    let (Some(_), Some(shown)) = (server.runs(), shown.as_object_mut()) else { return };
    if let Some(program) = &server.hosted {
        shown.insert("command".to_owned(), server.written.command.clone().into());
        shown.insert("args".to_owned(), server.written.args.clone().into());
        shown.insert("cwd".to_owned(), program.cwd.as_ref().map(|cwd| cwd.to_string_lossy()).into());
        shown.insert("inherit_env".to_owned(), program.inherit_env.clone().into());
        shown.insert("env".to_owned(), hidden(program.env.keys().collect()).into());
    }
    shown.insert("resources".to_owned(), shown_resources(&server.resources));
    shown.insert("port".to_owned(), server.port.into());
    shown.insert("install".to_owned(), server.written.install.clone().into());
    let timeout = (!server.install.is_empty()).then(|| show_duration(server.install_timeout));
    shown.insert("install_timeout".to_owned(), timeout.into());
}

fn hidden(names: Vec<&String>) -> Map<String, Value> {
    names.into_iter().map(|name| (name.clone(), HIDDEN.into())).collect()
}

/// The limits that there are.
fn shown_resources(resources: &Resources) -> Value {
    json!({
        "memory": resources.memory.map(show_bytes),
        "cpu": resources.cpu,
        "processes": resources.processes,
        "open_files": resources.open_files,
        "stderr": show_bytes(resources.stderr),
    })
}

/// The keys of `oauth` that say something.
fn shown_oauth(oauth: &OAuth) -> Value {
    let on = |flag: bool| flag.then_some(true);
    json!({
        "client_id": oauth.client_id,
        "client_secret": oauth.client_secret.as_ref().map(|_| HIDDEN),
        "issuer": oauth.issuer,
        "client_metadata_url": oauth.client_metadata_url,
        "scopes": oauth.scopes,
        "redirect_port": (oauth.redirect_port > 0).then_some(oauth.redirect_port),
        "allow_private": on(oauth.allow_private),
        "headless": on(oauth.headless),
    })
}
