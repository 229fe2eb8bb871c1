//! `switchboard status --watch`: the same picture again and again, or a line for each change.

use super::{detail, whole};
use crate::client::{Client, encoded};
use crate::printer::{Printer, harmless};
use crate::report::Report;
use control::said::{Server, Status};
use std::collections::BTreeMap;
use std::time::Duration;

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Puts the cursor home and clears the screen.
const CLEAR: &str = "\u{1b}[H\u{1b}[2J";

/// What a line is worth being written for.
type Seen = (String, String, Option<u32>, Option<String>);

/// Goes on until the process is ended or nobody reads what it writes.
///
/// # Errors
/// When the daemon is gone; for an unknown server.
pub(super) async fn run(only: Option<&str>, client: &Client, printer: &Printer) -> Result<(), Report> {
    let mut seen: BTreeMap<String, Seen> = BTreeMap::new();
    while printer.is_read() {
        let servers = match only {
            Some(name) => {
                let server: Server = client.get(&format!("/api/servers/{}", encoded(name))).await?;
                if printer.is_screen() {
                    printer.data(CLEAR);
                    detail(&server, printer);
                }
                vec![server]
            }
            None => {
                let status: Status = client.get("/api/overview").await?;
                if printer.is_screen() {
                    printer.data(CLEAR);
                    whole(&status, printer);
                }
                status.servers
            }
        };
        if !printer.is_screen() {
            changes(&servers, &mut seen, printer);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

fn changes(servers: &[Server], seen: &mut BTreeMap<String, Seen>, printer: &Printer) {
    let gone = |name: &String| !servers.iter().any(|server| server.name == *name);
    for name in seen.keys().filter(|name| gone(name)) {
        match printer.json {
            true => printer.document(&serde_json::json!({ "name": name, "state": "removed" })),
            false => printer.line(&format!("{name} removed")),
        }
    }
    seen.retain(|name, _| !gone(name));
    for server in servers {
        let now = (server.state.clone(), server.health.clone(), server.pid, server.reason.clone());
        if seen.insert(server.name.clone(), now.clone()).as_ref() == Some(&now) {
            continue;
        }
        let why = server.reason.as_deref().map(|reason| format!(": {}", harmless(reason))).unwrap_or_default();
        match printer.json {
            true => printer.document(server),
            false => printer.line(&format!("{} {} {} {}{why}", server.since, server.name, server.state, server.health)),
        }
    }
}
