//! The life of a server as whoever leads the gateway sees it: sickness, what people want, sleep, with
//! a remote server that the test plays.

use crate::peer::Peer;
use crate::{World, configuration};
use gateway::catalog::StoredCatalog;
use gateway::server::{Command, Desired, Server, ServerState, Status};
use protocol::{CallContext, Principal};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;

async fn peer() -> Peer {
    Peer::serve(|asked| match asked.method.as_str() {
        "server/discover" => Ok(json!({
            "supportedVersions": ["2026-07-28"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "peer", "version": "1"},
            "resultType": "complete",
        })),
        "tools/list" => Ok(json!({
            "tools": [{"name": "one", "inputSchema": {"type": "object"}}],
            "ttlMs": 0, "cacheScope": "private", "resultType": "complete",
        })),
        "tools/call" => Ok(json!({"content": [{"type": "text", "text": "done"}], "resultType": "complete"})),
        _ => Err(json!({"code": -32601, "message": "no such method"})),
    })
    .await
}

fn entry(peer: &Peer, more: &str) -> String {
    format!("[servers.far]\nurl = {:?}\nrestart_delay = \"50ms\"\n{more}", peer.url)
}

impl World {
    fn far(&self) -> Arc<Server> {
        self.gateway.snapshot().servers["far"].clone()
    }

    async fn call(&self) -> Result<Value, protocol::Error> {
        let client = CallContext::internal(Principal::new("ann"));
        self.ask(&client, "tools/call", json!({"name": "far__one", "arguments": {}})).await
    }
}

/// Waits until the status fits.
async fn until(server: &Server, fits: impl Fn(&Status) -> bool) -> Status {
    let mut statuses = server.watch_status();
    let found = tokio::time::timeout(Duration::from_secs(30), statuses.wait_for(fits)).await;
    assert!(found.is_ok(), "it is {:?}", server.status());
    found.unwrap().unwrap().clone()
}

#[tokio::test]
async fn who_is_found_sick_is_started_anew_as_the_policy_says() {
    let peer = peer().await;
    let world = World::of(&entry(&peer, ""), StoredCatalog::default(), Desired::default()).await;
    let far = world.far();
    until(&far, |status| status.state == ServerState::Ready).await;
    far.tell(Command::Recover { instance: 0, reason: "three probes in a row failed".to_owned() });
    let sick = until(&far, |status| status.state == ServerState::Backoff).await;
    assert_eq!(sick.reason.as_deref(), Some("three probes in a row failed"));
    assert!(sick.next_try.is_some() && sick.goal == gateway::server::Goal::Up);
    // A call waits for it.
    assert_eq!(world.call().await.unwrap()["content"][0]["text"], "done");
    let well = far.status();
    assert_eq!((well.state, well.instances[0].restarts), (ServerState::Ready, 1));
}

#[tokio::test]
async fn what_people_want_is_handed_out_and_in() {
    let peer = peer().await;
    let world = World::of(&entry(&peer, ""), StoredCatalog::default(), Desired::default()).await;
    let far = world.far();
    until(&far, |status| status.state == ServerState::Ready).await;
    let mut wanted = world.gateway.desired();
    let (done, stopped) = oneshot::channel();
    far.tell(Command::Down(done));
    stopped.await.unwrap();
    assert_eq!(far.status().state, ServerState::Stopped);
    wanted.changed().await.unwrap();
    let wanted = wanted.borrow().clone();
    assert_eq!(wanted, Desired { stopped: ["far".to_owned()].into(), ..Desired::default() });
    let (stored, _) = world.gateway.stored();
    let asked = peer.count("server/discover");

    let world = World::of(&entry(&peer, ""), stored, wanted).await;
    let far = world.far();
    far.tell(Command::Wake);
    let client = CallContext::internal(Principal::new("ann"));
    let listed = world.ask(&client, "tools/list", json!({})).await.unwrap();
    assert_eq!(listed["tools"][0]["name"], "far__one");
    let refused = world.call().await.unwrap();
    assert!(refused["content"][0]["text"].as_str().unwrap().contains("switchboard start far"), "{refused}");
    assert_eq!(peer.count("server/discover"), asked, "nobody may have started it");
    far.tell(Command::Start);
    until(&far, |status| status.state == ServerState::Ready).await;
    assert_eq!(*world.gateway.desired().borrow(), Desired::default());
}

