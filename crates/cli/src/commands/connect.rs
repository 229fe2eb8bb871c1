//! `switchboard connect`: one stdio client. It is a wire to the daemon; where there is no daemon
//! it is a switchboard of its own. It also puts itself into the configuration of clients.

mod memory;

mod wire;

mod write;
pub(crate) use write::changed_lines;

use crate::client::encoded;
use crate::context::Context;
use crate::daemon::{self, Engine};
use crate::log_format;
use crate::report::Report;
use crate::state::State;
use clap::builder::PossibleValuesParser;
use config::client_files::Client;
use control::said::{Server, Status};
use gateway::listener::duplex::{self, DuplexSettings};
use gateway::{Door, Scope};
use protocol::{ErrorKind, Principal};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use tokio::io::Stdin;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::Level;
use wire::Wire;

/// Serve a client on stdin and stdout
///
/// This is what a client runs that starts its servers itself. It connects to the daemon on the
/// data folder; without one it runs the declared servers by itself, for as long as the client
/// stays. When the daemon is restarted the next one is waited for and the client stays connected.
/// Everything said goes to stderr.
///
/// With --write it is put into the configuration of a client instead: a backup is made, everything
/// else in the file stays as it is, and the line that takes it back is printed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Serve this server alone, under its own names
    #[arg(long, value_name = "NAME", conflicts_with = "write")]
    server: Option<String>,

    /// Serve this profile, as /mcp/p/NAME does
    #[arg(long, value_name = "NAME", conflicts_with_all = ["write", "server"])]
    profile: Option<String>,

    /// Put this program into the configuration of a client
    #[arg(long, value_name = "CLIENT", value_parser = PossibleValuesParser::new(Client::ALL.iter().map(|client| client.name())))]
    write: Option<String>,

    /// With --write: show what would be written, and write nothing
    #[arg(long, requires = "write")]
    dry_run: bool,
}

/// Serves until the client leaves, or writes the client's file.
///
/// # Errors
/// An unknown server, a broken configuration, a file that cannot be written.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    if let Some(name) = &args.write {
        return write::run(name, args.dry_run, context);
    }
    let data = context.data_folder()?;
    match UnixStream::connect(data.sockets().mcp) {
        Ok(stream) => context.block_on(through_daemon(stream, args, context)),
        Err(_) => alone(args, context),
    }
}

/// Through the daemon, and the one after it.
async fn through_daemon(stream: UnixStream, args: &Args, context: &Context) -> Result<(), Report> {
    let broken = |error: std::io::Error| Report::failed("the connection to the daemon broke").cause(error);
    let client = context.client()?;
    let endpoint = match (&args.server, &args.profile) {
        (None, None) => "/mcp\n".to_owned(),
        (None, Some(profile)) => {
            // The daemon may have read its files later than we could.
            let status: Status = client.get("/api/overview").await?;
            known_profile(&status.profiles.into_iter().map(|one| one.profile).collect::<Vec<_>>(), profile)?;
            format!("/mcp/p/{profile}\n")
        }
        (Some(name), _) => {
            let server: Server = client.get(&format!("/api/servers/{}", encoded(name))).await?;
            format!("/mcp/{}\n", server.public)
        }
    };
    stream.set_nonblocking(true).map_err(broken)?;
    let stream = tokio::net::UnixStream::from_std(stream).map_err(broken)?;
    Box::pin(Wire::new(client.data, endpoint).run(stream, context)).await
}

/// A switchboard for this client alone.
fn alone(args: &Args, context: &Context) -> Result<(), Report> {
    let config = context.load()?.config;
    // Before there are threads, as in the daemon.
    let guard = daemon::launch_guard(&config)?;
    log_format::start(&context.printer, context.settings.verbose, Level::WARN);
    let data = context.data_folder()?;
    data.create()?;
    let scope = match (&args.server, &args.profile) {
        (None, None) => Scope::All,
        (None, Some(profile)) => {
            known_profile(&config.profiles.keys().cloned().collect::<Vec<_>>(), profile)?;
            Scope::Profile(profile.as_str().into())
        }
        (Some(name), _) => Scope::Server(reduced(&config, name)?),
    };
    let settings = DuplexSettings::new(Principal::new("local"), &config.limits);
    let runtime = daemon::runtime()?;
    let served = runtime.block_on(Box::pin(async {
        let state = State::open(&data, &config).await?;
        let builtins = crate::inside::parts(&state, &config, &context.environment)?;
        let engine = Engine::start((guard, true), config, (data, state), &context.environment, builtins).await?;
        let door = Arc::new(Door::new(engine.gateway.clone(), scope));
        let shutdown = until_told_to_end()?;
        let drained = async {
            shutdown.cancelled().await;
            engine.gateway.drain();
            tokio::time::sleep(gateway::DRAIN_TIME_MAX).await;
        };
        let gone = |_: &Stdin| duplex::unread(std::io::stdout().as_fd());
        let (stdin, stdout) = (tokio::io::stdin(), tokio::io::stdout());
        let served = tokio::select! {
            served = duplex::serve(stdin, stdout, gone, door, settings, shutdown.clone()) => served,
            () = drained => Ok(()),
        };
        engine.end().await;
        match served {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(Report::failed("the client cannot be heard").cause(error))
            }
            _ => Ok(()),
        }
    }));
    // A read of stdin cannot be taken back: nobody waits for it.
    runtime.shutdown_background();
    served
}

fn reduced(config: &config::Config, name: &str) -> Result<Arc<str>, Report> {
    let found = config.servers.values().find(|server| server.name == name || server.reduced == name);
    found.map(|server| server.reduced.as_str().into()).ok_or_else(|| {
        let problem = control::Problem::new(ErrorKind::UnknownName, format!("there is no server `{name}`"));
        problem.hint("see what is declared: switchboard list").into()
    })
}

/// Refuses a profile that is none of those `declared`.
fn known_profile(declared: &[String], name: &str) -> Result<(), Report> {
    if name == config::Profile::DEFAULT || declared.iter().any(|known| known == name) {
        return Ok(());
    }
    let problem = control::Problem::new(ErrorKind::UnknownName, format!("there is no profile `{name}`"));
    let hint = match declared {
        [] => "profiles stand in the configuration as [profiles.NAME]; none is declared".to_owned(),
        declared => format!("declared are: {}", declared.join(", ")),
    };
    Err(problem.hint(hint).into())
}

/// A token that TERM or INT cancels.
pub(super) fn until_told_to_end() -> Result<CancellationToken, Report> {
    let failed = |error| Report::failed("signals cannot be heard").cause(error);
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let token = CancellationToken::new();
    let told = token.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        told.cancel();
    });
    Ok(token)
}
