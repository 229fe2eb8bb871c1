//! `switchboard audit`: who did what to the switchboard, and whether that was changed afterwards.

use crate::audit::STREAM;
use crate::context::Context;
use crate::printer::one_line;
use crate::report::Report;
use crate::state;
use serde_json::json;
use std::time::{Duration, UNIX_EPOCH};
use store::log::{self, Event, Verified};

/// The most characters of the details in the table.
const DETAILS_CHARS_MAX: usize = 120;

/// Show who approved, started, stopped and changed what
///
/// Each entry is chained to the one before by a hash: with --verify the whole chain is checked, and
/// an entry that was changed or taken out is found.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many entries, the last ones
    #[arg(short = 'n', long, default_value_t = 50, value_name = "N")]
    lines: u32,

    /// Check that nothing was changed or taken out
    #[arg(long, conflicts_with = "lines")]
    verify: bool,
}

/// Prints the entries, or checks them.
///
/// # Errors
/// State that cannot be read; a chain that is broken.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    if args.verify {
        return verify(context);
    }
    let lines = args.lines;
    let events = state::look(context, async |store| {
        store
            .read(STREAM, move |tx| {
                Box::pin(async move {
                    let last = log::head(tx, STREAM).await?.seq;
                    log::read(tx, STREAM, last.saturating_sub(i64::from(lines)), lines).await
                })
            })
            .await
    })?;
    if context.printer.json {
        let events: Vec<_> = events.iter().map(shown).collect();
        context.printer.document(&json!({ "events": events }));
    } else if events.is_empty() {
        context.printer.say("nothing was written down yet");
    } else {
        let rows: Vec<Vec<String>> = events.iter().map(row).collect();
        context.printer.table(&["ENTRY", "AT", "WHO", "WHAT", "ON", "DETAILS"], &rows);
    }
    Ok(())
}

fn verify(context: &Context) -> Result<(), Report> {
    let verified =
        state::look(context, async |store| store.read(STREAM, |tx| Box::pin(log::verify(tx, STREAM))).await.map(Some))?;
    let entries = match verified {
        None => 0,
        Some(Verified::Whole { events }) => events,
        Some(Verified::Broken { seq, why }) => {
            let message = format!("the audit was changed: entry {seq} is not right: {why}");
            return Err(Report::failed(message)
                .hint("compare with a backup: switchboard restore --dry-run FILE")
                .hint(format!("see what stands around it: {}", context.command("audit --json"))));
        }
    };
    if context.printer.json {
        context.printer.document(&json!({ "whole": true, "entries": entries }));
    } else {
        let entries = usize::try_from(entries).unwrap_or_default();
        context
            .printer
            .line(&format!("the audit is whole: {entries} {}", if entries == 1 { "entry" } else { "entries" }));
    }
    Ok(())
}

fn at(event: &Event) -> String {
    let since = Duration::from_millis(u64::try_from(event.at_ms).unwrap_or_default());
    supervisor::utc(UNIX_EPOCH + since)
}

fn shown(event: &Event) -> serde_json::Value {
    let details: serde_json::Value = serde_json::from_str(&event.event.body).unwrap_or_default();
    let log::NewEvent { actor, kind, entity, .. } = &event.event;
    json!({ "entry": event.seq, "at": at(event), "who": actor, "what": kind, "on": entity, "details": details })
}

fn row(event: &Event) -> Vec<String> {
    let log::NewEvent { actor, kind, entity, body, .. } = &event.event;
    let details = if body == "{}" { String::new() } else { one_line(body, DETAILS_CHARS_MAX) };
    vec![event.seq.to_string(), at(event), actor.clone(), kind.clone(), entity.clone(), details]
}
