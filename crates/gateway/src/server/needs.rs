//! What a server needs before it starts: services, which the supervisor keeps, and other servers,
//! which are known here. Waits for them, and tells when one goes while the server runs.

use super::start::{Child, Down};
use super::{Cause, Command, Core, ServerState, Status};
use crate::containers::MachineEngine;
use crate::http_probe::HttpProbe;
use config::Config;
use futures_util::future::{join_all, select_all};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use supervisor::services::{self, Containers, ServiceStatus, Tools};
use supervisor::{LogWriter, ServerLog, Spawner};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};

/// How often whoever waits is told how long it has been.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Everything that servers can depend on.
pub struct Needs {
    services: services::Needs,
    /// Every server by name; the latest of a name counts.
    servers: Mutex<BTreeMap<Arc<str>, Weak<Core>>>,
    /// Rings when there is another one.
    registered: Notify,
    /// How often each server is held by others, where it is.
    held: Mutex<BTreeMap<String, usize>>,
}

/// What a running server holds.
pub(super) struct Lease {
    services: services::Lease,
    others: Held,
}

/// Other servers that are kept from sleeping while this lives.
struct Held {
    servers: Vec<String>,
    needs: Weak<Needs>,
}

impl Needs {
    /// Nothing is started yet. To be called inside a runtime.
    pub(crate) fn new(
        config: &Config,
        spawner: Arc<dyn Spawner>,
        process: Arc<config::Environment>,
        logs: Option<(LogWriter, PathBuf)>,
        containers: Arc<dyn Containers>,
    ) -> Self {
        let tools = Tools { spawner, containers, probe: Arc::new(HttpProbe), process, logs };
        Self {
            services: services::Needs::new(&config.services, tools),
            servers: Mutex::default(),
            registered: Notify::new(),
            held: Mutex::default(),
        }
    }

    /// Takes over another configuration. Servers that could not have what they need try again.
    pub(crate) fn apply(&self, config: &Config) {
        if !self.services.apply(&config.services) {
            return;
        }
        let waiting = config.servers.values().filter(|entry| !entry.depends_on.is_empty());
        for core in waiting.filter_map(|entry| self.core(&entry.name)) {
            if matches!(core.status().state, ServerState::Failed | ServerState::CrashLoop | ServerState::Backoff) {
                core.tell(Command::TryAgain("a service that it needs was changed"));
            }
        }
    }

    /// How every service is.
    pub(crate) fn status(&self) -> Vec<ServiceStatus> {
        self.services.status()
    }

    /// What a service printed.
    pub(crate) fn log_of(&self, name: &str) -> Option<ServerLog> {
        self.services.log_of(name)
    }

    /// Stops every service. The servers have ended.
    pub(crate) async fn close(&self) {
        self.services.close().await;
    }

    pub(super) fn register(&self, server: &Arc<Core>) {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        servers.retain(|_, core| core.strong_count() > 0);
        servers.insert(server.name.clone(), Arc::downgrade(server));
        self.registered.notify_waiters();
    }

    /// Whether another server that runs needs this one: it must not sleep meanwhile.
    pub(super) fn is_held(&self, server: &str) -> bool {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).contains_key(server)
    }

    fn hold(&self, servers: &[String]) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        for server in servers {
            *held.entry(server.clone()).or_default() += 1;
        }
    }

    fn let_go(&self, servers: &[String]) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        for server in servers {
            if let Some(count) = held.get_mut(server) {
                *count -= 1;
                if *count == 0 {
                    held.remove(server);
                }
            }
        }
    }

    /// Holds what `entry` needs and waits until it is ready; why it waits stands in the status.
    pub(super) async fn acquire(
        self: &Arc<Self>,
        entry: &config::Server,
        child: &Child,
    ) -> Result<Option<Arc<Lease>>, Down> {
        if entry.depends_on.is_empty() {
            return Ok(None);
        }
        let tell = |reason: String| child.says(&reason);
        // The configuration names nothing else than services and servers; one that was declared together
        // with this one may not have been made yet.
        let others = |name: &&String| !self.services.has(name);
        let others: Vec<String> = entry.depends_on.iter().filter(others).cloned().collect();
        self.hold(&others);
        let others = Held { servers: others, needs: Arc::downgrade(self) };
        let waiting = join_all(others.servers.iter().map(|name| self.server_ready(name, child)));
        let services = self.services.acquire(&entry.name, &entry.depends_on, &tell);
        let (services, _) = tokio::try_join!(services, async { Ok(waiting.await) }).map_err(|unmet| Down {
            ending: unmet.ending,
            reason: unmet.reason,
            hint: unmet.hint,
            cause: Cause::Dependency,
        })?;
        child.says("");
        Ok(Some(Arc::new(Lease { services, others })))
    }

    fn core(&self, name: &str) -> Option<Arc<Core>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner).get(name)?.upgrade()
    }

    /// A server of that name, as soon as there is one; none when it is time to look again.
    async fn made(&self, name: &str) -> Option<Arc<Core>> {
        let registered = self.registered.notified();
        tokio::pin!(registered);
        registered.as_mut().enable();
        if let Some(core) = self.core(name) {
            return Some(core);
        }
        let _ = timeout(TELL_EVERY, registered).await;
        None
    }

    /// Waits until another server is ready; one that sleeps is woken, as by a call.
    async fn server_ready(&self, name: &str, child: &Child) {
        let begun = Instant::now();
        loop {
            let tried = Instant::now();
            let Some(other) = self.made(name).await else { continue };
            if let Ok(Ok(_)) = timeout(TELL_EVERY, other.until_up()).await {
                return;
            }
            let Status { state, reason, .. } = other.status();
            let reason = reason.filter(|reason| !reason.is_empty());
            let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
            let seconds = begun.elapsed().as_secs();
            child.says(&format!("waits for `{name}` ({seconds} s), which is {state}{reason}"));
            // One that is down says so at once: it must not be asked in a circle.
            let rest = TELL_EVERY.saturating_sub(tried.elapsed());
            let mut status = other.status.subscribe();
            let _ = timeout(rest, status.changed()).await;
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(needs) = self.needs.upgrade() {
            needs.let_go(&self.servers);
        }
    }
}

