//! The switchboard: holds what runs and what is known, swaps both whole on every change.
//!
//! The life of one call is in `call.rs`; this file is about what surrounds it: starting servers,
//! applying a configuration, publishing catalogs, draining.

use crate::assembler;
use crate::catalog::{Catalog, Kind, StoredCatalog, View};
use crate::changes::{Change, Changes};
use crate::cost::{Ledger, Patience, Prices};
use crate::exposure::{Decisions, Told};
use crate::finder::Finder;
use crate::guards::{ApprovedTools, Flights, ResultCache};
use crate::hub::Hub;
use crate::parking::{Parking, ParkingLimits};
use crate::policy::{BadPattern, ToolRules};
use crate::record::Records;
use crate::results::{Kept, KeptLimits};
use crate::server::{Desired, Environment, Inside, Needs, Server, Starting, Wishes, engine, stop_order};
use crate::tasks::Inquiries;
use crate::trace::Tracing;
use crate::upstream::Wanted;
use arc_swap::ArcSwap;
use config::Config;
use outbound::oauth::Vault;
use protocol::seal::Sealer;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use supervisor::{LogWriter, Spawner};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const FACTS_MAX: usize = 1024;

/// What a gateway is made of.
pub struct Parts {
    /// The configuration.
    pub config: Arc<Config>,
    /// What was known of the servers at the end of an earlier run.
    pub stored: StoredCatalog,
    /// Starts processes.
    pub spawner: Arc<dyn Spawner>,
    /// The process environment that children get a part of.
    pub process: Arc<config::Environment>,
    /// Seals cursors and states.
    pub sealer: Sealer,
    /// Writes the log files of servers into this folder.
    pub logs: Option<(LogWriter, PathBuf)>,
    /// Keeps what was signed in to.
    pub vault: Option<Arc<dyn Vault>>,
    /// Makes the servers inside this program.
    pub inside: Inside,
    /// What people wanted of servers at the end of an earlier run.
    pub desired: Desired,
    /// A folder for the marks of what was installed for servers; none keeps them in memory.
    pub installs: Option<PathBuf>,
    /// The data folder: containers are marked as belonging to it.
    pub data: PathBuf,
    /// What a person approved of the tools of servers, at the end of an earlier run.
    pub approved_tools: ApprovedTools,
    /// Keeps results that are given again.
    pub cache: Arc<dyn ResultCache>,
}

/// Everything a call looks at, at one moment.
pub struct Snapshot {
    /// The configuration in force.
    pub config: Arc<Config>,
    /// Every declared server, by declared name.
    pub servers: BTreeMap<Arc<str>, Arc<Server>>,
    /// The merged lists.
    pub catalog: Catalog,
}

/// The switchboard.
pub struct Gateway {
    pub(crate) snapshot: ArcSwap<Snapshot>,
    /// Held while the snapshot is replaced: changes are made one after the other.
    change: Mutex<()>,
    /// Held while servers are told what to tell of.
    syncing: Mutex<()>,
    environment: Environment,
    pub(crate) sealer: Sealer,
    pub(crate) hub: Arc<Hub>,
    pub(crate) parking: Arc<Parking>,
    /// Results that are given again, and calls that others wait for.
    pub(crate) cache: Arc<dyn ResultCache>,
    pub(crate) flights: Flights,
    pub(crate) approved: Mutex<ApprovedTools>,
    /// What tasks of legacy servers ask.
    pub(crate) inquiries: Arc<Inquiries>,
    /// How long a person may take to answer.
    pub(crate) answer_timeout: Duration,
    /// What happened to calls.
    pub records: Arc<Records>,
    pub(crate) tracing: Tracing,
    /// What clients have read and done, and what definitions cost.
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) prices: Arc<Prices>,
    /// What is left of results that were cut.
    pub(crate) kept: Kept,
    /// The snapshot whose definitions were counted for those who watch, and whether broken caches are being
    /// gathered.
    pub(crate) counted: AtomicUsize,
    pub(crate) telling: AtomicBool,
    /// What clients were shown.
    pub(crate) decisions: Arc<Decisions>,
    pub(crate) finder: Finder,
    pub(crate) draining: CancellationToken,
    started: Instant,
    /// Servers that have never been listed and have not failed yet.
    unlisted: watch::Sender<BTreeSet<Arc<str>>>,
    stored: watch::Sender<u64>,
}

