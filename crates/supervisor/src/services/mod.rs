//! What servers need beside themselves: services that are started with the first who needs them,
//! waited for, kept running, and stopped after the last. Each has one owner task; what depends on
//! what follows from who holds whom. It knows no MCP and no HTTP: a server that needs another one is
//! whoever holds servers' business.

mod seams;
pub use seams::{ContainerError, ContainerRequest, Containers, Probe, StartedContainer, Tools};

mod demand;
mod lease;
pub use lease::Lease;

mod check;
mod owner;
mod run;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use config::Service;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::restart::Ending;
use crate::server_log::ServerLog;
use crate::state::State;
use lease::Hold;
use owner::{Owner, Shared};

/// How often whoever waits is told how long it has been.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// How much longer than its stop may take a service is waited for at the end.
const CLOSE_GRACE: Duration = Duration::from_secs(5);

/// Every declared service.
#[derive(Debug)]
pub struct Needs {
    directory: Arc<Directory>,
    tools: Tools,
}

/// The services that there are now, by name. Their owners look here for what they need themselves.
#[derive(Debug, Default)]
struct Directory {
    services: Mutex<BTreeMap<String, Running>>,
    /// Changes whenever a service says something new.
    version: Arc<watch::Sender<u64>>,
}

#[derive(Debug)]
struct Running {
    shared: Arc<Shared>,
    fingerprint: String,
}

/// How a service is.
#[derive(Debug, Clone)]
pub struct ServiceStatus {
    /// Its name.
    pub name: String,
    /// `container`, `command` or `external`.
    pub kind: &'static str,
    /// Its state, in the words of servers.
    pub state: State,
    /// Why.
    pub reason: Option<String>,
    /// What a person can do about it.
    pub hint: Option<String>,
    /// Since when.
    pub since: SystemTime,
    /// When it is tried again.
    pub next_try: Option<Instant>,
    /// Times it was started again.
    pub restarts: u64,
    /// Who needs it, sorted.
    pub needed_by: Vec<String>,
    /// The request that was current when this attempt began.
    attempt: u64,
}

/// Why what is needed is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet {
    /// Whose fault, and why.
    pub reason: String,
    /// What a person can do about it.
    pub hint: Option<String>,
    /// Whether trying again can help.
    pub ending: Ending,
}

// === impl Needs ===

impl Needs {
    /// Services that nobody needs yet. To be called inside a runtime.
    pub fn new(services: &BTreeMap<String, Service>, tools: Tools) -> Needs {
        let needs = Needs { directory: Arc::default(), tools };
        needs.apply(services);
        needs
    }

    /// Takes over another configuration: services that differ are stopped and started anew, under
    /// the same holds; those that are gone are stopped. Whether anything differs.
    pub fn apply(&self, services: &BTreeMap<String, Service>) -> bool {
        let mut differs = false;
        let mut running = self.directory.lock();
        running.retain(|name, one| {
            let stays = services.contains_key(name);
            if !stays {
                differs = true;
                one.shared.entry.send_replace(None);
            }
            stays
        });
        for (name, service) in services {
            let fingerprint = service.fingerprint();
            differs |= running.get(name).is_none_or(|one| one.fingerprint != fingerprint);
            match running.get_mut(name) {
                Some(one) if one.fingerprint == fingerprint => {}
                Some(one) => {
                    one.fingerprint = fingerprint;
                    one.shared.entry.send_replace(Some(Arc::new(service.clone())));
                }
                None => {
                    let shared = Shared::new(service, self.log(name), self.directory.version.clone());
                    let owner = Owner::new(shared.clone(), self.tools.clone(), Arc::downgrade(&self.directory));
                    tokio::spawn(owner.run());
                    running.insert(name.clone(), Running { shared, fingerprint });
                }
            }
        }
        differs
    }

