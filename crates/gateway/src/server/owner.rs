//! The owner of one server: the only task that starts, connects, lists, restarts and ends it.
//!
//! Decisions (when to try again) are `supervisor::Restarts`; this file only acts on them.

use super::pool::Pool;
use super::start::{Down, Live, attempt, mirrored, with_last_words};
use super::{Core, Status, lister};
use crate::catalog::{Kind, ServerCatalog};
use crate::hub::Hub;
use crate::tasks::TaskRef;
use crate::upstream::{List, UpstreamEvent, Wanted};
use config::{Limits, Reach, Restart};
use outbound::oauth::Vault;
use protocol::{Era, Error, ErrorKind};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use supervisor::{
    Decision, Ending, Jitter, LogWriter, ProcessHandle, RestartMode, RestartPolicy, Restarts, ServerLog, Spawner,
    State, Stream,
};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::Instant;

pub(super) const COMMANDS_MAX: usize = 64;
const EVENTS_MAX: usize = 256;
/// Bursts of "list changed" within this time are one refresh.
const COALESCE: Duration = Duration::from_millis(20);

/// What the owners of servers work with.
#[derive(Clone)]
pub struct Environment {
    /// Starts processes.
    pub spawner: Arc<dyn Spawner>,
    /// The process environment that children get a part of.
    pub process: Arc<config::Environment>,
    /// Limits in force.
    pub limits: Arc<Limits>,
    /// Answers `roots/list` of servers.
    pub roots: Arc<[String]>,
    /// Who hears of changed resources.
    pub hub: Arc<Hub>,
    /// Where facts go.
    pub facts: mpsc::Sender<Fact>,
    /// How many servers may be starting at once.
    pub starting: Arc<Semaphore>,
    /// Writes the log files; none keeps logs in memory only.
    pub logs: Option<(LogWriter, PathBuf)>,
    /// Keeps what was signed in to; none signs in to nothing.
    pub vault: Option<Arc<dyn Vault>>,
}

/// What an owner reports.
#[derive(Debug)]
pub enum Fact {
    /// The server of this name was listed anew, or could not be listed.
    Listed(Arc<str>),
}

/// What an owner is told.
#[derive(Debug)]
pub enum Command {
    /// End the server and report.
    Stop(oneshot::Sender<()>),
    /// A person wants it up: where it is not, it is started now.
    Start,
    /// A person wants it down: ended, and not started again until they say so.
    Down(oneshot::Sender<()>),
    /// End it and start it again now.
    Restart,
    /// A person signed in or out.
    SignInChanged,
    /// Read its lists again.
    Refresh,
}

/// What ended a phase.
enum Left {
    Down(Down),
    /// Its time to be tried again has come.
    Again,
    Restart,
    /// A person stopped it.
    Rested(oneshot::Sender<()>),
    Stopped(oneshot::Sender<()>),
}

struct Owner {
    server: Arc<Core>,
    entry: Arc<config::Server>,
    environment: Environment,
    commands: mpsc::Receiver<Command>,
    /// Era from an earlier run or attempt; forgotten when it turns out wrong.
    remembered: Option<Era>,
    /// What somebody wants to be told about.
    wanted: watch::Receiver<Wanted>,
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Environment").finish_non_exhaustive()
    }
}

impl Environment {
    pub(super) fn log(&self, reduced: &str) -> ServerLog {
        match &self.logs {
            Some((writer, folder)) => ServerLog::in_file(writer, folder.join(format!("{reduced}.log"))),
            None => ServerLog::in_memory(),
        }
    }
}

