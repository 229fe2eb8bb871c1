//! `switchboard start --fg SERVER`: one server with its output, in this process. It is started,
//! listed and restarted as the daemon would do it, from a state folder of its own that is thrown
//! away, so that a daemon beside it is not disturbed.

use crate::context::Context;
use crate::daemon::{self, Engine};
use crate::data_folder::DataFolder;
use crate::log_format;
use crate::printer::count;
use crate::report::Report;
use crate::state::State;
use config::{Approval, Config, Reach};
use control::Problem;
use control::said::LogLine;
use gateway::server::{Core, ServerState, Status};
use protocol::ErrorKind;
use std::sync::Arc;
use std::time::Duration;
use supervisor::Line;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{broadcast, watch};
use tracing::Level;

/// Runs it until ctrl-C, or until only a person can help it.
///
/// # Errors
/// An unknown server, one that must not run or has no process, and why it does not come up.
pub(super) fn run(name: &str, timeout: Duration, context: &Context) -> Result<(), Report> {
    let config = alone(context.load()?.config, name)?;
    // Before there are threads, as in the daemon.
    let guard = daemon::launch_guard(&config)?;
    log_format::start(&context.printer, context.settings.verbose, Level::WARN);
    let failed = |error: std::io::Error| Report::failed("there is no place for what it writes").cause(error);
    let folder = tempfile::tempdir().map_err(failed)?;
    let data = DataFolder::new(folder.path().to_owned(), &context.environment);
    data.create()?;
    let runtime = daemon::runtime()?;
    let ended = runtime.block_on(Box::pin(async {
        let state = State::open(&data, &config).await?;
        let builtins = crate::inside::parts(&state, &config, &context.environment)?;
        let engine = Engine::start((guard, true), config, (data, state), &context.environment, builtins).await?;
        let server = engine.gateway.snapshot().servers.values().next().cloned();
        let ended = match server {
            Some(server) => attached(&server, timeout, context).await,
            None => Ok(()),
        };
        engine.end().await;
        ended
    }));
    runtime.shutdown_background();
    ended
}

/// The configuration with this server alone.
fn alone(mut config: Config, name: &str) -> Result<Config, Report> {
    config.servers.retain(|_, server| server.name == name || server.reduced == name);
    let Some(server) = config.servers.values_mut().next() else {
        let problem = Problem::new(ErrorKind::UnknownName, format!("there is no server `{name}`"));
        return Err(problem.hint("see what is declared: switchboard list").into());
    };
    if server.approval == Approval::Pending {
        let problem = Problem::new(ErrorKind::NotRunning, format!("the server `{name}` waits for approval"));
        return Err(problem.hint(format!("look at it first: it is declared at {}", server.origin)).into());
    }
    if !matches!(server.reach, Reach::Stdio { .. }) {
        let message = format!("the server `{name}` is reached at a URL: there is no process to run here");
        return Err(Report::usage(message).hint(format!("connect to it: switchboard start {name}")));
    }
    // Its state is thrown away with its folder.
    config.state.url = None;
    // A person who names it wants it, whatever the file says for the daemon.
    server.enabled = true;
    Ok(config)
}

async fn attached(server: &Arc<gateway::server::Server>, timeout: Duration, context: &Context) -> Result<(), Report> {
    let failed = |error: std::io::Error| Report::failed("signals cannot be heard").cause(error);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let (past, mut lines) = server.log.follow(usize::MAX);
    past.iter().for_each(|line| show(line, context));
    let mut statuses = server.watch_status();
    statuses.mark_changed();
    let deadline = tokio::time::sleep(timeout);
    tokio::pin!(deadline);
    let mut was_ready = false;
    loop {
        tokio::select! {
            biased;
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            line = lines.recv() => match line {
                Ok(line) => show(&line, context),
                Err(broadcast::error::RecvError::Lagged(count)) => {
                    context.printer.say(&format!("{count} lines were not shown: they came too fast"));
                }
                Err(broadcast::error::RecvError::Closed) => return Ok(()),
            },
            Ok(()) = statuses.changed() => {
                let over = told(server, &mut statuses, &mut was_ready, context);
                if let Some(over) = over {
                    return over;
                }
            }
            () = &mut deadline, if !was_ready => {
                let message = format!("`{}` was not ready within {}", server.name, config::show_duration(timeout));
                return Err(Report::from(Problem::new(ErrorKind::Timeout, message)).hint("wait longer: --timeout TIME"));
            }
        }
    }
}

/// Says how it is; something where nothing will happen any more.
fn told(
    server: &Core,
    statuses: &mut watch::Receiver<Status>,
    was_ready: &mut bool,
    context: &Context,
) -> Option<Result<(), Report>> {
    let status = statuses.borrow_and_update().clone();
    match status.state {
        ServerState::Ready => {
            *was_ready = true;
            let process = status.pid.map(|pid| format!(" (process {pid})")).unwrap_or_default();
            let tools = count(server.catalog().tools.len(), "tool");
            context.printer.say(&format!("ready: {tools}{process}; ctrl-C ends it"));
            None
        }
        ServerState::Failed | ServerState::CrashLoop | ServerState::NeedsAuth => {
            let refusal: Problem = status.refusal(&server.name).into();
            Some(Err(refusal.into()))
        }
        _ => None,
    }
}

fn show(line: &Line, context: &Context) {
    match context.printer.json {
        true => context.printer.document(&LogLine {
            at: supervisor::utc(line.at),
            server: None,
            stream: line.stream.to_string(),
            text: line.shown(),
        }),
        false => context.printer.line(&format!("{} {}", line.stream, line.shown())),
    }
}
