//! `switchboard reload`: tells the daemon to read its configuration again.

use crate::context::Context;
use crate::report::Report;
use bytes::Bytes;
use control::said::Reloaded;

/// Tell the daemon to read its configuration again
///
/// The daemon watches its files, so this is needed only for files that did not exist when it
/// started. What did not change keeps running and keeps its calls; a configuration with errors
/// changes nothing.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Reloads and prints what changed.
///
/// # Errors
/// Without a daemon, or when the configuration is wrong.
pub(crate) fn run(_args: &Args, context: &Context) -> Result<(), Report> {
    let client = context.client()?;
    let reloaded: Reloaded = context.block_on(client.post("/api/reload", Bytes::new()))?;
    if context.printer.json {
        context.printer.document(&reloaded);
    } else {
        reloaded.warnings.iter().for_each(|warning| context.printer.say(warning));
        context.printer.say(&summary(&reloaded));
    }
    Ok(())
}

/// What a reload did, in a few words.
pub(crate) fn summary(reloaded: &Reloaded) -> String {
    if reloaded.is_empty() {
        return "nothing changed".to_owned();
    }
    let lists = [
        ("added", &reloaded.added),
        ("removed", &reloaded.removed),
        ("started anew", &reloaded.changed),
        ("adjusted", &reloaded.adjusted),
        ("takes effect at the next start", &reloaded.at_next_start),
    ];
    let filled = lists.iter().filter(|(_, names)| !names.is_empty());
    let filled: Vec<String> = filled.map(|(what, names)| format!("{what}: {}", names.join(", "))).collect();
    format!("{}; unchanged: {}", filled.join("; "), reloaded.same)
}
