//! Puts the catalog together again whenever a server reported something, and tells who listens.
//!
//! One task builds; facts that come meanwhile are one more build, not many.

use crate::catalog::{Catalog, Kind, ServerCatalog, ServerInput, StoredCatalog};
use crate::exposure;
use crate::gateway::{Gateway, Snapshot};
use crate::server::Fact;
use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use tokio::sync::mpsc;

/// Builds the catalog of the servers in `snapshot`.
pub(crate) fn build(snapshot: &Snapshot) -> Catalog {
    let active: Vec<_> = snapshot.servers.values().filter(|server| server.entry.is_active()).collect();
    let catalogs: Vec<Arc<ServerCatalog>> = active.iter().map(|server| server.catalog()).collect();
    let inputs: Vec<ServerInput<'_>> = active
        .iter()
        .zip(&catalogs)
        .map(|(server, catalog)| ServerInput {
            name: &server.name,
            reduced: &server.entry.reduced,
            prefix: server.entry.prefix,
            rules: &server.rules,
            group: server.entry.guards.group.as_ref(),
            catalog,
        })
        .collect();
    let mut catalog = Catalog::build(&inputs, snapshot.config.names.max);
    exposure::add_profiles(&mut catalog, &snapshot.config, &active, &inputs);
    catalog
}

/// What is to be kept on disk.
pub(crate) fn stored(snapshot: &Snapshot) -> StoredCatalog {
    let listed = snapshot.servers.values().filter(|server| server.is_listed());
    StoredCatalog { servers: listed.map(|server| (server.name.to_string(), (*server.catalog()).clone())).collect() }
}

/// Serves facts until the gateway is gone.
pub(crate) async fn run(gateway: Weak<Gateway>, mut facts: mpsc::Receiver<Fact>) {
    while let Some(Fact::Listed(first)) = facts.recv().await {
        let mut reported = vec![first];
        while let Ok(Fact::Listed(name)) = facts.try_recv() {
            reported.push(name);
        }
        let Some(gateway) = gateway.upgrade() else { return };
        gateway.assemble(&reported);
    }
}

/// Which lists of which servers differ between two catalogs.
pub(crate) fn differences(
    old: &Catalog,
    new: &Catalog,
    reduced: &[(Arc<str>, String)],
) -> Vec<(Kind, BTreeSet<Arc<str>>)> {
    let mut kinds: Vec<(Kind, BTreeSet<Arc<str>>)> = Vec::new();
    for (name, reduced) in reduced {
        let changed = match (old.single.get(reduced), new.single.get(reduced)) {
            (Some(old), Some(new)) => old.changed(new),
            (None, Some(new)) | (Some(new), None) => {
                Kind::ALL.into_iter().filter(|&kind| new.list(kind).count > 0).collect()
            }
            (None, None) => Vec::new(),
        };
        for kind in changed {
            match kinds.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, servers)) => {
                    servers.insert(name.clone());
                }
                None => kinds.push((kind, [name.clone()].into())),
            }
        }
    }
    kinds
}
