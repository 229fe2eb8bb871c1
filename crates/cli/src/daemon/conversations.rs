//! Conversations of stdio clients over the daemon's socket: `connect` copies its stdin and stdout
//! to here. A conversation may begin with a line that names its endpoint as HTTP does, `/mcp` or
//! `/mcp/<server>`; without one it is `/mcp`.

use config::{Config, Limits};
use gateway::listener::DialogueLimits;
use gateway::listener::duplex::{self, DuplexSettings};
use gateway::{Door, Gateway, Scope};
use protocol::{ParseLimits, Principal};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The longest first line, in bytes.
const ENDPOINT_BYTES_MAX: u64 = 1024;
/// How long to wait before accepting again after a failure.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves conversations until `shutdown`; returns when all of them have ended.
pub(super) async fn accept(
    socket: UnixListener,
    gateway: Arc<Gateway>,
    config: Arc<Config>,
    shutdown: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(config.limits.connections_max));
    let conversations = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = socket.accept() => accepted,
        };
        let Ok(place) = places.clone().acquire_owned().await else { break };
        match accepted {
            Ok((stream, _)) => {
                let (gateway, shutdown) = (gateway.clone(), shutdown.clone());
                let settings = settings(&config.limits);
                conversations.spawn(async move {
                    let _place = place;
                    // A client that hangs up in the middle is no event worth a line.
                    let _ = serve(stream, gateway, settings, shutdown).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a conversation could not be accepted: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    conversations.close();
    conversations.wait().await;
}

/// How a conversation of the person who runs us is served.
pub(crate) fn settings(limits: &Limits) -> DuplexSettings {
    DuplexSettings {
        principal: Principal::new("local"),
        parse_limits: ParseLimits {
            bytes_max: limits.frame_bytes_max,
            depth_max: u32::try_from(limits.depth_max).unwrap_or(u32::MAX),
        },
        dialogue: DialogueLimits::of(limits),
    }
}

async fn serve(
    stream: UnixStream,
    gateway: Arc<Gateway>,
    settings: DuplexSettings,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let (reader, writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let scope = tokio::select! {
        () = shutdown.cancelled() => return Ok(()),
        scope = scope(&mut reader) => scope?,
    };
    // A server that there is not is refused call by call, with the reason.
    let door = Arc::new(Door::new(gateway, scope));
    duplex::serve(reader, writer, door, settings, shutdown).await
}

/// Reads the line that names the endpoint, where there is one.
async fn scope(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Scope> {
    if reader.fill_buf().await?.first() != Some(&b'/') {
        return Ok(Scope::All);
    }
    let mut line = String::new();
    reader.take(ENDPOINT_BYTES_MAX).read_line(&mut line).await?;
    let path = line.trim_end();
    match path.strip_prefix("/mcp") {
        Some("" | "/") => Ok(Scope::All),
        Some(rest) if rest.starts_with('/') => Ok(Scope::Server(rest[1..].into())),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, format!("there is no endpoint {path}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_line_may_name_the_endpoint() {
        let cases: [(&[u8], Option<Scope>); 4] = [
            (b"{\"jsonrpc\"", Some(Scope::All)),
            (b"/mcp\n{", Some(Scope::All)),
            (b"/mcp/time\n{", Some(Scope::Server("time".into()))),
            (b"/other\n{", None),
        ];
        for (bytes, expected) in cases {
            let mut reader = bytes;
            let found = scope(&mut reader).await.ok();
            assert_eq!(found, expected);
            assert!(found.is_none() || reader.starts_with(b"{"), "the rest is left");
        }
    }
}
