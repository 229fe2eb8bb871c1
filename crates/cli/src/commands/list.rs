//! `switchboard list`: what is declared.

use crate::context::Context;
use crate::printer::one_line;
use crate::report::Report;
use config::{Approval, Server};
use control::said;
use serde::Serialize;

/// List the declared servers
///
/// Shows every server of the configuration with its state. Without a daemon the files are read,
/// and the state is a dash.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only servers in this state
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
}

#[derive(Serialize)]
struct Listed {
    name: String,
    state: Option<String>,
    transport: String,
    target: String,
    description: Option<String>,
    tags: Vec<String>,
    origin: String,
}

/// Prints the list.
///
/// # Errors
/// When neither a daemon nor the files can tell.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    let client = context.client()?;
    let running: Option<said::Servers> = context.block_on(client.try_get("/api/servers"))?;
    let mut listed: Vec<Listed> = match running {
        Some(running) => running.servers.into_iter().map(Listed::from).collect(),
        None => context.load()?.config.servers.values().map(Listed::from).collect(),
    };
    let none_declared = listed.is_empty();
    listed.retain(|server| args.state.is_none() || server.state == args.state);
    if context.printer.json {
        context.printer.document(&serde_json::json!({ "servers": listed }));
    } else if none_declared {
        context.printer.say("no servers are declared; add one: switchboard add NAME -- COMMAND, or see what there is: switchboard discover");
    } else {
        let rows: Vec<Vec<String>> = listed.iter().map(Listed::row).collect();
        context.printer.table(&["SERVER", "STATE", "TRANSPORT", "TARGET", "DECLARED AT"], &rows);
    }
    Ok(())
}

// === impl Listed ===

impl Listed {
    fn row(&self) -> Vec<String> {
        let state = self.state.clone().unwrap_or_else(|| "-".to_owned());
        vec![
            self.name.clone(),
            state,
            self.transport.clone(),
            one_line(&config::visible(&self.target), 50),
            self.origin.clone(),
        ]
    }
}

impl From<said::Server> for Listed {
    fn from(server: said::Server) -> Self {
        Self {
            name: server.name,
            state: Some(server.state),
            transport: server.transport,
            target: server.target,
            description: server.description,
            tags: server.tags,
            origin: server.origin,
        }
    }
}

impl From<&Server> for Listed {
    fn from(server: &Server) -> Self {
        let state = match (server.enabled, server.approval) {
            (false, _) => Some("disabled".to_owned()),
            (true, Approval::Pending) => Some("pending".to_owned()),
            (true, Approval::Approved) => None,
        };
        let words = server.written.command.iter().chain(&server.written.args).chain(&server.written.url);
        Self {
            name: server.name.clone(),
            state,
            transport: server.reach.transport().to_owned(),
            target: words.map(String::as_str).collect::<Vec<_>>().join(" "),
            description: server.description.clone(),
            tags: server.tags.clone(),
            origin: server.origin.to_string(),
        }
    }
}
