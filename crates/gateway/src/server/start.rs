//! One attempt to bring a server up: start the process or reach the URL, shake hands, read the
//! lists, all within the startup time. What follows from a failure is the owner's business.

use super::complaints::Complaints;
use super::needs::Lease;
use super::{Cause, Core, Environment, container, hosted, install, launch, lister, unaltered};
use crate::asking::Kinds;
use crate::catalog::ServerCatalog;
use crate::upstream::{self, ConnectError, ConnectOptions, Connection, EraChoice, UpstreamEvent};
use config::{HttpDialect, Reach};
use outbound::oauth::SignIn;
use protocol::{Era, Error, ErrorKind, header};
use secrecy::SecretString;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use supervisor::{Ending, ExitReport, ProcessHandle, StopReport, StopStep, Stream};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

/// How many lines of its log are looked through for its last words, and how many are quoted.
const LAST_LINES: usize = 20;
const LAST_WORDS: usize = 3;
/// How much of one such line is quoted, and how long the reason of a failure may be, in characters.
const WORDS_CHARS_MAX: usize = 500;
const REASON_CHARS_MAX: usize = 2000;
/// How long the end of a pipe waits for the end of its process, which says why.
pub(super) const EXIT_WAIT: Duration = Duration::from_millis(200);

/// A server that runs.
#[derive(Clone)]
pub(super) struct Live {
    pub(super) link: Arc<Connection>,
    pub(super) process: Option<ProcessHandle>,
    /// What it says on stderr, where it is ours.
    complaints: Option<Complaints>,
    pub(super) pid: Option<u32>,
    /// What it needs, held until it has ended.
    pub(super) lease: Option<Arc<Lease>>,
}

impl Live {
    fn remote(link: Connection) -> Self {
        Self { link: Arc::new(link), process: None, complaints: None, pid: None, lease: None }
    }

    pub(super) fn of(link: Connection, process: ProcessHandle, complaints: Complaints, pid: Option<u32>) -> Self {
        let (link, complaints) = (Arc::new(link), Some(complaints));
        Self { link, process: Some(process), complaints, pid, lease: None }
    }

    /// Waits until what it said last on stderr is in its log, for a short time.
    pub(super) async fn last_words(&self) {
        if let Some(complaints) = &self.complaints {
            complaints.read_out().await;
        }
    }

    /// Resolves when the process or the connection has ended; the exit, when there is one.
    pub(super) async fn ended(&self) -> Option<ExitReport> {
        match &self.process {
            Some(process) => tokio::select! {
                biased;
                exit = process.wait() => Some(exit),
                () = self.link.closed() => timeout(EXIT_WAIT, process.wait()).await.ok(),
            },
            None => {
                self.link.closed().await;
                None
            }
        }
    }

    /// Closes the connection and ends the process, if it has not ended.
    pub(super) async fn end(&self, stop_timeout: Duration) {
        self.link.close().await;
        if let Some(process) = self.process.as_ref().filter(|process| process.exited().is_none()) {
            process.stop(stop_timeout).await;
        }
    }
}

/// Why a server is not running (any more).
pub(super) struct Down {
    pub(super) ending: Ending,
    pub(super) reason: String,
    pub(super) hint: Option<String>,
    /// What it comes from, where that is more than its own doing.
    pub(super) cause: Cause,
}

impl Down {
    fn of(error: &ConnectError) -> Self {
        let needs_auth = matches!(error, ConnectError::NeedsAuth { .. });
        let hopeless = needs_auth || matches!(error, ConnectError::Unauthorized { .. });
        let ending = if hopeless { Ending::Hopeless } else { Ending::Failure };
        let cause = if needs_auth { Cause::SignIn } else { Cause::Other };
        Self { ending, reason: cut(&error.to_string(), REASON_CHARS_MAX), hint: Some(error.hint().to_owned()), cause }
    }

    /// The server refuses every call until a person has signed in.
    pub(super) fn signed_out(error: &Error) -> Self {
        let hint = error.hint.as_ref().map(|hint| hint.clone().into_owned());
        Self { ending: Ending::Hopeless, reason: cut(&error.message, REASON_CHARS_MAX), hint, cause: Cause::SignIn }
    }
}

