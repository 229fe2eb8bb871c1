//! `switchboard status`: how everything is, why, and what to do about it.

use crate::context::Context;
use crate::printer::{Paint, Printer, harmless};
use crate::report::Report;
use control::said::{Server, Status};

/// Show how the daemon and its servers are
///
/// For every server: state, health, protocol era, transport, tools, process, calls, failures and
/// restarts; below the table the reason for what is not well, with the next thing to do, and what
/// servers offer but clients do not see.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Prints the status.
///
/// # Errors
/// Without a daemon.
pub(crate) fn run(_args: &Args, context: &Context) -> Result<(), Report> {
    let client = context.client()?;
    let status: Status = context.block_on(client.get("/api/status"))?;
    let printer = &context.printer;
    if printer.json {
        printer.document(&status);
        return Ok(());
    }
    printer.line(&overall(&status));
    if !status.servers.is_empty() {
        let header = ["SERVER", "STATE", "HEALTH", "ERA", "TRANSPORT", "TOOLS", "PID", "CALLS", "FAILED", "RESTARTS"];
        let rows: Vec<Vec<String>> = status.servers.iter().map(row).collect();
        printer.line("");
        printer.table(&header, &rows);
    }
    status.servers.iter().for_each(|server| explain(server, printer));
    found(&status, printer);
    for hidden in &status.hidden {
        printer.line(&format!(
            "not offered: {} `{}` of {}: {}",
            hidden.kind,
            harmless(&hidden.own),
            hidden.server,
            hidden.why
        ));
    }
    Ok(())
}

/// Servers that are declared elsewhere and are not listed yet.
fn found(status: &Status, printer: &Printer) {
    let listed = |name: &str| status.servers.iter().any(|server| server.name == name);
    let open = status.found.iter().filter(|found| !listed(&found.name));
    let names: Vec<&str> = open.map(|found| found.name.as_str()).collect();
    if !names.is_empty() {
        let number = crate::printer::count(names.len(), "server");
        let names = harmless(&names.join(", "));
        printer.line(&format!("{number} found and not approved: {names}; look: switchboard discover"));
    }
}

fn overall(status: &Status) -> String {
    let mut text = format!(
        "{} ({}, process {}, up {})\nsessions {}, subscriptions {}, parked calls {}",
        status.url,
        if status.draining { "shutting down" } else { "running" },
        status.pid,
        duration(status.uptime_ms),
        status.sessions,
        status.listens,
        status.parked_calls,
    );
    if let Some(daemon) = status.memory.daemon_kib {
        let guard = status.memory.guard_kib.unwrap_or(0);
        text.push_str(&format!(", memory {} (guard {})", mebibytes(daemon), mebibytes(guard)));
    }
    for (count, what) in [(status.records_dropped, "records of calls"), (status.log_lines_dropped, "lines of logs")] {
        if count > 0 {
            text.push_str(&format!("\n{count} {what} were dropped: the disk is too slow"));
        }
    }
    text
}

fn row(server: &Server) -> Vec<String> {
    let dash = || "-".to_owned();
    vec![
        server.name.clone(),
        server.state.clone(),
        server.health.clone(),
        server.era.clone().unwrap_or_else(dash),
        server.transport.clone(),
        server.tools.to_string(),
        server.pid.map_or_else(dash, |pid| pid.to_string()),
        server.calls.to_string(),
        server.failures.to_string(),
        server.restarts.to_string(),
    ]
}

fn explain(server: &Server, printer: &Printer) {
    if let Some(reason) = &server.reason {
        let name = printer.on_out(&server.name, paint(server));
        let again = server.next_try_ms.map(|ms| format!("; next try in {}", duration(ms))).unwrap_or_default();
        printer.line(&format!("{name}: {}{again}", harmless(reason)));
    }
    if let Some(hint) = server.hint.as_ref().filter(|_| server.health != "healthy") {
        printer.line(&format!("  next: {}", harmless(hint)));
    }
    let noted = [
        (server.instances as u64, "instances beside the first one, for callers that must not share it"),
        (server.noise_lines, "lines on its stdout were no messages"),
        (server.members_dropped, "unknown members of its messages were dropped"),
    ];
    for (count, what) in noted {
        if count > 0 {
            printer.line(&format!("{}: {count} {what}", server.name));
        }
    }
}

fn paint(server: &Server) -> Paint {
    match server.health.as_str() {
        "healthy" => Paint::Good,
        "unhealthy" => Paint::Error,
        _ => Paint::Warning,
    }
}

fn mebibytes(kib: u64) -> String {
    format!("{}.{} MiB", kib / 1024, kib % 1024 * 10 / 1024)
}

fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h {}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units_at_most() {
        let shown = [999, 61_000, 3_661_000, 90_000_000].map(duration);
        assert_eq!(shown, ["0s", "1m 1s", "1h 1m", "1d 1h"]);
        assert_eq!(mebibytes(1536), "1.5 MiB");
    }
}
