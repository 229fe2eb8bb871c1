//! `switchboard health`: how well the servers are, by their checks.

use crate::client::{Client, encoded};
use crate::context::Context;
use crate::printer::{Paint, Printer, harmless};
use crate::report::Report;
use crate::watching::{CLEAR, is_page, watch};
use control::said::{Health, HealthHistory, ServerHealth};
use serde::Serialize;

/// Show how well the servers are
///
/// For every server: its level (healthy, degraded, unhealthy, critical), how long its last answer to
/// a check took, the percentiles of the last 100 checks, when it was checked last, the reason, and
/// what is done about it or what you can do. With a server's name its last checks are shown too.
/// Ends with 1 when a server in use is unhealthy or critical. --watch shows changes as they come,
/// until ctrl-C; with --json each is a document of its own.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this server, with its last checks
    #[arg(value_name = "SERVER")]
    name: Option<String>,

    /// The same, as a flag
    #[arg(long, value_name = "SERVER", conflicts_with = "name")]
    server: Option<String>,

    /// Go on showing what changes
    #[arg(short, long)]
    watch: bool,
}

/// How many checks of a server are shown.
const CHECKS_SHOWN: usize = 10;

/// Prints the health.
///
/// # Errors
/// Without a daemon, an unknown server, and when something is unhealthy or critical.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    let client = context.client()?;
    match args.name.as_ref().or(args.server.as_ref()) {
        Some(server) => one(server, args.watch, &client, context),
        None => all(args.watch, &client, context),
    }
}

fn all(watched: bool, client: &Client, context: &Context) -> Result<(), Report> {
    let printer = &context.printer;
    let show = |health: &Health| {
        printer.line(&format!("overall: {}", printer.on_out(&health.overall, paint(&health.overall))));
        if !health.servers.is_empty() {
            printer.line("");
            table(&health.servers, printer);
            health.servers.iter().for_each(|server| explain(server, printer));
        }
    };
    if watched {
        return context.block_on(watch(
            async || client.get::<Health>("/api/health").await,
            |before, now| {
                let before = before.map(|health| health.servers.as_slice()).unwrap_or_default();
                seen(printer, now, || show(now), || changes(before, &now.servers, printer));
            },
            printer,
        ));
    }
    let health: Health = context.block_on(client.get("/api/health"))?;
    if printer.json {
        printer.document(&health);
    } else {
        show(&health);
    }
    outcome(health.servers.iter())
}

fn one(name: &str, watched: bool, client: &Client, context: &Context) -> Result<(), Report> {
    let printer = &context.printer;
    let path = format!("/api/health/{}", encoded(name));
    let show = |health: &HealthHistory| {
        panel(&health.server, printer);
        let from = health.history.len().saturating_sub(CHECKS_SHOWN);
        if let Some(last) = health.history.get(from..).filter(|last| !last.is_empty()) {
            let rows: Vec<Vec<String>> = last
                .iter()
                .map(|check| {
                    let why = check.why.as_deref().map(harmless).unwrap_or_default();
                    vec![check.at.clone(), check.result.clone(), took(check.took_ms), why]
                })
                .collect();
            printer.line("");
            printer.table(&["CHECKED", "RESULT", "TOOK", "WHY"], &rows);
        }
    };
    if watched {
        return context.block_on(watch(
            async || client.get::<HealthHistory>(&path).await,
            |before, now| {
                let before = before.map(|health| std::slice::from_ref(&health.server)).unwrap_or_default();
                let line = || changes(before, std::slice::from_ref(&now.server), printer);
                seen(printer, now, || show(now), line);
            },
            printer,
        ));
    }
    let health: HealthHistory = context.block_on(client.get(&path))?;
    if printer.json {
        printer.document(&health);
    } else {
        show(&health);
    }
    outcome(std::iter::once(&health.server))
}

