//! `switchboard stop`: tells the daemon, or a server of it, to end, and waits until it has.

use super::turn::{self, Way};
use crate::context::Context;
use crate::report::Report;
use bytes::Bytes;
use control::said::Stopping;
use std::time::Duration;

/// Tell the daemon or a server to end, and wait until it has
///
/// Without a server the daemon ends: calls in flight are finished first, within ten seconds; every
/// process it started is ended.
///
/// With a server that server is ended and stays so until `switchboard start SERVER`; its tools stay
/// listed. With --all every server is, and the daemon goes on.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The server
    #[arg(conflicts_with = "all")]
    server: Option<String>,

    /// Every server, but not the daemon
    #[arg(long)]
    all: bool,
}

/// Stops.
///
/// # Errors
/// Without a daemon; for an unknown server.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    match (&args.server, args.all) {
        (Some(server), _) => turn::one(Way::Stop, server, Duration::ZERO, context),
        (None, true) => turn::all(Way::Stop, Duration::ZERO, context),
        (None, false) => daemon(context),
    }
}

fn daemon(context: &Context) -> Result<(), Report> {
    let client = context.client()?;
    let data = client.data.clone();
    let stopping: Stopping = context.block_on(client.post("/api/stop", Bytes::new()))?;
    let pid = stopping.pid;
    context.block_on(context.printer.progress("the daemon finishes its calls and ends its servers", async {
        let freed = tokio::task::spawn_blocking(move || data.wait_until_free()).await;
        freed.map_err(std::io::Error::other).flatten().map_err(|error| {
            Report::failed(format!("whether the daemon (process {pid}) has ended is not known")).cause(error)
        })
    }))?;
    match context.printer.json {
        true => context.printer.document(&serde_json::json!({ "stopped": pid })),
        false => context.printer.say(&format!("the daemon (process {pid}) has ended")),
    }
    Ok(())
}
