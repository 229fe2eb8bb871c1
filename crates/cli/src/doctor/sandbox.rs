//! What of the declared limits this host does not enforce: as a running daemon found out, else as it
//! looks from here.

use super::Finding;
use config::Config;
use control::said::Server;
use std::collections::BTreeMap;
use supervisor::{ProcessLimits, not_enforceable};

/// What to do where a terminal's own group is not ours to divide.
const FIX: &str = "run it as a service, which gets a group of its own: switchboard service install; \
                   or run such a server in a container: `image`";

/// As it looks before anything is started.
pub(super) fn foreseen(config: &Config) -> Vec<Finding> {
    let mut missing: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for server in config.servers.values().filter(|server| server.is_active() && server.runs().is_some()) {
        let limits = ProcessLimits {
            memory_bytes: server.resources.memory,
            cpu_percent: server.resources.cpu,
            processes: server.resources.processes,
            open_files: server.resources.open_files,
        };
        for why in not_enforceable(limits) {
            missing.entry(why).or_default().push(&server.name);
        }
    }
    missing.into_iter().map(|(why, servers)| finding(&why, &servers)).collect()
}

/// As the daemon found out.
pub(super) fn found(servers: &[Server]) -> Vec<Finding> {
    let mut missing: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for server in servers {
        for why in &server.not_enforced {
            missing.entry(why).or_default().push(&server.name);
        }
    }
    missing.into_iter().map(|(why, servers)| finding(why, &servers)).collect()
}

fn finding(why: &str, servers: &[&str]) -> Finding {
    let servers = servers.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    Finding::warning("sandbox", format!("this host cannot enforce resources.{why} (of {servers})"), FIX)
}
