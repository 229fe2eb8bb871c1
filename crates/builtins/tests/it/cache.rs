//! The server `cache`: every tool with every parameter, field and failure, in this process and in a
//! real Redis, with the same answers (predecessors.md section 2.1).

use builtins::cache::{Options, server};
use e2e::Redis;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use protocol::{Call, CallContext, Object, Principal, Raw, Service, Text, ToolServer};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use store::cache::{Cache, CacheSettings};

/// A client of the server, and what keeps it up.
struct Client {
    server: ToolServer,
    runtime: tokio::runtime::Runtime,
}

impl Client {
    fn new(settings: &CacheSettings, shared: bool) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _in = runtime.enter();
        let server = server(Cache::open(settings).unwrap(), &Options { shared });
        drop(_in);
        Self { server, runtime }
    }

    /// The whole result of a tool.
    fn call(&self, who: &str, tool: &str, arguments: &Value) -> Value {
        let params = Object::of(&Raw::of(&json!({ "name": tool, "arguments": arguments }))).unwrap();
        let context = CallContext::internal(Principal::new(who));
        let call = Call { method: Text::from_static("tools/call"), params, context };
        let result = self.runtime.block_on(self.server.call(call)).unwrap();
        serde_json::from_slice(result.to_raw().as_bytes()).unwrap()
    }

    /// What a tool answers, or `{"error": its type}`.
    fn ask(&self, who: &str, tool: &str, arguments: Value) -> Value {
        let result = self.call(who, tool, &arguments);
        let text = result["content"][0]["text"].as_str().unwrap();
        let said: Value = serde_json::from_str(text).unwrap();
        if result["isError"] == true {
            assert!(said["error"].is_string() && said["next"].is_string() || said["type"] == "validation", "{said}");
            return json!({ "error": said["type"] });
        }
        assert_eq!(said, result["structuredContent"], "{tool}");
        said
    }

    fn me(&self, tool: &str, arguments: Value) -> Value {
        self.ask("me", tool, arguments)
    }
}

/// A Redis that is given time: how long it takes is not what matters here.
fn patient(redis: &Redis) -> CacheSettings {
    CacheSettings { timeout: Duration::from_secs(20), ..CacheSettings::redis(redis.url().into()) }
}

/// Both caches, or the one in this process where no Redis is installed.
fn both(redis: Option<&Redis>) -> Vec<Client> {
    let settings = [Some(CacheSettings::default()), redis.map(patient)];
    settings.iter().flatten().map(|settings| Client::new(settings, false)).collect()
}

