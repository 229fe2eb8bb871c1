//! The server `memory` through its `Service`, over a real file.

mod importing;

mod searching;

mod scale;

use super::{Options, server};
use protocol::tools::ToolServer;
use protocol::{Call, CallContext, Client, Object, Principal, Raw, Service, Text, Version};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use std::sync::Arc;
use std::time::Duration;
use store::{Clock, Moment, Place, Store};

/// A store of a test's own; a file has a time of its own too.
struct Fixture {
    store: Store,
    place: Place,
    clock: Arc<Hands>,
    options: Options,
    _folder: tempfile::TempDir,
}

/// A clock that tests move.
#[derive(Debug)]
struct Hands(std::sync::Mutex<i64>);

/// Somebody who calls.
struct Caller {
    server: ToolServer,
    context: CallContext,
}

// === impl Fixture ===

impl Fixture {
    async fn new() -> Self {
        Self::with(Options::default()).await
    }

    /// In a file.
    async fn with(options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::File(folder.path().join("state.db"));
        Self::at(place, folder, options).await
    }

    /// In a new database of the PostgreSQL server that the tests have.
    async fn postgres(options: Options) -> Option<Self> {
        let Ok(server) = std::env::var("SWITCHBOARD_TEST_POSTGRES") else {
            eprintln!("skipped: PostgreSQL: run it as `cargo xtask databases -- COMMAND`");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let unique = folder.path().file_name().unwrap().to_string_lossy().replace(['.', '-'], "_").to_lowercase();
        let name = format!("m{}_{unique}", std::process::id());
        let mut connection = PgConnection::connect(&server).await.unwrap();
        connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        let (address, _) = server.rsplit_once('/').unwrap();
        Some(Self::at(Place::Url(format!("{address}/{name}").into()), folder, options).await)
    }

    async fn at(place: Place, folder: tempfile::TempDir, options: Options) -> Self {
        let clock = Arc::new(Hands(std::sync::Mutex::new(1_795_239_420_000)));
        let store = open(&place, &clock).await;
        Self { store, place, clock, options, _folder: folder }
    }

    /// The same tables opened once more, as by another process.
    async fn again(&self) -> Store {
        open(&self.place, &self.clock).await
    }

    fn caller(&self, principal: &str) -> Caller {
        let info = Raw::of(&json!({"name": "test-client", "version": "1"}));
        let client = Client { version: Version::MODERN_LATEST, info: Some(info), capabilities: None };
        let context = CallContext { client: Arc::new(client), ..CallContext::internal(Principal::new(principal)) };
        Caller { server: server(self.store.clone(), self.options.clone()), context }
    }

    /// Time passes; PostgreSQL has its own.
    fn pass(&self, time: Duration) {
        *self.clock.0.lock().unwrap() += i64::try_from(time.as_millis()).unwrap();
    }
}

/// Runs a test on each database that there is.
async fn on_each(options: Options, test: impl AsyncFn(Fixture)) {
    test(Fixture::with(options.clone()).await).await;
    if let Some(fixture) = Fixture::postgres(options).await {
        test(fixture).await;
    }
}

async fn open(place: &Place, clock: &Arc<Hands>) -> Store {
    let options = store::Options { clock: Arc::<Hands>::clone(clock), ..store::Options::default() };
    Store::open(place.clone(), options).await.unwrap()
}

impl Clock for Hands {
    fn read(&self) -> Moment {
        let now = *self.0.lock().unwrap();
        Moment { wall_ms: now, up_ms: now - 1_700_000_000_000, boot: "one".into() }
    }
}

// === impl Caller ===

impl Caller {
    async fn raw(&self, tool: &str, arguments: Value) -> Value {
        let params = Object::of(&Raw::of(&json!({"name": tool, "arguments": arguments}))).unwrap();
        let call = Call { method: Text::from_static("tools/call"), params, context: self.context.clone() };
        let result = self.server.call(call).await.unwrap();
        serde_json::from_slice(result.to_raw().as_bytes()).unwrap()
    }

