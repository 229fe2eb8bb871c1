//! One declared server as the gateway sees it: the handle that calls go through.
//!
//! A server leads instances: `owner.rs` is the task of the server, `instance.rs` that of one of its
//! instances, `start.rs` one attempt to bring an instance up. What they decide by are values:
//! `goal.rs`, `state.rs`, `sleep.rs`. A call looks only at the published lanes: no lock, no queue.

mod state;
pub use state::{Admission, Part, ServerState};

mod goal;
pub use goal::Goal;

mod status;
pub use status::{Cause, Counters, InstanceStatus, Status};

mod environment;
pub use environment::{Environment, Fact, Inside, Starting};

mod inbox;
pub use inbox::Command;
use inbox::Inbox;

mod outdated;
mod owner;
mod restarts;

mod instance;

mod start;

mod events;

mod alarm;
mod complaints;
mod container;
mod hosted;
mod install;
mod launch;
mod lister;

mod needs;
pub use needs::Needs;
pub(crate) use needs::{engine, stop_order};

mod lanes;
use lanes::{Entered, Lanes};

mod waiting;

mod pool;
use pool::Pool;

mod sleep;

mod quiet;
mod unaltered;

mod watched;

mod echoes;

mod running;
pub use running::RunningTasks;

mod desired;
pub use desired::Desired;
pub(crate) use desired::Wishes;

use crate::asking::Asker;
use crate::catalog::ServerCatalog;
use crate::changes::Changes;
use crate::guards::Guards;
use crate::health::{self, Monitor};
use crate::policy::ToolRules;
use crate::upstream::{Connection, Wanted};
use arc_swap::{ArcSwap, ArcSwapOption};
use outbound::oauth::SignIn;
use protocol::{Call, CallContext, Delivery, Error, ErrorKind, Reply};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;
use supervisor::ServerLog;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

/// A declared server: its entry, and what runs under it. An entry that changes in nothing that
/// the running server notices gets a new `Server` around the same [`Core`].
#[derive(Debug)]
pub struct Server {
    /// Its entry.
    pub entry: config::Server,
    /// Its tool rules, compiled.
    pub rules: ToolRules,
    /// What stands before its calls.
    pub guards: Guards,
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
    /// The ways to the instances that are ready.
    lanes: ArcSwapOption<Lanes>,
    /// Tasks that it works on.
    pub tasks: RunningTasks,
    status: watch::Sender<Status>,
    /// Who watches all servers at once hears here that this one is not as it was.
    changes: Arc<Changes>,
    /// What its checks say.
    pub(crate) monitor: Monitor,
    catalog: ArcSwap<ServerCatalog>,
    /// Whether `catalog` came from this run or from a stored one.
    listed: std::sync::atomic::AtomicBool,
    inbox: Inbox,
    /// What somebody wants to be told about: a state, so that none of it is lost in a queue.
    wanted: watch::Sender<Wanted>,
    waiting: AtomicUsize,
    waiting_max: usize,
    /// The longest that a call waits for the server to be ready.
    wait_max: Duration,
    /// The server of the same name that takes its place.
    successor: OnceLock<Weak<Server>>,
}

