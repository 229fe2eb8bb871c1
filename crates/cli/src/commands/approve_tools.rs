//! `switchboard approve-tools`: the tools of a server are right as they are now.

use crate::client::encoded;
use crate::context::Context;
use crate::report::Report;
use bytes::Bytes;
use control::said::ToolsApproved;

/// Approve the tools of a server as they are now
///
/// The definitions of tools are recorded when an approved server is listed first. What a definition
/// that changed since then says of itself (that the tool only reads, or may be called twice) does not
/// count until it is approved again. See what changed: switchboard tools SERVER --changed
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The server
    server: String,
}

/// Approves and prints what had changed.
///
/// # Errors
/// Without a daemon, an unknown server, or one that was never listed.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    approve(&args.server, context)
}

pub(super) fn approve(server: &str, context: &Context) -> Result<(), Report> {
    let client = context.client()?;
    let path = format!("/api/servers/{}/approve-tools", encoded(server));
    let approved: ToolsApproved = context.block_on(client.post(&path, Bytes::new()))?;
    let (printer, server) = (&context.printer, &approved.server);
    if printer.json {
        printer.document(&approved);
    } else if approved.tools.is_empty() {
        printer.say(&format!("every tool of {server} was approved as it is"));
    } else {
        let tools = crate::printer::one_line(&approved.tools.join(", "), 400);
        printer.say(&format!("approved tools of {server}: {tools}"));
    }
    Ok(())
}
