//! `switchboard start`: the daemon in the background, a server of it, or a server alone in the
//! foreground.

mod attached;

use super::turn::{self, Way, span};
use crate::background::{self, Running};
use crate::context::Context;
use crate::report::Report;
use serde_json::json;
use std::time::Duration;

/// Start the daemon in the background, or a server
///
/// Without a server the daemon is started, and waited for until it listens; what it says goes to
/// logs/daemon.log in the data folder. A daemon that runs already is left alone.
///
/// With a server that server is started and waited for until it is ready; with --all every server
/// is. A daemon that does not run is started first.
///
/// With --fg the server runs attached to this terminal, in this process and without a daemon: what
/// it prints is shown as it comes, until ctrl-C.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The server
    #[arg(conflicts_with = "all")]
    server: Option<String>,

    /// Every server that is enabled and approved
    #[arg(long)]
    all: bool,

    /// Run the server attached, with its output, until ctrl-C
    #[arg(short, long, visible_alias = "fg", requires = "server")]
    foreground: bool,

    /// Do not wait until it is ready
    #[arg(long, conflicts_with = "foreground")]
    no_wait: bool,

    /// How long to wait until it is ready, such as 30s
    #[arg(long, value_name = "TIME", value_parser = span, default_value = "60s")]
    timeout: Duration,
}

/// Starts.
///
/// # Errors
/// Why it did not come up.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    let wait = if args.no_wait { Duration::ZERO } else { args.timeout };
    match (&args.server, args.all) {
        (Some(server), _) if args.foreground => attached::run(server, args.timeout, context),
        (Some(server), _) => {
            needed(context)?;
            turn::one(Way::Start, server, wait, context)
        }
        (None, true) => {
            needed(context)?;
            turn::all(Way::Start, wait, context)
        }
        (None, false) => daemon(context),
    }
}

fn daemon(context: &Context) -> Result<(), Report> {
    let running = background::ensure(context)?;
    let printer = &context.printer;
    if printer.json {
        let (pid, url) = (running.status.pid, &running.status.url);
        printer.document(&json!({ "pid": pid, "url": url, "already": running.already, "log": running.log }));
    } else {
        printer.say(&shown(&running));
    }
    Ok(())
}

/// A server needs a daemon.
fn needed(context: &Context) -> Result<(), Report> {
    let running = background::ensure(context)?;
    if !running.already {
        context.printer.say(&shown(&running));
    }
    Ok(())
}

fn shown(running: &Running) -> String {
    let (url, pid) = (&running.status.url, running.status.pid);
    if running.already {
        return format!("it runs already: {url} (process {pid})");
    }
    let token = if running.token { "\nclients have to show the token of listen.token" } else { "" };
    format!("listening on {url} (process {pid}){token}\nwhat it says: {}", running.log.display())
}