#[test]
fn every_tool_answers_in_the_fields_of_the_predecessor() {
    let redis = Redis::start();
    for client in both(redis.as_ref()) {
        let ok =
            |tool: &str, arguments: Value, expected: Value| assert_eq!(client.me(tool, arguments), expected, "{tool}");
        ok("cache_set", json!({"key": "a", "value": "text"}), json!({"success": true, "key": "a"}));
        ok("cache_get", json!({"key": "a"}), json!({"key": "a", "value": "text", "found": true}));
        ok("cache_get", json!({"key": "no"}), json!({"key": "no", "value": null, "found": false}));
        ok(
            "cache_set",
            json!({"key": "j", "value": "{\"n\": [1, 2]}", "ttl": 1000}),
            json!({"success": true, "key": "j"}),
        );
        ok("cache_get", json!({"key": "j"}), json!({"key": "j", "value": {"n": [1, 2]}, "found": true}));
        ok("cache_set", json!({"key": "o", "value": {"real": ["object"]}}), json!({"success": true, "key": "o"}));
        ok("cache_get", json!({"key": "o"}), json!({"key": "o", "value": {"real": ["object"]}, "found": true}));
        ok("cache_set", json!({"key": "q", "value": "\"x\""}), json!({"success": true, "key": "q"}));
        ok("cache_get", json!({"key": "q"}), json!({"key": "q", "value": "\"x\"", "found": true}));
        ok("cache_exists", json!({"keys": ["a", "no", "a"]}), json!({"exists": 2, "total": 3, "missing": ["no"]}));
        ok("cache_exists", json!({"keys": "[\"a\"]"}), json!({"exists": 1, "total": 1, "missing": []}));
        ok("cache_ttl", json!({"key": "a"}), json!({"key": "a", "ttl": -1, "status": "no_expiration"}));
        ok("cache_ttl", json!({"key": "no"}), json!({"key": "no", "ttl": -2, "status": "not_found"}));
        let left = client.me("cache_ttl", json!({"key": "j"}));
        assert!(
            left["status"] == "active" && left["ttl"].as_i64().is_some_and(|ttl| (900..=1000).contains(&ttl)),
            "{left}"
        );
        ok("cache_expire", json!({"key": "a", "seconds": 500}), json!({"success": true, "key": "a", "ttl": 500}));
        ok("cache_expire", json!({"key": "no", "seconds": 5}), json!({"success": false, "key": "no", "ttl": 5}));
        assert_eq!(client.me("cache_ttl", json!({"key": "a"}))["status"], "active");
        ok(
            "cache_keys",
            json!({}),
            json!({"pattern": "*", "keys": ["a", "j", "o", "q"], "count": 4, "complete": true}),
        );
        ok(
            "cache_keys",
            json!({"pattern": "[ao]"}),
            json!({"pattern": "[ao]", "keys": ["a", "o"], "count": 2, "complete": true}),
        );
        let few = client.me("cache_keys", json!({"limit": 3}));
        assert_eq!((&few["count"], &few["complete"]), (&json!(3), &json!(false)), "{few}");
        ok("cache_scan", json!({"match": "q", "count": 100}), json!({"cursor": 0, "keys": ["q"], "complete": true}));
        ok(
            "cache_mget",
            json!({"keys": ["a", "o", "no"]}),
            json!({"a": "text", "o": {"real": ["object"]}, "no": null}),
        );
        ok("cache_mset", json!({"data": {"m1": 1, "m2": "two"}}), json!({"success": true, "keys_set": 2}));
        ok("cache_mset", json!({"data": "{\"m3\": [3]}"}), json!({"success": true, "keys_set": 1}));
        ok("cache_mget", json!({"keys": "[\"m1\", \"m2\", \"m3\"]"}), json!({"m1": 1, "m2": "two", "m3": [3]}));
        ok("cache_incr", json!({"key": "m1"}), json!({"key": "m1", "value": 2, "incremented_by": 1}));
        ok("cache_incr", json!({"key": "n", "amount": -7}), json!({"key": "n", "value": -7, "incremented_by": -7}));
        ok("cache_decr", json!({"key": "n"}), json!({"key": "n", "value": -8, "decremented_by": 1}));
        ok("cache_decr", json!({"key": "n", "amount": 2}), json!({"key": "n", "value": -10, "decremented_by": 2}));
        ok("cache_delete", json!({"keys": ["n", "m1", "no"]}), json!({"deleted": 2}));
        ok("cache_delete", json!({"keys": "[\"m2\", \"m2\"]"}), json!({"deleted": 1}));
        ok("cache_ping", json!({}), json!({"success": true, "message": "PONG"}));
        let warning = "deleted all your keys, and no others";
        ok("cache_flush", json!({}), json!({"success": true, "deleted": 5, "warning": warning}));
        ok("cache_keys", json!({}), json!({"pattern": "*", "keys": [], "count": 0, "complete": true}));
    }
}

