//! `switchboard top`: a terminal application that shows what goes on and acts on it.
//!
//! What is shown is a value ([`state`]) that events change and that is drawn whole ([`draw`]); here
//! are only the terminal, the clock, the signals and the wires between them. It decides nothing
//! about servers: what is done to them is asked of the daemon, as by every other command.

mod facts;

mod command;

mod list;

mod pages;

mod rows;

mod state;

mod draw;

mod feed;

mod asking;

mod screen;

#[cfg(test)]
mod samples;

use self::asking::Asking;
use self::screen::Screen;
use self::state::{Effect, Event, State};
use crate::context::Context;
use crate::env_vars;
use crate::report::Report;
use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

/// Watch and steer the servers, full screen
///
/// Shows servers, calls, logs and tools as they change, and starts, stops and restarts servers
/// after asking. It works in any terminal of 40 columns and 10 lines or more, also over SSH, and
/// says when the daemon is gone until it is back.
///
/// Keys are those of k9s and vi: `?` lists them, `:` takes a command (`:logs NAME`), `/` filters
/// what is shown, Enter shows all about a line, Esc goes back, `q` ends. For scripts there is
/// `status --json`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to show first
    #[arg(value_parser = ["servers", "calls", "logs", "tools"], default_value = "servers")]
    view: String,
}

/// Events that wait to be taken in; whoever brings more waits.
const EVENTS_MAX: usize = 256;
/// It is drawn at most this often, but for keys, which show at once.
const FRAME: Duration = Duration::from_millis(50);
/// How often what depends on the clock is drawn again.
const TICK: Duration = Duration::from_secs(1);

/// Runs until whoever looks ends it.
///
/// # Errors
/// Where there is no terminal; without a daemon at the start; when the terminal fails.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    let script = || format!("for scripts: {}", context.command("status --json"));
    if context.printer.json {
        return Err(Report::usage("`top` is for people and prints no JSON").hint(script()));
    }
    let is_dumb = context.environment.vars.get(env_vars::TERM).is_some_and(|term| term == "dumb");
    if is_dumb || !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        let hint = format!("run it in a terminal, over SSH with `ssh -t`; a line per change: {}", watching(context));
        return Err(Report::usage("`top` needs a terminal that it can draw on").hint(hint).hint(script()));
    }
    context.block_on(shown(args, context))
}

fn watching(context: &Context) -> String {
    context.command("status --watch")
}

async fn shown(args: &Args, context: &Context) -> Result<(), Report> {
    let client = Arc::new(context.client()?);
    // Without a daemon at the start there is nothing to look at: this says how to start one.
    let _: serde_json::Value = client.get("/api/servers").await?;
    let (told, mut events) = mpsc::channel(EVENTS_MAX);
    let mut asking = Asking::new(client, told.clone());
    let mut ends = Ends::listen().map_err(|error| Report::failed("signals cannot be heard").cause(error))?;
    let mut state = State::new(&args.view);
    let mut screen = Screen::open(context.printer.is_colored(), told).map_err(broken)?;
    for effect in state.begin() {
        asking.act(effect);
    }
    let began = Instant::now();
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut drawn, mut is_stale, mut is_urgent) = (began, true, true);
    loop {
        if is_stale && (is_urgent || drawn.elapsed() >= FRAME) {
            screen.draw(&mut state).map_err(broken)?;
            (drawn, is_stale, is_urgent) = (Instant::now(), false, false);
        }
        let event = tokio::select! {
            event = events.recv() => event.unwrap_or(Event::Gone),
            _ = tick.tick() => Event::Tick,
            () = ends.next() => return Ok(()),
            report = asking.broken() => return Err(report),
            () = tokio::time::sleep_until(drawn + FRAME), if is_stale => continue,
        };
        is_urgent |= event.is_urgent();
        is_stale = true;
        for effect in state.update(event, began.elapsed()) {
            if matches!(effect, Effect::Quit) {
                return Ok(());
            }
            asking.act(effect);
        }
    }
}

fn broken(error: io::Error) -> Report {
    Report::failed("the terminal cannot be used").cause(error)
}

/// The signals that end it as a person would.
struct Ends([Signal; 3]);

// === impl Ends ===

impl Ends {
    fn listen() -> io::Result<Self> {
        let [hangup, interrupt, terminate] =
            [SignalKind::hangup(), SignalKind::interrupt(), SignalKind::terminate()].map(signal);
        Ok(Self([hangup?, interrupt?, terminate?]))
    }

    async fn next(&mut self) {
        let [hangup, interrupt, terminate] = &mut self.0;
        tokio::select! {
            _ = hangup.recv() => {}
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}
