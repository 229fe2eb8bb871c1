//! `switchboard restart`: the daemon, or a server of it, ends and begins again.

use super::turn::{self, Way, span};
use crate::client::Client;
use crate::context::Context;
use crate::report::{Kind, Report};
use bytes::Bytes;
use control::said::{Status, Stopping};
use std::time::{Duration, Instant};

/// How often it is looked whether the daemon is back.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// End the daemon or a server, and start it again
///
/// Without a server the daemon ends as with `stop` and begins again as the same process, with the
/// same flags and environment, from the program that is installed now: so an upgrade is a restart.
/// A configuration with errors is refused before anything ends. Clients of `switchboard connect`
/// stay connected.
///
/// With a server that server is restarted and waited for; with --all every server is.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The server
    #[arg(conflicts_with = "all")]
    server: Option<String>,

    /// Every server that is enabled and approved, but not the daemon
    #[arg(long)]
    all: bool,

    /// Do not wait until the servers are ready
    #[arg(long)]
    no_wait: bool,

    /// How long to wait, such as 30s
    #[arg(long, value_name = "TIME", value_parser = span, default_value = "60s")]
    timeout: Duration,
}

/// Restarts.
///
/// # Errors
/// Without a daemon, and why it did not come up again.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    let wait = if args.no_wait { Duration::ZERO } else { args.timeout };
    match (&args.server, args.all) {
        (Some(server), _) => turn::one(Way::Restart, server, wait, context),
        (None, true) => turn::all(Way::Restart, wait, context),
        (None, false) => daemon(args.timeout, context),
    }
}

fn daemon(timeout: Duration, context: &Context) -> Result<(), Report> {
    let client = context.client()?;
    let told = Instant::now();
    let _: Stopping = context.block_on(client.post("/api/restart", Bytes::new()))?;
    let status = context.block_on(context.printer.progress("restarting the daemon", again(&client, told, timeout)))?;
    match context.printer.json {
        true => context.printer.document(&serde_json::json!({ "restarted": status.pid, "url": status.url })),
        false => context.printer.say(&format!("listening again on {} (process {})", status.url, status.pid)),
    }
    Ok(())
}

/// The daemon that began after `told`. It is the same process, so its age tells it apart.
async fn again(client: &Client, told: Instant, timeout: Duration) -> Result<Status, Report> {
    loop {
        let waited = told.elapsed();
        // A daemon that ends may hang up in the middle of an answer: that is no answer.
        if let Ok(status) = client.get::<Status>("/api/overview").await
            && Duration::from_millis(status.uptime_ms) < waited
        {
            return Ok(status);
        }
        if waited > timeout {
            let message = format!("the daemon is not back after {}", config::show_duration(timeout));
            let kind = if client.data.is_held() { Kind::Failed } else { Kind::NoDaemon };
            let hint = "see why: switchboard start, or the log of the service";
            return Err(Report::new(kind, message).hint(hint));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