#[test]
fn what_is_wrong_is_refused_with_its_type() {
    let redis = Redis::start();
    for client in both(redis.as_ref()) {
        client.me("cache_set", json!({"key": "text", "value": "x"}));
        client.me("cache_set", json!({"key": "most", "value": i64::MAX.to_string()}));
        for (tool, arguments) in [
            ("cache_set", json!({"key": "", "value": "x"})),
            ("cache_set", json!({"key": "k".repeat(1025), "value": "x"})),
            ("cache_set", json!({"key": "k", "value": "x".repeat(1024 * 1024 + 1)})),
            ("cache_set", json!({"key": "k", "value": "x", "ttl": 0})),
            ("cache_set", json!({"key": "k", "value": "x", "ttl": -1})),
            ("cache_set", json!({"key": "k", "value": "x", "ttl": i64::MAX})),
            ("cache_set", json!({"key": "k"})),
            ("cache_set", json!({"value": "x"})),
            ("cache_get", json!({})),
            ("cache_get", json!({"key": 1})),
            ("cache_delete", json!({"keys": []})),
            ("cache_delete", json!({"keys": "k"})),
            ("cache_exists", json!({"keys": []})),
            ("cache_exists", json!({"keys": vec!["k"; 1001]})),
            ("cache_expire", json!({"key": "text", "seconds": 0})),
            ("cache_keys", json!({"limit": 0})),
            ("cache_keys", json!({"pattern": ""})),
            ("cache_scan", json!({"cursor": -1})),
            ("cache_scan", json!({"count": 0})),
            ("cache_mget", json!({"keys": []})),
            ("cache_mset", json!({"data": {}})),
            ("cache_mset", json!({"data": {"": 1}})),
            ("cache_incr", json!({"key": "text"})),
            ("cache_incr", json!({"key": "most"})),
            ("cache_incr", json!({"key": "n", "amount": 0})),
            ("cache_decr", json!({"key": "n", "amount": 0})),
            ("cache_decr", json!({"key": "n", "amount": -1})),
            ("cache_flush", json!({"pattern": "*"})),
        ] {
            assert_eq!(client.me(tool, arguments.clone()), json!({"error": "validation"}), "{tool} {arguments}");
        }
        assert_eq!(client.me("cache_get", json!({"key": "text"}))["value"], "x", "expected nothing to be changed");
    }
}

#[test]
fn everybody_has_keys_of_their_own() {
    let redis = Redis::start();
    for client in both(redis.as_ref()) {
        // Names that would like to be patterns, or prefixes of others.
        let names = ["anna", "anna:x", "*", "a*", "[a-z]*", "anna\\", "%2A", "ännä"];
        for name in names {
            client.ask(name, "cache_set", json!({"key": "key", "value": name}));
            client.ask(name, "cache_set", json!({"key": "x:key", "value": name}));
        }
        for name in names {
            assert_eq!(client.ask(name, "cache_get", json!({"key": "key"}))["value"], name);
            assert_eq!(client.ask(name, "cache_keys", json!({}))["keys"], json!(["key", "x:key"]));
        }
        for (gone, name) in names.iter().enumerate() {
            assert_eq!(client.ask(name, "cache_flush", json!({}))["deleted"], 2, "{name}");
            for (index, other) in names.iter().enumerate() {
                let left = client.ask(other, "cache_keys", json!({}))["count"].as_u64();
                assert_eq!(left, Some(if index <= gone { 0 } else { 2 }), "{other} after {name}");
            }
        }
    }
}

#[test]
fn keys_can_be_shared_where_an_entry_says_so() {
    let client = Client::new(&CacheSettings::default(), true);
    client.ask("anna", "cache_set", json!({"key": "k", "value": "x"}));
    assert_eq!(client.ask("bob", "cache_get", json!({"key": "k"}))["value"], "x");
    let options = |json: Value| serde_json::from_value::<Options>(json);
    assert!(options(json!({})).is_ok_and(|options| !options.shared) && options(json!({"share": true})).is_err());
}