impl Server {
    /// Starts the owner of `entry`. `stored` is what it said in an earlier run, if anything;
    /// `former` is the running server of the same name, which ends before this one starts.
    #[must_use]
    pub fn start(
        entry: config::Server,
        rules: ToolRules,
        stored: Option<ServerCatalog>,
        environment: &Environment,
        former: Option<Arc<Self>>,
    ) -> Arc<Self> {
        let definition = entry.definition_hash();
        let listed = stored.as_ref().is_some_and(|stored| stored.definition == definition);
        let catalog = match stored {
            Some(stored) if listed => stored,
            // Until it has said what it has, what its name stood for is shown: a call to that waits for it.
            Some(stored) if former.is_some() => ServerCatalog { definition, era: None, ..stored },
            _ => ServerCatalog::empty(definition),
        };
        let stopped = environment.wishes.why_stopped(&entry.name);
        let goal = Goal::first(entry.start == config::Start::Lazy, listed, stopped.is_some());
        let waits = entry.waits().unwrap_or_default();
        let (state, why) = match (Admission::of(&entry), goal) {
            (Admission::Disabled, _) => (ServerState::Disabled, "disabled in its entry"),
            (Admission::Pending, _) => (ServerState::Pending, waits.as_str()),
            (Admission::Active, Goal::Up) => (ServerState::Starting, ""),
            (Admission::Active, Goal::Asleep) => (ServerState::Asleep, ""),
            (Admission::Active, Goal::Stopped | Goal::Ended) => {
                (ServerState::Stopped, stopped.unwrap_or(desired::BY_A_PERSON))
            }
        };
        let core = Arc::new(Core {
            name: entry.name.as_str().into(),
            log: environment.log(&entry.reduced),
            counters: Counters::default(),
            sign_in: start::sign_in(&entry, environment),
            lanes: ArcSwapOption::empty(),
            tasks: RunningTasks::default(),
            status: watch::Sender::new(Status::resting(state, goal, why)),
            changes: environment.changes.clone(),
            monitor: Monitor::new(entry.health.clone()),
            listed: listed.into(),
            catalog: ArcSwap::from_pointee(catalog),
            inbox: if entry.is_active() { Inbox::open() } else { Inbox::default() },
            wanted: watch::Sender::default(),
            waiting: AtomicUsize::new(0),
            waiting_max: environment.limits.calls_waiting_max,
            wait_max: entry.startup_timeout.min(entry.request_timeout),
            successor: OnceLock::new(),
        });
        environment.needs.register(&core);
        let guards = Guards::of(&entry, environment.limits.calls_waiting_max, None);
        let server = Arc::new(Self { entry, rules, guards, core });
        if let Some(former) = &former {
            // Known before the former one begins to end: its calls may ask at any time.
            let _ = former.successor.set(Arc::downgrade(&server));
        }
        if server.entry.is_active() {
            let (core, entry, environment) = (server.core.clone(), Arc::new(server.entry.clone()), environment.clone());
            tokio::spawn(health::run(Arc::downgrade(&core), entry.clone(), environment.clone()));
            tokio::spawn(owner::run(core, entry, environment, goal, former));
        }
        server
    }

