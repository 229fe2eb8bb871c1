//! The daemon: what `run` is made of, in the order in which it comes up and goes down.
//!
//! Only what must be right is waited for before it listens: the configuration, the lock, the
//! address. Servers start behind that, each for itself.

mod lazy_guard;
pub(crate) use lazy_guard::{LazyGuard, launch as launch_guard};

mod engine;
pub(crate) use engine::Engine;

mod broken;
mod keeper;

mod shelf;

mod result_cache;

mod listen;
pub(crate) use listen::{door, tcp as bind};

mod inherited;

mod notify;

mod again;
pub(crate) use again::program;

mod reload;

mod announce;

mod finder;

use crate::audit;
use crate::commands::dashboard;
use crate::context::Context;
use crate::daemon_logs::DaemonLogs;
use crate::data_folder::{Lock, Sockets};
use crate::printer::count;
use crate::report::Report;
use crate::state::State;
use crate::{env_vars, store_files};
use config::Loaded;
use control::Command;
use control::{Control, Problem, Tokens, Web};
use finder::Finder;
use gateway::DRAIN_TIME_MAX;
use gateway::listener::{Http, Sockets as StreamSockets};
use inherited::Inherited;
use listen::Streams;
use notify::Notifier;
use reload::Reloader;
use secrecy::{ExposeSecret as _, SecretString};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use store::cache::Cache;
use supervisor::GuardProcess;
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Worker threads at most: more of them share less cache and cost memory when idle.
const WORKERS_MAX: usize = 4;
/// Commands of `/api` that wait.
const COMMANDS_MAX: usize = 16;

/// What a run serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Serves {
    /// Whether servers start by themselves.
    pub(crate) servers: bool,
    /// Whether there are a dashboard and REST beside MCP.
    pub(crate) dashboard: bool,
}

/// Runs until it is told to end; `detached` from a person who could read what it says.
///
/// # Errors
/// Why it could not start.
pub(crate) fn run(context: &Context, serves: Serves, detached: bool) -> Result<(), Report> {
    let loaded = context.load()?;
    // Before there are threads.
    let guard = launch_guard(&loaded.config)?;
    let log = DaemonLogs::start(context, &loaded.config.log, detached)?;
    let data = context.data_folder()?;
    data.create()?;
    let lock = data.lock()?;
    let sockets = data.place_sockets()?;
    sockets.remove();
    let runtime = runtime()?;
    let ended: Result<Ending, Report> = runtime.block_on(Box::pin(async {
        let daemon = Daemon::start(context, (serves, guard, log.clone()), loaded, sockets, lock).await?;
        Ok(daemon.serve(context, detached).await)
    }));
    // A server that was reading from a dead disk must not keep us.
    runtime.shutdown_background();
    log.flush();
    match ended? {
        Ending::Stop => Ok(()),
        Ending::Restart => Err(again::begin()),
    }
}

/// The runtime of whoever runs servers.
///
/// # Errors
/// When the system refuses.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Report> {
    supervisor::raise_descriptor_limit();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(cores.min(WORKERS_MAX)).enable_all().build();
    runtime.map_err(|error| Report::failed("the runtime cannot be started").cause(error))
}

/// What comes after the daemon's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Stop,
    /// It begins again as the same process.
    Restart,
}

/// Where clients find the daemon.
#[derive(Debug, Clone)]
struct Addresses {
    http: SocketAddr,
    tcp: Option<SocketAddr>,
    unix: Option<PathBuf>,
}