#[test]
fn the_state_of_the_cache_is_told() {
    let redis = Redis::start();
    for (client, backend) in both(redis.as_ref()).iter().zip(["embedded", "redis"]) {
        client.me("cache_set", json!({"key": "a", "value": "x"}));
        client.me("cache_set", json!({"key": "b", "value": "x", "ttl": 1000}));
        let info = client.me("cache_info", json!({}));
        assert_eq!(
            (&info["backend"], &info["uptime_days"], &info["connected_clients"]),
            (&json!(backend), &json!(0), &json!(1))
        );
        assert!(info["version"].as_str().is_some_and(|version| version.contains('.')), "{info}");
        assert!(info["used_memory_human"].as_str().is_some_and(|used| used.ends_with(['B', 'K', 'M'])), "{info}");
        assert!(info["total_commands_processed"].as_u64().is_some_and(|count| count >= 2), "{info}");
        assert_eq!((&info["keyspace"]["keys"], &info["keyspace"]["expires"]), (&json!(2), &json!(1)), "{info}");
        assert!(info["keyspace"]["avg_ttl"].as_u64().is_some_and(|ttl| ttl <= 1_000_000), "{info}");
    }
}

#[test]
fn a_redis_that_fails_is_told_and_nothing_is_said_to_be_kept() {
    let Some(mut redis) = Redis::start() else { return };
    let client = Client::new(&CacheSettings::redis(redis.url().into()), false);
    client.me("cache_set", json!({"key": "k", "value": "x"}));
    redis.say(&["CONFIG", "SET", "maxmemory", "1"]);
    assert_eq!(client.me("cache_set", json!({"key": "k", "value": "y"})), json!({"error": "quota"}));
    redis.say(&["CONFIG", "SET", "maxmemory", "0"]);
    redis.say(&["RPUSH", "switchboard:cache:me:list", "a"]);
    assert_eq!(client.me("cache_get", json!({"key": "list"})), json!({"error": "conflict"}));
    redis.kill();
    for (tool, arguments) in [
        ("cache_set", json!({"key": "k", "value": "x"})),
        ("cache_get", json!({"key": "k"})),
        ("cache_delete", json!({"keys": ["k"]})),
        ("cache_exists", json!({"keys": ["k"]})),
        ("cache_expire", json!({"key": "k", "seconds": 1})),
        ("cache_ttl", json!({"key": "k"})),
        ("cache_keys", json!({})),
        ("cache_scan", json!({})),
        ("cache_mget", json!({"keys": ["k"]})),
        ("cache_mset", json!({"data": {"k": 1}})),
        ("cache_incr", json!({"key": "k"})),
        ("cache_decr", json!({"key": "k"})),
        ("cache_flush", json!({})),
        ("cache_info", json!({})),
        ("cache_ping", json!({})),
    ] {
        let result = client.call("me", tool, &arguments);
        let said: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!((&result["isError"], &said["type"]), (&json!(true), &json!("connection")), "{tool}: {result}");
        assert!(said["next"].as_str().is_some_and(|next| next.contains("cache.url")), "{tool}: {result}");
    }
    // It is not broken for life (S0-16).
    redis.run();
    let end = std::time::Instant::now() + e2e::SOON;
    while client.me("cache_set", json!({"key": "k", "value": "z"})) != json!({"success": true, "key": "k"}) {
        assert!(std::time::Instant::now() < end, "expected Redis to be used again");
    }
    assert_eq!(client.me("cache_get", json!({"key": "k"}))["value"], "z");
}

