//! The knowledge graph of the reference server `server-memory`, made by that server, becomes memories.

use super::State;
use e2e::{Step, play, require_peers};
use serde_json::{Value, json};

#[test]
fn a_graph_of_server_memory_becomes_memories_and_nothing_is_lost() {
    let Some(peers) = require_peers() else { return };
    let home = State::File.home("memory");
    let file = home.place("memory.jsonl");
    let entities = json!([
        {"name": "John_Smith", "entityType": "person", "observations": ["Speaks fluent Spanish", "Graduated\n- in 2019"]},
        {"name": "Anthropic", "entityType": "organization", "observations": []},
    ]);
    let relations = json!([
        {"from": "John_Smith", "to": "Anthropic", "relationType": "works_at"},
        {"from": "John_Smith", "to": "Spain", "relationType": "likes"},
    ]);
    let mut theirs = peers.script_command("ts1_client.mjs");
    theirs.arg("stdio").arg(peers.node22()).arg(peers.package("server-memory")).env("MEMORY_FILE_PATH", &file);
    let played = play(
        theirs,
        &[
            Step::call("create_entities", json!({"entities": entities})),
            Step::call("create_relations", json!({"relations": relations})),
            Step::call("read_graph", json!({})),
        ],
    );
    let graph = &played.steps[2]["result"]["structuredContent"];
    assert_eq!(graph["entities"], entities, "{:?}", played.steps);

    let import = |expected: &str| {
        let ended = home.cli(&["memory", "import", &file.display().to_string()]);
        assert_eq!((ended.code, ended.stdout.trim()), (Some(0), expected), "{ended:?}");
    };
    import("3 memories created, 0 updated, 0 unchanged, 2 links");
    import("0 memories created, 0 updated, 2 unchanged, 0 links");

    let listed = home.cli(&["memory", "list", "--json"]).json();
    let by_name = |name: &str| -> Value {
        let all = listed["memories"].as_array().unwrap();
        let found = all.iter().find(|memory| memory["source"]["entity"]["name"] == name);
        let id = found.unwrap_or_else(|| panic!("expected {name} in {listed}"))["id"].as_str().unwrap();
        home.cli(&["memory", "show", id, "--json"]).json()
    };
    let john = by_name("John_Smith");
    assert_eq!(john["text"], "John_Smith (person)\n- Speaks fluent Spanish\n- Graduated\n  - in 2019");
    assert_eq!((&john["tags"], &john["source"]["entity"]["type"]), (&json!(["person"]), &json!("person")));
    let links: Vec<_> = john["links"].as_array().unwrap().iter().map(|link| (&link["kind"], &link["text"])).collect();
    assert_eq!(links, [(&json!("likes"), &json!("Spain")), (&json!("works_at"), &json!("Anthropic (organization)"))]);
    assert_eq!(by_name("Anthropic")["linked_from"][0]["kind"], "works_at");
}
