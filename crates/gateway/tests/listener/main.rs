//! Listeners before a service that the test holds in its hands: conversations over a byte stream
//! and over HTTP, in both eras, without any process or gateway behind them.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what the tests set up must stand")]

mod fake;
mod web;

mod batches;
mod endings;
mod rounds;
mod streams;
mod tasks;

use fake::Fake;
use gateway::listener::DialogueLimits;
use gateway::listener::duplex::{self, DuplexSettings};
use protocol::{ParseLimits, Principal, Service};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf};
use tokio_util::sync::CancellationToken;

/// The client's end of a conversation.
struct Peer {
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    writer: WriteHalf<DuplexStream>,
    fake: Fake,
}

/// The limits of the tests: small enough to reach.
fn dialogue() -> DialogueLimits {
    let limits = config::Limits { session_queue_max: 64, rounds_max: 3, batch_max: 4, ..config::Limits::default() };
    DialogueLimits { calls_max: 8, ..DialogueLimits::of(&limits) }
}

impl Peer {
    fn connect() -> Self {
        let fake = Fake::default();
        Self::before(Arc::new(fake.clone()), fake)
    }

    /// A conversation with `service`; `fake` is what the tests ask what happened.
    fn before(service: Arc<dyn Service>, fake: Fake) -> Self {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let settings = DuplexSettings {
            principal: Principal::new("local"),
            parse_limits: ParseLimits { bytes_max: 64 * 1024, depth_max: 32 },
            dialogue: dialogue(),
        };
        let (reader, writer) = tokio::io::split(theirs);
        let gone = |_: &_| std::future::ready(());
        tokio::spawn(duplex::serve(reader, writer, gone, service, settings, CancellationToken::new()));
        let (reader, writer) = tokio::io::split(ours);
        Self { lines: BufReader::new(reader).lines(), writer, fake }
    }

    async fn send(&mut self, text: &str) {
        self.writer.write_all(format!("{text}\n").as_bytes()).await.unwrap();
    }

    async fn next(&mut self) -> Value {
        let line = self.lines.next_line().await.unwrap().expect("the conversation goes on");
        serde_json::from_str(&line).unwrap()
    }

    async fn ask(&mut self, message: Value) -> Value {
        self.send(&message.to_string()).await;
        self.next().await
    }

    async fn initialize(&mut self) -> Value {
        self.initialize_as("2025-06-18", json!({})).await
    }

    async fn initialize_as(&mut self, version: &str, capabilities: Value) -> Value {
        let client = json!({"name": "c", "version": "1"});
        let params = json!({"protocolVersion": version, "capabilities": capabilities, "clientInfo": client});
        let answer = self.ask(json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params})).await;
        self.send(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
        answer
    }
}

fn modern(id: u64, method: &str, mut params: Value) -> Value {
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

fn legacy(id: u64, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

#[tokio::test]
async fn both_eras_share_one_stream() {
    let mut peer = Peer::connect();
    let answer = peer.ask(modern(1, "tools/call", json!({"name": "echo", "arguments": {"n": 1.0}}))).await;
    assert_eq!(answer["result"]["resultType"], "complete");
    assert_eq!(
        answer["result"]["echo"],
        json!({"name": "echo", "arguments": {"n": 1.0}}),
        "context keys are taken out"
    );
    let answer = peer.initialize().await;
    assert_eq!(answer["result"]["protocolVersion"], "2025-06-18");
    assert_eq!(answer["result"]["serverInfo"]["name"], "switchboard");
    assert_eq!(peer.next().await["method"], "notifications/tools/list_changed", "a session hears of changes");
    let answer = peer.ask(legacy(2, "tools/call", json!({"name": "echo"}))).await;
    assert_eq!(answer["result"], json!({"echo": {"name": "echo"}}));
    let answer = peer.ask(modern(3, "ping", json!({}))).await;
    assert_eq!(answer["error"]["code"], -32601, "2026-07-28 has no ping");
    assert_eq!(peer.ask(legacy(4, "ping", json!({}))).await["result"], json!({}));
    assert_eq!(peer.ask(legacy(5, "server/discover", json!({}))).await["error"]["code"], -32601);
}

#[tokio::test]
async fn progress_comes_before_the_answer_with_the_clients_token() {
    let mut peer = Peer::connect();
    peer.send(&modern(7, "tools/call", json!({"name": "noisy", "_meta": {"progressToken": "t"}})).to_string()).await;
    for step in 1..=2 {
        let notification = peer.next().await;
        assert_eq!(notification["params"], json!({"progressToken": "t", "progress": step}));
    }
    assert_eq!(peer.next().await["id"], 7);
}

#[tokio::test]
async fn cancelling_ends_the_call_and_gets_no_answer() {
    let mut peer = Peer::connect();
    peer.initialize().await;
    peer.next().await;
    for (id, request) in
        [(8, legacy(8, "tools/call", json!({"name": "slow"}))), (9, modern(9, "tools/call", json!({"name": "slow"})))]
    {
        peer.send(&request.to_string()).await;
        assert_eq!(peer.next().await["method"], "notifications/progress");
        let before = peer.fake.dropped.load(Ordering::SeqCst);
        peer.send(
            &json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}).to_string(),
        )
        .await;
        let answer = peer.ask(legacy(id + 10, "ping", json!({}))).await;
        assert_eq!(answer["id"], id + 10, "the next thing said is the answer to the next question");
        while peer.fake.dropped.load(Ordering::SeqCst) == before {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_listen_is_tagged_and_acknowledged_first() {
    let mut peer = Peer::connect();
    let listen = modern(4, "subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}));
    let first = peer.ask(listen).await;
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(first["params"]["notifications"], json!({"toolsListChanged": true}));
    let second = peer.next().await;
    assert_eq!(second["method"], "notifications/tools/list_changed");
    for message in [first, second] {
        assert_eq!(message["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 4);
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_answered_and_the_conversation_goes_on() {
    let mut peer = Peer::connect();
    let cases = [
        ("{", -32700),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#, -32602),
    ];
    for (text, code) in cases {
        peer.send(text).await;
        assert_eq!(peer.next().await["error"]["code"], code, "{text}");
    }
    peer.send(&"x".repeat(70 * 1024)).await;
    assert!(peer.next().await["error"]["message"].as_str().unwrap().contains("larger"));
    let mut unknown = modern(5, "tools/list", json!({}));
    unknown["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2099-01-01".into();
    let refused = peer.ask(unknown).await;
    assert_eq!(refused["error"]["code"], -32022);
    assert!(refused["error"]["data"]["supported"].as_array().unwrap().contains(&json!("2026-07-28")));
    assert_eq!(peer.ask(legacy(6, "ping", json!({}))).await["id"], 6);
}

#[tokio::test]
async fn requests_in_flight_are_bounded() {
    let mut peer = Peer::connect();
    for id in 0..8 {
        peer.send(&modern(id, "tools/call", json!({"name": "slow"})).to_string()).await;
        peer.next().await;
    }
    let refused = peer.ask(modern(99, "tools/call", json!({"name": "echo"}))).await;
    assert_eq!(refused["error"]["data"]["kind"], "overloaded");
}
