//! One run of a service: its process or container, whether it is ready, and its end. What is not
//! run here (an external service) has only checks.

use std::time::Duration;

use config::{Check, Service, ServiceKind};
use tokio::io::AsyncRead;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::check::{NotReady, check};
use super::seams::{ContainerRequest, Tools};
use crate::restart::Ending;
use crate::server_log::{Line, ServerLog, Stream};
use crate::spawner::{ExitReport, ProcessHandle, SpawnRequest};
use crate::stderr::pump;

/// How long the last lines of what has ended are waited for.
const LAST_LINES: Duration = Duration::from_millis(200);
/// An external service that is ready is looked at this many intervals apart.
const WATCH_INTERVALS: u32 = 10;

/// Why a service is not running.
#[derive(Debug, Clone)]
pub(super) struct Down {
    pub(super) ending: Ending,
    pub(super) reason: String,
    pub(super) hint: Option<String>,
}

/// A service that was started.
pub(super) struct Run {
    /// None for what others run.
    handle: Option<ProcessHandle>,
    pumps: Vec<JoinHandle<()>>,
    log: ServerLog,
    /// Every line since the start.
    lines: Receiver<std::sync::Arc<Line>>,
}

// === impl Run ===

impl Run {
    /// Starts what is ours to start.
    pub(super) async fn start(service: &Service, tools: &Tools, log: &ServerLog) -> Result<Run, Down> {
        let lines = log.subscribe();
        let mut run = Run { handle: None, pumps: Vec::new(), log: log.clone(), lines };
        match &service.kind {
            ServiceKind::External => {}
            ServiceKind::Command { command, args, cwd, .. } => {
                let request = SpawnRequest {
                    program: command.clone(),
                    args: args.clone(),
                    env: config::service_environment(service, &tools.process),
                    cwd: cwd.clone(),
                    limits: crate::ProcessLimits::default(),
                };
                let spawned = tools.spawner.spawn(request).await.map_err(|error| Down {
                    ending: if error.can_pass() { Ending::Failure } else { Ending::Hopeless },
                    reason: error.to_string(),
                    hint: error.hint(),
                })?;
                run.pump(spawned.stdout, Stream::Stdout);
                run.pump(spawned.stderr, Stream::Stderr);
                run.handle = Some(spawned.handle);
            }
            ServiceKind::Container(container) => {
                let (container, entry) = ((**container).clone(), service.name.clone());
                let request = ContainerRequest { container, entry, stdin: false };
                let started = tools.containers.start(request).await.map_err(|error| Down {
                    ending: if error.can_pass { Ending::Failure } else { Ending::Hopeless },
                    reason: error.reason,
                    hint: error.hint,
                })?;
                run.pump(started.stdout, Stream::Stdout);
                run.pump(started.stderr, Stream::Stderr);
                run.handle = Some(started.handle);
            }
        }
        Ok(run)
    }

    fn pump(&mut self, from: impl AsyncRead + Send + Unpin + 'static, stream: Stream) {
        self.pumps.push(tokio::spawn(pump(from, self.log.clone(), stream)));
    }

    /// Waits until its check says that it is ready. `tell` hears why it is not yet.
    pub(super) async fn until_ready(
        &mut self,
        service: &Service,
        tools: &Tools,
        tell: &(dyn Fn(String) + Send + Sync),
    ) -> Result<(), Down> {
        let Some(wanted) = &service.ready.check else { return Ok(()) };
        let handle = self.handle.clone();
        let mut last = None;
        let ready = async {
            if let Check::LogLine(text) = wanted {
                tell(format!("no line of its output holds `{text}` yet"));
                return line_with(&mut self.lines, text).await;
            }
            while let Err(not_ready) = check(wanted, service, tools).await {
                tell(not_ready.reason.clone());
                last = Some(not_ready);
                sleep(service.ready.interval).await;
            }
        };
        let ended = tokio::select! {
            ready = timeout(service.ready.timeout, ready) => match ready {
                Ok(()) => return Ok(()),
                Err(_) => None,
            },
            exit = exit_of(handle.as_ref()) => Some(exit),
        };
        match ended {
            Some(exit) => Err(self.ended(exit, "it ended before it was ready").await),
            None => {
                let NotReady { reason, hint } = last.unwrap_or_else(|| NotReady {
                    reason: self.with_last_words("its check was not answered".to_owned()),
                    hint: None,
                });
                let waited = service.ready.timeout.as_secs_f32();
                let mend = || format!("raise ready.timeout of the service `{}`, or mend it", service.name);
                Err(Down {
                    ending: Ending::Failure,
                    reason: format!("not ready within {waited} s: {reason}"),
                    hint: Some(hint.unwrap_or_else(mend)),
                })
            }
        }
    }

    /// Waits until it is not well any more, and says why.
    pub(super) async fn until_down(&mut self, service: &Service, tools: &Tools) -> Down {
        if let Some(handle) = self.handle.clone() {
            return self.ended(handle.wait().await, "it ended").await;
        }
        loop {
            sleep(service.ready.interval * WATCH_INTERVALS).await;
            let Some(wanted) = &service.ready.check else { continue };
            if let Err(NotReady { reason, hint }) = check(wanted, service, tools).await {
                return Down { ending: Ending::Failure, reason, hint };
            }
        }
    }

    /// Ends it: TERM, `patience`, KILL. Returns when it is gone.
    pub(super) async fn stop(self, patience: Duration) {
        let Some(handle) = self.handle else { return };
        if handle.exited().is_some() {
            return;
        }
        handle.terminate().await;
        if timeout(patience, handle.wait()).await.is_err() {
            handle.kill().await;
            handle.wait().await;
        }
    }

    async fn ended(&mut self, exit: ExitReport, how: &str) -> Down {
        let pumps = std::mem::take(&mut self.pumps);
        // A grandchild may hold the pipes open: the lines that are there are enough.
        let _ = timeout(LAST_LINES, futures_util::future::join_all(pumps)).await;
        let ending = if exit.is_success() { Ending::Clean } else { Ending::Failure };
        let reason = self.with_last_words(format!("{how}: {exit}"));
        Down { ending, reason, hint: exit.hint().map(str::to_owned) }
    }

    fn with_last_words(&self, reason: String) -> String {
        let lines = self.log.tail(20);
        let said = |line: &&std::sync::Arc<Line>| line.stream != Stream::Switchboard && !line.text.trim().is_empty();
        match lines.iter().rev().find(said) {
            Some(line) => format!("{reason}; its last words: {}", line.shown().trim()),
            None => reason,
        }
    }
}

/// The end of a process, where there is one.
async fn exit_of(handle: Option<&ProcessHandle>) -> ExitReport {
    match handle {
        Some(handle) => handle.wait().await,
        None => std::future::pending().await,
    }
}

async fn line_with(lines: &mut Receiver<std::sync::Arc<Line>>, text: &str) {
    loop {
        match lines.recv().await {
            Ok(line) if line.stream != Stream::Switchboard && line.text.contains(text) => return,
            // Lines that came too fast to be read are lost; the next ones are not.
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}
