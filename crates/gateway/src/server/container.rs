//! A server that is a container of ours, over its stdin and stdout or over HTTP. It is started,
//! watched and ended like a process: the handle is the same.

use super::complaints::Complaints;
use super::start::{Child, Down, Failed, Live, ended};
use super::{Cause, Core, Environment};
use crate::upstream::{self, ConnectError, ConnectOptions, Connection, UpstreamEvent};
use config::{Container, ContainerEndpoint, PublishedPort};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use supervisor::services::{ContainerError, ContainerRequest, StartedContainer};
use supervisor::{Ending, Stream};
use tokio::sync::mpsc;

/// How long to wait between two attempts to reach a server that is coming up.
const KNOCK_EVERY: Duration = Duration::from_millis(100);

/// Starts the container and connects to it. Bounded by whoever waits.
pub(super) async fn connect(
    server: &Core,
    entry: &config::Server,
    environment: &Environment,
    options: &ConnectOptions,
    events: &mpsc::Sender<UpstreamEvent>,
    child: &Child,
    (container, endpoint): (&Container, Option<&ContainerEndpoint>),
) -> Result<Live, Failed> {
    let mut container = container.clone();
    if let Some(endpoint) = endpoint {
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        container.ports = vec![PublishedPort { ip, host: 0, container: endpoint.port }];
    }
    let request = ContainerRequest { container, entry: entry.name.clone(), stdin: endpoint.is_none() };
    let started = environment.containers.start(request).await.map_err(down)?;
    let StartedContainer { stdin, stdout, stderr, ports, handle } = started;
    let rate = entry.resources.stderr;
    let complaints = Complaints::of(stderr, &server.log, rate);
    child.is(&handle, &complaints);
    let connected = match endpoint {
        None => upstream::connect_duplex(stdout, stdin, options.clone(), events.clone()).await,
        Some(endpoint) => {
            tokio::spawn(supervisor::pump_at(stdout, server.log.clone(), Stream::Stderr, rate));
            let place = ports.iter().find(|(port, _)| *port == endpoint.port);
            let Some((_, address)) = place else {
                let reason = format!("port {} of the container is not published", endpoint.port);
                return Err(Failed::Down(Down { ending: Ending::Failure, reason, hint: None, cause: Cause::Other }));
            };
            let url = format!("http://{address}{}", endpoint.path);
            tokio::select! {
                biased;
                exit = handle.wait() => {
                    return Err(Failed::Down(ended("the container", &exit, &server.name)));
                }
                link = knock(&url, options, events) => link,
            }
        }
    };
    match connected {
        Ok(link) => Ok(Live::of(link, handle, complaints, None)),
        Err(error) => {
            // Its last words come with its end.
            let stopped = handle.stop(entry.stop_timeout).await;
            complaints.read_out().await;
            server.log.remark(format!("start failed: {error} ({})", stopped.exit));
            Err(error.into())
        }
    }
}

/// Connects as soon as the server answers: its port may be open before it does.
async fn knock(
    url: &str,
    options: &ConnectOptions,
    events: &mpsc::Sender<UpstreamEvent>,
) -> Result<Connection, ConnectError> {
    loop {
        match upstream::connect_http(url, Vec::new(), options.clone(), events.clone()).await {
            Err(ConnectError::Unreachable { .. }) => tokio::time::sleep(KNOCK_EVERY).await,
            connected => return connected,
        }
    }
}

fn down(error: ContainerError) -> Failed {
    let ending = if error.can_pass { Ending::Failure } else { Ending::Hopeless };
    Failed::Down(Down { ending, reason: error.reason, hint: error.hint, cause: Cause::Other })
}