    /// Holds the named services and waits until all of them are ready. Names that are no services are
    /// passed over. `tell` hears what is waited for, once in a while.
    ///
    /// # Errors
    /// One of them cannot be had now.
    pub async fn acquire(
        &self,
        who: &str,
        names: &[String],
        tell: &(dyn Fn(String) + Send + Sync),
    ) -> Result<Lease, Unmet> {
        self.directory.acquire(who, names, tell).await
    }

    /// How every service is, by name.
    pub fn status(&self) -> Vec<ServiceStatus> {
        self.directory.lock().values().map(|one| one.shared.status()).collect()
    }

    /// Whether there is a service of this name.
    pub fn has(&self, name: &str) -> bool {
        self.directory.lock().contains_key(name)
    }

    /// What a service printed.
    pub fn log_of(&self, name: &str) -> Option<ServerLog> {
        self.directory.lock().get(name).map(|one| one.shared.log.clone())
    }

    /// Stops every service, those that others need after these, and waits until they have stopped.
    pub async fn close(&self) {
        let all = self.directory.close();
        let mut longest = CLOSE_GRACE;
        for shared in &all {
            longest += shared.entry.borrow().as_ref().map(|entry| entry.stop_timeout).unwrap_or_default();
        }
        let ended = async {
            for shared in &all {
                let mut ended = shared.ended.subscribe();
                // A closed channel is an owner that has ended.
                let _ = ended.wait_for(|ended| *ended).await;
            }
        };
        // Whoever holds a service beyond the end must not keep us.
        let _ = tokio::time::timeout(longest, ended).await;
    }

    fn log(&self, name: &str) -> ServerLog {
        match &self.tools.logs {
            // Reduced names have no dot, so no server has this file.
            Some((writer, folder)) => {
                ServerLog::in_file(writer, folder.join(format!("service.{}.log", config::reduce(name))))
            }
            None => ServerLog::in_memory(),
        }
    }
}

// === impl Directory ===

impl Directory {
    async fn acquire(
        &self,
        who: &str,
        names: &[String],
        tell: &(dyn Fn(String) + Send + Sync),
    ) -> Result<Lease, Unmet> {
        let holds: Vec<Hold> = {
            let running = self.lock();
            names.iter().filter_map(|name| Some(Hold::new(running.get(name)?.shared.clone(), who))).collect()
        };
        until_ready(Lease { holds, version: self.version.subscribe() }, tell).await
    }

    /// Tells every owner to end as soon as nobody holds its service.
    fn close(&self) -> Vec<Arc<Shared>> {
        let all: Vec<Arc<Shared>> = self.lock().values().map(|one| one.shared.clone()).collect();
        for shared in &all {
            shared.closing.send_replace(true);
        }
        all
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Running>> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        self.close();
    }
}

async fn until_ready(lease: Lease, tell: &(dyn Fn(String) + Send + Sync)) -> Result<Lease, Unmet> {
    let begun = Instant::now();
    let mut changes = lease.changes();
    loop {
        changes.mark_unchanged();
        let mut waited = None;
        for hold in &lease.holds {
            let status = hold.service.status();
            let reason = status.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
            match status.state {
                State::Ready => {}
                // What failed before we asked is tried again for us.
                State::Failed | State::CrashLoop if status.attempt >= hold.asked => {
                    let ending = if status.state == State::Failed { Ending::Hopeless } else { Ending::Failure };
                    let reason = format!("waits for `{}`, which is {}{reason}", status.name, status.state);
                    return Err(Unmet { reason, hint: status.hint, ending });
                }
                _ => {
                    let seconds = begun.elapsed().as_secs();
                    waited.get_or_insert_with(|| format!("waits for `{}` ({seconds} s){reason}", status.name));
                }
            }
        }
        match waited {
            None => return Ok(lease),
            Some(waited) => tell(waited),
        }
        // Late is not wrong: the seconds are told.
        let _ = tokio::time::timeout(TELL_EVERY, changes.changed()).await;
    }
}

#[cfg(test)]
mod tests;