impl Gateway {
    /// Starts every active server of the configuration. Must be called inside a runtime.
    ///
    /// # Errors
    /// A tool pattern that cannot be compiled.
    pub fn start(parts: Parts) -> Result<Arc<Self>, BadPattern> {
        let limits = Arc::new(parts.config.limits.clone());
        let (ledger, records) = (Arc::<Ledger>::default(), Records::new(limits.records_queue_max));
        let hub = Hub::new(limits.listens_max, ledger.clone());
        let (facts, receiver) = mpsc::channel(FACTS_MAX);
        let containers = engine(&parts.config, &parts.process, &parts.data);
        let (spawner, process, logs) = (parts.spawner.clone(), parts.process.clone(), parts.logs.clone());
        let needs = Needs::new(&parts.config, spawner, process, logs, containers.clone());
        let environment = Environment {
            spawner: parts.spawner,
            process: parts.process,
            limits: limits.clone(),
            roots: parts.config.roots.clone().into(),
            hub: hub.clone(),
            changes: records.changes().clone(),
            facts,
            starting: Starting::new(&limits),
            probes: Arc::new(Semaphore::new(limits.probes_max)),
            logs: parts.logs,
            vault: parts.vault,
            inside: parts.inside,
            wishes: Wishes::new(parts.desired),
            installs: Environment::installs(parts.installs),
            needs: Arc::new(needs),
            containers,
        };
        let (mut rules, mut stored) = (compile(&parts.config)?, parts.stored);
        let mut servers = BTreeMap::new();
        for entry in parts.config.servers.values() {
            let rules = rules.remove(&entry.name).unwrap_or_default();
            let server = Server::start(entry.clone(), rules, stored.servers.remove(&entry.name), &environment, None);
            servers.insert(server.name.clone(), server);
        }
        let unlisted = servers.values().filter(|server| server.entry.is_active() && !server.is_listed());
        let unlisted = unlisted.map(|server| server.name.clone()).collect();
        let tracing = Tracing::new(parts.config.telemetry.traced_percent());
        let mut snapshot = Snapshot { config: parts.config, servers, catalog: Catalog::default() };
        snapshot.catalog = assembler::build(&snapshot);
        let gateway = Arc::new(Self {
            snapshot: ArcSwap::from_pointee(snapshot),
            change: Mutex::new(()),
            syncing: Mutex::new(()),
            environment,
            sealer: parts.sealer,
            hub,
            parking: Parking::new(ParkingLimits::of(&limits)),
            cache: parts.cache,
            flights: Flights::default(),
            approved: Mutex::new(parts.approved_tools),
            inquiries: Inquiries::new(),
            answer_timeout: limits.answer_timeout,
            records,
            tracing,
            ledger,
            prices: Arc::default(),
            kept: Kept::new(KeptLimits::of(&limits)),
            counted: AtomicUsize::new(0),
            telling: AtomicBool::new(false),
            decisions: Arc::default(),
            finder: Finder::default(),
            draining: CancellationToken::new(),
            started: Instant::now(),
            unlisted: watch::Sender::new(unlisted),
            stored: watch::Sender::new(0),
        });
        gateway.review(gateway.snapshot().servers.values());
        tokio::spawn(assembler::run(Arc::downgrade(&gateway), receiver));
        Ok(gateway)
    }

    /// Where whoever watches hears what changes.
    #[must_use]
    pub fn changes(&self) -> &Arc<Changes> {
        self.records.changes()
    }

    /// What is known now.
    #[must_use]
    pub fn snapshot(&self) -> arc_swap::Guard<Arc<Snapshot>> {
        self.snapshot.load()
    }

    /// Waits, within `first_list_wait` of the start, until every server that was never listed
    /// before has been listed or has failed (DESIGN.md section 14).
    pub async fn first_listed(&self) {
        self.snapshot().servers.values().for_each(|server| server.look_for_sign_in());
        if !self.is_first_listing() {
            return;
        }
        let deadline = self.started + self.snapshot().config.catalog.first_list_wait;
        let mut unlisted = self.unlisted.subscribe();
        let listed = unlisted.wait_for(BTreeSet::is_empty);
        // Late is not wrong: the list is partial then and a change notice follows.
        let _ = tokio::time::timeout_at(deadline, listed).await;
    }

