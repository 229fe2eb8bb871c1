//! `switchboard wait`: until a server is in a state. The daemon answers when it is.

use super::turn::span;
use crate::client::encoded;
use crate::context::Context;
use crate::report::Report;
use control::Problem;
use control::said::Waited;
use protocol::ErrorKind;
use std::time::{Duration, Instant};

/// Wait until a server is in a state
///
/// Ends with 0 when the server is there, with 10 when the time was over before, and with 12 when
/// there is no such server. Servers are waited for, not started.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The server
    server: String,

    /// The state: ready, stopped, asleep, starting, backoff, crash_loop, failed, needs_auth, …
    #[arg(long, value_name = "STATE", default_value = "ready")]
    state: String,

    /// How long to wait, such as 30s
    #[arg(long, value_name = "TIME", value_parser = span, default_value = "30s")]
    timeout: Duration,
}

/// Waits.
///
/// # Errors
/// Without a daemon, for an unknown server or state, and when the time is over.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    let client = context.client()?;
    let (name, state) = (encoded(&args.server), encoded(&args.state));
    let what = format!("waiting for {} to be {}", args.server, args.state);
    let begun = Instant::now();
    let waited = context.block_on(context.printer.progress(&what, async {
        loop {
            // The daemon waits ten minutes at most before it answers.
            let left = args.timeout.saturating_sub(begun.elapsed());
            let path = format!("/api/servers/{name}/wait?state={state}&timeout={}", left.as_millis());
            let waited: Waited = client.get(&path).await?;
            if waited.reached || begun.elapsed() >= args.timeout {
                return Ok(waited);
            }
        }
    }))?;
    if context.printer.json {
        context.printer.document(&waited);
    }
    if waited.reached {
        return Ok(());
    }
    let server = &waited.server;
    let why = server.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let time = config::show_duration(args.timeout);
    let message = format!("`{}` is not {} after {time} but {}{why}", server.name, args.state, server.state);
    let problem = Problem::new(ErrorKind::Timeout, message);
    let hint = server.hint.clone().unwrap_or_else(|| format!("see its log: switchboard logs {}", server.name));
    Err(Report::from(problem.hint(hint)).said(context.printer.json))
}
