//! Tells the audit what changes of lists cost: how many tokens of how many sessions' prompt caches. It counts
//! nothing.

use control::{Act, Deed, Deeds};
use gateway::Gateway;
use gateway::cost::Broken;
use serde_json::json;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Tells until the end.
pub(super) async fn tell(gateway: Arc<Gateway>, deeds: Deeds, ended: CancellationToken) {
    let mut broken = gateway.broken();
    drop(gateway);
    let mut told = Broken::default();
    loop {
        tokio::select! {
            () = ended.cancelled() => return,
            changed = broken.changed() => if changed.is_err() { return },
        }
        let now = broken.borrow_and_update().clone();
        deeds.note(deed(&told, &now));
        told = now;
    }
}

fn deed(told: &Broken, now: &Broken) -> Deed {
    let (tokens, sessions) = (now.tokens - told.tokens, now.sessions - told.sessions);
    let servers: Vec<&str> = now.servers.iter().map(|name| &**name).collect();
    let details = json!({ "sessions": sessions, "tokens": tokens, "servers": servers });
    Deed::new("switchboard", Act::CatalogChanged, "catalog").with(details)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_what_came_since_the_last_time() {
        let told = Broken { tokens: 100, sessions: 2, servers: ["a".into()].into() };
        let now = Broken { tokens: 350, sessions: 3, servers: ["b".into()].into() };
        let deed = deed(&told, &now);
        assert_eq!(
            (deed.act, deed.details),
            (Act::CatalogChanged, json!({ "sessions": 1, "tokens": 250, "servers": ["b"] }))
        );
    }
}