    /// Whether some server has never been listed and has not failed yet.
    pub(crate) fn is_first_listing(&self) -> bool {
        !self.unlisted.borrow().is_empty()
    }

    /// Rebuilds the catalog after these servers reported.
    pub(crate) fn assemble(&self, reported: &[Arc<str>]) {
        let changing = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.snapshot.load_full();
        let mut new =
            Snapshot { config: old.config.clone(), servers: old.servers.clone(), catalog: Catalog::default() };
        self.review(reported.iter().filter_map(|name| new.servers.get(name)));
        new.catalog = assembler::build(&new);
        self.replace(&old, new);
        drop(changing);
        self.unlisted.send_if_modified(|unlisted| {
            let before = unlisted.len();
            unlisted.retain(|name| !reported.contains(name));
            unlisted.len() != before
        });
    }

    fn replace(&self, old: &Snapshot, new: Snapshot) {
        let names = old
            .servers
            .values()
            .chain(new.servers.values())
            .map(|server| (server.name.clone(), server.entry.reduced.clone()));
        let names: BTreeSet<_> = names.collect();
        let names: Vec<_> = names.into_iter().collect();
        let mut differences = assembler::differences(&old.catalog, &new.catalog, &names);
        let patience = Patience::of(&new.config.catalog);
        let new = Arc::new(new);
        self.snapshot.store(new.clone());
        // A resource may have come to be another server's, and a server another process.
        self.sync_subscriptions();
        let told = Told::new(&old.catalog, &new.catalog, &self.decisions);
        for kind in Kind::ALL {
            let place = differences.iter().position(|(of, _)| *of == kind);
            let servers = place.map(|place| differences.swap_remove(place).1).unwrap_or_default();
            let any = !servers.is_empty();
            if any || told.profiles_differ(kind) {
                if kind == Kind::Tools {
                    self.ledger.changed(&servers);
                    self.settle_soon();
                }
                self.hub.list_changed(&servers, kind, &|heard| told.concerns(heard, kind, any), patience);
            }
        }
        self.told_stored();
    }

    /// What is to be kept on disk may have changed.
    pub(crate) fn told_stored(&self) {
        self.stored.send_modify(|version| *version += 1);
        self.changes().note(Change::Catalog);
    }

    /// Applies a configuration: servers whose entry is the same keep running and keep their
    /// calls; the others are started, replaced or ended. Returns the names of each.
    ///
    /// # Errors
    /// A tool pattern that cannot be compiled; nothing has changed then.
    pub async fn apply(&self, config: Arc<Config>) -> Result<config::Changes, BadPattern> {
        let mut rules = compile(&config)?;
        self.tracing.set(config.telemetry.traced_percent());
        let (changes, ended) = {
            let _changing = self.change.lock().unwrap_or_else(PoisonError::into_inner);
            let old = self.snapshot.load_full();
            let changes = config::changes(&old.config, &config);
            let mut servers = BTreeMap::new();
            let mut ended = Vec::new();
            for (name, server) in &old.servers {
                if changes.same.contains(&server.entry.name) {
                    servers.insert(name.clone(), server.clone());
                } else if changes.adjusted.contains(&server.entry.name)
                    && let Some(entry) = config.servers.get(&server.entry.name)
                {
                    let rules = rules.remove(&entry.name).unwrap_or_default();
                    servers.insert(name.clone(), server.adjusted(entry.clone(), rules));
                } else {
                    ended.push(server.clone());
                }
            }
            self.environment.needs.apply(&config);
            let fresh: Vec<_> =
                config.servers.values().filter(|entry| !servers.contains_key(entry.name.as_str())).collect();
            for entry in fresh {
                let rules = rules.remove(&entry.name).unwrap_or_default();
                let former = old.servers.get(entry.name.as_str()).cloned();
                let before = former.as_ref().map(|server| (*server.catalog()).clone());
                let server = Server::start(entry.clone(), rules, before, &self.environment, former);
                servers.insert(server.name.clone(), server);
            }
            self.environment.wishes.forget(&changes.removed);
            let mut new = Snapshot { config, servers, catalog: Catalog::default() };
            self.review(new.servers.values());
            new.catalog = assembler::build(&new);
            self.replace(&old, new);
            (changes, ended)
        };
        futures_util::future::join_all(ended.iter().map(|server| server.stop())).await;
        for server in &ended {
            self.cache.clear(Some(&server.name), None).await;
        }
        Ok(changes)
    }

