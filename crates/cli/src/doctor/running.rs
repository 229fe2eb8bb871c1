//! The running daemon: is it of this version, and what do its servers wait for? Without a daemon,
//! whether one could start.

use super::{Finding, host, sandbox};
use crate::context::Context;
use crate::report::Report;
use config::Config;
use control::said;

pub(super) fn examine(context: &Context, config: &Config) -> Vec<Finding> {
    match ask(context) {
        Ok(Some(status)) => daemon(&status),
        Ok(None) => {
            let mut findings = vec![Finding::note("daemon", "no daemon runs on the data folder")];
            findings.extend(host::address(config));
            findings.extend(host::ports(config));
            findings.extend(sandbox::foreseen(config));
            findings.extend(host::unreachable(config));
            findings
        }
        Err(report) => vec![Finding::error("daemon", report.message, report.hints.join("; "))],
    }
}

fn ask(context: &Context) -> Result<Option<said::Status>, Report> {
    let client = context.client()?;
    context.block_on(client.try_get("/api/overview"))
}

fn daemon(status: &said::Status) -> Vec<Finding> {
    let mut findings = Vec::new();
    let own = env!("CARGO_PKG_VERSION");
    if status.version != own {
        let message = format!("the daemon is of version {}, this command of {own}", status.version);
        findings.push(Finding::warning("daemon", message, "switchboard restart"));
    }
    for server in &status.servers {
        findings.extend(of_server(server));
    }
    findings.extend(sandbox::found(&status.servers));
    for service in status.services.iter().filter(|one| matches!(one.state.as_str(), "failed" | "crash_loop")) {
        let reason = service.reason.as_deref().unwrap_or("it says no reason");
        let message = format!("the service `{}` is {}: {reason}", service.name, service.state);
        let fix = service.hint.clone().unwrap_or_else(|| format!("see its log: switchboard logs {}", service.name));
        findings.push(Finding::error("services", message, fix));
    }
    if status.records_dropped + status.log_lines_dropped > 0 {
        let message = "records or log lines were dropped: the disk of the data folder is too slow";
        findings.push(Finding::warning("disk", message, "name a data folder on a faster disk: --data DIR"));
    }
    findings
}

/// What is wrong with a server that runs, or should.
fn of_server(server: &said::Server) -> Vec<Finding> {
    let name = &server.name;
    let mut findings = Vec::new();
    let bad = matches!(server.state.as_str(), "pending" | "needs_auth" | "failed" | "crash_loop")
        || matches!(server.health.as_str(), "unhealthy" | "critical");
    if bad {
        let reason = server.reason.as_deref().unwrap_or(&server.health_reason);
        let state = if server.state == "ready" { &server.health } else { &server.state };
        let message = format!("the server `{name}` is {state}: {reason}");
        let fix = server.hint.clone().unwrap_or_else(|| format!("switchboard why {name}"));
        findings.push(Finding::error("servers", message, fix));
    }
    if let Some(breaker) = &server.breaker {
        let message = format!("the server `{name}` keeps failing: its breaker is {breaker}");
        findings.push(Finding::warning("servers", message, format!("see why: switchboard logs {name}")));
    }
    if !server.changed_tools.is_empty() {
        let count = crate::printer::count(server.changed_tools.len(), "tool");
        let message = format!("{count} of the server `{name}` changed since they were approved");
        let fix = format!("look: switchboard tools {name} --changed; approve: switchboard approve-tools {name}");
        findings.push(Finding::warning("tools", message, fix));
    }
    findings
}
