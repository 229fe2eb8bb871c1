//! What the switchboard itself remembers of this machine, as documents of the local store: the
//! catalog and the approved tools, one for each server, what people want of servers, and what they
//! approved.
//!
//! One that cannot be read is no reason not to start: what follows from that is said here for each.

use config::Approvals;
use gateway::catalog::{ServerCatalog, StoredCatalog};
use gateway::guards::{ApprovedServer, ApprovedTools};
use gateway::server::Desired;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use store::documents::{self, Expected};
use store::{Error, Store};

/// Documents that are read at once.
const PAGE: u32 = 200;
/// The key of a document that is the only one of its kind.
pub(super) const ONLY: &str = "all";

/// Kinds of documents.
pub(super) mod kind {
    pub(in crate::state) const CATALOG: &str = "catalog";
    pub(in crate::state) const APPROVED_TOOLS: &str = "approved_tools";
    pub(in crate::state) const DESIRED: &str = "desired";
    pub(in crate::state) const APPROVALS: &str = "approvals";
}

/// What is to be written: kind, key, and the document; none takes it away.
pub(super) type Change = (&'static str, String, Option<String>);

/// What a gateway learns and is told while it runs.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Catalog {
    /// What servers said about themselves.
    pub(crate) stored: StoredCatalog,
    /// What was approved of their tools.
    pub(crate) approved: ApprovedTools,
    /// What people want of servers.
    pub(crate) desired: Desired,
}

// === impl Catalog ===

impl Catalog {
    /// What is to be written where `self` is to be, and `before` is.
    pub(super) fn changes(&self, before: &Self) -> Vec<Change> {
        let mut changes = of_map(kind::CATALOG, &before.stored.servers, &self.stored.servers);
        changes.extend(of_map(kind::APPROVED_TOOLS, &before.approved.servers, &self.approved.servers));
        if self.desired != before.desired {
            changes.push((kind::DESIRED, ONLY.to_owned(), body(&self.desired)));
        }
        changes
    }
}

/// Writes what differs between two states, all of it or nothing.
///
/// # Errors
/// Those of the store.
pub(crate) async fn write(store: &Store, before: &Catalog, now: &Catalog) -> Result<(), Error> {
    let changes: Arc<[Change]> = now.changes(before).into();
    if changes.is_empty() {
        return Ok(());
    }
    store
        .write("catalog", move |tx| {
            let changes = Arc::clone(&changes);
            Box::pin(async move {
                for (kind, key, body) in changes.iter() {
                    match body {
                        Some(body) => documents::put(tx, kind, key, Expected::Any, body).await.map(drop)?,
                        None => documents::delete(tx, kind, key, Expected::Any).await.map(drop)?,
                    }
                }
                Ok(())
            })
        })
        .await
}

/// What earlier runs learnt of the servers; one that cannot be read is listed anew.
///
/// # Errors
/// Those of the store.
pub(crate) async fn read_catalog(store: &Store) -> Result<StoredCatalog, Error> {
    let servers: BTreeMap<String, ServerCatalog> = read_map(store, kind::CATALOG, "it is listed anew").await?;
    Ok(StoredCatalog { servers })
}

/// What a person approved of the tools of servers. Where that cannot be read, what the server lists
/// next is taken for approved, as it is with a new data folder.
///
/// # Errors
/// Those of the store.
pub(crate) async fn read_approved_tools(store: &Store) -> Result<ApprovedTools, Error> {
    let what = "its tools are taken as they are listed next";
    let servers: BTreeMap<String, ApprovedServer> = read_map(store, kind::APPROVED_TOOLS, what).await?;
    Ok(ApprovedTools { servers })
}

/// What was wanted at the end of an earlier run.
///
/// # Errors
/// Those of the store.
pub(crate) async fn read_desired(store: &Store) -> Result<Desired, Error> {
    read_only_one(store, kind::DESIRED, "every server is started").await
}

/// What a person approved; nothing where that cannot be read, so that everything waits again.
pub(super) async fn read_approvals(store: &Store) -> Result<Approvals, Error> {
    read_only_one(store, kind::APPROVALS, "nothing counts as approved").await
}

/// Changes what is approved, whoever else changes it meanwhile, and says what `change` says.
///
/// # Errors
/// Those of the store.
pub(super) async fn change_approvals<T: Send + 'static>(
    store: &Store,
    change: impl FnMut(&mut Approvals) -> T + Send + 'static,
) -> Result<T, Error> {
    let change = Arc::new(Mutex::new(change));
    store
        .write("approvals", move |tx| {
            let change = Arc::clone(&change);
            Box::pin(async move {
                let found = documents::get(tx, kind::APPROVALS, ONLY).await?;
                let mut approvals: Approvals = found
                    .and_then(|found| parsed(kind::APPROVALS, &found, "nothing counts as approved"))
                    .unwrap_or_default();
                let said = {
                    let mut change = change.lock().unwrap_or_else(PoisonError::into_inner);
                    (*change)(&mut approvals)
                };
                let body = body(&approvals).unwrap_or_default();
                documents::put(tx, kind::APPROVALS, ONLY, Expected::Any, &body).await?;
                Ok(said)
            })
        })
        .await
}

