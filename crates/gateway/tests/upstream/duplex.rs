//! Calls over a pipe.

use crate::pipe_peer::{connect, legacy, modern};
use crate::{call, modern_call, noisy_call, object};
use gateway::upstream::{ConnectOptions, List, UpstreamEvent, Wanted};
use protocol::{ErrorKind, LogLevel, Version};
use serde_json::{Value, json};
use std::time::Duration;

fn wanted(uri: &str) -> Wanted {
    Wanted { uris: [uri.to_owned()].into(), ..Wanted::default() }
}

#[tokio::test]
async fn many_calls_are_answered_out_of_order() {
    let (connection, mut peer, _events) = modern().await;
    let calls: Vec<_> = (0..500).map(|n| tokio::spawn(connection.call(modern_call(&format!("t{n}"))))).collect();
    let mut asked = Vec::new();
    for _ in 0..500 {
        asked.push(peer.next().await);
    }
    assert_eq!(connection.in_flight(), 500);
    for request in asked.iter().rev() {
        peer.answer(request, json!({"content": request["params"]["name"]})).await;
    }
    for (n, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await.unwrap().unwrap().text("content").unwrap(), format!("t{n}").as_str());
    }
    assert_eq!(connection.in_flight(), 0);
}

#[tokio::test]
async fn dropping_a_call_cancels_it_and_its_late_answer_is_ignored() {
    for is_modern in [true, false] {
        let (connection, mut peer, _events) = if is_modern { modern().await } else { legacy(json!({})).await };
        let running = tokio::spawn(connection.call(modern_call("slow")));
        let request = peer.next().await;
        running.abort();
        let cancelled = peer.next().await;
        assert_eq!(cancelled["method"], "notifications/cancelled");
        assert_eq!(cancelled["params"]["requestId"], request["id"]);
        peer.answer(&request, json!({"late": true})).await;
        let next = tokio::spawn(connection.call(modern_call("next")));
        let request = peer.next().await;
        peer.answer(&request, json!({"n": "next"})).await;
        assert_eq!(next.await.unwrap().unwrap().text("n").unwrap(), "next");
    }
}

#[tokio::test]
async fn two_clients_with_one_progress_token_hear_of_their_own_calls() {
    let (connection, mut peer, _events) = modern().await;
    let (first, heard_first) = noisy_call("one", "same");
    let (second, heard_second) = noisy_call("two", "same");
    let (first, second) = (tokio::spawn(connection.call(first)), tokio::spawn(connection.call(second)));
    let (a, b) = (peer.next().await, peer.next().await);
    let token = |request: &Value| request["params"]["_meta"]["progressToken"].clone();
    assert_ne!(token(&a), token(&b));
    for request in [&b, &a] {
        let message = request["params"]["name"].clone();
        peer.tell(
            "notifications/progress",
            json!({"progressToken": token(request), "progress": 1, "message": message}),
        )
        .await;
        peer.answer(request, json!({})).await;
    }
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    for (notifier, name) in [(heard_first, "one"), (heard_second, "two")] {
        let params = notifier.take().unwrap().params.unwrap();
        assert_eq!(
            (params.text("progressToken").unwrap().as_str(), params.text("message").unwrap().as_str()),
            ("same", name)
        );
        assert!(notifier.take().is_none());
    }
    let quiet = tokio::spawn(connection.call(modern_call("quiet")));
    let request = peer.next().await;
    assert!(request["params"]["_meta"].get("progressToken").is_none());
    peer.answer(&request, json!({})).await;
    quiet.await.unwrap().unwrap();
}

