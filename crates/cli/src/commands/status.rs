//! `switchboard status`: how everything is, why, and what to do about it.

mod profiles;
mod watch;

use crate::client::encoded;
use crate::context::Context;
use crate::printer::{Paint, Printer, count, harmless, one_line};
use crate::report::Report;
use control::said::{Instance, Server, Service, Status};
use std::collections::BTreeMap;

/// How many changed tools are named.
const TOOLS_NAMED_MAX: usize = 8;

/// Show how the daemon and its servers are
///
/// For every server: state, health, how long it has been in this state, protocol era, transport,
/// tools, process, memory, calls, failures and restarts; below the table the reason for what is not
/// well, with the next thing to do, and what servers offer but clients do not see. With a server's
/// name, everything that is known of that one.
///
/// With --watch it goes on until ctrl-C: on a terminal the picture is drawn again as it changes,
/// elsewhere there is a line for each change.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this server, in full
    server: Option<String>,

    /// Go on showing changes
    #[arg(short, long)]
    watch: bool,
}

/// Prints the status.
///
/// # Errors
/// Without a daemon; for an unknown server.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    let client = context.client()?;
    if args.watch {
        return context.block_on(watch::run(args.server.as_deref(), &client, &context.printer));
    }
    match &args.server {
        Some(name) => {
            let server: Server = context.block_on(client.get(&format!("/api/servers/{}", encoded(name))))?;
            match context.printer.json {
                true => context.printer.document(&server),
                false => detail(&server, &context.printer),
            }
        }
        None => {
            let status: Status = context.block_on(client.get("/api/overview"))?;
            match context.printer.json {
                true => context.printer.document(&status),
                false => whole(&status, &context.printer),
            }
        }
    }
    Ok(())
}

/// The daemon and a table of servers.
fn whole(status: &Status, printer: &Printer) {
    printer.line(&overall(status));
    if !status.servers.is_empty() {
        let header = [
            "SERVER",
            "STATE",
            "HEALTH",
            "SINCE",
            "ERA",
            "TRANSPORT",
            "TOOLS",
            "PID",
            "MEMORY",
            "CPU",
            "CALLS",
            "FAILED",
            "RESTARTS",
        ];
        let rows: Vec<Vec<String>> = status.servers.iter().map(row).collect();
        printer.line("");
        printer.table(&header, &rows);
    }
    status.servers.iter().for_each(|server| explain(server, printer));
    services(&status.services, printer);
    shared(status, printer);
    found(status, printer);
    profiles::print(&status.profiles, printer);
    for hidden in &status.hidden {
        printer.line(&format!(
            "not offered: {} `{}` of {}: {}",
            hidden.kind,
            harmless(&hidden.own),
            hidden.server,
            hidden.why
        ));
    }
}

/// One server, a line for each thing that is known.
fn detail(server: &Server, printer: &Printer) {
    let lists = [
        (server.tools, "tool"),
        (server.prompts, "prompt"),
        (server.resources, "resource"),
        (server.templates, "resource template"),
    ];
    let lists: Vec<String> = lists.iter().map(|(number, what)| count(*number, what)).collect();
    let rows = [
        ("state", Some(format!("{}, for {}", server.state, duration(server.in_state_ms)))),
        ("health", Some(server.health.clone())),
        ("reason", server.reason.as_deref().map(harmless)),
        ("next", server.hint.as_deref().map(harmless)),
        ("next try in", server.next_try_ms.map(duration)),
        ("process", server.pid.map(|pid| pid.to_string())),
        ("drift", server.drift.as_deref().map(harmless)),
        ("memory", server.memory_kib.map(mebibytes)),
        ("calls", Some(format!("{}, {} failed", server.calls, server.failures))),
        ("restarts", Some(server.restarts.to_string())),
        ("offers", Some(lists.join(", "))),
        ("era", server.era.clone()),
        ("reached by", Some(format!("{}: {}", server.transport, config::visible(&server.target)))),
        ("for", server.description.as_deref().map(harmless)),
        ("tags", Some(server.tags.join(", ")).filter(|tags| !tags.is_empty())),
        ("declared at", Some(server.origin.clone())),
    ];
    printer.line(&printer.on_out(&server.name, paint(server)));
    for (what, value) in rows {
        if let Some(value) = value {
            printer.line(&format!("  {what:12} {value}"));
        }
    }
    for one in server.instance_states.iter().filter(|_| server.instance_states.len() > 1) {
        printer.line(&format!("  {:12} {}", format!("instance {}", one.index), instance(one)));
    }
    notes(server, printer);
}