/// What is seen while it is watched: documents, a page for a person at a terminal, or lines.
fn seen<T: Serialize>(printer: &Printer, health: &T, page: impl FnOnce(), lines: impl FnOnce()) {
    match (printer.json, is_page()) {
        (true, _) => printer.document(health),
        (false, true) => {
            printer.data(CLEAR);
            page();
        }
        (false, false) => lines(),
    }
}

/// A line for each server that is not as it was before.
fn changes(before: &[ServerHealth], now: &[ServerHealth], printer: &Printer) {
    let same = |server: &&ServerHealth| {
        let known = before.iter().find(|known| known.name == server.name);
        known.is_some_and(|known| (&known.level, &known.state) == (&server.level, &server.state))
    };
    for server in now.iter().filter(|server| !same(server)) {
        let ServerHealth { name, level, reason, action, .. } = server;
        printer.line(&format!("{name}: {level}: {}; next: {}", harmless(reason), harmless(action)));
    }
}

fn table(servers: &[ServerHealth], printer: &Printer) {
    let header = ["SERVER", "STATE", "LEVEL", "RESPONSE", "P50", "P95", "P99", "CHECKS", "FAILED", "LAST CHECK"];
    let rows: Vec<Vec<String>> = servers
        .iter()
        .map(|server| {
            let time = |ms: Option<f64>| ms.map_or_else(|| "-".to_owned(), took);
            vec![
                server.name.clone(),
                server.state.clone(),
                server.level.clone(),
                time(server.response_ms),
                time(server.p50_ms),
                time(server.p95_ms),
                time(server.p99_ms),
                server.checks.to_string(),
                server.failed.to_string(),
                server.checked.clone().unwrap_or_else(|| "-".to_owned()),
            ]
        })
        .collect();
    printer.table(&header, &rows);
}

fn explain(server: &ServerHealth, printer: &Printer) {
    let name = printer.on_out(&server.name, paint(&server.level));
    printer.line(&format!("{name}: {}", harmless(&server.reason)));
    if server.level != "healthy" {
        printer.line(&format!("  next: {}", harmless(&server.action)));
    }
}

fn panel(server: &ServerHealth, printer: &Printer) {
    let level = printer.on_out(&server.level, paint(&server.level));
    printer.line(&format!("{}: {level} since {}, in state {}", server.name, server.since, server.state));
    printer.line(&format!("  reason: {}", harmless(&server.reason)));
    printer.line(&format!("  next: {}", harmless(&server.action)));
    let ServerHealth { checks, good, slow, failed, recoveries, check, .. } = server;
    printer.line(&format!(
        "  checks ({check}): {checks}, of which {good} good, {slow} slow, {failed} failed; recovered {recoveries} times"
    ));
    if let (Some(response), Some(p50), Some(p95), Some(p99)) =
        (server.response_ms, server.p50_ms, server.p95_ms, server.p99_ms)
    {
        let times = [response, p50, p95, p99].map(took);
        printer.line(&format!("  response: {}; p50 {}, p95 {}, p99 {}", times[0], times[1], times[2], times[3]));
    }
    if let Some(error) = &server.last_error {
        printer.line(&format!("  last error: {}", harmless(error)));
    }
}

/// Fails, without another word, when something in use is sick.
fn outcome<'a>(mut servers: impl Iterator<Item = &'a ServerHealth>) -> Result<(), Report> {
    match servers.find(|server| server.active && is_sick(&server.level)) {
        Some(server) => Err(Report::failed(format!("{} is {}", server.name, server.level)).said(true)),
        None => Ok(()),
    }
}

fn is_sick(level: &str) -> bool {
    matches!(level, "unhealthy" | "critical")
}

fn paint(level: &str) -> Paint {
    match level {
        "healthy" => Paint::Good,
        "unhealthy" | "critical" => Paint::Error,
        _ => Paint::Warning,
    }
}

fn took(ms: f64) -> String {
    if ms < 10.0 { format!("{ms:.1}ms") } else { format!("{ms:.0}ms") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        assert_eq!([0.123, 9.94, 12.6, 10_000.0].map(took), ["0.1ms", "9.9ms", "13ms", "10000ms"]);
    }
}