impl Lease {
    /// What is wrong with what is held, if anything is.
    fn trouble(&self) -> Option<String> {
        self.services.trouble().or_else(|| {
            let needs = self.others.needs.upgrade()?;
            self.others.servers.iter().find_map(|name| match needs.core(name).map(|core| core.status()) {
                Some(status) if matches!(status.state, ServerState::Ready | ServerState::Asleep) => None,
                Some(status) => {
                    let reason = status.reason.filter(|reason| !reason.is_empty());
                    let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
                    Some(format!("the server `{name}`, which it needs, is {}{reason}", status.state))
                }
                None => Some(format!("the server `{name}`, which it needs, is gone")),
            })
        })
    }

    /// Waits until something else than `seen` is wrong, or nothing any more.
    pub(super) async fn changed(&self, seen: &Option<String>) -> Option<String> {
        let mut services = self.services.changes();
        loop {
            services.mark_unchanged();
            let cores: Vec<Arc<Core>> = match self.others.needs.upgrade() {
                Some(needs) => self.others.servers.iter().filter_map(|name| needs.core(name)).collect(),
                None => Vec::new(),
            };
            let mut statuses: Vec<watch::Receiver<Status>> = cores.iter().map(|core| core.status.subscribe()).collect();
            let now = self.trouble();
            if now != *seen {
                return now;
            }
            // Not to be kept alive by whoever depends on it.
            drop(cores);
            let any = async {
                if statuses.is_empty() {
                    std::future::pending::<()>().await;
                }
                let _ = select_all(statuses.iter_mut().map(|status| Box::pin(status.changed()))).await;
            };
            tokio::select! {
                // An error means that everything is ending.
                told = services.changed() => if told.is_err() {
                    std::future::pending::<()>().await;
                },
                () = any => {}
            }
        }
    }
}

/// Waits for a change in what a server holds; for ever where it holds nothing.
pub(super) async fn trouble(lease: Option<&Arc<Lease>>, seen: &Option<String>) -> Option<String> {
    match lease {
        Some(lease) => lease.changed(seen).await,
        None => std::future::pending().await,
    }
}

/// Names of servers in the order in which they are stopped: those that nobody depends on first.
pub(crate) fn stop_order(config: &Config) -> Vec<Vec<String>> {
    let needs: config::Needs =
        config.servers.values().map(|entry| (entry.name.clone(), entry.depends_on.clone())).collect();
    let mut waves: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for (name, height) in config::heights(&needs) {
        waves.entry(height).or_default().push(name);
    }
    waves.into_values().rev().collect()
}

/// The engine that runs containers, cleaned of what an ended daemon left where some are declared.
pub(crate) fn engine(config: &Config, environment: &config::Environment, data: &Path) -> Arc<dyn Containers> {
    let engine = MachineEngine::new(config.container_engine.as_deref(), environment, data);
    let of_servers = config.servers.values().any(|entry| matches!(entry.reach, config::Reach::Container { .. }));
    let of_services = config.services.values().any(|one| matches!(one.kind, config::ServiceKind::Container(_)));
    if of_servers || of_services {
        engine.clean();
    }
    Arc::new(engine)
}

impl std::fmt::Debug for Needs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Needs").field("services", &self.services).finish_non_exhaustive()
    }
}