#[tokio::test]
async fn a_remote_server_sleeps_too_and_many_calls_wake_it_once() {
    let peer = peer().await;
    let text = entry(&peer, "start = \"lazy\"\nidle_timeout = \"100ms\"\n");
    let world = World::of(&text, StoredCatalog::default(), Desired::default()).await;
    let far = world.far();
    until(&far, |status| status.state == ServerState::Asleep).await;
    let asked = peer.count("server/discover");
    let calls = futures_util::future::join_all((0..20).map(|_| world.call())).await;
    for reply in calls {
        assert_eq!(reply.unwrap()["content"][0]["text"], "done");
    }
    assert_eq!(peer.count("server/discover"), asked + 1, "one start for all");
    until(&far, |status| status.state == ServerState::Asleep).await;
    assert_eq!(far.counters.restarts.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn commands_that_contradict_each_other_end_as_the_last_one_says() {
    let peer = peer().await;
    let world = World::of(&entry(&peer, ""), StoredCatalog::default(), Desired::default()).await;
    let far = world.far();
    for _ in 0..20 {
        let (done, stopped) = oneshot::channel();
        far.tell(Command::Restart);
        far.tell(Command::Down(done));
        far.tell(Command::Start);
        stopped.await.unwrap();
    }
    until(&far, |status| status.state == ServerState::Ready).await;
    let (done, stopped) = oneshot::channel();
    far.tell(Command::Start);
    far.tell(Command::Restart);
    far.tell(Command::Down(done));
    stopped.await.unwrap();
    assert_eq!(far.status().state, ServerState::Stopped);
    tokio::time::timeout(Duration::from_secs(30), far.stop()).await.unwrap();
    // Whoever asks an owner that is gone is not kept waiting.
    far.stop().await;
}

// === what goes on without end, and what is not there yet

/// A server of one tool whose discovery is answered as `up` says.
async fn gated(up: Arc<AtomicBool>) -> Peer {
    Peer::serve(move |asked| match asked.method.as_str() {
        "server/discover" if up.load(Ordering::SeqCst) => Ok(json!({
            "supportedVersions": ["2026-07-28"],
            "capabilities": {"tools": {"listChanged": true}},
            "resultType": "complete",
        })),
        "tools/list" => Ok(json!({
            "tools": [{"name": "one", "inputSchema": {"type": "object"}}],
            "ttlMs": 0, "cacheScope": "private", "resultType": "complete",
        })),
        "tools/call" => Ok(json!({"content": [{"type": "text", "text": "done"}], "resultType": "complete"})),
        _ => Err(json!({"code": -32000, "message": "not yet"})),
    })
    .await
}

/// Does something again and again until that is enough.
async fn again_until(mut enough: impl FnMut() -> bool, mut act: impl AsyncFnMut()) {
    let trying = async {
        while !enough() {
            act().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), trying).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_declared_later_is_waited_for_like_everything_else() {
    let up = Arc::new(AtomicBool::new(false));
    let (far, needed) = (peer().await, gated(up.clone()).await);
    let mut text = "[catalog]\nfirst_list_wait = \"50ms\"\n".to_owned() + &entry(&far, "depends_on = [\"z\"]\n");
    // Servers in between, whose making takes a while.
    for number in 0..200 {
        write!(text, "[servers.k{number}]\nurl = {:?}\nenabled = false\n", far.url).unwrap();
    }
    write!(text, "[servers.z]\nurl = {:?}\nrestart_delay = \"10ms\"\n", needed.url).unwrap();
    for _ in 0..2 {
        up.store(false, Ordering::SeqCst);
        let before = far.count("server/discover");
        let world = World::of(&text, StoredCatalog::default(), Desired::default()).await;
        let waits = |status: &Status| status.reason.as_deref().is_some_and(|reason| reason.contains("waits for `z`"));
        until(&world.far(), waits).await;
        assert_eq!(far.count("server/discover"), before, "it was started before what it needs");
        up.store(true, Ordering::SeqCst);
        until(&world.far(), |status| status.state == ServerState::Ready).await;
        world.gateway.stop().await;
    }
}

#[tokio::test]
async fn a_server_that_says_without_end_that_its_lists_changed_is_read_again() {
    let chatty = gated(Arc::new(AtomicBool::new(true))).await;
    let world = World::of(&entry(&chatty, ""), StoredCatalog::default(), Desired::default()).await;
    until(&world.far(), |status| status.state == ServerState::Ready).await;
    chatty.asked(|asked| asked.method == "subscriptions/listen").await;
    let before = chatty.count("tools/list");
    let mut ticks = tokio::time::interval(Duration::from_millis(2));
    let read = || chatty.count("tools/list") > before;
    again_until(read, async || {
        ticks.tick().await;
        chatty.tell("notifications/tools/list_changed", &json!({}));
    })
    .await;
}

#[tokio::test]
async fn a_status_that_changes_all_the_time_puts_no_check_off() {
    let (far, needed) = (peer().await, peer().await);
    let text = entry(&far, "depends_on = [\"dep\"]\nhealth = { interval = \"300ms\" }\n")
        + &format!("[servers.dep]\nurl = {:?}\nhealth = {{ interval = \"1h\" }}\n", needed.url);
    let world = World::of(&text, StoredCatalog::default(), Desired::default()).await;
    let (server, dep) = (world.far(), world.gateway.snapshot().servers["dep"].clone());
    until(&server, |status| status.state == ServerState::Ready).await;
    let before = far.count("server/discover");
    again_until(
        || far.count("server/discover") > before + 1,
        async || {
            let (done, stopped) = oneshot::channel();
            dep.tell(Command::Down(done));
            stopped.await.unwrap();
            until(&server, |status| status.degraded.is_some()).await;
            dep.tell(Command::Start);
            until(&server, |status| status.degraded.is_none()).await;
        },
    )
    .await;
    assert_eq!(server.counters.restarts.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn what_a_running_server_needs_does_not_sleep() {
    let (far, needed, other) = (peer().await, peer().await, peer().await);
    let mut text = entry(&far, "depends_on = [\"dep\"]\n");
    for (name, peer) in [("dep", &needed), ("nap", &other)] {
        write!(text, "[servers.{name}]\nurl = {:?}\nidle_timeout = \"100ms\"\n", peer.url).unwrap();
    }
    let world = World::of(&text, StoredCatalog::default(), Desired::default()).await;
    let server = |name: &str| world.gateway.snapshot().servers[name].clone();
    until(&server("far"), |status| status.state == ServerState::Ready).await;
    for _ in 0..4 {
        // A few idle times pass over this.
        until(&server("nap"), |status| status.state == ServerState::Asleep).await;
        server("nap").tell(Command::Wake);
        until(&server("nap"), |status| status.state == ServerState::Ready).await;
    }
    assert_eq!(needed.count("server/discover"), 1, "it slept while it was needed");
    assert_eq!(server("dep").status().state, ServerState::Ready);
    let (done, stopped) = oneshot::channel();
    server("far").tell(Command::Down(done));
    stopped.await.unwrap();
    until(&server("dep"), |status| status.state == ServerState::Asleep).await;
}

#[tokio::test]
async fn a_call_that_waits_for_a_server_goes_to_the_one_that_takes_its_place() {
    let up = Arc::new(AtomicBool::new(true));
    let far = gated(up.clone()).await;
    let world = World::of(&entry(&far, ""), StoredCatalog::default(), Desired::default()).await;
    until(&world.far(), |status| status.state == ServerState::Ready).await;
    up.store(false, Ordering::SeqCst);
    world.far().tell(Command::Restart);
    until(&world.far(), |status| status.state == ServerState::Backoff).await;
    let (reply, ()) = tokio::join!(world.call(), async {
        let changed = entry(&far, "startup_timeout = \"29s\"\n");
        world.gateway.apply(configuration(&changed)).await.unwrap();
        up.store(true, Ordering::SeqCst);
    });
    assert_eq!(reply.unwrap()["content"][0]["text"], "done");
}

#[tokio::test]
async fn a_stop_that_is_taken_back_is_answered() {
    let peer = peer().await;
    let world = World::of(&entry(&peer, ""), StoredCatalog::default(), Desired::default()).await;
    let far = world.far();
    until(&far, |status| status.state == ServerState::Ready).await;
    for _ in 0..20 {
        let (done, stopped) = oneshot::channel();
        far.tell(Command::Down(done));
        far.tell(Command::Start);
        tokio::time::timeout(Duration::from_secs(30), stopped).await.unwrap().unwrap();
    }
}
