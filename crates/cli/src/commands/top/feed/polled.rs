//! News of a daemon that pushes none: it is asked once a second.

use super::{Event, Left, News, Sender};
use crate::client::Client;
use crate::report::Report;
use control::said::Status;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// How often it is asked.
const EVERY: Duration = Duration::from_secs(1);

/// Asks until the daemon is gone.
pub(super) async fn run(client: &Client, told: &Sender<Event>, was_live: &mut bool) -> Result<Left, Report> {
    loop {
        let status: Status = client.get("/api/overview").await?;
        *was_live = true;
        let members = json!({ "version": status.version, "uptime_ms": status.uptime_ms, "sessions": status.sessions,
            "draining": status.draining, "configuration": status.configuration,
            "memory_bytes": status.memory.daemon_kib.map(|kib| kib * 1024) });
        let members: Map<String, Value> = members.as_object().cloned().unwrap_or_default();
        let changed = status.servers.into_iter().map(|server| (server.name.clone(), server)).collect();
        let servers = News::Servers { whole: true, changed, removed: Vec::new() };
        for news in [News::Overview { whole: true, members }, servers] {
            if told.send(Event::News(news)).await.is_err() {
                return Ok(Left);
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}
