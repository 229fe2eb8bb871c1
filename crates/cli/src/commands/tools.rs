//! `switchboard tools`: what can be called.

use crate::client::encoded;
use crate::context::Context;
use crate::printer::one_line;
use crate::report::Report;
use control::said::{Tool, Tools};

/// List the tools that clients see
///
/// Each line is the public name of a tool and the first line of its description. With a server's
/// name only that server's tools are shown. --json prints the whole definitions.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only the tools of this server
    server: Option<String>,

    /// Only tools that changed, or came, since they were approved
    #[arg(long)]
    changed: bool,
}

/// Prints the tools.
///
/// # Errors
/// Without a daemon, or an unknown server.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    let mut path = format!("/api/tools?changed={}", u8::from(args.changed));
    if let Some(server) = &args.server {
        path.push_str(&format!("&server={}", encoded(server)));
    }
    let client = context.client()?;
    let found: Tools = context.block_on(client.get(&path))?;
    if context.printer.json {
        context.printer.document(&found);
    } else if found.tools.is_empty() && args.changed {
        context.printer.say("every tool is as it was approved");
    } else if found.tools.is_empty() {
        context.printer.say("there are no tools; see why: switchboard status");
    } else {
        let rows: Vec<Vec<String>> = found.tools.iter().map(row).collect();
        context.printer.table(&["TOOL", "DESCRIPTION"], &rows);
        if args.changed {
            context.printer.say("to approve them as they are now: switchboard approve-tools SERVER");
        }
    }
    Ok(())
}

fn row(tool: &Tool) -> Vec<String> {
    let definition: serde_json::Value = tool.definition.read().unwrap_or_default();
    let about = definition["description"].as_str().or(definition["title"].as_str()).unwrap_or_default();
    // A tool whose public name is taken can still be called by its server.
    let name = tool.name.clone().unwrap_or_else(|| format!("{}.{}", tool.server, tool.own));
    vec![one_line(&name, 100), one_line(about, 90)]
}