/// A daemon that listens.
struct Daemon {
    engine: Engine,
    reloader: Reloader,
    address: Addresses,
    files: Vec<PathBuf>,
    sockets: Sockets,
    commands: mpsc::Receiver<Command>,
    signals: Signals,
    /// Ends the listeners.
    shutdown: CancellationToken,
    listeners: Vec<JoinHandle<()>>,
    notifier: Notifier,
    /// What was found and waits for a person.
    found: watch::Sender<Vec<control::said::Found>>,
    /// The token of the dashboard, where one is served.
    token: Option<SecretString>,
    /// What is wrong with the configuration on disk.
    refused: watch::Sender<Option<String>>,
    log: Arc<DaemonLogs>,
    _lock: Lock,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

/// Why the daemon's loop goes round.
enum Wake {
    End,
    /// A file of the configuration changed.
    Changed,
    Reload,
    Command(Command),
}

impl Daemon {
    async fn start(
        context: &Context,
        (serves, guard, log): (Serves, Option<GuardProcess>, Arc<DaemonLogs>),
        loaded: Loaded,
        sockets: Sockets,
        lock: Lock,
    ) -> Result<Self, Report> {
        let signals = Signals::install().map_err(|error| Report::failed("signals cannot be heard").cause(error))?;
        let inherited = Inherited::take(&context.environment, &loaded.config.listen)?;
        let socket = match inherited.http {
            Some(socket) => socket,
            None => listen::tcp(loaded.config.listen.address).await?,
        };
        let (api, mcp) = (listen::unix(&sockets.api)?, listen::unix(&sockets.mcp)?);
        let streams = listen::streams(&loaded.config.listen, inherited.tcp, inherited.unix).await?;
        let (tcp_address, own) = (streams.tcp_address(), loaded.config.listen.unix.clone());
        let token = loaded.config.listen.token.clone();
        let data = context.data_folder()?;
        let state = State::open(&data, &loaded.config).await?;
        let reloader = Reloader::new(context, &loaded.config, state.local.clone());
        let files = reload::watchable(loaded.files);
        let builtins = crate::inside::parts(&state, &loaded.config, &context.environment)?;
        let cache = builtins.cache.clone();
        let place = (data.clone(), state);
        let engine =
            Engine::start((guard, serves.servers), loaded.config, place, &context.environment, builtins).await?;
        let shutdown = CancellationToken::new();
        let (sender, commands) = mpsc::channel(COMMANDS_MAX);
        let (found, refused) = (watch::Sender::default(), watch::Sender::default());
        let said = (sender, found.subscribe(), refused.subscribe());
        let tokens = Tokens { own: store_files::token(&data)?, listen: token };
        let (address, listeners) = listeners(
            &engine,
            (socket, api, mcp, streams),
            said,
            (cache, tokens.clone(), serves, log.clone()),
            &shutdown,
        )?;
        if let Err(error) = store_files::write_listen(&data, address, tcp_address, own.as_deref()) {
            tracing::warn!(%error, "{} cannot be written: {error}", data.listen().display());
        }
        let address = Addresses { http: address, tcp: tcp_address, unix: own };
        let notifier = Notifier::new(&context.environment);
        Ok(Self {
            engine,
            reloader,
            address,
            files,
            sockets,
            commands,
            signals,
            shutdown,
            listeners,
            notifier,
            found,
            token: serves.dashboard.then_some(tokens.own),
            refused,
            log,
            _lock: lock,
        })
    }

    async fn serve(mut self, context: &Context, detached: bool) -> Ending {
        announce::listening(context, &self.engine, &self.address, self.dashboard(context, detached).as_deref());
        let _watchdog = self.notifier.watchdog(&context.environment);
        self.tell_ready();
        let (sender, mut changed) = mpsc::channel(1);
        let mut watcher = reload::watch(&self.files, sender.clone());
        let reading = self.reloader.reading();
        let finder = Finder::start(context, reading, self.engine.gateway.clone(), self.found.clone(), sender.clone());
        let ending = loop {
            let (reply, asked) = match self.wake(&mut changed).await {
                Wake::End | Wake::Command(Command::Stop) => break Ending::Stop,
                Wake::Command(Command::Restart(reply)) => {
                    if self.may_begin_again(reply).await {
                        break Ending::Restart;
                    }
                    continue;
                }
                Wake::Command(Command::Switch { name, on, reply }) => match self.reloader.switch(name, on).await {
                    Ok(()) => (Some(reply), true),
                    Err(problem) => {
                        // Whoever asked may have left.
                        let _ = reply.send(Err(problem));
                        continue;
                    }
                },
                Wake::Changed => (None, false),
                Wake::Reload => (None, true),
                Wake::Command(Command::Reload(reply)) => (Some(reply), true),
            };
            self.notifier.reloading("reads its configuration");
            let done = self.reloader.reload(&self.engine.gateway, asked).await;
            self.log.reconfigure(&self.engine.gateway.snapshot().config.log);
            finder.again.notify_one();
            self.refused.send_replace(done.refused.clone());
            if let Some(deed) = audit::of_reload(&done.result, asked) {
                self.engine.auditor.note(deed);
            }
            if let Some(reply) = reply {
                // Whoever asked may have left.
                let _ = reply.send(done.result.clone());
            }
            let files = reload::watchable(announce::reloaded(context, done));
            if files != self.files && !files.is_empty() {
                watcher = reload::watch(&files, sender.clone());
                self.files = files;
                // The watcher that was replaced forgot what it was about to tell; if the queue is
                // full, that is what it says.
                let _ = sender.try_send(());
            }
            self.tell_ready();
        };
        drop((watcher, finder));
        self.end(ending, context).await;
        ending
    }

    /// Where the dashboard is, with the token for whoever watches us start. Nobody does where it would
    /// stand in a log.
    fn dashboard(&self, context: &Context, detached: bool) -> Option<String> {
        let token = self.token.as_ref()?;
        let listen = self.engine.gateway.snapshot().config.listen.clone();
        let base = control::dashboard(listen.public_url.as_deref(), self.address.http);
        let logged = detached || context.environment.vars.contains_key(env_vars::NOTIFY_SOCKET);
        Some(if logged { base } else { dashboard::address(&base, token.expose_secret()) })
    }

