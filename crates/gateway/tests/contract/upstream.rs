//! What must hold of a link to a server.

use crate::wire::Wire;
use crate::{AfterOversize, FRAME_BYTES_MAX, Transport};
use gateway::upstream::{ConnectOptions, Connection, EraChoice, UpstreamEvent};
use protocol::{Call, CallContext, Client, ErrorKind, Object, Principal, Raw, Version};
use serde_json::json;
use std::sync::Arc;
use tokio::sync::mpsc;

fn call(name: &str, text: &str) -> Call {
    let client = Client { version: Version::MODERN_LATEST, info: None, capabilities: None };
    let mut context = CallContext::internal(Principal::new("test"));
    context.client = Arc::new(client);
    let params = json!({"name": name, "arguments": {"text": text}}).to_string();
    let params = Object::of(&Raw::parse(params.into(), 100).unwrap()).unwrap();
    Call { method: "tools/call".into(), params, context }
}

async fn open(transport: &impl Transport) -> (Connection, Box<dyn Wire>, mpsc::Receiver<UpstreamEvent>) {
    let options =
        ConnectOptions { era: EraChoice::Modern, frame_bytes_max: FRAME_BYTES_MAX, ..ConnectOptions::new("peer") };
    let mut link = transport.connect(options).await;
    let asked = link.peer.next().await;
    // A transport of 2024 has servers of its time.
    let is_legacy = asked["method"] == "initialize";
    let hello = match is_legacy {
        true => json!({"protocolVersion": "2024-11-05", "capabilities": {"tools": {}}, "serverInfo": {}}),
        false => json!({"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}}),
    };
    link.peer.answer(&asked, hello).await;
    if is_legacy {
        assert_eq!(link.peer.next().await["method"], "notifications/initialized");
    }
    (link.connecting.await.unwrap().unwrap(), link.peer, link.events)
}

/// One call from end to end.
async fn works(connection: &Connection, peer: &mut dyn Wire) {
    let running = tokio::spawn(connection.call(call("next", "")));
    let asked = peer.next().await;
    assert_eq!(asked["params"]["name"], "next");
    peer.answer(&asked, json!({"n": "next"})).await;
    assert_eq!(running.await.unwrap().unwrap().text("n").unwrap(), "next");
}

pub(crate) async fn calls_are_answered_out_of_order(transport: &impl Transport) {
    let (connection, mut peer, _events) = open(transport).await;
    let calls: Vec<_> = (0..100).map(|n| tokio::spawn(connection.call(call(&format!("t{n}"), "")))).collect();
    let mut asked = Vec::new();
    for _ in 0..100 {
        asked.push(peer.next().await);
    }
    for request in asked.iter().rev() {
        peer.answer(request, json!({"n": request["params"]["name"]})).await;
    }
    for (n, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await.unwrap().unwrap().text("n").unwrap(), format!("t{n}").as_str());
    }
}

pub(crate) async fn a_dropped_call_is_cancelled(transport: &impl Transport) {
    let (connection, mut peer, _events) = open(transport).await;
    let running = tokio::spawn(connection.call(call("slow", "")));
    let asked = peer.next().await;
    running.abort();
    let cancelled = peer.next().await;
    assert_eq!(cancelled["method"], "notifications/cancelled");
    assert_eq!(cancelled["params"]["requestId"], asked["id"]);
    peer.answer(&asked, json!({"late": true})).await;
    works(&connection, &mut *peer).await;
}

pub(crate) async fn a_message_too_long_fails_its_call(transport: &impl Transport) {
    let (connection, mut peer, mut events) = open(transport).await;
    let running = tokio::spawn(connection.call(call("big", "")));
    let asked = peer.next().await;
    let sending = async {
        peer.answer(&asked, json!({"text": "x".repeat(FRAME_BYTES_MAX + 1)})).await;
        peer
    };
    let (mut peer, reply) = tokio::join!(sending, running);
    let error = reply.unwrap().unwrap_err();
    assert_eq!(error.kind, ErrorKind::UpstreamInvalid);
    assert!(error.message.contains("limit of 1048576 bytes"), "{}", error.message);
    assert!(matches!(events.recv().await, Some(UpstreamEvent::Oversize { bytes_max: FRAME_BYTES_MAX })));
    match transport.after_oversize() {
        AfterOversize::GoesOn => works(&connection, &mut *peer).await,
        AfterOversize::Ends => {
            assert_eq!(peer.ended().await, format!("a message is larger than {FRAME_BYTES_MAX} bytes"));
            connection.closed().await;
        }
    }
}

pub(crate) async fn garbage_is_noise(transport: &impl Transport) {
    let (connection, mut peer, mut events) = open(transport).await;
    peer.send("Listening, and glad to be here!".to_owned()).await;
    peer.send(r#"{"jsonrpc":"2.0","id":99999,"result":{}}"#.to_owned()).await;
    works(&connection, &mut *peer).await;
    assert!(matches!(events.recv().await, Some(UpstreamEvent::StdoutNoise(line)) if line.starts_with("Listening")));
}

pub(crate) async fn the_peers_end_fails_what_waits(transport: &impl Transport) {
    let (connection, mut peer, _events) = open(transport).await;
    let running = tokio::spawn(connection.call(call("t", "")));
    peer.next().await;
    peer.end().await;
    assert_eq!(running.await.unwrap().unwrap_err().kind, ErrorKind::UpstreamGone);
    connection.closed().await;
    assert_eq!(connection.call(call("t", "")).await.unwrap_err().kind, ErrorKind::UpstreamGone);
    peer.ended().await;
}

pub(crate) async fn a_peer_that_does_not_read_fills_a_bounded_queue(transport: &impl Transport) {
    let (connection, mut peer, _events) = open(transport).await;
    let large = "x".repeat(FRAME_BYTES_MAX / 2);
    let mut running = Vec::new();
    // The queue has 8 MiB, and the system's buffers of a socket not more than that.
    let refused = 'flood: {
        for _ in 0..64 {
            let mut calling = connection.call(call("large", &large));
            match futures_util::poll!(&mut calling) {
                std::task::Poll::Pending => running.push(tokio::spawn(calling)),
                std::task::Poll::Ready(reply) => break 'flood reply.unwrap_err(),
            }
        }
        panic!("nothing holds the queue");
    };
    assert_eq!(refused.kind, ErrorKind::Overloaded);
    for _ in 0..running.len() {
        let asked = peer.next().await;
        peer.answer(&asked, json!({})).await;
    }
    for call in running {
        call.await.unwrap().unwrap();
    }
    works(&connection, &mut *peer).await;
}

pub(crate) async fn closing_is_seen_by_the_peer(transport: &impl Transport) {
    let (connection, mut peer, _events) = open(transport).await;
    let running = tokio::spawn(connection.call(call("t", "")));
    peer.next().await;
    connection.close().await;
    assert_eq!(running.await.unwrap().unwrap_err().kind, ErrorKind::UpstreamGone);
    assert_eq!(peer.ended().await, "");
}

pub(crate) async fn an_exchange_that_ends_fails_its_call_alone(transport: &impl Transport) {
    let (connection, mut peer, _events) = open(transport).await;
    let running = tokio::spawn(connection.call(call("t", "")));
    peer.next().await;
    peer.end().await;
    assert_eq!(running.await.unwrap().unwrap_err().kind, ErrorKind::UpstreamGone);
    works(&connection, &mut *peer).await;
}

pub(crate) async fn closing_lets_calls_in_flight_end(transport: &impl Transport) {
    let (connection, mut peer, _events) = open(transport).await;
    let running = tokio::spawn(connection.call(call("t", "")));
    let asked = peer.next().await;
    connection.close().await;
    peer.answer(&asked, json!({"n": "late"})).await;
    assert_eq!(running.await.unwrap().unwrap().text("n").unwrap(), "late");
}
