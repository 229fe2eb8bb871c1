//! One attempt to bring a server up: start the process or reach the URL, shake hands, read the
//! lists, all within the startup time. What follows from a failure is the owner's business.

use super::{Core, Environment, lister};
use crate::asking::Kinds;
use crate::catalog::ServerCatalog;
use crate::upstream::{self, ConnectError, ConnectOptions, Connection, EraChoice, UpstreamEvent};
use config::{HttpDialect, Reach};
use outbound::oauth::SignIn;
use protocol::{Era, Error, ErrorKind, header};
use secrecy::SecretString;
use std::collections::HashMap;
use std::sync::Arc;
use supervisor::{Ending, ProcessHandle, SpawnRequest, Stream};
use tokio::sync::mpsc;

/// A server that runs.
#[derive(Clone)]
pub(super) struct Live {
    pub(super) link: Arc<Connection>,
    pub(super) process: Option<ProcessHandle>,
    pub(super) pid: Option<u32>,
}

impl Live {
    fn remote(link: Connection) -> Self {
        Self { link: Arc::new(link), process: None, pid: None }
    }
}

/// Why a server is not running (any more).
pub(super) struct Down {
    pub(super) ending: Ending,
    pub(super) reason: String,
    pub(super) hint: Option<String>,
    /// Whether a person must sign in: then no timer helps.
    pub(super) needs_auth: bool,
}

impl Down {
    fn of(error: &ConnectError) -> Self {
        let needs_auth = matches!(error, ConnectError::NeedsAuth { .. });
        let hopeless = needs_auth || matches!(error, ConnectError::Unauthorized { .. });
        let ending = if hopeless { Ending::Hopeless } else { Ending::Failure };
        Self { ending, reason: error.to_string(), hint: Some(error.hint().to_owned()), needs_auth }
    }

    /// The server refuses every call until a person has signed in.
    pub(super) fn signed_out(error: &Error) -> Self {
        let hint = error.hint.as_ref().map(|hint| hint.clone().into_owned());
        Self { ending: Ending::Hopeless, reason: error.message.clone().into_owned(), hint, needs_auth: true }
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

/// Adds the last line of stderr to a reason: it usually says what is wrong.
pub(super) fn with_last_words(server: &Core, reason: String) -> String {
    let lines = server.log.tail(20);
    match lines.iter().rev().find(|line| line.stream == Stream::Stderr && !line.text.trim().is_empty()) {
        Some(line) => format!("{reason}; its last words: {}", line.shown().trim()),
        None => reason,
    }
}

pub(super) fn mirrored(catalog: &ServerCatalog) -> HashMap<String, Vec<header::MirroredParam>> {
    catalog.tools.iter().filter_map(header::mirrored_of_tool).collect()
}

/// Starts and connects the server and reads its lists, within the startup time.
pub(super) async fn attempt(
    server: Arc<Core>,
    entry: Arc<config::Server>,
    environment: Environment,
    remembered: Option<Era>,
    events: mpsc::Sender<UpstreamEvent>,
) -> Result<(Live, ServerCatalog, Option<String>), Down> {
    let _permit = environment.starting.acquire().await;
    let options =
        ConnectOptions { sign_in: server.sign_in.clone(), ..options(&entry, &server.name, &environment, remembered) };
    let startup = entry.startup_timeout;
    let work = async {
        let live = match connect(&server, &entry, &environment, &options, &events).await {
            // Some servers of old exit when the first message is not `initialize`.
            Err(Failed::Probe) => {
                server.log.remark("ended during the probe for the protocol era; started once more as a legacy server");
                let legacy = ConnectOptions { era: EraChoice::Legacy, ..options.clone() };
                connect(&server, &entry, &environment, &legacy, &events).await
            }
            other => other,
        };
        let live = live.map_err(|failed| {
            let down = match failed {
                Failed::Probe => Down::of(&ConnectError::ExitedDuringProbe),
                Failed::Down(down) => down,
            };
            Down { reason: with_last_words(&server, down.reason), ..down }
        })?;
        let handshake = live.link.handshake();
        let mut catalog = (*server.catalog()).clone();
        catalog.era = Some(handshake.era);
        catalog.capabilities = handshake.capabilities.clone();
        catalog.server_info = handshake.server_info.clone();
        catalog.instructions = handshake.instructions.clone();
        let listed = lister::read_all(&live.link, &environment.limits, &mut catalog).await;
        match listed {
            Ok(degraded) => Ok((live, catalog, degraded)),
            Err(error) if error.kind == ErrorKind::NeedsAuth => {
                live.link.close().await;
                Err(Down::signed_out(&error))
            }
            Err(error) => {
                live.link.close().await;
                let reason = with_last_words(&server, format!("its lists could not be read: {error}"));
                Err(Down { ending: Ending::Failure, reason, hint: None, needs_auth: false })
            }
        }
    };
    match tokio::time::timeout(startup, work).await {
        Ok(done) => done,
        Err(_) => {
            let reason = with_last_words(&server, format!("not ready within {} s", startup.as_secs_f32()));
            let hint =
                format!("raise startup_timeout of `{}` or look at: switchboard logs {}", server.name, server.name);
            Err(Down { ending: Ending::Failure, reason, hint: Some(hint), needs_auth: false })
        }
    }
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
) -> Result<Live, Failed> {
    match &entry.reach {
        Reach::Http { url, headers, dialect } => {
            let (headers, options, events) = (named(headers)?, options.clone(), events.clone());
            Ok(Live::remote(match dialect {
                HttpDialect::Any => upstream::connect_url(url, headers, options, events).await?,
                HttpDialect::Streamable => upstream::connect_http(url, headers, options, events).await?,
                HttpDialect::Sse => upstream::connect_sse(url, headers, options, events).await?,
            }))
        }
        Reach::WebSocket { url, headers } => {
            let link = upstream::connect_websocket(url, named(headers)?, options.clone(), events.clone()).await?;
            Ok(Live::remote(link))
        }
        Reach::Tcp { address } => {
            Ok(Live::remote(upstream::connect_tcp(address, options.clone(), events.clone()).await?))
        }
        Reach::Unix { path } => Ok(Live::remote(upstream::connect_unix(path, options.clone(), events.clone()).await?)),
        Reach::Stdio { command, args, cwd, .. } => {
            let request = SpawnRequest {
                program: command.clone(),
                args: args.clone(),
                env: config::child_environment(entry, &environment.process),
                cwd: cwd.clone(),
            };
            let spawned = environment.spawner.spawn(request).await.map_err(|error| {
                let ending = if error.can_pass() { Ending::Failure } else { Ending::Hopeless };
                Failed::Down(Down { ending, reason: error.to_string(), hint: error.hint(), needs_auth: false })
            })?;
            tokio::spawn(supervisor::pump(spawned.stderr, server.log.clone(), Stream::Stderr));
            let process = spawned.handle;
            match upstream::connect_duplex(spawned.stdout, spawned.stdin, options.clone(), events.clone()).await {
                Ok(link) => Ok(Live { link: Arc::new(link), process: Some(process), pid: Some(spawned.pid) }),
                Err(error) => {
                    // Its last words come with its end.
                    let stopped = process.stop(entry.stop_timeout).await;
                    server.log.remark(format!("start failed: {error} ({})", stopped.exit));
                    Err(error.into())
                }
            }
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