#[tokio::test]
async fn noise_and_broken_answers_hurt_only_the_call_concerned() {
    let (connection, mut peer, mut events) = modern().await;
    let (bad, good) =
        (tokio::spawn(connection.call(modern_call("bad"))), tokio::spawn(connection.call(modern_call("good"))));
    let (first, second) = (peer.next().await, peer.next().await);
    let (bad_id, good_request) =
        if first["params"]["name"] == "bad" { (&first["id"], &second) } else { (&second["id"], &first) };
    peer.say("Server started on stdio!").await;
    peer.say("").await;
    peer.say(r#"{"jsonrpc":"2.0","id":99999,"result":{}}"#).await;
    peer.say(&format!(r#"{{"jsonrpc":"2.0","id":{bad_id},"result":[1]}}"#)).await;
    peer.say(&json!({"jsonrpc": "2.0", "id": good_request["id"], "result": {"ok": "yes"}, "took": 3}).to_string())
        .await;
    assert_eq!(bad.await.unwrap().unwrap_err().kind, ErrorKind::UpstreamInvalid);
    assert_eq!(good.await.unwrap().unwrap().text("ok").unwrap(), "yes");
    assert!(matches!(events.recv().await.unwrap(), UpstreamEvent::StdoutNoise(line) if line.starts_with("Server")));
    assert!(matches!(events.recv().await.unwrap(), UpstreamEvent::DroppedMembers(1)));
}

#[tokio::test]
async fn an_oversize_line_is_counted_and_fails_the_only_call() {
    let (connecting, mut peer, mut events) =
        connect(ConnectOptions { frame_bytes_max: 1000, ..ConnectOptions::new("peer") });
    let asked = peer.next().await;
    peer.answer(&asked, json!({"supportedVersions": ["2026-07-28"], "capabilities": {}})).await;
    let connection = connecting.await.unwrap().unwrap();
    let running = tokio::spawn(connection.call(modern_call("big")));
    let request = peer.next().await;
    peer.answer(&request, json!({"text": "x".repeat(5000)})).await;
    assert_eq!(running.await.unwrap().unwrap_err().kind, ErrorKind::UpstreamInvalid);
    assert!(matches!(events.recv().await.unwrap(), UpstreamEvent::Oversize { bytes_max: 1000 }));
    let running = tokio::spawn(connection.call(modern_call("small")));
    let request = peer.next().await;
    peer.answer(&request, json!({})).await;
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_end_of_the_pipe_fails_what_waits_and_what_comes() {
    let (connection, mut peer, _events) = modern().await;
    let running = tokio::spawn(connection.call(modern_call("t")));
    peer.next().await;
    drop(peer);
    assert_eq!(running.await.unwrap().unwrap_err().kind, ErrorKind::UpstreamGone);
    connection.closed().await;
    assert_eq!(connection.call(modern_call("t")).await.unwrap_err().kind, ErrorKind::UpstreamGone);
}

#[tokio::test]
async fn close_ends_the_servers_input_and_fails_what_waits() {
    let (connection, mut peer, _events) = modern().await;
    let running = tokio::spawn(connection.call(modern_call("t")));
    peer.next().await;
    connection.close().await;
    assert_eq!(running.await.unwrap().unwrap_err().kind, ErrorKind::UpstreamGone);
    assert!(peer.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn silence_ends_a_call_and_progress_prolongs_it() {
    let (connection, mut peer, _events) = modern().await;
    let running = tokio::spawn(connection.call(modern_call("silent")));
    let request = peer.next().await;
    let error = running.await.unwrap().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout);
    assert!(
        error.message.contains("`peer`") && error.message.contains("silent") && error.message.contains("60 s"),
        "{}",
        error.message
    );
    assert_eq!(peer.next().await["params"]["requestId"], request["id"]);
    let (busy, heard) = noisy_call("busy", "p");
    let running = tokio::spawn(connection.call(busy));
    let request = peer.next().await;
    for step in 1..=3 {
        tokio::time::advance(Duration::from_secs(40)).await;
        let token = &request["params"]["_meta"]["progressToken"];
        peer.tell("notifications/progress", json!({"progressToken": token, "progress": step})).await;
        heard.next().await;
    }
    peer.answer(&request, json!({})).await;
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn calls_in_flight_are_limited() {
    let (connecting, mut peer, _events) = connect(ConnectOptions { calls_max: 1, ..ConnectOptions::new("peer") });
    let asked = peer.next().await;
    peer.answer(&asked, json!({"supportedVersions": ["2026-07-28"], "capabilities": {}})).await;
    let connection = connecting.await.unwrap().unwrap();
    let running = tokio::spawn(connection.call(modern_call("one")));
    let request = peer.next().await;
    assert_eq!(connection.call(modern_call("two")).await.unwrap_err().kind, ErrorKind::Overloaded);
    peer.answer(&request, json!({})).await;
    running.await.unwrap().unwrap();
    assert_eq!(connection.in_flight(), 0);
}

#[tokio::test]
async fn a_legacy_server_may_ping_and_ask_for_roots() {
    let options = ConnectOptions { roots: vec!["file:///work".to_owned()], ..ConnectOptions::new("peer") };
    let (connecting, mut peer, _events) = connect(options);
    let asked = peer.next().await;
    peer.refuse(&asked, -32601).await;
    peer.initialize(json!({})).await;
    let _connection = connecting.await.unwrap().unwrap();
    for (method, id) in [("ping", 1), ("roots/list", 2), ("sampling/createMessage", 3)] {
        peer.say(&json!({"jsonrpc": "2.0", "id": id, "method": method}).to_string()).await;
    }
    assert_eq!(peer.next().await["result"], json!({}));
    assert_eq!(peer.next().await["result"], json!({"roots": [{"uri": "file:///work"}]}));
    assert_eq!(peer.next().await["error"]["code"], -32601);
}

#[tokio::test]
async fn log_levels_are_set_once_and_messages_reach_the_only_call() {
    let (connection, mut peer, mut events) = legacy(json!({"logging": {}})).await;
    for round in 0..2 {
        let (call, heard) = noisy_call("t", "p");
        let running = tokio::spawn(connection.call(call));
        let mut request = peer.next().await;
        if round == 0 {
            assert_eq!((&request["method"], &request["params"]["level"]), (&json!("logging/setLevel"), &json!("info")));
            request = peer.next().await;
        }
        assert_eq!(request["method"], "tools/call");
        for level in ["debug", "error"] {
            peer.tell("notifications/message", json!({"level": level, "data": 1})).await;
        }
        peer.answer(&request, json!({})).await;
        running.await.unwrap().unwrap();
        assert_eq!(heard.take().unwrap().params.unwrap().text("level").unwrap(), "error");
        assert!(heard.take().is_none());
    }
    peer.tell("notifications/message", json!({"level": "info", "data": 2})).await;
    assert!(matches!(events.recv().await.unwrap(), UpstreamEvent::Log(_)));
    assert_eq!(LogLevel::parse("info"), Some(LogLevel::Info));
}

#[tokio::test]
async fn eras_differ_in_errors_and_result_types() {
    let (connection, mut peer, _events) = legacy(json!({})).await;
    let running = tokio::spawn(connection.call(call(
        Version::MODERN_LATEST,
        "resources/read",
        r#"{"uri":"a:b","_meta":{"x/y":1}}"#,
    )));
    let request = peer.next().await;
    assert_eq!(request["params"]["_meta"], json!({"x/y": 1}));
    peer.refuse(&request, -32002).await;
    assert_eq!(running.await.unwrap().unwrap_err().code(), -32602);
    let (connection, mut peer, _events) = modern().await;
    let running = tokio::spawn(connection.call(modern_call("t")));
    let request = peer.next().await;
    peer.answer(&request, json!({"resultType": "surprise"})).await;
    assert_eq!(running.await.unwrap().unwrap_err().kind, ErrorKind::UpstreamInvalid);
    let running = tokio::spawn(connection.call(modern_call("t")));
    let request = peer.next().await;
    peer.refuse(&request, -32021).await;
    assert_eq!(running.await.unwrap().unwrap_err().code(), -32021);
}

#[tokio::test]
async fn a_modern_server_is_listened_to_and_resubscribed() {
    let (connecting, mut peer, mut events) = connect(ConnectOptions::new("peer"));
    let asked = peer.next().await;
    let capabilities = json!({"tools": {"listChanged": true}, "resources": {"subscribe": true}});
    peer.answer(&asked, json!({"supportedVersions": ["2026-07-28"], "capabilities": capabilities})).await;
    let connection = connecting.await.unwrap().unwrap();
    let listen = peer.next().await;
    assert_eq!(listen["params"]["notifications"], json!({"toolsListChanged": true}));
    peer.tell("notifications/tools/list_changed", json!({})).await;
    assert!(matches!(events.recv().await.unwrap(), UpstreamEvent::ListChanged(List::Tools)));
    connection.subscribe(wanted("a:b"));
    let again = peer.next().await;
    assert_eq!(again["params"]["notifications"], json!({"toolsListChanged": true, "resourceSubscriptions": ["a:b"]}));
    assert_eq!(peer.next().await["params"]["requestId"], listen["id"], "the old one ends after the new one stands");
    peer.tell("notifications/resources/updated", json!({"uri": "a:b"})).await;
    assert!(matches!(events.recv().await.unwrap(), UpstreamEvent::ResourceUpdated { uri } if uri == "a:b"));
}

#[tokio::test]
async fn a_legacy_server_is_subscribed_by_difference() {
    let (connection, mut peer, _events) = legacy(json!({"resources": {"subscribe": true}})).await;
    connection.subscribe(wanted("a:1"));
    let request = peer.next().await;
    assert_eq!((&request["method"], &request["params"]["uri"]), (&json!("resources/subscribe"), &json!("a:1")));
    peer.answer(&request, json!({})).await;
    connection.subscribe(wanted("a:2"));
    for (method, uri) in [("resources/unsubscribe", "a:1"), ("resources/subscribe", "a:2")] {
        let request = peer.next().await;
        assert_eq!((&request["method"], &request["params"]["uri"]), (&json!(method), &json!(uri)));
        peer.answer(&request, json!({})).await;
    }
}

#[tokio::test]
async fn line_breaks_in_arguments_do_not_break_lines() {
    let (connection, mut peer, _events) = modern().await;
    let mut call = modern_call("t");
    call.params = object("{\"name\":\"t\",\"arguments\":{\n \"a\": [1,\r\n2]}}");
    let running = tokio::spawn(connection.call(call));
    let request = peer.next().await;
    assert_eq!(request["params"]["arguments"], json!({"a": [1, 2]}));
    peer.answer(&request, json!({})).await;
    running.await.unwrap().unwrap();
}
