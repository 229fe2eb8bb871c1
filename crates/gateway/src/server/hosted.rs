//! A server that is a program of ours and spoken to at a URL: the program is started, then its
//! URL is tried until it answers. It does not decide when to give up: the attempt has its time.

use super::start::{Child, Failed, Live, ended, reached};
use super::{Core, Environment, launch};
use crate::upstream::{ConnectError, ConnectOptions, Connection, UpstreamEvent};
use std::time::Duration;
use supervisor::Stream;
use tokio::sync::mpsc;
use tokio::time::sleep;

/// The pause before the first repetition; it grows up to the second.
const KNOCK_FIRST: Duration = Duration::from_millis(10);
const KNOCK_MAX: Duration = Duration::from_millis(250);

/// Starts the program and connects to it.
pub(super) async fn connect(
    server: &Core,
    entry: &config::Server,
    environment: &Environment,
    options: &ConnectOptions,
    events: &mpsc::Sender<UpstreamEvent>,
    child: &Child,
) -> Result<Live, Failed> {
    let launch::Started { pid, stdin, stdout, process, complaints } = launch::spawn(server, entry, environment).await?;
    child.is(&process, &complaints);
    // It is not spoken to there.
    drop(stdin);
    process.ignores_stdin();
    tokio::spawn(supervisor::pump_at(stdout, server.log.clone(), Stream::Stdout, entry.resources.stderr));
    let connected = tokio::select! {
        biased;
        exit = process.wait() => {
            // Nobody has its stderr open any more: what it said last is on its way.
            complaints.read_out().await;
            return Err(Failed::Down(ended("the process", &exit, &server.name)));
        }
        connected = knock(entry, options, events) => connected,
    };
    match connected {
        Ok(link) => Ok(Live::of(link, process, complaints, Some(pid))),
        Err(error) => {
            let stopped = process.stop(entry.stop_timeout).await;
            complaints.read_out().await;
            server.log.remark(format!("start failed: {error} ({})", stopped.exit));
            Err(error.into())
        }
    }
}

/// Tries until somebody is there.
async fn knock(
    entry: &config::Server,
    options: &ConnectOptions,
    events: &mpsc::Sender<UpstreamEvent>,
) -> Result<Connection, ConnectError> {
    let mut pause = KNOCK_FIRST;
    loop {
        match reached(&entry.reach, options, events).await {
            Err(ConnectError::Unreachable { .. }) => sleep(pause).await,
            answered => return answered,
        }
        pause = (pause * 2).min(KNOCK_MAX);
    }
}
