//! `switchboard stop`: tells the daemon to end, and waits until it has.

use crate::context::Context;
use crate::report::Report;
use bytes::Bytes;
use control::said::Stopping;

/// Tell the daemon to end, and wait until it has
///
/// Calls in flight are finished first, within ten seconds; every process it started is ended.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Stops the daemon.
///
/// # Errors
/// Without a daemon.
pub(crate) fn run(_args: &Args, context: &Context) -> Result<(), Report> {
    let client = context.client()?;
    let stopping: Stopping = context.block_on(client.post("/api/stop", Bytes::new()))?;
    client.data.wait_until_free().map_err(|error| {
        Report::failed(format!("whether the daemon (process {}) has ended is not known", stopping.pid)).cause(error)
    })?;
    match context.printer.json {
        true => context.printer.document(&serde_json::json!({ "stopped": stopping.pid })),
        false => context.printer.say(&format!("the daemon (process {}) has ended", stopping.pid)),
    }
    Ok(())
}