    /// What is to be kept on disk, now; and a receiver that tells when it has changed.
    #[must_use]
    pub fn stored(&self) -> (StoredCatalog, watch::Receiver<u64>) {
        let changed = self.stored.subscribe();
        (assembler::stored(&self.snapshot()), changed)
    }

    /// What people want of servers, now and whenever it changes: to be kept on disk.
    #[must_use]
    pub fn desired(&self) -> watch::Receiver<Desired> {
        self.environment.wishes.subscribe()
    }

    /// Tells each server which of its resources and tasks somebody wants to hear of.
    pub(crate) fn sync_subscriptions(&self) {
        // Whoever comes later knows more, and must be heard later too.
        let _syncing = self.syncing.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = self.snapshot();
        let mut wanted: BTreeMap<&str, Wanted> = BTreeMap::new();
        let (subscribed, watched) = (self.hub.subscribed(), self.hub.watched());
        for (server, uri) in &subscribed {
            let found = match server {
                Some(server) => snapshot.servers.get(server.as_str()).map(|server| &*server.name),
                None => snapshot.catalog.all.resource(&uri.as_str().into()).map(|name| &**name),
            };
            if let Some(name) = found {
                wanted.entry(name).or_default().uris.insert(uri.clone());
            }
        }
        for task in &watched {
            wanted.entry(&task.server).or_default().tasks.insert(task.task.clone());
        }
        for (name, server) in &snapshot.servers {
            server.subscribe(wanted.remove(&**name).unwrap_or_default());
        }
    }

    /// The view of `scope`, when there is such a server or profile.
    #[must_use]
    pub fn view(&self, scope: &crate::Scope) -> Option<Arc<View>> {
        self.snapshot().catalog.view(scope).cloned()
    }

    /// How many listeners of changes there are.
    #[must_use]
    pub fn listens(&self) -> usize {
        self.hub.len()
    }

    /// How every service is that servers depend on.
    #[must_use]
    pub fn services(&self) -> Vec<supervisor::services::ServiceStatus> {
        self.environment.needs.status()
    }

    /// What a service printed.
    #[must_use]
    pub fn service_log(&self, name: &str) -> Option<supervisor::ServerLog> {
        self.environment.needs.log_of(name)
    }

    /// How many calls and tasks wait for the answer of a person.
    #[must_use]
    pub fn parked_calls(&self) -> usize {
        self.parking.len() + self.inquiries.len()
    }

    /// How long this gateway has run.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// Takes no new calls and ends subscriptions.
    pub fn drain(&self) {
        self.draining.cancel();
        self.changes().note(Change::Own);
    }

    /// Whether it takes no new calls.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Ends every server, those that others depend on after these, then the services; waits until
    /// they have ended. Calls in flight are cut off: who wants them to finish drains first.
    pub async fn stop(&self) {
        self.drain();
        let snapshot = self.snapshot.load_full();
        for wave in stop_order(&snapshot.config) {
            let servers = wave.iter().filter_map(|name| snapshot.servers.get(name.as_str()));
            let active = servers.filter(|server| server.entry.is_active());
            futures_util::future::join_all(active.map(|server| server.end())).await;
        }
        self.environment.needs.close().await;
        self.finder.memory.write().await;
        if let Some(written) = self.write_decisions() {
            // A runtime that ends writes no more.
            let _ = written.await;
        }
    }
}

fn compile(config: &Config) -> Result<BTreeMap<String, ToolRules>, BadPattern> {
    let compiled = config
        .servers
        .values()
        .map(|entry| Ok((entry.name.clone(), ToolRules::compile(&entry.tools.allow, &entry.tools.deny)?)));
    compiled.collect()
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.draining.cancel();
    }
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").finish_non_exhaustive()
    }
}