/// The sign-in of a server that may ask for one.
pub(super) fn sign_in(entry: &config::Server, environment: &Environment) -> Option<Arc<SignIn>> {
    let (oauth, vault) = (entry.oauth.as_ref()?, environment.vault.as_ref()?);
    // A URL that cannot be read is reported when it is connected to.
    SignIn::new(&entry.name, &entry.reach.sign_in_url()?, oauth, vault.clone()).ok()
}

/// Why an attempt to connect failed.
pub(super) enum Failed {
    /// The process ended when it was asked for its era.
    Probe,
    Down(Down),
}

impl From<ConnectError> for Failed {
    fn from(error: ConnectError) -> Self {
        if error == ConnectError::ExitedDuringProbe { Self::Probe } else { Self::Down(Down::of(&error)) }
    }
}

/// Why a program of ours is not there: there is no URL to look at, but it said something itself.
fn of_program(error: ConnectError, exit: &ExitReport, name: &str) -> Failed {
    match error {
        ConnectError::Unreachable { .. } => {
            let hint = exit.hint().map_or_else(|| see_log(name), str::to_owned);
            Failed::Down(Down { hint: Some(hint), ..Down::of(&error) })
        }
        error => error.into(),
    }
}

/// `what`, which the server called `name` runs in, ended before it could be spoken to.
pub(super) fn ended(what: &str, exit: &ExitReport, name: &str) -> Down {
    Down {
        ending: if exit.is_success() { Ending::Clean } else { Ending::Failure },
        reason: format!("{what} ended before it listened: {exit}"),
        hint: Some(exit.hint().map_or_else(|| see_log(name), str::to_owned)),
        cause: Cause::Other,
    }
}

fn see_log(name: &str) -> String {
    format!("see its log: switchboard logs {name}")
}

/// The process of an attempt, so that one that is given up leaves nothing behind; and what the
/// attempt waits for.
#[derive(Default)]
pub(super) struct Child {
    process: Mutex<Option<(ProcessHandle, Complaints)>>,
    says: watch::Sender<Arc<str>>,
}

impl Child {
    pub(super) fn is(&self, process: &ProcessHandle, complaints: &Complaints) {
        let child = (process.clone(), complaints.clone());
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
    }

    /// What it waits for now, in words for a person; nothing any more if empty.
    pub(super) fn says(&self, what: &str) {
        self.says.send_replace(what.into());
    }

    /// Tells of what it waits for.
    pub(super) fn hears(&self) -> watch::Receiver<Arc<str>> {
        self.says.subscribe()
    }

    /// Ends it, if there is one, and waits until it is gone. Its pipes must have been dropped.
    /// Gives how it failed, where that was its own doing.
    pub(super) async fn end(&self, stop_timeout: Duration) -> Option<ExitReport> {
        let (process, complaints) = self.process.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let StopReport { step, exit } = process.stop(stop_timeout).await;
        complaints.read_out().await;
        (step == StopStep::StdinClosed && !exit.is_success()).then_some(exit)
    }
}

/// Not more than so many characters: a stranger's words are shown with every status and refusal.
fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Adds the last lines of stderr since then to a reason: they usually say what is wrong.
pub(super) fn with_last_words(server: &Core, since: SystemTime, reason: String) -> String {
    let lines = server.log.tail(LAST_LINES);
    let said = |line: &&Arc<supervisor::Line>| line.stream == Stream::Stderr && line.at >= since;
    let words = lines.iter().filter(said).map(|line| cut(line.shown().trim(), WORDS_CHARS_MAX));
    let words: Vec<String> = words.filter(|words| !words.is_empty()).collect();
    match &words[words.len().saturating_sub(LAST_WORDS)..] {
        [] => reason,
        words => format!("{reason}; its last words: {}", words.join(" | ")),
    }
}

pub(super) fn mirrored(catalog: &ServerCatalog) -> HashMap<String, Vec<header::MirroredParam>> {
    catalog.tools.iter().filter_map(header::mirrored_of_tool).collect()
}

