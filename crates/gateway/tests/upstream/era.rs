//! Finding out the era over a pipe (protocol.md section 1.22).

use crate::pipe_peer::{self, connect};
use gateway::upstream::{ConnectError, ConnectOptions, EraChoice};
use protocol::{Era, Version};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test]
async fn a_discover_result_means_modern() {
    let (connection, ..) = pipe_peer::modern().await;
    assert_eq!(connection.handshake().era, Era::Modern);
    assert_eq!(connection.handshake().supported_versions, ["2026-07-28"]);
}

#[tokio::test]
async fn any_other_error_means_legacy() {
    for code in [-32601, -32602, -32000, -32603, 1] {
        let (connecting, mut peer, _events) = connect(ConnectOptions::new("peer"));
        let asked = peer.next().await;
        assert_eq!(asked["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
        peer.refuse(&asked, code).await;
        peer.initialize(json!({})).await;
        let connection = connecting.await.unwrap().unwrap();
        assert_eq!(connection.handshake().version, Version::V2025_06_18);
    }
}

#[tokio::test(start_paused = true)]
async fn ten_seconds_of_silence_mean_legacy() {
    let begun = Instant::now();
    let (connecting, mut peer, _events) = connect(ConnectOptions::new("peer"));
    assert_eq!(peer.next().await["method"], "server/discover");
    peer.initialize(json!({})).await;
    assert_eq!(begun.elapsed().as_secs(), 10);
    assert_eq!(connecting.await.unwrap().unwrap().handshake().era, Era::Legacy);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_wakes_up_late_gets_five_seconds_more() {
    let begun = Instant::now();
    let (connecting, mut peer, mut events) = connect(ConnectOptions::new("peer"));
    assert_eq!(peer.next().await["method"], "server/discover");
    tokio::time::advance(Duration::from_secs(8)).await;
    peer.say("installing…").await;
    events.recv().await.unwrap();
    peer.initialize(json!({})).await;
    assert_eq!(begun.elapsed().as_secs(), 13);
    connecting.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_late_discover_result_counts_when_initialize_is_refused() {
    let (connecting, mut peer, _events) = connect(ConnectOptions::new("peer"));
    let asked = peer.next().await;
    let initialize = peer.next().await;
    peer.answer(&asked, json!({"supportedVersions": ["2026-07-28"], "capabilities": {}})).await;
    peer.refuse(&initialize, -32601).await;
    assert_eq!(connecting.await.unwrap().unwrap().handshake().era, Era::Modern);
}

#[tokio::test]
async fn a_server_that_exits_during_the_probe_is_told_apart() {
    let (connecting, mut peer, _events) = connect(ConnectOptions::new("peer"));
    peer.next().await;
    drop(peer);
    assert_eq!(connecting.await.unwrap().unwrap_err(), ConnectError::ExitedDuringProbe);
    let (connecting, mut peer, _events) =
        connect(ConnectOptions { era: EraChoice::Legacy, ..ConnectOptions::new("peer") });
    assert_eq!(peer.next().await["method"], "initialize");
    drop(peer);
    assert!(matches!(connecting.await.unwrap().unwrap_err(), ConnectError::Unreachable { .. }));
}

#[tokio::test]
async fn a_remembered_era_is_tried_first_and_not_believed() {
    let legacy = || ConnectOptions { remembered: Some(Era::Legacy), ..ConnectOptions::new("peer") };
    let (connecting, mut peer, _events) = connect(legacy());
    peer.initialize(json!({})).await;
    assert_eq!(connecting.await.unwrap().unwrap().handshake().era, Era::Legacy);
    let (connecting, mut peer, _events) = connect(legacy());
    let asked = peer.next().await;
    peer.refuse(&asked, -32601).await;
    let asked = peer.next().await;
    peer.answer(&asked, json!({"supportedVersions": ["2026-07-28"], "capabilities": {}})).await;
    assert_eq!(connecting.await.unwrap().unwrap().handshake().era, Era::Modern);
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_fails_in_time_and_its_pipe_is_closed() {
    let (connecting, mut peer, _events) = connect(ConnectOptions::new("peer"));
    assert_eq!(connecting.await.unwrap().unwrap_err(), ConnectError::Timeout { seconds: 60 });
    peer.next().await;
    peer.next().await;
    assert!(peer.is_closed().await);
}
