//! What `start`, `stop` and `restart` of servers have in common: tell the daemon, wait, and say how
//! it went. The daemon watches; here is only the asking and the printing.

use crate::client::{Client, encoded};
use crate::context::Context;
use crate::printer::count;
use crate::report::Report;
use bytes::Bytes;
use control::said::{Server, Turned};
use std::time::Duration;

/// What is done to servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Start,
    Stop,
    Restart,
}

// === impl Way ===

impl Way {
    /// The word of the route.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
        }
    }

    /// What is shown while it goes on.
    pub(super) fn ing(self) -> &'static str {
        match self {
            Self::Start => "starting",
            Self::Stop => "stopping",
            Self::Restart => "restarting",
        }
    }
}

/// Does it to one server. Waits at most `wait`; not at all where that is zero.
///
/// # Errors
/// Without a daemon, for an unknown server, and when the server does not come up.
pub(super) fn one(way: Way, name: &str, wait: Duration, context: &Context) -> Result<(), Report> {
    let client = context.client()?;
    let path = format!("/api/servers/{}/{}?wait={}", encoded(name), way.word(), wait.as_millis());
    let what = format!("{} {name}", way.ing());
    let server: Server = context.block_on(context.printer.progress(&what, client.post(&path, Bytes::new())))?;
    match context.printer.json {
        true => context.printer.document(&server),
        false => context.printer.say(&shown(way, &server, wait)),
    }
    Ok(())
}

/// What came of it, for a person.
pub(super) fn shown(way: Way, server: &Server, wait: Duration) -> String {
    let name = &server.name;
    match way {
        Way::Stop => format!("{name} is stopped; start it again: switchboard start {name}"),
        Way::Start | Way::Restart if wait.is_zero() => format!("{name}: told; it is {}", server.state),
        Way::Start | Way::Restart => {
            let process = server.pid.map(|pid| format!(", process {pid}")).unwrap_or_default();
            format!("{name} is {}: {}{process}", server.state, count(server.tools, "tool"))
        }
    }
}

/// Does it to every active server.
///
/// # Errors
/// Without a daemon, and when one of them is not as it was wanted.
pub(super) fn all(way: Way, wait: Duration, context: &Context) -> Result<(), Report> {
    let client = context.client()?;
    let turned = context
        .block_on(context.printer.progress(&format!("{} every server", way.ing()), asked(way, wait, &client)))?;
    let failed = turned.servers.iter().filter(|turn| turn.problem.is_some()).count();
    if context.printer.json {
        context.printer.document(&turned);
    } else {
        let rows = turned.servers.iter().map(|turn| vec![turn.name.clone(), turn.state.clone()]);
        context.printer.table(&["SERVER", "STATE"], &rows.collect::<Vec<_>>());
        for problem in turned.servers.iter().filter_map(|turn| turn.problem.as_ref()) {
            context.printer.failure(&problem.clone().into());
        }
    }
    let exit = turned.servers.iter().filter_map(|turn| turn.problem.as_ref()).map(|problem| problem.exit).max();
    match exit {
        None => Ok(()),
        Some(exit) => {
            let message = format!("{} of {} failed", failed, count(turned.servers.len(), "server"));
            let mut report = Report::failed(message).said(context.printer.json);
            report.exit = exit;
            Err(report.hint("see how they are: switchboard status"))
        }
    }
}

async fn asked(way: Way, wait: Duration, client: &Client) -> Result<Turned, Report> {
    client.post(&format!("/api/servers/{}?wait={}", way.word(), wait.as_millis()), Bytes::new()).await
}

/// Reads a span of time of the command line, such as `30s`; a bare number is seconds.
///
/// # Errors
/// What is no span of time.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let bare = text.parse().ok().map(Duration::from_secs);
    bare.or_else(|| config::parse_duration(text)).ok_or_else(|| format!("`{text}` is no time, such as 30s or 500ms"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_number_is_seconds() {
        assert_eq!((span("3"), span("500ms")), (Ok(Duration::from_secs(3)), Ok(Duration::from_millis(500))));
        assert!(span("soon").is_err());
    }
}
