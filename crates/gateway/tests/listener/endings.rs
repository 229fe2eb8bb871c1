//! Conversations that end in a way that no polite client chooses: cut off, or with requests that
//! cannot be told apart. Nothing of them may stay behind.

use crate::web::Web;
use crate::{Fake, Peer, dialogue, modern};
use gateway::listener::duplex::{self, DuplexSettings};
use protocol::{ParseLimits, Principal};
use serde_json::{Value, json};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWriteExt as _, DuplexStream, ReadBuf};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// A connection whose end is an error.
struct CutOff(DuplexStream);

impl AsyncRead for CutOff {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.0).poll_read(context, buffer))?;
        let more = buffer.filled().len() > before;
        Poll::Ready(if more { Ok(()) } else { Err(io::ErrorKind::ConnectionReset.into()) })
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_cut_off_leaves_nothing_behind() {
    let fake = Fake::default();
    let (mut client, server) = tokio::io::duplex(1 << 16);
    let settings = DuplexSettings {
        principal: Principal::new("local"),
        parse_limits: ParseLimits { bytes_max: 64 * 1024, depth_max: 32 },
        dialogue: dialogue(),
    };
    let service = Arc::new(fake.clone());
    let serving = duplex::serve(
        CutOff(server),
        tokio::io::sink(),
        |_| std::future::ready(()),
        service,
        settings,
        CancellationToken::new(),
    );
    let client_info = json!({"name": "c", "version": "1"});
    let params = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client_info});
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
    // Two subscriptions, one of them the session's own, and a call.
    for message in
        [initialize, modern(1, "subscriptions/listen", json!({})), modern(2, "tools/call", json!({"name": "slow"}))]
    {
        client.write_all(format!("{message}\n").as_bytes()).await.unwrap();
    }
    let cut = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        drop(client);
    };
    let (ended, ()) = tokio::join!(timeout(Duration::from_secs(60), serving), cut);
    assert_eq!(ended.unwrap().unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    // What was aborted ends with the next turn of its task.
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(fake.dropped.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn an_id_in_flight_is_not_taken_twice() {
    let mut peer = Peer::connect();
    peer.send(&modern(1, "tools/call", json!({"name": "gate"})).to_string()).await;
    let refused: Value = peer.ask(modern(1, "subscriptions/listen", json!({}))).await;
    assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(1), &json!(-32600)));
    peer.fake.gate.add_permits(1);
    assert_eq!(peer.next().await["result"]["through"], true);
    let echoed = peer.ask(modern(1, "tools/call", json!({"name": "echo"}))).await;
    assert!(echoed["result"].is_object(), "the id is free again: {echoed}");
}

#[tokio::test]
async fn a_client_that_says_too_much_of_itself_gets_no_session() {
    let web = Web::connect("2025-06-18", json!({})).await.with_session("");
    for (name, capabilities, fits) in [
        ("c".repeat(200_000), json!({}), true),
        ("c".repeat(300_000), json!({}), false),
        ("c".to_owned(), json!({"experimental": {"x": "y".repeat(300_000)}}), false),
    ] {
        let client_info = json!({"name": name, "version": "1"});
        let params = json!({"protocolVersion": "2025-06-18", "capabilities": capabilities, "clientInfo": client_info});
        let answer = web.post(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params})).await;
        assert_eq!(answer.headers.contains_key("mcp-session-id"), fits);
        assert_eq!(answer.json().await["error"]["code"] == json!(-32602), !fits);
    }
}