/// Starts and connects an instance and reads its lists, within the startup time. When it fails,
/// nothing of it is left.
pub(super) async fn attempt(
    server: Arc<Core>,
    entry: Arc<config::Server>,
    environment: Environment,
    remembered: Option<Era>,
    events: mpsc::Sender<UpstreamEvent>,
    child: &Child,
) -> Result<(Live, ServerCatalog, Option<String>), Down> {
    let lease = Box::pin(environment.needs.acquire(&entry, child)).await?;
    Box::pin(unaltered::check(&entry)).await?;
    Box::pin(install::once(&server, &entry, &environment, child)).await?;
    let startup = entry.startup_timeout;
    let mut since = SystemTime::now();
    let work = Box::pin(async {
        since = SystemTime::now();
        timeout(startup, begin(&server, &entry, &environment, remembered, &events, child)).await
    });
    let done = environment.in_turn(&entry, work).await;
    let down = match done {
        Ok(Ok((live, catalog, degraded))) => return Ok((Live { lease, ..live }, catalog, degraded)),
        Ok(Err(down)) => down,
        Err(_) => {
            let hint =
                format!("raise startup_timeout of `{}` or look at: switchboard logs {}", server.name, server.name);
            let reason = format!("not ready within {} s", startup.as_secs_f32());
            Down { ending: Ending::Failure, reason, hint: Some(hint), cause: Cause::Other }
        }
    };
    let reason = match child.end(entry.stop_timeout).await {
        Some(exit) => format!("{} ({exit})", down.reason),
        None => down.reason,
    };
    Err(Down { reason: with_last_words(&server, since, reason), ..down })
}

/// Connects and reads the lists.
async fn begin(
    server: &Arc<Core>,
    entry: &Arc<config::Server>,
    environment: &Environment,
    remembered: Option<Era>,
    events: &mpsc::Sender<UpstreamEvent>,
    child: &Child,
) -> Result<(Live, ServerCatalog, Option<String>), Down> {
    let options =
        ConnectOptions { sign_in: server.sign_in.clone(), ..options(entry, &server.name, environment, remembered) };
    let live = match connect(server, entry, environment, &options, events, child).await {
        // Some servers of old exit when the first message is not `initialize`.
        Err(Failed::Probe) => {
            server.log.remark("ended during the probe for the protocol era; started once more as a legacy server");
            let legacy = ConnectOptions { era: EraChoice::Legacy, ..options.clone() };
            connect(server, entry, environment, &legacy, events, child).await
        }
        other => other,
    };
    let live = live.map_err(|failed| match failed {
        Failed::Probe => Down::of(&ConnectError::ExitedDuringProbe),
        Failed::Down(down) => down,
    })?;
    let handshake = live.link.handshake();
    let before = server.catalog();
    // What was shown for another definition says nothing about this one.
    let mut catalog =
        if server.is_listed() { (*before).clone() } else { ServerCatalog::empty(before.definition.clone()) };
    catalog.era = Some(handshake.era);
    catalog.capabilities = handshake.capabilities.clone();
    catalog.server_info = handshake.server_info.clone();
    catalog.instructions = handshake.instructions.clone();
    let error = match lister::read_all(&live.link, &environment.limits, &mut catalog).await {
        Ok(degraded) => return Ok((live, catalog, degraded)),
        Err(error) => error,
    };
    live.link.close().await;
    if error.kind == ErrorKind::NeedsAuth {
        return Err(Down::signed_out(&error));
    }
    let reason = cut(&format!("its lists could not be read: {error}"), REASON_CHARS_MAX);
    Err(Down { ending: Ending::Failure, reason, hint: None, cause: Cause::Other })
}

