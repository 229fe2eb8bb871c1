//! What the daemon says when it comes up and when its configuration changes.

use super::Addresses;
use super::engine::Engine;
use super::reload::Done;
use crate::commands::reload::summary;
use crate::context::Context;
use crate::preflight;
use crate::printer::count;
use config::Config;
use serde_json::json;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The daemon listens: where, with which servers, and what will not work.
pub(super) fn listening(context: &Context, engine: &Engine, address: &Addresses, dashboard: Option<&str>) {
    let config = engine.gateway.snapshot().config.clone();
    let url = url(&config, address.http);
    let printer = &context.printer;
    if printer.json {
        let servers: Vec<&String> = config.servers.keys().collect();
        let (pid, data) = (std::process::id(), engine.data.root.display().to_string());
        let http = address.http.to_string();
        let mut document = json!({ "address": http, "url": url, "pid": pid, "data": data, "servers": servers });
        if let Some(tcp) = address.tcp {
            document["tcp"] = tcp.to_string().into();
        }
        if let Some(unix) = &address.unix {
            document["unix"] = unix.to_string_lossy().into();
        }
        if let Some(dashboard) = dashboard {
            document["dashboard"] = dashboard.into();
        }
        printer.document(&document);
    }
    printer.say(&format!("listening on {url}"));
    if let Some(dashboard) = dashboard {
        printer.say(&format!("dashboard at {dashboard}"));
    }
    if let Some(tcp) = address.tcp {
        printer.say(&format!("listening on tcp://{tcp}"));
    }
    if let Some(unix) = &address.unix {
        printer.say(&format!("listening on unix://{}", unix.display()));
    }
    for finding in preflight::check(&config, &context.environment) {
        printer.warn(&finding.message, Some(&finding.hint));
    }
    if config.servers.is_empty() {
        printer.say(&first_steps(context, &url));
    } else {
        printer.say(&declared(&config));
    }
}

/// Says what a reload did and gives the files to watch.
pub(super) fn reloaded(context: &Context, done: Done) -> Vec<PathBuf> {
    match &done.result {
        // A file was touched: nothing worth a line.
        Ok(reloaded) if reloaded.is_empty() => {}
        Ok(reloaded) => {
            reloaded.warnings.iter().for_each(|warning| context.printer.say(warning));
            context.printer.say(&format!("configuration read again: {}", summary(reloaded)));
        }
        Err(problem) => {
            context.printer.failure(&problem.clone().into());
        }
    }
    done.files
}

fn url(config: &Config, address: SocketAddr) -> String {
    let base = config.listen.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
    format!("{base}/mcp")
}

fn declared(config: &Config) -> String {
    let (active, resting): (Vec<_>, Vec<_>) = config.servers.values().partition(|server| server.is_active());
    let mut text = format!("starting {}", count(active.len(), "server"));
    if !resting.is_empty() {
        let names: Vec<&str> = resting.iter().map(|server| server.name.as_str()).collect();
        text.push_str(&format!("; disabled or waiting for approval: {}", names.join(", ")));
    }
    text
}

/// For whoever starts it for the first time.
fn first_steps(context: &Context, url: &str) -> String {
    let named = context.settings.config.first().cloned();
    let folder = context.environment.config_folder().unwrap_or_default();
    let file = named.unwrap_or_else(|| folder.join("switchboard").join("switchboard.toml"));
    let exe = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("switchboard"));
    let mut arguments = vec!["connect".to_owned()];
    if let Some(data) = &context.settings.data {
        arguments.extend(["--data".to_owned(), context.environment.cwd.join(data).display().to_string()]);
    }
    let entry = json!({ "mcpServers": { "switchboard": { "command": exe, "args": arguments } } });
    let over_http = json!({ "mcpServers": { "switchboard": { "type": "http", "url": url } } });
    format!(
        "no servers are declared yet\n\n\
         Add the first one to {}:\n\n    \
         [servers.time]\n    command = \"uvx\"\n    args = [\"mcp-server-time\"]\n\n\
         then run: {}\n\n\
         Connect a client (claude, claude-code, cursor, vscode or codex):\n\n    \
         switchboard connect --write claude-code\n\n\
         or paste into its configuration:\n\n    {entry}\n\n\
         or, for a client that speaks HTTP:\n\n    {over_http}\n",
        file.display(),
        context.command("reload"),
    )
}