    /// The structured result, which the text block says too.
    async fn call(&self, tool: &str, arguments: Value) -> Value {
        let mut result = self.raw(tool, arguments).await;
        assert_ne!(result["isError"], true, "{tool}: {result}");
        let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(text, result["structuredContent"]);
        result["structuredContent"].take()
    }

    /// What a failure says: its type and its message.
    async fn fail(&self, tool: &str, arguments: Value) -> (String, String) {
        let result = self.raw(tool, arguments).await;
        assert_eq!(result["isError"], true, "{tool}: {result}");
        let said: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
        (said["type"].as_str().unwrap().to_owned(), said["error"].as_str().unwrap().to_owned())
    }

    async fn save(&self, text: &str) -> String {
        let saved = self.call("save_memory", json!({"text": text})).await;
        assert_eq!(saved["status"], "saved", "{saved}");
        saved["id"].as_str().unwrap().to_owned()
    }
}

fn texts(page: &Value) -> Vec<&str> {
    page["memories"].as_array().unwrap().iter().map(|memory| memory["text"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn what_was_saved_is_found_listed_read_changed_and_forgotten() {
    let fixture = Fixture::new().await;
    let me = fixture.caller("alice");
    let saved = me.call("save_memory", json!({"text": "I prefer Python for AI", "tags": ["taste"], "ttl": 60})).await;
    let id = saved["id"].as_str().unwrap().to_owned();
    assert_eq!(
        saved,
        json!({"success": true, "id": id, "status": "saved", "message": format!("Saved as {id}: I prefer Python for AI"),
               "version": 1, "expires_at": "2026-11-21T05:38:00Z"})
    );
    let shown = json!({
        "id": id, "text": "I prefer Python for AI", "tags": ["taste"], "version": 1,
        "created_at": "2026-11-21T05:37:00Z", "updated_at": "2026-11-21T05:37:00Z", "expires_at": "2026-11-21T05:38:00Z",
        "source": {"principal": "alice", "client": "test-client"},
    });
    let listed = me.call("get_all_memories", json!({})).await;
    assert_eq!(listed, json!({"memories": [shown], "count": 1, "total": 1}));
    let mut found = me.call("search_memories", json!({"query": "python"})).await;
    assert!(found["memories"][0].as_object_mut().unwrap().remove("score").unwrap().as_f64().unwrap() > 0.0);
    assert_eq!(found, listed);
    assert_eq!(me.call("get_memory", json!({"memory_id": id})).await, shown);

    fixture.pass(Duration::from_secs(1));
    let update = json!({"memory_id": id, "text": "I prefer Rust", "tags": ["taste", "new"], "ttl": 0, "version": 1});
    let updated = me.call("update_memory", update).await;
    assert_eq!((&updated["status"], &updated["version"]), (&json!("updated"), &json!(2)));
    let changed = me.call("get_memory", json!({"memory_id": id})).await;
    assert_eq!((&changed["text"], &changed["tags"]), (&json!("I prefer Rust"), &json!(["taste", "new"])));
    assert_eq!((&changed["updated_at"], changed.get("expires_at")), (&json!("2026-11-21T05:37:01Z"), None));
    assert_eq!(me.call("search_memories", json!({"query": "python"})).await["count"], 0);

    let deleted = me.call("delete_memory", json!({"memory_id": id})).await;
    assert_eq!(deleted, json!({"success": true, "deleted": 1, "message": format!("Deleted {id}: I prefer Rust")}));
    assert_eq!(me.call("search_memories", json!({"query": "rust"})).await["total"], 0);
}

#[tokio::test]
async fn every_kind_of_failure_says_what_it_is() {
    on_each(Options { text_bytes_max: 20, memories_max: 2, shared: false, ..Options::default() }, async |fixture| {
        let me = fixture.caller("alice");
        let id = me.save("first").await;
        let absent = "m0000000000000";
        let table = [
            ("save_memory", json!({"text": " "}), "validation", "empty"),
            ("save_memory", json!({"text": "x".repeat(21)}), "validation", "21 bytes, at most 20"),
            ("save_memory", json!({"text": "a", "ttl": u64::MAX}), "validation", "seconds"),
            ("save_memory", json!({"text": "a", "tags": [""]}), "validation", "tags"),
            ("save_memory", json!({"text": "a", "links": [{"to": absent}]}), "not_found", absent),
            ("save_memory", json!({"text": "a", "links": [{"to": "x"}]}), "validation", "no id"),
            ("save_memory", json!({"text": "a", "namespace": "team"}), "denied", "shared"),
            ("search_memories", json!({"query": "?!"}), "validation", "no words"),
            ("search_memories", json!({"query": "a", "limit": 0}), "validation", "limit"),
            ("search_memories", json!({"query": "a", "cursor": "x"}), "validation", "cursor"),
            ("get_all_memories", json!({"cursor": "x"}), "validation", "cursor"),
            ("get_memory", json!({"memory_id": absent}), "not_found", absent),
            ("get_memory", json!({"memory_id": "1"}), "validation", "no id"),
            ("update_memory", json!({"memory_id": absent, "text": "a"}), "not_found", absent),
            ("update_memory", json!({"memory_id": id, "text": "a", "version": 7}), "conflict", "version 1"),
            ("delete_memory", json!({"memory_id": absent}), "not_found", absent),
            ("import_memories", json!({"graph": "{}"}), "validation", "line 1"),
        ];
        for (tool, arguments, kind, part) in table {
            let (found, message) = me.fail(tool, arguments.clone()).await;
            assert_eq!(found, kind, "{tool} {arguments}: {message}");
            assert!(message.contains(part), "{tool} {arguments}: {message}");
        }
        me.save("second").await;
        let (kind, message) = me.fail("save_memory", json!({"text": "third"})).await;
        assert_eq!((kind.as_str(), message.as_str()), ("quota", "the space has 2 memories, at most 2"));
        assert_eq!(me.call("get_all_memories", json!({})).await["total"], 2, "nothing of a failure stays");
    })
    .await;
}

#[tokio::test]
async fn the_very_text_is_kept_once_and_learns_tags() {
    on_each(Options::default(), async |fixture| {
        let me = fixture.caller("alice");
        let id = me.save("the port is 5433").await;
        let again = me.call("save_memory", json!({"text": "the port is 5433", "tags": ["db"]})).await;
        assert_eq!((&again["status"], &again["id"], &again["version"]), (&json!("known"), &json!(id), &json!(2)));
        let third = me.call("save_memory", json!({"text": "the port is 5433"})).await;
        assert_eq!(third["version"], 2, "nothing changed");
        let page = me.call("get_all_memories", json!({"tags": ["DB"]})).await;
        assert_eq!((&page["total"], &page["memories"][0]["tags"]), (&json!(1), &json!(["db"])));
    })
    .await;
}

#[tokio::test]
async fn a_space_of_ones_own_is_closed_and_a_shared_one_open() {
    on_each(Options::default(), async |fixture| {
        let (alice, bob) = (fixture.caller("alice"), fixture.caller("bob"));
        let secret = alice.save("alice's secret").await;
        let shared = bob.call("save_memory", json!({"text": "the team meets at ten", "namespace": "team"})).await;
        assert_eq!(bob.call("get_all_memories", json!({})).await["total"], 0);
        assert_eq!(bob.call("search_memories", json!({"query": "secret"})).await["count"], 0);
        for (tool, more) in
            [("get_memory", json!({})), ("delete_memory", json!({})), ("update_memory", json!({"text": "x"}))]
        {
            let mut arguments = json!({"memory_id": secret});
            arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            assert_eq!(bob.fail(tool, arguments).await.0, "not_found", "{tool}");
        }
        let found = alice.call("search_memories", json!({"query": "team", "namespace": "team"})).await;
        assert_eq!(found["memories"][0]["namespace"], "team");
        assert_eq!(found["memories"][0]["source"]["principal"], "bob");
        assert_eq!(alice.call("get_memory", json!({"memory_id": shared["id"]})).await["text"], "the team meets at ten");
        assert_eq!(bob.call("delete_all_memories", json!({})).await["deleted"], 0);
        assert_eq!(alice.call("delete_all_memories", json!({"namespace": "team"})).await["deleted"], 1);
        assert_eq!(alice.call("get_all_memories", json!({})).await["total"], 1);
    })
    .await;
}

#[tokio::test]
async fn links_lead_both_ways_and_end_with_their_memories() {
    on_each(Options::default(), async |fixture| {
        let (alice, bob) = (fixture.caller("alice"), fixture.caller("bob"));
        let (one, two) = (alice.save("one\nmore").await, alice.save("two").await);
        let links = json!([{"to": one, "kind": "explains"}, {"to": two}]);
        let saved = alice.call("save_memory", json!({"text": "three", "links": links})).await;
        let three = saved["id"].as_str().unwrap();
        let read = alice.call("get_memory", json!({"memory_id": three})).await;
        let expected =
            json!([{"id": one, "kind": "explains", "text": "one…"}, {"id": two, "kind": "related", "text": "two"}]);
        assert_eq!(read["links"], expected);
        let back = alice.call("get_memory", json!({"memory_id": one})).await;
        assert_eq!(back["linked_from"], json!([{"id": three, "kind": "explains", "text": "three"}]));

        let public = bob.call("save_memory", json!({"text": "public", "namespace": "all"})).await;
        assert_eq!(
            bob.fail("update_memory", json!({"memory_id": public["id"], "links": [{"to": one}]})).await.0,
            "not_found"
        );
        alice.call("update_memory", json!({"memory_id": public["id"], "links": [{"to": one}]})).await;
        let seen = bob.call("get_memory", json!({"memory_id": public["id"]})).await;
        assert_eq!((seen.get("links"), &seen["version"]), (None, &json!(2)), "bob may not see the other end");

        alice.call("update_memory", json!({"memory_id": three, "unlink": [two]})).await;
        alice.call("delete_memory", json!({"memory_id": one})).await;
        assert_eq!(alice.call("get_memory", json!({"memory_id": three})).await.get("links"), None);
    })
    .await;
}

#[tokio::test]
async fn what_has_expired_is_gone_at_once_and_its_room_with_the_next_change() {
    let fixture = Fixture::with(Options { memories_max: 1, ..Options::default() }).await;
    let me = fixture.caller("alice");
    let saved = me.call("save_memory", json!({"text": "short lived", "ttl": 100})).await;
    fixture.pass(Duration::from_secs(99));
    assert_eq!(me.call("get_all_memories", json!({})).await["total"], 1);
    fixture.pass(Duration::from_secs(2));
    assert_eq!(me.call("get_all_memories", json!({})).await, json!({"memories": [], "count": 0, "total": 0}));
    assert_eq!(me.call("search_memories", json!({"query": "lived"})).await["count"], 0);
    assert_eq!(me.fail("get_memory", json!({"memory_id": saved["id"]})).await.0, "not_found");
    me.save("its place is free").await;
}

#[tokio::test]
async fn what_has_expired_is_gone_by_the_clock_of_the_server_too() {
    let Some(fixture) = Fixture::postgres(Options::default()).await else { return };
    let me = fixture.caller("alice");
    let saved = me.call("save_memory", json!({"text": "short lived", "ttl": 1})).await;
    let until = std::time::Instant::now() + Duration::from_secs(20);
    while me.raw("get_memory", json!({"memory_id": saved["id"]})).await["isError"] != true {
        assert!(std::time::Instant::now() < until, "it does not expire");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(me.call("search_memories", json!({"query": "lived"})).await["total"], 0);
}

#[tokio::test]
async fn pages_have_an_end_and_together_they_are_all() {
    on_each(Options::default(), async |fixture| {
        let me = fixture.caller("alice");
        let mut saved = Vec::new();
        for number in 0..25 {
            fixture.pass(Duration::from_millis(2));
            saved.push(me.save(&format!("note {number} {}", "x".repeat(if number == 7 { 60_000 } else { 10 }))).await);
        }
        saved.sort_by(|left, right| right.cmp(left));
        for tool in ["get_all_memories", "search_memories"] {
            let (mut seen, mut cursor, mut pages) = (Vec::new(), Value::Null, 0);
            loop {
                let arguments = match tool {
                    "search_memories" => json!({"query": "note", "limit": 10, "cursor": cursor}),
                    _ => json!({"limit": 10, "cursor": cursor}),
                };
                let page = me.call(tool, arguments).await;
                pages += 1;
                assert_eq!((&page["total"], page["count"].as_u64().unwrap() <= 10), (&json!(25), true));
                seen.extend(
                    page["memories"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()),
                );
                cursor = page["next_cursor"].clone();
                if cursor.is_null() {
                    break;
                }
            }
            match tool {
                // The long one ends a page early.
                "get_all_memories" => assert_eq!((&seen, pages), (&saved, 4)),
                _ => {
                    let mut sorted = seen.clone();
                    sorted.sort_by(|left, right| right.cmp(left));
                    assert_eq!((sorted, pages), (saved.clone(), 3));
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn all_with_a_tag_are_deleted_whatever_their_number() {
    on_each(Options::default(), async |fixture| {
        let me = fixture.caller("alice");
        for number in 0..260 {
            let tags = if number < 258 { json!(["old"]) } else { json!([]) };
            me.call("save_memory", json!({"text": format!("note {number}"), "tags": tags})).await;
        }
        let deleted = me.call("delete_all_memories", json!({"tags": ["OLD"]})).await;
        assert_eq!(deleted, json!({"success": true, "deleted": 258, "message": "Deleted 258 memories with OLD"}));
        assert_eq!(me.call("delete_all_memories", json!({})).await["deleted"], 2);
        assert_eq!(me.call("get_all_memories", json!({})).await["total"], 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_write_at_once_through_two_openings_of_one_file() {
    const WRITERS: usize = 8;
    const EACH: usize = 20;
    on_each(Options::default(), async |fixture| {
        let other = fixture.again().await;
        let writers = (0..WRITERS).map(|writer| {
            let store = if writer % 2 == 0 { fixture.store.clone() } else { other.clone() };
            let me = Caller { server: server(store, Options::default()), ..fixture.caller("alice") };
            tokio::spawn(async move {
                for number in 0..EACH {
                    me.save(&format!("fact {number} of writer {writer}")).await;
                    me.call("save_memory", json!({"text": format!("all say {number}")})).await;
                }
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap();
        }
        let me = fixture.caller("alice");
        assert_eq!(me.call("get_all_memories", json!({"limit": 1})).await["total"], WRITERS * EACH + EACH);
        let (mut count, mut cursor) = (0, json!(null));
        loop {
            let found = me.call("search_memories", json!({"query": "writer", "limit": 50, "cursor": cursor})).await;
            count += texts(&found).into_iter().filter(|text| text.contains("writer")).count();
            cursor = found["next_cursor"].clone();
            if cursor.is_null() {
                break;
            }
        }
        assert_eq!(count, WRITERS * EACH, "the words are as many as the memories");
    })
    .await;
}

#[test]
fn options_have_no_other_keys() {
    let options: Options = serde_json::from_value(json!({"memories_max": 5})).unwrap();
    assert_eq!((options.memories_max, options.shared), (5, true));
    assert!(serde_json::from_value::<Options>(json!({"memory_max": 5})).is_err());
}
