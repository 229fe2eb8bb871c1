//! `switchboard limits`: every limit by name.

use crate::context::Context;
use crate::report::Report;
use control::said::Limits;

/// Show every limit with its value
///
/// The limits of the running daemon, or else of the configuration. Each can be set under `limits`
/// in switchboard.toml.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Prints the limits.
///
/// # Errors
/// When the configuration is wrong.
pub(crate) fn run(_args: &Args, context: &Context) -> Result<(), Report> {
    let client = context.client()?;
    let limits: Limits = match context.block_on(client.try_get("/api/limits"))? {
        Some(limits) => limits,
        None => context.load()?.config.limits.table().into(),
    };
    if context.printer.json {
        context.printer.document(&limits);
        return Ok(());
    }
    let rows = limits.limits.into_iter().map(|limit| vec![limit.name, limit.value, limit.what]);
    context.printer.table(&["LIMIT", "VALUE", "WHAT IT BOUNDS"], &rows.collect::<Vec<_>>());
    Ok(())
}