pub(super) fn options(
    entry: &config::Server,
    name: &Arc<str>,
    environment: &Environment,
    remembered: Option<Era>,
) -> ConnectOptions {
    let limits = &environment.limits;
    ConnectOptions {
        era: match entry.era {
            config::EraChoice::Auto => EraChoice::Auto,
            config::EraChoice::Modern => EraChoice::Modern,
            config::EraChoice::Legacy => EraChoice::Legacy,
        },
        remembered,
        startup_timeout: entry.startup_timeout,
        connect_timeout: entry.connect_timeout,
        request_timeout: entry.request_timeout,
        request_timeout_max: entry.request_timeout_max,
        frame_bytes_max: match entry.reach {
            Reach::Http { .. } => limits.response_bytes_max,
            _ => limits.frame_bytes_max,
        },
        depth_max: u32::try_from(limits.depth_max).unwrap_or(u32::MAX),
        roots: environment.roots.to_vec(),
        server: name.clone(),
        calls_max: limits.calls_per_server_max,
        beside: false,
        kinds: Kinds::ALL,
        sign_in: None,
    }
}

pub(super) async fn connect(
    server: &Core,
    entry: &config::Server,
    environment: &Environment,
    options: &ConnectOptions,
    events: &mpsc::Sender<UpstreamEvent>,
    child: &Child,
) -> Result<Live, Failed> {
    // An instance beside the first is another connection to the same program.
    if entry.hosted.is_some() && !options.beside {
        return Box::pin(hosted::connect(server, entry, environment, options, events, child)).await;
    }
    match &entry.reach {
        Reach::Builtin { .. } => {
            let service = (environment.inside)(entry).map_err(|message| ConnectError::Handshake { message })?;
            Ok(Live::remote(upstream::in_process(service, options.clone(), events.clone()).await?))
        }
        Reach::Container { container, endpoint } => {
            let what = (&**container, endpoint.as_ref());
            Box::pin(container::connect(server, entry, environment, options, events, child, what)).await
        }
        Reach::Stdio { .. } => {
            let started = launch::spawn(server, entry, environment).await?;
            let launch::Started { pid, stdin, stdout, process, complaints } = started;
            child.is(&process, &complaints);
            match upstream::connect_duplex(stdout, stdin, options.clone(), events.clone()).await {
                Ok(link) => Ok(Live::of(link, process, complaints, Some(pid))),
                Err(error) => {
                    // Its last words come with its end.
                    let stopped = process.stop(entry.stop_timeout).await;
                    complaints.read_out().await;
                    server.log.remark(format!("start failed: {error} ({})", stopped.exit));
                    Err(of_program(error, &stopped.exit, &server.name))
                }
            }
        }
        remote => Ok(Live::remote(reached(remote, options, events).await?)),
    }
}

/// A connection to what is reached somewhere.
pub(super) async fn reached(
    reach: &Reach,
    options: &ConnectOptions,
    events: &mpsc::Sender<UpstreamEvent>,
) -> Result<Connection, ConnectError> {
    let (options, events) = (options.clone(), events.clone());
    match reach {
        Reach::Http { url, headers, dialect } => match dialect {
            HttpDialect::Any => upstream::connect_url(url, named(headers)?, options, events).await,
            HttpDialect::Streamable => upstream::connect_http(url, named(headers)?, options, events).await,
            HttpDialect::Sse => upstream::connect_sse(url, named(headers)?, options, events).await,
        },
        Reach::WebSocket { url, headers } => upstream::connect_websocket(url, named(headers)?, options, events).await,
        Reach::Tcp { address } => upstream::connect_tcp(address, options, events).await,
        Reach::Unix { path } => upstream::connect_unix(path, options, events).await,
        Reach::Stdio { .. } | Reach::Builtin { .. } | Reach::Container { .. } => {
            Err(ConnectError::Handshake { message: "it has no address".to_owned() })
        }
    }
}

fn named(headers: &[(String, SecretString)]) -> Result<Vec<(http::HeaderName, SecretString)>, ConnectError> {
    let named = headers.iter().map(|(name, value)| {
        let parsed = http::HeaderName::try_from(name.as_str());
        parsed
            .map(|name| (name, value.clone()))
            .map_err(|_| ConnectError::Handshake { message: format!("`{name}` is no header name") })
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_stays_short_whatever_a_server_says() {
        let error = Error::new(ErrorKind::NeedsAuth, "ü".repeat(1 << 20));
        let down = Down::signed_out(&error);
        assert_eq!(down.reason.chars().count(), REASON_CHARS_MAX + 1);
        assert_eq!(cut("short", 5), "short");
    }
}
