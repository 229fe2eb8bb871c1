//! `switchboard run`: the daemon.

use crate::context::Context;
use crate::daemon;
use crate::report::Report;

/// Run the switchboard (the default command)
///
/// Starts every declared server, keeps it running, and serves all of them at one URL until it is
/// told to end (ctrl-C, TERM or `switchboard stop`). Servers come from the files named with
/// --config, or else from the user's switchboard.toml and from ./switchboard.toml or ./.mcp.json,
/// whose servers wait for approval. Files are watched: what changes is applied at once, and what
/// did not change keeps running. HUP reads them again as well.
///
/// Before it starts it says what will not work: problems of the configuration, programs that are
/// not installed, a port that is taken and by whom. With --json it prints one line when it
/// listens: address, url, pid, data folder and servers.
///
/// Started by systemd it says when it is ready, reloads and ends, keeps its watchdog content, and
/// listens on sockets that are handed over instead of listen.address (and listen.tcp for one named
/// `tcp`, listen.unix for a unix socket).
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// Leave the terminal: for `switchboard start`
    #[arg(long, hide = true)]
    detached: bool,

    /// Serve the dashboard and REST, and start no server by itself: each stays stopped until a
    /// person starts it
    #[arg(long, conflicts_with = "servers_only")]
    dashboard_only: bool,

    /// Serve no dashboard and no REST over HTTP, only MCP; this command line works as ever
    #[arg(long)]
    servers_only: bool,
}

/// Runs until it is told to end.
///
/// # Errors
/// Why it could not start.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    if args.detached {
        // It fails where this process leads a session already, which is as good.
        let _ = rustix::process::setsid();
    }
    let parts = daemon::Serves { servers: !args.dashboard_only, dashboard: !args.servers_only };
    daemon::run(context, parts, args.detached)
}
