//! The listeners of byte streams: TCP on loopback, and Unix sockets that only their owner can
//! open. Each connection is one conversation of newline-delimited JSON (protocol.md section 1.4).
//!
//! A conversation may begin with a line that names its endpoint as HTTP does, `/mcp` or
//! `/mcp/<server>` or `/mcp/p/<profile>`; without one it is `/mcp`. Binding, and what may be bound, is decided elsewhere.

use super::accepting::Accepting;
use super::doorkeeper::ANONYMOUS;
use super::duplex::{self, DuplexSettings};
use crate::{Door, Gateway, Scope};
use config::Limits;
use protocol::framing::one_line;
use protocol::{Error, ErrorKind, Message, Output, Principal, Response};
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The longest first line, in bytes.
const ENDPOINT_BYTES_MAX: u64 = 1024;
/// Who comes over a socket that only the owner of this process can open.
const OWNER: &str = "local";

/// What conversations over sockets are served with.
#[derive(Debug, Clone)]
pub struct Sockets {
    gateway: Arc<Gateway>,
    limits: Arc<Limits>,
    /// How many connections may be open at once, perhaps together with other listeners'.
    places: Arc<Semaphore>,
}

impl Sockets {
    /// Serves `gateway` to as many connections as there are `places`.
    #[must_use]
    pub fn new(gateway: Arc<Gateway>, limits: Arc<Limits>, places: Arc<Semaphore>) -> Self {
        Self { gateway, limits, places }
    }

    /// Serves whoever connects to a Unix socket until `shutdown`, then lets calls in flight end;
    /// returns when all conversations have ended. Whoever drains puts a limit on the time.
    pub async fn serve_unix(self, socket: UnixListener, shutdown: CancellationToken) {
        let settings = DuplexSettings::new(Principal::new(OWNER), &self.limits);
        self.serve(socket, settings, Trust::Owner, shutdown).await;
    }

    /// The same for a TCP socket, which listens on loopback.
    pub async fn serve_tcp(self, socket: TcpListener, shutdown: CancellationToken) {
        let settings = DuplexSettings::new(Principal::new(ANONYMOUS), &self.limits);
        self.serve(socket, settings, Trust::Anybody, shutdown).await;
    }

    async fn serve<A: Accepts>(self, socket: A, settings: DuplexSettings, trust: Trust, shutdown: CancellationToken) {
        let conversations = TaskTracker::new();
        let mut refusals = Accepting::default();
        loop {
            let accepting = async {
                let place = self.places.clone().acquire_owned().await;
                (place, socket.accepted().await)
            };
            let (place, accepted) = tokio::select! {
                () = shutdown.cancelled() => break,
                accepted = accepting => accepted,
            };
            match accepted {
                Ok((reader, writer)) => {
                    refusals.worked();
                    let (gateway, settings, shutdown) = (self.gateway.clone(), settings.clone(), shutdown.clone());
                    conversations.spawn(async move {
                        let _place = place;
                        // A client that hangs up in the middle is no event worth a line.
                        let opened = converse::<_, _, A::Socket>(reader, writer, gateway, settings, trust, shutdown);
                        let _ = opened.await;
                    });
                }
                Err(error) => refusals.refused(&error).await,
            }
        }
        drop(socket);
        conversations.close();
        conversations.wait().await;
    }
}

/// A socket that listens, whatever its kind.
trait Accepts: Send {
    type Socket: AsFd;
    type Reader: AsyncRead + AsRef<Self::Socket> + Unpin + Send + 'static;
    type Writer: AsyncWrite + Unpin + Send + 'static;

    fn accepted(&self) -> impl Future<Output = io::Result<(Self::Reader, Self::Writer)>> + Send;
}

impl Accepts for UnixListener {
    type Socket = UnixStream;
    type Reader = tokio::net::unix::OwnedReadHalf;
    type Writer = tokio::net::unix::OwnedWriteHalf;

    async fn accepted(&self) -> io::Result<(Self::Reader, Self::Writer)> {
        Ok(self.accept().await?.0.into_split())
    }
}

impl Accepts for TcpListener {
    type Socket = TcpStream;
    type Reader = tokio::net::tcp::OwnedReadHalf;
    type Writer = tokio::net::tcp::OwnedWriteHalf;

    async fn accepted(&self) -> io::Result<(Self::Reader, Self::Writer)> {
        let (stream, _) = self.accept().await?;
        // Without it small answers wait for an acknowledgement: 40 ms instead of 0.2 ms.
        let _ = stream.set_nodelay(true);
        outbound::relay::watch(&stream);
        Ok(stream.into_split())
    }
}

