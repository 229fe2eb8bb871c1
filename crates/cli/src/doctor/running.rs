//! The running daemon: is it of this version, and what do its servers wait for? Without a daemon,
//! whether one could start.

use super::{Finding, host};
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
            findings.extend(host::unreachable(config));
            findings
        }
        Err(report) => vec![Finding::error("daemon", report.message, report.hints.join("; "))],
    }
}

fn ask(context: &Context) -> Result<Option<said::Status>, Report> {
    let client = context.client()?;
    context.block_on(client.try_get("/api/status"))
}

fn daemon(status: &said::Status) -> Vec<Finding> {
    let mut findings = Vec::new();
    let own = env!("CARGO_PKG_VERSION");
    if status.version != own {
        let message = format!("the daemon is of version {}, this command of {own}", status.version);
        findings.push(Finding::warning("daemon", message, "switchboard restart"));
    }
    for server in &status.servers {
        let bad = match server.state.as_str() {
            "pending" | "needs_auth" | "failed" | "crash_loop" => true,
            "ready" | "asleep" | "disabled" | "starting" => false,
            _ => server.health == "unhealthy",
        };
        if bad {
            let reason = server.reason.as_deref().unwrap_or("it says no reason");
            let message = format!("the server `{}` is {}: {reason}", server.name, server.state);
            let fix = server.hint.clone().unwrap_or_else(|| format!("switchboard why {}", server.name));
            findings.push(Finding::error("servers", message, fix));
        }
    }
    if status.records_dropped + status.log_lines_dropped > 0 {
        let message = "records or log lines were dropped: the disk of the data folder is too slow";
        findings.push(Finding::warning("disk", message, "name a data folder on a faster disk: --data DIR"));
    }
    findings
}