    fn tell_ready(&self) {
        let servers = count(self.engine.gateway.snapshot().servers.len(), "server");
        self.notifier.ready(&format!("serves {servers} at http://{}/mcp", self.address.http));
    }

    /// Whether the daemon would come up again; whoever asked is told.
    async fn may_begin_again(&self, reply: oneshot::Sender<Result<(), Problem>>) -> bool {
        let checked = self.reloader.check().await;
        let may = checked.is_ok();
        // Whoever asked may have left.
        let _ = reply.send(checked);
        may
    }

    async fn wake(&mut self, changed: &mut mpsc::Receiver<()>) -> Wake {
        tokio::select! {
            _ = self.signals.terminate.recv() => Wake::End,
            _ = self.signals.interrupt.recv() => Wake::End,
            _ = self.signals.hangup.recv() => Wake::Reload,
            Some(()) = changed.recv() => Wake::Changed,
            Some(command) = self.commands.recv() => Wake::Command(command),
        }
    }

    /// Lets calls in flight end, then ends every server. A second signal does not wait for calls.
    async fn end(mut self, ending: Ending, context: &Context) {
        context.printer.say("ending: calls in flight are finished first");
        let status = "finishes its calls and ends its servers";
        match ending {
            Ending::Stop => self.notifier.stopping(status),
            // To systemd a process that stays is one that reloads.
            Ending::Restart => self.notifier.reloading(status),
        }
        self.engine.gateway.drain();
        self.shutdown.cancel();
        let drained = futures_join(std::mem::take(&mut self.listeners));
        tokio::select! {
            _ = tokio::time::timeout(DRAIN_TIME_MAX, drained) => {}
            _ = self.signals.terminate.recv() => {}
            _ = self.signals.interrupt.recv() => {}
        }
        let listen = self.engine.data.listen();
        self.engine.end().await;
        self.sockets.remove();
        // The files may have been removed by hand.
        let _ = std::fs::remove_file(listen);
        if let Some(socket) = &self.address.unix {
            let _ = std::fs::remove_file(socket);
        }
    }
}

async fn futures_join(tasks: Vec<JoinHandle<()>>) {
    for task in tasks {
        // A listener that panicked has ended as well.
        let _ = task.await;
    }
}

impl Signals {
    fn install() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }
}

/// What `/api` is told with, and what it tells.
type Said = (mpsc::Sender<Command>, watch::Receiver<Vec<control::said::Found>>, watch::Receiver<Option<String>>);

type Bound = (TcpListener, UnixListener, UnixListener, Streams);

/// Starts what listens: HTTP, `/api`, and conversations over sockets.
fn listeners(
    engine: &Engine,
    (socket, api, mcp, streams): Bound,
    (commands, found, refused): Said,
    (cache, tokens, serves, log): (Cache, Tokens, Serves, Arc<DaemonLogs>),
    shutdown: &CancellationToken,
) -> Result<(SocketAddr, Vec<JoinHandle<()>>), Report> {
    let gateway = &engine.gateway;
    let config = gateway.snapshot().config.clone();
    let address = socket.local_addr().map_err(|error| Report::failed("the address is not known").cause(error))?;
    let http = Http::new(socket, gateway.clone(), listen::door(&config.listen, address), &config.limits);
    let parts = control::Parts {
        gateway: gateway.clone(),
        commands,
        address,
        dashboard: serves.dashboard,
        data: engine.data.root.clone(),
        sessions: http.session_count(),
        logs: engine.logs.clone(),
        found,
        refused,
        figures: engine.figures.clone(),
        log,
        deeds: engine.auditor.deeds(),
        store: engine.state.shared.clone(),
        cache,
        history: engine.history.clone(),
        shutdown: shutdown.clone(),
    };
    let control = Control::new(parts);
    let http = match serves.dashboard {
        true => http.with_beside(Arc::new(Web::new(&control, tokens))),
        false => http,
    };
    let limits = Arc::new(config.limits.clone());
    // Programs of the person who runs us find a place even when clients have taken all of theirs.
    let own_places = Arc::new(Semaphore::new(limits.connections_max));
    let own = StreamSockets::new(gateway.clone(), limits.clone(), own_places);
    let clients = StreamSockets::new(gateway.clone(), limits, http.places());
    let mut tasks = vec![
        tokio::spawn(http.serve(shutdown.clone())),
        tokio::spawn(async move {
            if let Err(error) = control::serve(api, &control).await {
                tracing::error!(%error, "the socket of /api is closed: {error}");
            }
        }),
        tokio::spawn(own.serve_unix(mcp, shutdown.clone())),
    ];
    tasks.extend(streams.tcp.map(|socket| tokio::spawn(clients.clone().serve_tcp(socket, shutdown.clone()))));
    tasks.extend(streams.unix.map(|socket| tokio::spawn(clients.serve_unix(socket, shutdown.clone()))));
    Ok((address, tasks))
}