/// Who can have connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// A program of whoever runs us.
    Owner,
    /// Any program of this machine: a browser too, on behalf of any page.
    Anybody,
}

async fn converse<R, W, S>(
    reader: R,
    mut writer: W,
    gateway: Arc<Gateway>,
    settings: DuplexSettings,
    trust: Trust,
    shutdown: CancellationToken,
) -> io::Result<()>
where
    R: AsyncRead + AsRef<S> + Unpin + Send,
    W: AsyncWrite + Unpin + Send + 'static,
    S: AsFd,
{
    let mut reader = BufReader::new(reader);
    let opened = tokio::select! {
        () = shutdown.cancelled() => return Ok(()),
        opened = scope(&mut reader, trust) => opened?,
    };
    match opened {
        // A server that there is not is refused call by call, with the reason.
        Ok(scope) => {
            let door = Arc::new(Door::new(gateway, scope));
            let gone = |reader: &BufReader<R>| duplex::unread(reader.get_ref().as_ref().as_fd());
            let close = |reader: &BufReader<R>| shutdown_read(reader.get_ref().as_ref());
            duplex::serve_closing(reader, writer, gone, close, door, settings, shutdown).await
        }
        Err(error) => {
            let mut out = Output::default();
            Message::Response(Response { id: None, outcome: Err(error) }).write(&mut out);
            writer.write_all(&one_line(out.into_bytes())).await?;
            writer.write_all(b"\n").await?;
            writer.shutdown().await
        }
    }
}

/// From now on a write of the other end fails; what it has written can still be read.
fn shutdown_read(socket: &impl AsFd) -> bool {
    rustix::net::shutdown(socket, rustix::net::Shutdown::Read).is_ok()
}

/// Reads the line that names the endpoint, where there is one.
async fn scope(reader: &mut (impl AsyncBufRead + Unpin), trust: Trust) -> io::Result<Result<Scope, Error>> {
    let first = reader.fill_buf().await?.first().copied();
    let ours = first.is_none_or(|first| matches!(first, b'{' | b'[') || first.is_ascii_whitespace());
    if first != Some(b'/') {
        // A page can make a browser send any bytes in the body of a request, lines of JSON too. What
        // it cannot do is begin with them.
        return Ok(if ours || trust == Trust::Owner { Ok(Scope::All) } else { Err(no_conversation()) });
    }
    let mut line = String::new();
    reader.take(ENDPOINT_BYTES_MAX).read_line(&mut line).await?;
    Ok(match line.trim_end().strip_prefix("/mcp").and_then(Scope::of_path) {
        Some(scope) => Ok(scope),
        None => Err(Error::new(ErrorKind::UnknownEndpoint, "the first line names no endpoint")
            .hint("begin with /mcp, /mcp/<server> or /mcp/p/<profile>, or with the first message")),
    })
}

fn no_conversation() -> Error {
    Error::new(ErrorKind::InvalidRequest, "a conversation over TCP begins with a message or the line of an endpoint")
        .hint("HTTP clients connect to listen.address")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_line_may_name_the_endpoint() {
        let cases: [(&[u8], Option<Scope>); 7] = [
            (b"{\"jsonrpc\"", Some(Scope::All)),
            (b"\r\n{", Some(Scope::All)),
            (b"", Some(Scope::All)),
            (b"/mcp\n{", Some(Scope::All)),
            (b"/mcp/time\n{", Some(Scope::Server("time".into()))),
            (b"/mcp/p/work\n{", Some(Scope::Profile("work".into()))),
            (b"/other\n{", None),
        ];
        for (bytes, expected) in cases {
            let mut reader = bytes;
            let found = scope(&mut reader, Trust::Anybody).await.unwrap().ok();
            assert_eq!(found, expected);
            assert!(found.is_none() || reader.trim_ascii_start().first().is_none_or(|first| *first == b'{'));
        }
    }

    #[tokio::test]
    async fn a_browser_cannot_begin_a_conversation() {
        for bytes in [&b"POST / HTTP/1.1\r\n\r\n{}\n"[..], b"\x16\x03\x01", b"GET /mcp HTTP/1.1\r\n"] {
            assert!(scope(&mut &*bytes, Trust::Anybody).await.unwrap().is_err());
        }
        assert!(scope(&mut &b"hello\n"[..], Trust::Owner).await.unwrap().is_ok(), "an owner's mistake is told");
    }
}