/// What servers depend on, and what is wrong with it.
fn services(services: &[Service], printer: &Printer) {
    if services.is_empty() {
        return;
    }
    let rows = services.iter().map(|one| {
        let needed_by = if one.needed_by.is_empty() { "-".to_owned() } else { one.needed_by.join(", ") };
        vec![one.name.clone(), one.kind.clone(), one.state.clone(), one.restarts.to_string(), needed_by]
    });
    printer.line("");
    printer.table(&["SERVICE", "KIND", "STATE", "RESTARTS", "NEEDED BY"], &rows.collect::<Vec<_>>());
    for one in services {
        if let Some(reason) = &one.reason {
            let again = one.next_try_ms.map(|ms| format!("; next try in {}", duration(ms))).unwrap_or_default();
            printer.line(&format!("{}: {}{again}", one.name, harmless(reason)));
        }
        if let Some(hint) = &one.hint {
            printer.line(&format!("  next: {}", harmless(hint)));
        }
    }
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
    if let Some(wrong) = &status.configuration {
        let wrong = harmless(wrong);
        text.push_str(&format!(
            "\nthe configuration on disk is not in force: {wrong}\n  next: switchboard config check"
        ));
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
    let all = &server.instance_states;
    let alike = all.iter().filter(|one| one.state == server.state).count();
    vec![
        server.name.clone(),
        match alike < all.len() && all.len() > 1 {
            true => format!("{} ({alike} of {})", server.state, all.len()),
            false => server.state.clone(),
        },
        server.health.clone(),
        duration(server.in_state_ms),
        server.era.clone().unwrap_or_else(dash),
        server.transport.clone(),
        server.tools.to_string(),
        server.pid.map_or_else(dash, |pid| pid.to_string()),
        server.memory_kib.map_or_else(dash, mebibytes),
        server.cpu_percent.map_or_else(dash, |percent| format!("{percent:.1} %")),
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
    for one in server.instance_states.iter().filter(|one| server.instance_states.len() > 1 && one.state != server.state)
    {
        printer.line(&format!("{}: instance {} is {}", server.name, one.index, instance(one)));
    }
    for missing in &server.not_enforced {
        printer.line(&format!("{}: this host cannot enforce resources.{}", server.name, harmless(missing)));
    }
    if let Some(breaker) = &server.breaker {
        printer.line(&format!("{}: its breaker is {}", server.name, harmless(breaker)));
    }
    if !server.changed_tools.is_empty() {
        printer.line(&changed_tools(server));
    }
    if let Some(drift) = &server.drift {
        printer.line(&format!("{}: {}", server.name, harmless(drift)));
    }
    notes(server, printer);
}

/// How one of several instances is.
fn instance(one: &Instance) -> String {
    let process = one.pid.map(|pid| format!(", process {pid}")).unwrap_or_default();
    let reason = one.reason.as_deref().map(|reason| format!(": {}", harmless(reason))).unwrap_or_default();
    let (calls, restarts) = (count(one.in_flight, "call"), one.restarts);
    format!("{}{process}, {calls} now, restarted {restarts} times{reason}", one.state)
}

/// What was counted and is seldom wanted.
fn notes(server: &Server, printer: &Printer) {
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

/// Which tools are not as they were approved, and what to do about it.
fn changed_tools(server: &Server) -> String {
    let (name, tools) = (&server.name, &server.changed_tools);
    let count = if tools.len() == 1 { "1 tool".to_owned() } else { format!("{} tools", tools.len()) };
    let mut named =
        one_line(&tools.iter().take(TOOLS_NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", "), 200);
    if tools.len() > TOOLS_NAMED_MAX {
        named.push_str(", …");
    }
    format!(
        "{name}: {count} changed since they were approved: {named}\n  look: switchboard tools {name} --changed; approve: switchboard approve-tools {name}"
    )
}

/// Groups with their members, and what is kept of results.
fn shared(status: &Status, printer: &Printer) {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for server in &status.servers {
        if let Some(group) = &server.group {
            groups.entry(group).or_default().push(&server.name);
        }
    }
    for (group, members) in groups {
        printer.line(&format!("group {group}: {}", members.join(", ")));
    }
    let cache = status.cache;
    if cache.hits + cache.misses > 0 {
        let rate = cache.hit_rate * 100.0;
        printer.line(&format!(
            "kept results: {}, answered {} of {} calls ({rate:.1} %)",
            cache.entries,
            cache.hits,
            cache.hits + cache.misses
        ));
    }
}

fn paint(server: &Server) -> Paint {
    match server.health.as_str() {
        "healthy" => Paint::Good,
        "unhealthy" | "critical" => Paint::Error,
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