/// Leads the life of `server` until it is told to stop.
pub(super) async fn run(
    server: Arc<Core>,
    entry: config::Server,
    environment: Environment,
    commands: mpsc::Receiver<Command>,
) {
    let mode = match entry.restart {
        Restart::Always => RestartMode::Always,
        Restart::OnFailure => RestartMode::OnFailure,
        Restart::Never => RestartMode::Never,
    };
    // A remote server is not ours to restart: we only look again, however often it takes.
    let remote = !matches!(entry.reach, Reach::Stdio { .. });
    let policy = RestartPolicy { mode, restarts_max: if remote { usize::MAX } else { 5 }, ..RestartPolicy::default() };
    let mut seed = [0; 8];
    // Jitter without randomness is still a backoff.
    let _ = getrandom::fill(&mut seed);
    let mut restarts = Restarts::new(policy, Jitter::seeded(u64::from_le_bytes(seed)));
    let remembered = server.catalog().era;
    let wanted = server.wanted.subscribe();
    let mut owner = Owner { server, entry: Arc::new(entry), environment, commands, remembered, wanted };
    loop {
        let mut left = owner.one_life(&mut restarts).await;
        owner.server.unlink();
        if let Left::Down(down) = left {
            left = owner.pause(down, &mut restarts).await;
        }
        if let Left::Rested(done) = left {
            left = owner.rest(done).await;
        }
        match left {
            Left::Down(_) | Left::Again | Left::Rested(_) => {}
            Left::Restart => restarts.reset(),
            Left::Stopped(done) => {
                owner.server.publish(Status::resting(State::Stopped, ""));
                let _ = done.send(());
                return;
            }
        }
        owner.server.counters.restarts.fetch_add(1, Ordering::Relaxed);
    }
}

impl Owner {
    /// Starts the server, serves while it is up, ends it.
    async fn one_life(&mut self, restarts: &mut Restarts) -> Left {
        self.server.publish(Status::resting(State::Starting, ""));
        let (sender, mut events) = mpsc::channel(EVENTS_MAX);
        let instances = sender.clone();
        let attempt =
            attempt(self.server.clone(), self.entry.clone(), self.environment.clone(), self.remembered, sender);
        tokio::pin!(attempt);
        // Lists that changed while they were read for the first time.
        let mut changed = BTreeSet::new();
        let begun = loop {
            tokio::select! {
                begun = &mut attempt => break begun,
                Some(event) = events.recv() => self.note_event(event, &mut changed),
                command = self.commands.recv() => match command {
                    None => return Left::Stopped(nobody()),
                    Some(Command::Stop(done)) => return Left::Stopped(done),
                    Some(Command::Down(done)) => return Left::Rested(done),
                    Some(Command::Restart) => return Left::Restart,
                    Some(Command::Start | Command::Refresh | Command::SignInChanged) => {}
                },
            }
        };
        match begun {
            Err(down) => {
                self.remembered = None;
                self.report().await;
                Left::Down(down)
            }
            Ok((live, catalog, degraded)) => {
                self.remembered = catalog.era;
                let pool = Pool::new(&self.server, &self.entry, &self.environment, &live.link, instances);
                self.server.pool.store(pool);
                self.announce(&live, catalog, degraded).await;
                restarts.ready(Instant::now());
                if !changed.is_empty() {
                    self.refresh(&live, changed).await;
                }
                self.serve(live, events).await
            }
        }
    }

    async fn announce(&mut self, live: &Live, catalog: ServerCatalog, degraded: Option<String>) {
        live.link.set_mirrored(mirrored(&catalog));
        live.link.subscribe(self.wanted.borrow_and_update().clone());
        self.server.catalog.store(Arc::new(catalog));
        self.server.listed.store(true, Ordering::Release);
        self.server.link.store(Some(live.link.clone()));
        let status = Status { pid: live.pid, degraded, ..Status::resting(State::Ready, "") };
        self.server.publish(status);
        self.report().await;
    }

    async fn report(&self) {
        let _ = self.environment.facts.send(Fact::Listed(self.server.name.clone())).await;
    }

