//! Graphs of `server-memory`: nothing is lost, and nothing comes twice.

use super::{Caller, on_each, texts};
use crate::memory::Options;
use crate::memory::graph::observations;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

fn entity(name: &str, kind: &str, observations: &[&str]) -> Value {
    json!({"type": "entity", "name": name, "entityType": kind, "observations": observations})
}

fn relation(from: &str, to: &str, kind: &str) -> Value {
    json!({"type": "relation", "from": from, "to": to, "relationType": kind})
}

fn lines(lines: &[Value]) -> String {
    lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n")
}

async fn import(me: &Caller, graph: &[Value]) -> [u64; 4] {
    let done = me.call("import_memories", json!({"graph": lines(graph)})).await;
    assert_eq!(done["success"], true);
    ["created", "updated", "unchanged", "links"].map(|what| done[what].as_u64().unwrap())
}

/// Observations of the memories of an entity, with their place among these.
type Parts = Vec<(u64, Vec<String>)>;

/// The graph that the memories hold, as lines in no order.
async fn exported(me: &Caller) -> BTreeSet<String> {
    let mut graph = BTreeSet::new();
    let mut entities: BTreeMap<String, (Value, Parts)> = BTreeMap::new();
    let all = me.call("get_all_memories", json!({"limit": 200})).await;
    for memory in all["memories"].as_array().unwrap() {
        let read = me.call("get_memory", json!({"memory_id": memory["id"]})).await;
        let source = &read["source"]["entity"];
        let (name, part) = (source["name"].as_str().unwrap().to_owned(), source["part"].as_u64().unwrap_or(1));
        if source.get("type").is_some() {
            let entry = entities.entry(name.clone()).or_insert_with(|| (source["type"].clone(), Vec::new()));
            entry.1.push((part, observations(read["text"].as_str().unwrap())));
        }
        for link in read["links"].as_array().into_iter().flatten().filter(|link| link["kind"] != "continues") {
            let other = me.call("get_memory", json!({"memory_id": link["id"]})).await;
            let to = other["source"]["entity"]["name"].as_str().unwrap();
            graph.insert(relation(&name, to, link["kind"].as_str().unwrap()).to_string());
        }
    }
    for (name, (kind, mut parts)) in entities {
        parts.sort();
        let observations: Vec<String> = parts.into_iter().flat_map(|(_, observations)| observations).collect();
        let observations: Vec<&str> = observations.iter().map(String::as_str).collect();
        graph.insert(entity(&name, kind.as_str().unwrap(), &observations).to_string());
    }
    graph
}

fn sample() -> Vec<Value> {
    vec![
        entity("John_Smith", "person", &["Speaks fluent Spanish", "Graduated in 2019", "Two\n- lines"]),
        entity("Anthropic", "organization", &[]),
        entity("odd\nname", "", &["- dash", "  spaces ", ""]),
        entity("long type", &"t".repeat(80), &["x"]),
        relation("John_Smith", "Anthropic", "works_at"),
        relation("John_Smith", "Nowhere", "was born in"),
        relation("Anthropic", "John_Smith", "employs"),
    ]
}

#[tokio::test]
async fn nothing_of_a_graph_is_lost_and_nothing_comes_twice() {
    on_each(Options::default(), async |fixture| {
        let me = fixture.caller("alice");
        assert_eq!(import(&me, &sample()).await, [5, 0, 0, 3]);
        let expected: BTreeSet<String> = sample().iter().map(Value::to_string).collect();
        assert_eq!(exported(&me).await, expected);
        assert_eq!(import(&me, &sample()).await, [0, 0, 4, 0]);
        assert_eq!(exported(&me).await, expected);

        let found = me.call("search_memories", json!({"query": "spanish", "tags": ["person"]})).await;
        assert_eq!(
            texts(&found),
            ["John_Smith (person)\n- Speaks fluent Spanish\n- Graduated in 2019\n- Two\n  - lines"]
        );
        assert_eq!(found["memories"][0]["source"]["entity"], json!({"name": "John_Smith", "type": "person"}));
    })
    .await;
}

#[tokio::test]
async fn what_is_new_is_added_and_what_people_added_stays() {
    on_each(Options::default(), async |fixture| {
        let me = fixture.caller("alice");
        import(&me, &sample()).await;
        let found = me.call("search_memories", json!({"query": "spanish"})).await;
        let id = found["memories"][0]["id"].clone();
        me.call("update_memory", json!({"memory_id": id, "tags": ["person", "friend"]})).await;
        let more = [
            entity("John_Smith", "person", &["Graduated in 2019", "Likes tea"]),
            entity("Nowhere", "place", &["is far"]),
        ];
        assert_eq!(import(&me, &more).await, [0, 2, 0, 0]);
        let read = me.call("get_memory", json!({"memory_id": id})).await;
        assert_eq!(read["tags"], json!(["person", "friend"]));
        assert!(read["text"].as_str().unwrap().ends_with("lines\n- Likes tea"), "{read}");
        assert!(exported(&me).await.contains(&entity("Nowhere", "place", &["is far"]).to_string()));
    })
    .await;
}

#[tokio::test]
async fn an_entity_with_very_many_observations_has_several_memories() {
    on_each(Options { text_bytes_max: 200, ..Options::default() }, async |fixture| {
        let me = fixture.caller("alice");
        let many: Vec<String> = (0..30).map(|number| format!("observation number {number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let [created, ..] = import(&me, &[entity("Big", "thing", &many[..20])]).await;
        assert!(created > 2);
        import(&me, &[entity("Big", "thing", &many)]).await;
        assert_eq!(exported(&me).await, BTreeSet::from([entity("Big", "thing", &many).to_string()]));
        let long = entity("Big", "thing", &[&"x".repeat(300)]);
        let (kind, message) = me.fail("import_memories", json!({"graph": lines(&[long])})).await;
        assert_eq!(kind, "validation");
        assert!(message.contains("too long"), "{message}");
    })
    .await;
}

#[tokio::test]
async fn one_bad_line_and_nothing_is_imported() {
    on_each(Options::default(), async |fixture| {
        let me = fixture.caller("alice");
        let graph = format!("{}\nnot json", lines(&sample()));
        let (_, message) = me.fail("import_memories", json!({"graph": graph})).await;
        assert!(message.starts_with("line 8"), "{message}");
        assert_eq!(me.call("get_all_memories", json!({})).await["total"], 0);
    })
    .await;
}
