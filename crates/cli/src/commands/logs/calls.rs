//! `switchboard logs --calls`: the records of calls, from the store itself, whether a daemon runs or not.

use super::Args;
use crate::context::Context;
use crate::report::Report;
use crate::state;
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};
use store::Store;
use store::records::{self, Page};

/// Pages that are read at once.
const PAGES: u32 = 32;

/// Prints the last records that fit.
///
/// # Errors
/// A time that is none; state that cannot be read.
pub(super) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    let wanted = Wanted::of(args)?;
    let mut calls = state::look(context, async |store| wanted.read(store).await)?;
    calls.reverse();
    let printer = &context.printer;
    if printer.json {
        printer.document(&json!({ "calls": calls }));
    } else if calls.is_empty() {
        printer.say("no such call was recorded");
    } else {
        let rows: Vec<Vec<String>> = calls.iter().map(row).collect();
        printer.table(&["AT", "SERVER", "METHOD", "NAME", "WHO", "OUTCOME", "MS", "BYTES"], &rows);
    }
    Ok(())
}

/// Which records are shown.
struct Wanted {
    server: Option<String>,
    grep: Option<String>,
    since_ms: i64,
    most: usize,
}

// === impl Wanted ===

impl Wanted {
    fn of(args: &Args) -> Result<Self, Report> {
        let since_ms = match &args.since {
            None => 0,
            Some(since) => {
                let ago = config::parse_duration(since)
                    .ok_or_else(|| Report::usage(format!("`{since}` is no time")).hint("such as 90s, 15m, 2h or 7d"))?;
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                i64::try_from(now.saturating_sub(ago).as_millis()).unwrap_or(i64::MAX)
            }
        };
        let grep = args.grep.as_ref().map(|text| text.to_lowercase());
        Ok(Self { server: args.server.clone(), grep, since_ms, most: args.lines })
    }

    /// The newest first.
    async fn read(&self, store: &Store) -> Result<Vec<Value>, store::Error> {
        let mut found = Vec::new();
        let (mut before, since_ms) = (None, self.since_ms);
        while found.len() < self.most {
            let pages = store.read("records", move |tx| Box::pin(records::pages(tx, before, since_ms, PAGES))).await?;
            let Some(last) = pages.last() else { break };
            before = Some(last.id);
            pages.iter().for_each(|page| self.take(page, &mut found));
        }
        Ok(found)
    }

    fn take(&self, page: &Page, found: &mut Vec<Value>) {
        let since = self.since();
        for line in page.page.body.lines().rev() {
            if found.len() == self.most {
                return;
            }
            let looks_right = self.grep.as_ref().is_none_or(|text| line.to_lowercase().contains(text));
            let Some(call) = looks_right.then(|| serde_json::from_str::<Value>(line).ok()).flatten() else { continue };
            let of_server = self.server.as_ref().is_none_or(|server| call["server"] == server.as_str());
            // Times are written alike, so that their texts are in order.
            let is_late = call["at"].as_str().is_some_and(|at| at >= since.as_str());
            if of_server && is_late {
                found.push(call);
            }
        }
    }

    fn since(&self) -> String {
        let since = std::time::Duration::from_millis(u64::try_from(self.since_ms).unwrap_or_default());
        supervisor::utc(UNIX_EPOCH + since)
    }
}

fn row(call: &Value) -> Vec<String> {
    let text = |key: &str| call[key].as_str().unwrap_or("-").to_owned();
    let ms = format!("{:.1}", call["total_us"].as_f64().unwrap_or_default() / 1000.0);
    let bytes = call["bytes_out"].to_string();
    let texts = ["at", "server", "method", "name", "principal", "outcome"].map(text);
    texts.into_iter().chain([ms, bytes]).collect()
}
