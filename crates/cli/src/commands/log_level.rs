//! `switchboard log-level`: how much the running daemon says of itself.

use crate::context::Context;
use crate::report::Report;
use control::LogFilterSaid;

/// Show or change from which level on the daemon says what it does
///
/// A filter is a level (off, error, warn, info, debug, trace), or a level for single parts, such as
/// `info,gateway=debug`. It holds until the daemon ends or `log.level` of the configuration changes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The filter to put in force; without it, the one in force is shown
    filter: Option<String>,
}

/// Shows or sets it.
///
/// # Errors
/// Without a daemon, and for what is no filter.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    let client = context.client()?;
    let said: LogFilterSaid = match &args.filter {
        None => context.block_on(client.get("/api/log-level"))?,
        Some(filter) => {
            let body = serde_json::json!({ "filter": filter }).to_string();
            context.block_on(client.put("/api/log-level", body.into()))?
        }
    };
    match (context.printer.json, &args.filter) {
        (true, _) => context.printer.document(&said),
        (false, None) => context.printer.data(&format!("{}\n", said.filter)),
        (false, Some(_)) => context.printer.say(&format!("says from now on: {}", said.filter)),
    }
    Ok(())
}
