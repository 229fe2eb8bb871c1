//! `switchboard capabilities`: what the servers can do.

use crate::client::encoded;
use crate::context::Context;
use crate::printer::{Printer, harmless, one_line};
use crate::report::Report;
use control::said::{Capabilities, ServerCapabilities, Tool, Tools};
use protocol::Object;
use std::collections::{BTreeMap, BTreeSet};

/// Show what the servers can do
///
/// For every server: its era, how many tools, prompts, resources and templates it offers, and its
/// capabilities in the words of the protocol; below that, for each capability, which servers have it
/// and which of them are well. With a server's name its tools are shown with their descriptions.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this server, with its tools
    #[arg(value_name = "SERVER")]
    name: Option<String>,

    /// The same, as a flag
    #[arg(long, value_name = "SERVER", conflicts_with = "name")]
    server: Option<String>,
}

/// Prints the capabilities.
///
/// # Errors
/// Without a daemon, or an unknown server.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    let client = context.client()?;
    let found: Capabilities = context.block_on(client.get("/api/capabilities"))?;
    match args.name.as_ref().or(args.server.as_ref()) {
        None => all(&found, &context.printer),
        Some(name) => {
            let tools: Tools = context.block_on(client.get(&format!("/api/tools?server={}", encoded(name))))?;
            // The daemon knows the server, by its declared or its shown name.
            let named =
                found.servers.iter().find(|server| server.name == *name || config::reduce(&server.name) == *name);
            if let Some(server) = named {
                one(server, &tools.tools, &context.printer);
            }
        }
    }
    Ok(())
}

fn all(found: &Capabilities, printer: &Printer) {
    let summary = summary(&found.servers);
    if printer.json {
        printer.document(&serde_json::json!({ "servers": found.servers, "summary": summary }));
        return;
    }
    if found.servers.is_empty() {
        printer.say("no servers are declared; add one: switchboard add NAME -- COMMAND, or see what there is: switchboard discover");
        return;
    }
    let header = ["SERVER", "STATE", "HEALTH", "ERA", "TOOLS", "PROMPTS", "RESOURCES", "TEMPLATES", "CAPABILITIES"];
    let rows: Vec<Vec<String>> = found.servers.iter().map(row).collect();
    printer.table(&header, &rows);
    if !summary.is_empty() {
        let rows: Vec<Vec<String>> = summary
            .iter()
            .map(|(name, summary)| {
                let available = if summary.available { "yes" } else { "no" };
                let (servers, healthy) = (summary.servers.len().to_string(), summary.healthy.len().to_string());
                vec![one_line(name, 40), servers, healthy, available.to_owned()]
            })
            .collect();
        printer.line("");
        printer.table(&["CAPABILITY", "SERVERS", "HEALTHY", "AVAILABLE"], &rows);
    }
}

fn row(server: &ServerCapabilities) -> Vec<String> {
    vec![
        server.name.clone(),
        server.state.clone(),
        server.health.clone(),
        server.era.clone().unwrap_or_else(|| "-".to_owned()),
        server.tools.to_string(),
        server.prompts.to_string(),
        server.resources.to_string(),
        server.templates.to_string(),
        one_line(&names(server).into_iter().collect::<Vec<_>>().join(", "), 80),
    ]
}

/// The capabilities that a server names; extensions under their own names.
fn names(server: &ServerCapabilities) -> BTreeSet<String> {
    let object = Object::of(&server.capabilities).unwrap_or_default();
    let own = object.iter().map(|(name, _)| name.to_string()).filter(|name| name != "extensions");
    let extensions = object.object("extensions").unwrap_or_default();
    own.chain(extensions.iter().map(|(name, _)| name.to_string())).collect()
}

/// Who has one capability.
#[derive(Debug, Default, serde::Serialize)]
struct Summary {
    servers: Vec<String>,
    healthy: Vec<String>,
    /// Whether some server with it can be called now.
    available: bool,
}

fn summary(servers: &[ServerCapabilities]) -> BTreeMap<String, Summary> {
    let mut summary: BTreeMap<String, Summary> = BTreeMap::new();
    for server in servers {
        for name in names(server) {
            let entry = summary.entry(name).or_default();
            entry.servers.push(server.name.clone());
            if matches!(server.health.as_str(), "healthy" | "degraded") {
                entry.healthy.push(server.name.clone());
            }
            entry.available |= server.available;
        }
    }
    summary
}

fn one(server: &ServerCapabilities, tools: &[Tool], printer: &Printer) {
    if printer.json {
        printer.document(&serde_json::json!({ "server": server, "tools": tools }));
        return;
    }
    let era = server.era.as_deref().unwrap_or("unknown");
    printer.line(&format!("{}: {}, {}, era {era}", server.name, server.state, server.health));
    let ServerCapabilities { tools: offered, prompts, resources, templates, .. } = server;
    printer.line(&format!("  tools {offered}, prompts {prompts}, resources {resources}, templates {templates}"));
    let names = names(server).into_iter().collect::<Vec<_>>().join(", ");
    printer.line(&format!("  capabilities: {}", harmless(&names)));
    for tool in tools {
        let definition: serde_json::Value = tool.definition.read().unwrap_or_default();
        printer.line(&format!("\n{}", one_line(tool.name.as_deref().unwrap_or(&tool.own), 100)));
        let about = definition["description"].as_str().or(definition["title"].as_str()).unwrap_or("no description");
        harmless(about.trim()).lines().for_each(|line| printer.line(&format!("  {line}")));
    }
}
