//! The rows of the table: how each transport is connected to and listened on.

use crate::board::Board;
use crate::http_peer::{HttpPeer, SsePeer};
use crate::http_wire::HttpWire;
use crate::sse_wire::SseWire;
use crate::wire::{FrameWire, LineWire, Wire};
use crate::{AfterEnd, AfterOversize, Link, Listening, Listens, Transport};
use futures_util::future::BoxFuture;
use gateway::listener::duplex::{self, DuplexSettings};
use gateway::listener::{DoorSettings, Http, Sockets};
use gateway::upstream::{
    ConnectError, ConnectOptions, Connection, UpstreamEvent, connect_duplex, connect_http, connect_sse, connect_tcp,
    connect_unix, connect_websocket,
};
use gateway::{Door, Scope};
use protocol::Principal;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use tokio::net::unix::pipe::pipe;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Two pipes of the system, as a child's stdin and stdout.
pub(crate) struct Pipe;
/// TCP on loopback.
pub(crate) struct Tcp;
/// A Unix socket.
pub(crate) struct Unix;
/// A WebSocket on loopback.
pub(crate) struct WebSocket;
/// HTTP+SSE, the transport of 2024-11-05.
pub(crate) struct HttpSse;
/// Streamable HTTP.
pub(crate) struct StreamableHttp;

/// Starts to connect and takes the server's end from `accept`.
async fn link<C>(
    connect: impl FnOnce(mpsc::Sender<UpstreamEvent>) -> C,
    accept: impl Future<Output = Box<dyn Wire>>,
) -> Link
where
    C: Future<Output = Result<Connection, ConnectError>> + Send + 'static,
{
    let (events, seen) = mpsc::channel(64);
    let connecting = tokio::spawn(connect(events));
    Link { connecting, peer: accept.await, events: seen }
}

fn places() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(16))
}

impl Transport for Pipe {
    fn connect(&self, options: ConnectOptions) -> BoxFuture<'_, Link> {
        Box::pin(async move {
            let ((far_writer, reader), (writer, far_reader)) = (pipe().unwrap(), pipe().unwrap());
            let peer: Box<dyn Wire> = Box::new(LineWire::new(far_reader, far_writer));
            link(|events| connect_duplex(reader, writer, options, events), async { peer }).await
        })
    }
}

impl Listens for Pipe {
    fn listen<'a>(&'a self, board: &'a Board) -> BoxFuture<'a, Listening> {
        Box::pin(async move {
            let shutdown = CancellationToken::new();
            let (conversations, token) = (TaskTracker::new(), shutdown.clone());
            let (gateway, limits, tracker) = (board.gateway.clone(), board.limits.clone(), conversations.clone());
            let dial = move || -> BoxFuture<'static, Box<dyn Wire>> {
                let ((far_writer, reader), (writer, far_reader)) = (pipe().unwrap(), pipe().unwrap());
                let door = Arc::new(Door::new(gateway.clone(), Scope::All));
                let settings = DuplexSettings::new(Principal::new("local"), &limits);
                let watched = writer.as_fd().try_clone_to_owned().unwrap();
                let gone = move |_: &_| duplex::unread(watched.as_fd());
                tracker.spawn(duplex::serve(reader, writer, gone, door, settings, token.clone()));
                Box::pin(async { Box::new(LineWire::new(far_reader, far_writer)) as Box<dyn Wire> })
            };
            let ended = shutdown.clone();
            let serving = tokio::spawn(async move {
                ended.cancelled().await;
                conversations.close();
                conversations.wait().await;
            });
            Listening { dial: Box::new(dial), shutdown, serving }
        })
    }
}

async fn loopback() -> (TcpListener, SocketAddr) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

impl Transport for Tcp {
    fn connect(&self, options: ConnectOptions) -> BoxFuture<'_, Link> {
        Box::pin(async move {
            let (socket, address) = loopback().await;
            let connect = |events| async move { connect_tcp(&address.to_string(), options, events).await };
            link(connect, async move {
                let (reader, writer) = socket.accept().await.unwrap().0.into_split();
                Box::new(LineWire::new(reader, writer)) as Box<dyn Wire>
            })
            .await
        })
    }
}

impl Listens for Tcp {
    fn listen<'a>(&'a self, board: &'a Board) -> BoxFuture<'a, Listening> {
        Box::pin(async move {
            let (socket, address) = loopback().await;
            let shutdown = CancellationToken::new();
            let sockets = Sockets::new(board.gateway.clone(), board.limits.clone(), places());
            let serving = tokio::spawn(sockets.serve_tcp(socket, shutdown.clone()));
            let dial = move || -> BoxFuture<'static, Box<dyn Wire>> {
                Box::pin(async move {
                    let (reader, writer) = TcpStream::connect(address).await.unwrap().into_split();
                    Box::new(LineWire::new(reader, writer)) as Box<dyn Wire>
                })
            };
            Listening { dial: Box::new(dial), shutdown, serving }
        })
    }
}