#[test]
fn the_definitions_are_few_words_and_say_what_is_done() {
    let client = Client::new(&CacheSettings::default(), false);
    let listed: Value = serde_json::from_slice(client.server.definitions().as_bytes()).unwrap();
    let tools = listed.as_array().unwrap();
    let names: Vec<&str> = tools.iter().filter_map(|tool| tool["name"].as_str()).collect();
    let suffixes = "set get delete exists expire ttl keys scan mget mset incr decr flush info ping";
    let expected: Vec<String> = suffixes.split(' ').map(|name| format!("cache_{name}")).collect();
    assert_eq!(names, expected);
    for tool in tools {
        let (name, said) = (tool["name"].as_str().unwrap(), &tool["annotations"]);
        let destroys = matches!(name, "cache_delete" | "cache_flush");
        let writes =
            destroys || ["set", "expire", "mset", "incr", "decr"].iter().any(|end| name == format!("cache_{end}"));
        assert_eq!(said["readOnlyHint"] == true, !writes, "{tool}");
        assert_eq!(said["destructiveHint"] == true, destroys, "{tool}");
        assert_eq!(said["openWorldHint"], false, "{tool}");
    }
}

/// A call of a tool, right or wrong.
fn calls() -> impl Strategy<Value = (&'static str, Value)> {
    let key = || prop_oneof![6 => "[ab]{1,2}", 1 => "[*?\\[\\]\\\\]{0,2}", 1 => "é|\u{0}"];
    let value = || {
        prop_oneof![
            "[\\[\\]{}\":,0-9eE.+-]{0,8}".prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            Just(json!({"a": [1, "b", null]})),
            Just(Value::Null),
        ]
    };
    let keys = || proptest::collection::vec(key(), 0..4);
    let number = || prop_oneof![-3_i64..100, any::<i64>()];
    prop_oneof![
        (key(), value()).prop_map(|(key, value)| ("cache_set", json!({"key": key, "value": value}))),
        (key(), value(), -1_i64..9).prop_map(|(key, value, days)| {
            ("cache_set", json!({"key": key, "value": value, "ttl": days * 86_400}))
        }),
        key().prop_map(|key| ("cache_get", json!({"key": key}))),
        keys().prop_map(|keys| ("cache_delete", json!({"keys": keys}))),
        keys().prop_map(|keys| ("cache_exists", json!({"keys": keys}))),
        keys().prop_map(|keys| ("cache_mget", json!({"keys": json!(keys).to_string()}))),
        (key(), -1_i64..9).prop_map(|(key, days)| ("cache_expire", json!({"key": key, "seconds": days * 86_400}))),
        key().prop_map(|key| ("cache_ttl", json!({"key": key}))),
        "[ab*?\\[\\]^-]{0,4}".prop_map(|pattern| ("cache_keys", json!({"pattern": pattern}))),
        proptest::collection::btree_map(key(), value(), 0..3).prop_map(|data| ("cache_mset", json!({"data": data}))),
        (key(), number()).prop_map(|(key, amount)| ("cache_incr", json!({"key": key, "amount": amount}))),
        (key(), number()).prop_map(|(key, amount)| ("cache_decr", json!({"key": key, "amount": amount}))),
        Just(("cache_flush", json!({}))),
    ]
}

#[test]
fn both_servers_give_the_same_answers() {
    let Some(redis) = Redis::start() else { return };
    let clients = both(Some(&redis));
    let cases = std::env::var("PROPTEST_CASES").map_or(100, |cases| cases.parse().unwrap());
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let case = AtomicU64::new(0);
    let steps = proptest::collection::vec((any::<bool>(), calls()), 1..40);
    let result = runner.run(&steps, |steps| {
        let case = case.fetch_add(1, Ordering::Relaxed);
        for (other, (tool, arguments)) in steps {
            let who = format!("case {case}{}", if other { "*" } else { "" });
            let mut said = [&clients[0], &clients[1]].map(|client| client.ask(&who, tool, arguments.clone()));
            // Whole days: a test may be slow.
            for said in &mut said {
                if let Some(ttl) = said["ttl"].as_i64().filter(|ttl| *ttl > 0) {
                    said["ttl"] = json!((ttl + 43_200) / 86_400);
                }
            }
            prop_assert_eq!(&said[0], &said[1], "{} {}", tool, arguments);
        }
        Ok(())
    });
    result.unwrap_or_else(|why| panic!("{why}"));
}
