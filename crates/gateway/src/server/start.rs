//! One attempt to bring a server up: start the process or reach the URL, shake hands, read the
//! lists, all within the startup time. What follows from a failure is the owner's business.

use super::{Core, Environment, lister};
use crate::asking::Kinds;
use crate::catalog::ServerCatalog;
use crate::upstream::{self, ConnectError, ConnectOptions, Connection, EraChoice, UpstreamEvent};
use config::{HttpDialect, Reach};
use protocol::{Era, header};
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

/// Why a server is not running (any more).
pub(super) struct Down {
    pub(super) ending: Ending,
    pub(super) reason: String,
    pub(super) hint: Option<String>,
}

impl Down {
    fn of(error: &ConnectError) -> Self {
        let ending =
            if matches!(error, ConnectError::Unauthorized { .. }) { Ending::Hopeless } else { Ending::Failure };
        Self { ending, reason: error.to_string(), hint: Some(error.hint().to_owned()) }
    }
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
    let options = options(&entry, &server.name, &environment, remembered);
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
            Err(error) => {
                live.link.close().await;
                let reason = with_last_words(&server, format!("its lists could not be read: {error}"));
                Err(Down { ending: Ending::Failure, reason, hint: None })
            }
        }
    };
    match tokio::time::timeout(startup, work).await {
        Ok(done) => done,
        Err(_) => {
            let reason = with_last_words(&server, format!("not ready within {} s", startup.as_secs_f32()));
            let hint =
                format!("raise startup_timeout of `{}` or look at: switchboard logs {}", server.name, server.name);
            Err(Down { ending: Ending::Failure, reason, hint: Some(hint) })
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
        request_timeout: entry.request_timeout,
        request_timeout_max: entry.request_timeout_max,
        frame_bytes_max: match entry.reach {
            Reach::Stdio { .. } => limits.frame_bytes_max,
            Reach::Http { .. } => limits.response_bytes_max,
        },
        depth_max: u32::try_from(limits.depth_max).unwrap_or(u32::MAX),
        roots: environment.roots.to_vec(),
        server: name.clone(),
        calls_max: limits.calls_per_server_max,
        kinds: Kinds::ALL,
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
            let named = headers.iter().map(|(name, value)| {
                let parsed = http::HeaderName::try_from(name.as_str());
                parsed
                    .map(|name| (name, value.clone()))
                    .map_err(|_| ConnectError::Handshake { message: format!("`{name}` is no header name") })
            });
            let headers = named.collect::<Result<Vec<_>, _>>()?;
            let (options, events) = (options.clone(), events.clone());
            let link = match dialect {
                HttpDialect::Any => upstream::connect_url(url, headers, options, events).await?,
                HttpDialect::Streamable => upstream::connect_http(url, headers, options, events).await?,
                HttpDialect::Sse => upstream::connect_sse(url, headers, options, events).await?,
            };
            Ok(Live { link: Arc::new(link), process: None, pid: None })
        }
        Reach::Stdio { command, args, cwd, .. } => {
            let request = SpawnRequest {
                program: command.clone(),
                args: args.clone(),
                env: config::child_environment(entry, &environment.process),
                cwd: cwd.clone(),
            };
            let spawned = environment.spawner.spawn(request).await.map_err(|error| {
                let ending = if error.can_pass() { Ending::Failure } else { Ending::Hopeless };
                Failed::Down(Down { ending, reason: error.to_string(), hint: error.hint() })
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