impl Transport for Unix {
    fn connect(&self, options: ConnectOptions) -> BoxFuture<'_, Link> {
        Box::pin(async move {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("s");
            let socket = UnixListener::bind(&path).unwrap();
            let connect = |events| async move { connect_unix(&path, options, events).await };
            link(connect, async move {
                let (reader, writer) = socket.accept().await.unwrap().0.into_split();
                drop(folder);
                Box::new(LineWire::new(reader, writer)) as Box<dyn Wire>
            })
            .await
        })
    }
}

impl Listens for Unix {
    fn listen<'a>(&'a self, board: &'a Board) -> BoxFuture<'a, Listening> {
        Box::pin(async move {
            let path = board.folder.path().join("s");
            let socket = UnixListener::bind(&path).unwrap();
            let shutdown = CancellationToken::new();
            let sockets = Sockets::new(board.gateway.clone(), board.limits.clone(), places());
            let serving = tokio::spawn(sockets.serve_unix(socket, shutdown.clone()));
            let dial = move || -> BoxFuture<'static, Box<dyn Wire>> {
                let path = path.clone();
                Box::pin(async move {
                    let (reader, writer) = UnixStream::connect(path).await.unwrap().into_split();
                    Box::new(LineWire::new(reader, writer)) as Box<dyn Wire>
                })
            };
            Listening { dial: Box::new(dial), shutdown, serving }
        })
    }
}

impl Transport for WebSocket {
    fn connect(&self, options: ConnectOptions) -> BoxFuture<'_, Link> {
        Box::pin(async move {
            let (socket, address) = loopback().await;
            let url = format!("ws://{address}/mcp");
            // This server knows no subprotocols and says none: it is asked once more, without.
            let connect = |events| async move { connect_websocket(&url, Vec::new(), options, events).await };
            link(connect, async move {
                let first = socket.accept().await.unwrap().0;
                let _ = tokio_tungstenite::accept_async(first).await.unwrap();
                let second = socket.accept().await.unwrap().0;
                Box::new(FrameWire(tokio_tungstenite::accept_async(second).await.unwrap())) as Box<dyn Wire>
            })
            .await
        })
    }
}

impl Listens for WebSocket {
    fn listen<'a>(&'a self, board: &'a Board) -> BoxFuture<'a, Listening> {
        Box::pin(listen_http(board, |address| {
            Box::pin(async move {
                let mut request = format!("ws://{address}/mcp").into_client_request().unwrap();
                request.headers_mut().insert("sec-websocket-protocol", "other, mcp".parse().unwrap());
                let stream = TcpStream::connect(address).await.unwrap();
                let (socket, answer) = tokio_tungstenite::client_async(request, stream).await.unwrap();
                assert_eq!(answer.headers()["sec-websocket-protocol"], "mcp");
                Box::new(FrameWire(socket)) as Box<dyn Wire>
            })
        }))
    }

    fn after_oversize(&self) -> AfterOversize {
        AfterOversize::Ends
    }

    fn after_end(&self) -> AfterEnd {
        AfterEnd::Cancelled
    }
}

/// Listens over HTTP; `dial` opens one client's connection.
async fn listen_http(
    board: &Board,
    dial: impl Fn(SocketAddr) -> BoxFuture<'static, Box<dyn Wire>> + Send + Sync + 'static,
) -> Listening {
    let (socket, address) = loopback().await;
    let shutdown = CancellationToken::new();
    let http = Http::new(socket, board.gateway.clone(), DoorSettings::default(), &board.limits);
    let serving = tokio::spawn(http.serve(shutdown.clone()));
    Listening { dial: Box::new(move || dial(address)), shutdown, serving }
}

impl Transport for HttpSse {
    fn connect(&self, options: ConnectOptions) -> BoxFuture<'_, Link> {
        Box::pin(async move {
            let (socket, address) = loopback().await;
            let url = format!("http://{address}/sse");
            let connect = |events| async move { connect_sse(&url, Vec::new(), options, events).await };
            link(connect, async move { Box::new(SsePeer::accept(socket).await) as Box<dyn Wire> }).await
        })
    }
}

impl Listens for HttpSse {
    fn listen<'a>(&'a self, board: &'a Board) -> BoxFuture<'a, Listening> {
        Box::pin(listen_http(board, |address| {
            Box::pin(async move { Box::new(SseWire::open(address).await) as Box<dyn Wire> })
        }))
    }

    fn after_end(&self) -> AfterEnd {
        AfterEnd::Cancelled
    }
}

impl Transport for StreamableHttp {
    fn connect(&self, options: ConnectOptions) -> BoxFuture<'_, Link> {
        Box::pin(async move {
            let (socket, address) = loopback().await;
            let url = format!("http://{address}/mcp");
            let connect = |events| async move { connect_http(&url, Vec::new(), options, events).await };
            link(connect, async move { Box::new(HttpPeer::new(socket)) as Box<dyn Wire> }).await
        })
    }
}

impl Listens for StreamableHttp {
    fn listen<'a>(&'a self, board: &'a Board) -> BoxFuture<'a, Listening> {
        Box::pin(listen_http(board, |address| {
            Box::pin(async move { Box::new(HttpWire::new(address)) as Box<dyn Wire> })
        }))
    }

    fn after_end(&self) -> AfterEnd {
        AfterEnd::Cancelled
    }
}