    /// The same running server under an adjusted entry.
    #[must_use]
    pub fn adjusted(&self, entry: config::Server, rules: ToolRules) -> Arc<Self> {
        self.core.monitor.configure(entry.health.clone());
        let guards = self.guards.adjusted(&entry);
        Arc::new(Self { entry, rules, guards, core: self.core.clone() })
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

    /// The server of the same name that has taken its place, or is about to.
    pub(crate) fn successor(&self) -> Option<Arc<Server>> {
        self.successor.get()?.upgrade()
    }

    /// Its state and the reason for it.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// The same, and every change of it from now on.
    #[must_use]
    pub fn watch_status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// The live link of the instance that speaks for the server, when one is ready.
    #[must_use]
    pub fn link(&self) -> Option<Arc<Connection>> {
        self.lanes.load().as_ref().and_then(|lanes| lanes.first()).map(|lane| lane.link.clone())
    }

    /// The live links of all instances that are ready, with the index of each.
    pub(crate) fn links(&self) -> Vec<(usize, Arc<Connection>)> {
        let lanes = self.lanes.load();
        lanes.iter().flat_map(|lanes| lanes.all()).map(|lane| (lane.index, lane.link.clone())).collect()
    }

    /// How many processes or sessions there are beside the instances, for callers of their own.
    #[must_use]
    pub fn instances(&self) -> usize {
        let lanes = self.lanes.load();
        let pools = lanes.iter().flat_map(|lanes| lanes.all()).filter_map(|lane| lane.pool.as_ref());
        pools.map(|pool| pool.len()).sum()
    }

    /// How many calls are on the instance of this index.
    #[must_use]
    pub fn in_flight(&self, index: usize) -> usize {
        let lanes = self.lanes.load();
        lanes.iter().flat_map(|lanes| lanes.all()).find(|lane| lane.index == index).map_or(0, |lane| lane.calls())
    }

    /// How long it has been ready without a break: its oldest ready instance.
    #[must_use]
    pub fn uptime(&self) -> Option<Duration> {
        self.lanes.load().iter().flat_map(|lanes| lanes.all()).map(|lane| lane.since.elapsed()).max()
    }

    /// Tells the owner something. It is never lost.
    pub fn tell(&self, command: Command) {
        self.inbox.push(command);
    }

    /// Has it told of exactly this from now on.
    pub fn subscribe(&self, now: Wanted) {
        self.wanted.send_if_modified(|wanted| {
            let changed = *wanted != now;
            *wanted = now;
            changed
        });
    }

    /// Ends it for good, after the calls in flight, and waits until it has ended.
    pub async fn stop(&self) {
        self.finish(false).await;
    }

    /// Ends it for good, at once, and waits until it has ended.
    pub async fn end(&self) {
        self.finish(true).await;
    }

    async fn finish(&self, hasty: bool) {
        let (done, wait) = oneshot::channel();
        self.tell(Command::Stop { done, hasty });
        // Dropped unanswered by an owner that is gone.
        let _ = wait.await;
    }

    /// Calls the server, waiting for it while it starts. What it asks meanwhile goes to `asker`.
    ///
    /// # Errors
    /// Those of the call, or why the server cannot be called now.
    pub async fn call(&self, call: Call, asker: Option<Asker>) -> Reply {
        let entered = match self.enter(&call.context) {
            Some(entered) => entered,
            None => Box::pin(self.wait_to_enter(&call.context)).await?,
        };
        let reply = match &entered.pool {
            None => entered.link.call_asking(call, asker),
            Some(pool) => match pool.ready(&entered.link, &call.context) {
                Some(ready) => ready.call_asking(call, asker),
                None => {
                    let opening = Box::pin(Pool::instance(pool, entered.link.clone(), &call.context));
                    // Whoever opens one may have to wait for its turn, behind many others.
                    let opened = timeout(self.wait_max, opening).await;
                    opened.unwrap_or_else(|_| Err(self.too_late()))?.call_asking(call, asker)
                }
            },
        };
        match reply.await {
            Err(error) if is_cut_off(&error) => Err(Box::pin(explained(entered, error)).await),
            Err(error) => Err(error),
            answer => {
                self.counters.answered.fetch_add(1, Ordering::Relaxed);
                answer
            }
        }
    }

    fn too_late(&self) -> Error {
        let waited = self.wait_max.as_secs_f32();
        let message = format!("no instance of the server `{}` was ready for this client within {waited} s", self.name);
        Error::new(ErrorKind::UpstreamStarting, message).hint(format!("see its log: switchboard logs {}", self.name))
    }

    /// Whether a call need not wait for an instance, as far as can be told before it goes.
    pub(crate) fn is_up(&self) -> bool {
        self.lanes.load().is_some()
    }

    fn enter(&self, context: &CallContext) -> Option<Entered> {
        self.lanes.load().as_ref()?.enter(context)
    }

    /// Its state or its health is not as it was.
    pub(crate) fn changed(&self) {
        self.changes.server(&self.name);
    }

    fn publish(&self, status: Status) {
        let changed = {
            let before = self.status.borrow();
            before.state != status.state || gist(&before) != gist(&status)
        };
        if changed {
            let reason = status.reason.as_deref().unwrap_or("");
            let colon = if reason.is_empty() { "" } else { ": " };
            self.log.remark(format!("{}{colon}{reason}", status.state));
            tracing::info!(server = %self.name, state = %status.state, reason, "`{}`: {}", self.name, status.state);
        }
        self.status.send_replace(status);
        self.changed();
    }
}

/// A reason without its figures: how long somebody has waited is shown, and is no news for the log.
fn gist(status: &Status) -> Option<&str> {
    let reason = status.reason.as_deref()?;
    Some(reason.split_once(" (").map_or(reason, |(gist, _)| gist))
}

/// Whether nobody answered because nobody is there, or not any more.
fn is_cut_off(error: &Error) -> bool {
    error.kind == ErrorKind::UpstreamGone
        || (error.kind == ErrorKind::UpstreamDown && error.delivery == Delivery::Unsent)
}

/// Why the instance under a call is gone, as soon as that is known.
async fn explained(entered: Entered, error: Error) -> Error {
    match entered.why_it_ended().await {
        Some(why) => Error { message: format!("{}: {why}", error.message).into(), ..error },
        None => error,
    }
}
