//! One declared server as the gateway sees it: the handle that calls go through.
//!
//! Its life (start, handshake, lists, restarts) is led by one owner task in `owner.rs`; what it
//! offers is read in `lister.rs`. A call looks only at the published link: no lock, no queue.

mod lister;
mod owner;
mod pool;
mod start;
mod status;

pub use owner::{Command, Environment, Fact};
use pool::Pool;
pub use status::{Counters, Status};

use crate::asking::Asker;
use crate::catalog::ServerCatalog;
use crate::policy::ToolRules;
use crate::upstream::{Connection, Wanted};
use arc_swap::{ArcSwap, ArcSwapOption};
use outbound::oauth::SignIn;
use protocol::{Call, Error, ErrorKind, Reply};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use supervisor::{ServerLog, State};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};

/// A backoff at most this long is waited out by a call; a longer one is answered at once.
const BACKOFF_WAIT_MAX: Duration = Duration::from_secs(2);

/// A declared server: its entry, and what runs under it. An entry that changes in nothing that
/// the running server notices gets a new `Server` around the same [`Core`].
#[derive(Debug)]
pub struct Server {
    /// Its entry.
    pub entry: config::Server,
    /// Its tool rules, compiled.
    pub rules: ToolRules,
    core: Arc<Core>,
}

/// What lives as long as the server runs.
#[derive(Debug)]
pub struct Core {
    /// Declared name.
    pub name: Arc<str>,
    /// What it prints and what we remark.
    pub log: ServerLog,
    /// What was counted.
    pub counters: Counters,
    /// Shared by all connections to it.
    sign_in: Option<Arc<SignIn>>,
    link: ArcSwapOption<Connection>,
    /// Instances beside the one of `link`, where there may be any.
    pool: ArcSwapOption<Pool>,
    status: watch::Sender<Status>,
    catalog: ArcSwap<ServerCatalog>,
    /// Whether `catalog` came from this run or from a stored one.
    listed: std::sync::atomic::AtomicBool,
    commands: mpsc::Sender<Command>,
    /// What somebody wants to be told about: a state, so that none of it is lost in a queue.
    wanted: watch::Sender<Wanted>,
    waiting: AtomicUsize,
    waiting_max: usize,
    /// The longest that a call waits for the server to be ready.
    wait_max: Duration,
}

/// A call that waits for its server; gives its place back, however it ends.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Server {
    /// Starts the owner of `entry`. `stored` is what it said in an earlier run, if anything.
    #[must_use]
    pub fn start(
        entry: config::Server,
        rules: ToolRules,
        stored: Option<ServerCatalog>,
        environment: &Environment,
    ) -> Arc<Self> {
        let definition = entry.definition_hash();
        let stored = stored.filter(|stored| stored.definition == definition);
        let status = if !entry.enabled {
            Status::resting(State::Stopped, "disabled in its entry")
        } else if entry.approval == config::Approval::Pending {
            Status::resting(State::Stopped, &entry.waits().unwrap_or_default())
        } else {
            Status::resting(State::Starting, "")
        };
        let (commands, receiver) = mpsc::channel(owner::COMMANDS_MAX);
        let core = Arc::new(Core {
            name: entry.name.as_str().into(),
            log: environment.log(&entry.reduced),
            counters: Counters::default(),
            sign_in: start::sign_in(&entry, environment),
            link: ArcSwapOption::empty(),
            pool: ArcSwapOption::empty(),
            status: watch::Sender::new(status),
            listed: stored.is_some().into(),
            catalog: ArcSwap::from_pointee(stored.unwrap_or_else(|| ServerCatalog::empty(definition))),
            commands,
            wanted: watch::Sender::default(),
            waiting: AtomicUsize::new(0),
            waiting_max: environment.limits.calls_waiting_max,
            wait_max: entry.startup_timeout.min(entry.request_timeout),
        });
        if entry.is_active() {
            tokio::spawn(owner::run(core.clone(), entry.clone(), environment.clone(), receiver));
        }
        Arc::new(Self { entry, rules, core })
    }

    /// The same running server under an adjusted entry.
    #[must_use]
    pub fn adjusted(&self, entry: config::Server, rules: ToolRules) -> Arc<Self> {
        Arc::new(Self { entry, rules, core: self.core.clone() })
    }
}

impl std::ops::Deref for Server {
    type Target = Core;

    fn deref(&self) -> &Core {
        &self.core
    }
}