    /// Serves events and commands until the server ends or is ended.
    async fn serve(&mut self, live: Live, mut events: mpsc::Receiver<UpstreamEvent>) -> Left {
        let link = live.link.clone();
        let process = live.process.clone();
        let ended = async {
            match &process {
                Some(process) => tokio::select! {
                    biased;
                    exit = process.wait() => Some(exit),
                    () = link.closed() => tokio::time::timeout(Duration::from_millis(200), process.wait()).await.ok(),
                },
                None => {
                    link.closed().await;
                    None
                }
            }
        };
        tokio::pin!(ended);
        let mut listening = true;
        loop {
            tokio::select! {
                exit = &mut ended => {
                    self.server.unlink();
                    self.end(&live).await;
                    let exit = exit.or_else(|| live.process.as_ref().and_then(ProcessHandle::exited));
                    return Left::Down(match exit {
                        Some(exit) => Down {
                            ending: if exit.is_success() { Ending::Clean } else { Ending::Failure },
                            reason: self.with_last_words(format!("the process ended: {exit}")),
                            hint: exit.hint().map(str::to_owned),
                            needs_auth: false,
                        },
                        None => Down {
                            ending: Ending::Failure,
                            reason: "the connection was closed".to_owned(),
                            hint: None,
                            needs_auth: false,
                        },
                    });
                }
                command = self.commands.recv() => match command {
                    None => return self.end_as(&live, Left::Stopped(nobody())).await,
                    Some(Command::Stop(done)) => return self.end_as(&live, Left::Stopped(done)).await,
                    Some(Command::Down(done)) => return self.end_as(&live, Left::Rested(done)).await,
                    Some(Command::Restart) => return self.end_as(&live, Left::Restart).await,
                    Some(Command::Start) => {}
                    Some(Command::SignInChanged) => {
                        if let Some(down) = self.signed_out().await {
                            return self.end_as(&live, Left::Down(down)).await;
                        }
                    }
                    Some(Command::Refresh) => self.refresh(&live, Kind::ALL.into()).await,
                },
                Ok(()) = self.wanted.changed() => live.link.subscribe(self.wanted.borrow_and_update().clone()),
                event = events.recv(), if listening => match event {
                    Some(UpstreamEvent::SignedOut { error }) => {
                        return self.end_as(&live, Left::Down(Down::signed_out(&error))).await;
                    }
                    Some(event) => self.on_event(event, &live, &mut events).await,
                    None => listening = false,
                },
            }
        }
    }

    /// Whether the person who was signed in is not any more.
    async fn signed_out(&self) -> Option<Down> {
        let sign_in = self.server.sign_in.as_ref().filter(|sign_in| sign_in.is_signed_in())?;
        match sign_in.look_again().await {
            Ok(None) => {
                let error = Error::new(ErrorKind::NeedsAuth, "it was signed out");
                Some(Down::signed_out(&error.hint(format!("switchboard auth login {}", self.server.name))))
            }
            // What cannot be read now is read again by the next request that needs it.
            Ok(Some(_)) | Err(_) => None,
        }
    }

    async fn end_as(&self, live: &Live, left: Left) -> Left {
        self.server.unlink();
        self.end(live).await;
        left
    }

    async fn on_event(&self, event: UpstreamEvent, live: &Live, events: &mut mpsc::Receiver<UpstreamEvent>) {
        let mut changed = BTreeSet::new();
        self.note_event(event, &mut changed);
        if changed.is_empty() {
            return;
        }
        // More of the same is probably on its way.
        let quiet = tokio::time::sleep(COALESCE);
        tokio::pin!(quiet);
        loop {
            tokio::select! {
                () = &mut quiet => break,
                event = events.recv() => match event {
                    Some(event) => self.note_event(event, &mut changed),
                    None => break,
                },
            }
        }
        self.refresh(live, changed).await;
    }

    fn note_event(&self, event: UpstreamEvent, changed: &mut BTreeSet<Kind>) {
        let counters = &self.server.counters;
        match event {
            UpstreamEvent::ListChanged(List::Tools) => changed.extend([Kind::Tools]),
            UpstreamEvent::ListChanged(List::Prompts) => changed.extend([Kind::Prompts]),
            UpstreamEvent::ListChanged(List::Resources) => changed.extend([Kind::Resources, Kind::Templates]),
            UpstreamEvent::ResourceUpdated { uri } => self.environment.hub.resource_updated(&self.server.name, &uri),
            UpstreamEvent::TaskChanged { task, params } => {
                let task = TaskRef { server: self.server.name.to_string(), task };
                self.environment.hub.task_changed(&task, &params);
            }
            UpstreamEvent::HeadersOutdated => changed.extend([Kind::Tools]),
            UpstreamEvent::Oversize { bytes_max } => {
                self.server.log.remark(format!("a message longer than {bytes_max} bytes was dropped"))
            }
            UpstreamEvent::RequestRefused { method } => {
                self.server.log.remark(format!("it asked `{method}`, which is not served yet"))
            }
            UpstreamEvent::SignedOut { error } => self.server.log.remark(error.message.into_owned()),
            UpstreamEvent::SessionRenewed => self.server.log.remark("it forgot our session; a new one was opened"),
            UpstreamEvent::Log(notification) => {
                let said = notification.params.map(|params| params.to_raw().as_str().to_owned()).unwrap_or_default();
                self.server.log.push(Stream::Stdout, said.as_bytes());
            }
            UpstreamEvent::StdoutNoise(line) => {
                counters.noise_lines.fetch_add(1, Ordering::Relaxed);
                self.server.log.push(Stream::Stdout, line.as_bytes());
            }
            UpstreamEvent::DroppedMembers(count) => {
                counters.members_dropped.fetch_add(u64::from(count), Ordering::Relaxed);
            }
        }
    }