/// Carries what is remembered of a machine from one store to another.
///
/// # Errors
/// Those of the stores.
pub(crate) async fn carry(from: &Store, to: &Store) -> Result<(), Error> {
    for kind in [kind::CATALOG, kind::APPROVED_TOOLS, kind::DESIRED, kind::APPROVALS] {
        let found: Arc<[documents::Document]> = all(from, kind).await?.into();
        to.write("carry", move |tx| {
            let found = Arc::clone(&found);
            Box::pin(async move {
                for document in found.iter() {
                    documents::put(tx, kind, &document.key, Expected::Any, &document.body).await?;
                }
                Ok::<_, Error>(())
            })
        })
        .await?;
    }
    Ok(())
}

fn of_map<T: Serialize + PartialEq>(
    kind: &'static str,
    before: &BTreeMap<String, T>,
    now: &BTreeMap<String, T>,
) -> Vec<Change> {
    let written = now.iter().filter(|(key, value)| before.get(*key) != Some(value));
    let written = written.map(|(key, value)| (kind, key.clone(), body(value)));
    let gone = before.keys().filter(|key| !now.contains_key(*key)).map(|key| (kind, key.clone(), None));
    written.chain(gone).collect()
}

/// A document of ours as text. They hold texts, numbers and lists, so that this cannot fail.
pub(super) fn body<T: Serialize>(value: &T) -> Option<String> {
    serde_json::to_string(value).ok()
}

async fn read_map<T: DeserializeOwned>(
    store: &Store,
    kind: &'static str,
    without: &'static str,
) -> Result<BTreeMap<String, T>, Error> {
    let found = all(store, kind).await?;
    let read = |found: documents::Document| Some((found.key.clone(), parsed(kind, &found, without)?));
    Ok(found.into_iter().filter_map(read).collect())
}

async fn all(store: &Store, kind: &'static str) -> Result<Vec<documents::Document>, Error> {
    store
        .read(kind, move |tx| {
            Box::pin(async move {
                let mut found: Vec<documents::Document> = Vec::new();
                loop {
                    let after = found.last().map(|last| last.key.clone()).unwrap_or_default();
                    let page = documents::list(tx, kind, &after, PAGE).await?;
                    if page.is_empty() {
                        return Ok(found);
                    }
                    found.extend(page);
                }
            })
        })
        .await
}

async fn read_only_one<T: DeserializeOwned + Default>(
    store: &Store,
    kind: &'static str,
    without: &'static str,
) -> Result<T, Error> {
    let found = store.read(kind, move |tx| Box::pin(documents::get(tx, kind, ONLY))).await?;
    Ok(found.and_then(|found| parsed(kind, &found, without)).unwrap_or_default())
}

fn parsed<T: DeserializeOwned>(kind: &str, found: &documents::Document, without: &str) -> Option<T> {
    let read = serde_json::from_str(&found.body);
    read.inspect_err(
        |error| tracing::warn!(%error, "the stored {kind} of `{}` cannot be read: {error}; {without}", found.key),
    )
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_folder::DataFolder;
    use config::Environment;
    use protocol::Raw;

    fn learnt(instructions: &str) -> ServerCatalog {
        let nothing = Raw::from_static("{}");
        ServerCatalog {
            definition: "d".to_owned(),
            era: None,
            capabilities: nothing,
            server_info: None,
            instructions: Some(instructions.to_owned()),
            tools: Vec::new(),
            prompts: Vec::new(),
            resources: Vec::new(),
            templates: Vec::new(),
            ttl_ms: 0,
        }
    }

    async fn read(store: &Store) -> Catalog {
        Catalog {
            stored: read_catalog(store).await.unwrap(),
            approved: read_approved_tools(store).await.unwrap(),
            desired: read_desired(store).await.unwrap(),
        }
    }

    #[tokio::test]
    async fn what_was_written_is_read_back_and_only_what_differs_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::new(folder.path().to_owned(), &Environment::default());
        let store = crate::state::local(&data).await.unwrap();
        let nothing = Catalog::default();
        assert_eq!(read(&store).await, nothing);
        let mut two = nothing.clone();
        two.stored.servers = [("a".to_owned(), learnt("a")), ("b".to_owned(), learnt("b"))].into();
        two.approved.servers.insert("a".to_owned(), ApprovedServer::default());
        two.desired.stopped.insert("a".to_owned());
        write(&store, &nothing, &two).await.unwrap();
        assert_eq!(read(&store).await, two);
        let mut one = two.clone();
        one.stored.servers.remove("a");
        let changed: Vec<_> =
            one.changes(&two).into_iter().map(|(kind, key, body)| (kind, key, body.is_some())).collect();
        assert_eq!(changed, [("catalog", "a".to_owned(), false)]);
        write(&store, &two, &one).await.unwrap();
        assert_eq!(read(&store).await, one);
    }

    #[tokio::test]
    async fn a_damaged_document_is_none_and_the_others_stand() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::new(folder.path().to_owned(), &Environment::default());
        let store = crate::state::local(&data).await.unwrap();
        let mut now = Catalog::default();
        now.stored.servers.insert("good".to_owned(), learnt("good"));
        write(&store, &Catalog::default(), &now).await.unwrap();
        for (kind, key) in [(kind::CATALOG, "bad"), (kind::DESIRED, ONLY), (kind::APPROVALS, ONLY)] {
            let put = store.write("test", move |tx| Box::pin(documents::put(tx, kind, key, Expected::Any, "{")));
            put.await.unwrap();
        }
        assert_eq!(read(&store).await, now);
        assert_eq!(read_approvals(&store).await.unwrap(), Approvals::default());
    }
}