impl Core {
    /// What it last said about itself.
    #[must_use]
    pub fn catalog(&self) -> Arc<ServerCatalog> {
        self.catalog.load_full()
    }

    /// Whether its lists were ever read, in this run or an earlier one.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        self.listed.load(Ordering::Acquire)
    }

    /// Its state and the reason for it.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// The live link, when it is ready.
    #[must_use]
    pub fn link(&self) -> Option<Arc<Connection>> {
        self.link.load_full()
    }

    /// How many instances there are beside the first.
    #[must_use]
    pub fn instances(&self) -> usize {
        self.pool.load().as_ref().map_or(0, |pool| pool.len())
    }

    /// Tells the owner something; a full queue means that it is being told a lot already.
    pub fn tell(&self, command: Command) {
        if self.commands.try_send(command).is_err() {
            tracing::debug!(server = %self.name, "the owner's queue is full or closed");
        }
    }

    /// Has it told of exactly this from now on.
    pub fn subscribe(&self, now: Wanted) {
        self.wanted.send_if_modified(|wanted| {
            let changed = *wanted != now;
            *wanted = now;
            changed
        });
    }

    /// Ends it and waits until it has ended.
    pub async fn stop(&self) {
        let (done, wait) = tokio::sync::oneshot::channel();
        if self.commands.send(Command::Stop(done)).await.is_ok() {
            let _ = wait.await;
        }
    }

    /// Calls the server, waiting for it while it starts. What it asks meanwhile goes to `asker`.
    ///
    /// # Errors
    /// Those of the call, or why the server cannot be called now.
    pub async fn call(&self, call: Call, asker: Option<Asker>) -> Reply {
        let link = match self.link() {
            Some(link) => link,
            None => Box::pin(self.wait_for_link()).await?,
        };
        let pool = self.pool.load();
        let link = match &*pool {
            Some(pool) => match pool.ready(&link, &call.context) {
                Some(ready) => ready,
                None => Box::pin(Pool::instance(pool, link, &call.context)).await?,
            },
            None => link,
        };
        drop(pool);
        link.call_asking(call, asker).await
    }

    /// Another process may have signed in, with nobody there to tell: who asks now may not see it
    /// yet, the next one does.
    pub(crate) fn look_for_sign_in(&self) {
        if self.status.borrow().state == State::NeedsAuth {
            self.tell(Command::SignInChanged);
        }
    }

    async fn wait_for_link(&self) -> Result<Arc<Connection>, Error> {
        let _waiting = Waiting(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.waiting_max {
            let message = format!(
                "{} calls already wait for the server `{}` (limit `calls_waiting_max`)",
                self.waiting_max, self.name
            );
            return Err(Error::new(ErrorKind::Overloaded, message)
                .hint(format!("see why it is not ready: switchboard logs {}", self.name)));
        }
        self.until_ready().await
    }

    async fn until_ready(&self) -> Result<Arc<Connection>, Error> {
        let deadline = Instant::now() + self.wait_max;
        let mut status = self.status.subscribe();
        loop {
            let seen = status.borrow_and_update().clone();
            if let Some(link) = self.link() {
                return Ok(link);
            }
            let worth_waiting = match seen.state {
                State::Starting | State::Ready => true,
                State::Backoff => {
                    seen.next_try.is_some_and(|at| at.saturating_duration_since(Instant::now()) <= BACKOFF_WAIT_MAX)
                }
                _ => false,
            };
            self.look_for_sign_in();
            if !worth_waiting {
                return Err(seen.refusal(&self.name));
            }
            match timeout_at(deadline, status.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(seen.refusal(&self.name)),
                Err(_) => return Err(self.status().refusal(&self.name)),
            }
        }
    }

    /// Nobody can call it any more; instances beside the first one end.
    fn unlink(&self) {
        self.link.store(None);
        if let Some(pool) = self.pool.swap(None) {
            pool.end();
        }
    }

    fn publish(&self, status: Status) {
        if let Some(reason) = status.reason.as_ref().filter(|reason| !reason.is_empty()) {
            self.log.remark(format!("{}: {reason}", status.state));
        } else {
            self.log.remark(status.state.to_string());
        }
        let reason = status.reason.as_deref().unwrap_or("");
        tracing::info!(server = %self.name, state = %status.state, reason, "`{}`: {}", self.name, status.state);
        self.status.send_replace(status);
    }
}
