//! A server on the other end of a pipe, driven by the test line by line.

use gateway::upstream::{ConnectError, ConnectOptions, Connection, UpstreamEvent, connect_duplex};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf};
use tokio::sync::mpsc;

pub(crate) struct Peer {
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    writer: WriteHalf<DuplexStream>,
}

pub(crate) type Connecting = tokio::task::JoinHandle<Result<Connection, ConnectError>>;

/// Starts to connect; the test plays the server.
pub(crate) fn connect(options: ConnectOptions) -> (Connecting, Peer, mpsc::Receiver<UpstreamEvent>) {
    let (near, far) = tokio::io::duplex(1 << 16);
    let (reader, writer) = tokio::io::split(near);
    let (events, seen) = mpsc::channel(64);
    let connecting = tokio::spawn(connect_duplex(reader, writer, options, events));
    let (reader, writer) = tokio::io::split(far);
    (connecting, Peer { lines: BufReader::new(reader).lines(), writer }, seen)
}

/// A connection to a modern server that tells of changed tools.
pub(crate) async fn modern() -> (Connection, Peer, mpsc::Receiver<UpstreamEvent>) {
    let (connecting, mut peer, events) = connect(ConnectOptions::new("peer"));
    let asked = peer.next().await;
    assert_eq!(asked["method"], "server/discover");
    peer.answer(&asked, json!({"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}})).await;
    (connecting.await.unwrap().unwrap(), peer, events)
}

/// A connection to a legacy server with these capabilities.
pub(crate) async fn legacy(capabilities: Value) -> (Connection, Peer, mpsc::Receiver<UpstreamEvent>) {
    let (connecting, mut peer, events) = connect(ConnectOptions::new("peer"));
    let asked = peer.next().await;
    peer.refuse(&asked, -32601).await;
    peer.initialize(capabilities).await;
    (connecting.await.unwrap().unwrap(), peer, events)
}

impl Peer {
    /// The next message from the gateway.
    pub(crate) async fn next(&mut self) -> Value {
        let line = self.lines.next_line().await.unwrap().expect("the gateway hung up");
        serde_json::from_str(&line).unwrap()
    }

    /// Whether the gateway closed the pipe.
    pub(crate) async fn is_closed(&mut self) -> bool {
        self.lines.next_line().await.unwrap().is_none()
    }

    pub(crate) async fn say(&mut self, line: &str) {
        self.writer.write_all(line.as_bytes()).await.unwrap();
        self.writer.write_all(b"\n").await.unwrap();
    }

    pub(crate) async fn answer(&mut self, request: &Value, result: Value) {
        self.say(&json!({"jsonrpc": "2.0", "id": request["id"], "result": result}).to_string()).await;
    }

    pub(crate) async fn refuse(&mut self, request: &Value, code: i64) {
        self.say(&json!({"jsonrpc": "2.0", "id": request["id"], "error": {"code": code, "message": "no"}}).to_string())
            .await;
    }

    pub(crate) async fn tell(&mut self, method: &str, params: Value) {
        self.say(&json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string()).await;
    }

    /// Answers the legacy handshake.
    pub(crate) async fn initialize(&mut self, capabilities: Value) {
        let asked = self.next().await;
        assert_eq!(asked["method"], "initialize");
        assert_eq!(asked["params"]["protocolVersion"], "2025-11-25");
        assert_eq!(
            asked["params"]["capabilities"],
            json!({"roots": {}, "sampling": {"tools": {}}, "elicitation": {"form": {}, "url": {}}})
        );
        self.answer(&asked, json!({"protocolVersion": "2025-06-18", "capabilities": capabilities})).await;
        assert_eq!(self.next().await["method"], "notifications/initialized");
    }
}