    /// Reads lists again; what cannot be read stays as it was.
    async fn refresh(&self, live: &Live, kinds: BTreeSet<Kind>) {
        let mut catalog = (*self.server.catalog()).clone();
        let advertised = protocol::Object::of(&live.link.handshake().capabilities).unwrap_or_default();
        for kind in kinds.into_iter().filter(|kind| advertised.get(kind.capability()).is_some()) {
            match lister::read(&live.link, kind, &self.environment.limits).await {
                Ok(read) => *catalog.items_mut(kind) = read.items,
                Err(error) => self.server.log.remark(format!("{} could not be read again: {error}", kind.method())),
            }
        }
        if catalog != *self.server.catalog() {
            live.link.set_mirrored(mirrored(&catalog));
            self.server.catalog.store(Arc::new(catalog));
            self.report().await;
        }
    }

    async fn end(&self, live: &Live) {
        live.link.close().await;
        if let Some(process) = &live.process {
            process.stop(self.entry.stop_timeout).await;
        }
    }

    /// Stays down until a person wants it up again.
    async fn rest(&mut self, done: oneshot::Sender<()>) -> Left {
        let hint = Some(format!("start it: switchboard start {}", self.server.name));
        self.server.publish(Status { hint, ..Status::resting(State::Stopped, "a person stopped it") });
        // Whoever asked may have left.
        let _ = done.send(());
        loop {
            match self.commands.recv().await {
                None => return Left::Stopped(nobody()),
                Some(Command::Stop(done)) => return Left::Stopped(done),
                Some(Command::Start | Command::Restart) => return Left::Restart,
                Some(Command::Down(done)) => {
                    let _ = done.send(());
                }
                Some(Command::Refresh | Command::SignInChanged) => {}
            }
        }
    }

    /// Waits as long as the restart policy says, or until it is told something.
    async fn pause(&mut self, down: Down, restarts: &mut Restarts) -> Left {
        let now = Instant::now();
        let (state, until) = match restarts.ended(down.ending, now) {
            _ if down.needs_auth => (State::NeedsAuth, None),
            Decision::RestartAfter(delay) => (State::Backoff, Some(now + delay)),
            Decision::CrashLoop { until } => (State::CrashLoop, Some(until)),
            Decision::Stop => (State::Failed, None),
        };
        let status = Status { next_try: until, hint: down.hint, ..Status::resting(state, &down.reason) };
        self.server.publish(status);
        loop {
            let wake = async {
                match until {
                    Some(until) => tokio::time::sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = wake => return Left::Again,
                command = self.commands.recv() => match command {
                    Some(Command::Stop(done)) => return Left::Stopped(done),
                    None => return Left::Stopped(nobody()),
                    Some(Command::Down(done)) => return Left::Rested(done),
                    Some(Command::Start | Command::Restart) => return Left::Restart,
                    Some(Command::SignInChanged) if state == State::NeedsAuth && self.is_signed_in().await => {
                        return Left::Restart;
                    }
                    Some(Command::Refresh | Command::SignInChanged) => {}
                },
            }
        }
    }

    async fn is_signed_in(&self) -> bool {
        match &self.server.sign_in {
            Some(sign_in) => matches!(sign_in.look_again().await, Ok(Some(_))),
            None => false,
        }
    }

    fn with_last_words(&self, reason: String) -> String {
        with_last_words(&self.server, reason)
    }
}

/// For an end that nobody waits for.
fn nobody() -> oneshot::Sender<()> {
    oneshot::channel().0
}
