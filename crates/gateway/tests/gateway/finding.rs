//! Finding tools: what is found is what the asker may see, under its names there; it is remembered what was
//! called then, and a later run knows what this one knew.

use crate::peer::Peer;
use crate::{World, client};
use gateway::Scope;
use gateway::catalog::StoredCatalog;
use gateway::finder::{Find, Found, Kept, Shelf};
use gateway::server::Desired;
use protocol::{CallContext, Principal, Version};
use search::Band;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// Bytes in memory, and how often they were written.
#[derive(Default)]
struct Drawer(Mutex<HashMap<&'static str, (Vec<u8>, usize)>>);

fn key(kept: Kept) -> &'static str {
    match kept {
        Kept::Index => "index",
        Kept::Uses => "uses",
        Kept::Decisions => "decisions",
    }
}

impl Shelf for Drawer {
    fn read(&self, kept: Kept) -> Option<Vec<u8>> {
        self.0.lock().unwrap().get(key(kept)).map(|(bytes, _)| bytes.clone())
    }

    fn write(&self, kept: Kept, bytes: &[u8]) {
        let mut all = self.0.lock().unwrap();
        let times = all.get(key(kept)).map_or(0, |(_, times)| *times);
        all.insert(key(kept), (bytes.to_vec(), times + 1));
    }
}

impl Drawer {
    fn times(&self, kept: Kept) -> usize {
        self.0.lock().unwrap().get(key(kept)).map_or(0, |(_, times)| *times)
    }
}

async fn peer(tools: Value) -> Peer {
    Peer::serve(move |asked| match asked.method.as_str() {
        "server/discover" => Ok(json!({
            "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}},
            "serverInfo": {"name": "peer", "version": "1"}, "resultType": "complete",
        })),
        "tools/list" => Ok(json!({"tools": tools, "ttlMs": 0, "cacheScope": "private", "resultType": "complete"})),
        "tools/call" if asked.params["name"] == "close_issue" => {
            Ok(json!({"content": [{"type": "text", "text": "no"}], "isError": true, "resultType": "complete"}))
        }
        "tools/call" => Ok(json!({"content": [{"type": "text", "text": "done"}], "resultType": "complete"})),
        _ => Err(json!({"code": -32601, "message": "no such method"})),
    })
    .await
}

fn tool(name: &str, about: &str) -> Value {
    json!({"name": name, "description": about, "inputSchema": {"type": "object", "properties": {"title": {"type": "string"}}}})
}

async fn tracker() -> Peer {
    peer(json!([
        tool("create_issue", "Open a new issue in a repository."),
        tool("close_issue", "Close an issue."),
        tool("list_pull_requests", "List the pull requests of a repository."),
        tool("merge_branch", "Merge a branch into another."),
    ]))
    .await
}

async fn notes() -> Peer {
    peer(json!([tool("save_note", "Save a note."), tool("find_notes", "Find notes by their words.")])).await
}

async fn world(tracker: &Peer, notes: &Peer, more: &str) -> World {
    let text = format!("[servers.tracker]\nurl = {:?}\n[servers.notes]\nurl = {:?}\n{more}", tracker.url, notes.url);
    World::of(&text, StoredCatalog::default(), Desired::default()).await
}

fn me() -> CallContext {
    client("me", Version::MODERN_LATEST, json!({}))
}

impl World {
    async fn finds(&self, scope: Scope, text: &str) -> Found {
        let asked = Find { text: text.to_owned(), limit: 5, server: None };
        self.gateway.find(&scope, &Principal::new("me"), asked).await
    }
}

fn names(found: &Found) -> Vec<&str> {
    assert!(found.answer.tools.iter().zip(&found.tools).all(|(hit, tool)| hit.id == tool.public));
    found.tools.iter().map(|tool| tool.public.as_str()).collect()
}

#[tokio::test]
async fn what_is_found_is_what_the_asker_sees_under_its_names() {
    let (tracker, notes) = (tracker().await, notes().await);
    let profiles = "[profiles.p]\ndeny = ['*__close_issue']\nservers = ['tracker']\n\
                    [profiles.p.tools.tracker__create_issue]\nname = 'new_ticket'\ndescription = \"Mine.\\nMore.\"\n";
    let world = world(&tracker, &notes, profiles).await;
    let found = world.finds(Scope::All, "open an issue in the repository").await;
    assert_eq!((names(&found)[0], found.answer.servers[0].server.as_str()), ("tracker__create_issue", "tracker"));
    let first = &found.tools[0];
    assert_eq!((first.own.as_str(), first.description.as_str()), ("create_issue", "Open a new issue in a repository."));
    assert!(first.tokens > 10 && first.definition.as_str().contains("\"tracker__create_issue\""));
    let found =
        world.finds(Scope::Profile("p".into()), "open an issue in the repository, then close issue, save note").await;
    assert_eq!((names(&found)[0], found.tools[0].description.as_str()), ("new_ticket", "Mine."));
    let hidden = |name: &str| name.contains("close") || name.contains("note") || name == "tracker__create_issue";
    assert!(!names(&found).into_iter().any(hidden), "{:?}", names(&found));
    let servers: Vec<_> = found.answer.servers.iter().map(|server| server.server.as_str()).collect();
    assert_eq!(servers, ["tracker"]);
    assert!(!found.answer.servers[0].tools.iter().any(|name| hidden(name)), "{:?}", found.answer.servers);
    let found = world.finds(Scope::Server("notes".into()), "save a note").await;
    assert_eq!(names(&found)[0], "save_note");
    let asked = Find { text: "issue".to_owned(), limit: 9, server: Some("notes".to_owned()) };
    let found = world.gateway.find(&Scope::Everything, &Principal::new("me"), asked).await;
    assert!(names(&found).iter().all(|name| name.starts_with("notes__")), "{:?}", names(&found));
}

#[tokio::test]
async fn what_was_called_after_a_search_is_remembered_and_failures_count_less() {
    let (tracker, notes) = (tracker().await, notes().await);
    let world = world(&tracker, &notes, "[profiles.default]\nexposure = 'search'\n").await;
    let drawer = Arc::new(Drawer::default());
    world.gateway.keep_finds(drawer.clone());
    let search = json!({"name": "search_tools", "arguments": {"query": "tidy up what we no longer need"}});
    let before = world.ask(&me(), "tools/call", search.clone()).await.unwrap();
    assert!(!before.to_string().contains("used before"), "{before}");
    // Five are told of unless more are asked for, and a use counts only for what was found.
    let found = before["structuredContent"]["tools"].as_array().unwrap();
    let last = found.last().unwrap()["name"].as_str().unwrap().to_owned();
    let inner = json!({"name": "call_tool", "arguments": {"name": last, "arguments": {}}});
    world.ask(&me(), "tools/call", inner).await.unwrap();
    let after = world.ask(&me(), "tools/call", search.clone()).await.unwrap();
    let of_it =
        after["structuredContent"]["tools"].as_array().unwrap().iter().find(|tool| tool["name"] == last.as_str());
    let reasons = of_it.unwrap()["reasons"].to_string();
    assert_eq!(reasons.contains("used before"), last != "tracker__close_issue", "{last}: {reasons}");
    let other = client("somebody else", Version::MODERN_LATEST, json!({}));
    let others = world.ask(&other, "tools/call", search).await.unwrap();
    assert!(!others.to_string().contains("used before"), "{others}");
    world.gateway.stop().await;
    assert_eq!(drawer.times(Kept::Uses), 1, "what was learned is kept at the end at the latest");
    let bytes = drawer.read(Kept::Uses).unwrap();
    assert!(!bytes.windows(4).any(|window| window == b"tidy"), "no text of a search is kept");
}

#[tokio::test]
async fn without_feedback_nothing_is_remembered() {
    let (tracker, notes) = (tracker().await, notes().await);
    let world = world(&tracker, &notes, "[search]\nfeedback = false\n").await;
    let drawer = Arc::new(Drawer::default());
    world.gateway.keep_finds(drawer.clone());
    let text = "open a new issue in a repository";
    assert_eq!(names(&world.finds(Scope::All, text).await)[0], "tracker__create_issue");
    world.ask(&me(), "tools/call", json!({"name": "tracker__create_issue", "arguments": {}})).await.unwrap();
    let found = world.finds(Scope::All, text).await;
    assert!(!format!("{:?}", found.answer).contains("Use {"), "{found:?}");
    world.gateway.stop().await;
    assert_eq!(drawer.times(Kept::Uses), 0);
}

#[tokio::test]
async fn a_later_run_takes_the_index_that_was_kept_as_far_as_it_fits() {
    let (tracker, notes) = (tracker().await, notes().await);
    let drawer = Arc::new(Drawer::default());
    let text = "save what I said as a note";
    let mut answers = Vec::new();
    for _ in 0..2 {
        let world = world(&tracker, &notes, "").await;
        world.gateway.keep_finds(drawer.clone());
        answers.push(world.finds(Scope::All, text).await.answer);
        assert_eq!(drawer.times(Kept::Index), 1, "what is the same is not written again");
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!((answers[0].band, answers[0].tools[0].id.as_str()), (Band::Confident, "notes__save_note"));
    let other = peer(json!([tool("save_recipe", "Save a recipe for cooking.")])).await;
    let changed = world_of(&tracker, &other, &drawer).await;
    let found = changed.finds(Scope::All, "save a recipe for cooking").await;
    assert_eq!(names(&found)[0], "notes__save_recipe");
    assert!(!names(&changed.finds(Scope::All, text).await).contains(&"notes__save_note"));
    drawer.write(Kept::Index, b"damaged");
    let again = world_of(&tracker, &notes, &drawer).await;
    assert_eq!(names(&again.finds(Scope::All, text).await)[0], "notes__save_note");
}

async fn world_of(tracker: &Peer, notes: &Peer, drawer: &Arc<Drawer>) -> World {
    let world = world(tracker, notes, "").await;
    world.gateway.keep_finds(drawer.clone());
    world
}

#[tokio::test]
async fn what_is_used_daily_is_pinned_where_auto_lists_little() {
    let (tracker, notes) = (tracker().await, notes().await);
    let today = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() / 86_400;
    let days = json!({
        "tracker__merge_branch": {"last": today, "days": 0b111},
        "tracker__close_issue": {"last": today - 9, "days": 0b111},
        "gone__tool": {"last": today, "days": 0b1111},
    });
    let mut bytes = b"switchboard uses 1\n".to_vec();
    for part in [b"me".to_vec(), search::Uses::default().to_bytes(), days.to_string().into_bytes()] {
        bytes.extend(u32::try_from(part.len()).unwrap().to_le_bytes());
        bytes.extend(part);
    }
    let drawer = Arc::new(Drawer::default());
    drawer.write(Kept::Uses, &bytes);
    let world = world(&tracker, &notes, "[profiles.default]\nexposure = 'auto'\ncontext_budget = 1\n").await;
    world.gateway.keep_finds(drawer);
    let listed = |listed: Value| -> Vec<String> {
        let tools = listed["tools"].as_array().unwrap().clone();
        let all = tools.into_iter().map(|tool| tool["name"].as_str().unwrap().to_owned());
        all.filter(|name| name.contains("__")).collect()
    };
    let first = world.ask(&me(), "tools/list", json!({})).await.unwrap();
    assert_eq!(listed(first), ["tracker__merge_branch"]);
    let other = client("somebody else", Version::MODERN_LATEST, json!({}));
    assert_eq!(listed(world.ask(&other, "tools/list", json!({})).await.unwrap()), [""; 0]);
    assert_eq!(world.gateway.exposed().await[0].clients[1].pinned, ["gone__tool", "tracker__merge_branch"]);
}

#[tokio::test]
async fn a_model_reads_how_to_go_on() {
    let (tracker, notes) = (tracker().await, notes().await);
    let world = world(&tracker, &notes, "[profiles.default]\nexposure = 'search'\n").await;
    let ask = async |arguments: Value| {
        let found =
            world.ask(&me(), "tools/call", json!({"name": "search_tools", "arguments": arguments})).await.unwrap();
        (
            found["content"][0]["text"].as_str().unwrap().to_owned(),
            found["structuredContent"].clone(),
            found["isError"] == true,
        )
    };
    let (text, said, _) = ask(json!({"query": "open an issue in a repository"})).await;
    let first = "1. tracker__create_issue (may destroy: call_destructive_tool) Open a new issue in a repository.\n   arguments: {";
    assert!(text.starts_with(first), "{text}");
    assert_eq!((&said["band"], &said["tools"][0]["server"]), (&json!("confident"), &json!("tracker")));
    assert_eq!(said["tools"][0]["inputSchema"]["properties"]["title"]["type"], "string");
    assert!(said["tools"][3].get("inputSchema").is_none(), "{said}");
    assert!(!said["tools"][0]["reasons"].as_array().unwrap().is_empty(), "{said}");
    let (_, said, _) = ask(json!({"query": "open an issue", "server": "notes", "limit": 1})).await;
    assert_eq!((said["tools"].as_array().unwrap().len(), &said["tools"][0]["server"]), (1, &json!("notes")));
    let (text, _, failed) = ask(json!({"query": "x", "server": "nots"})).await;
    assert!(failed && text.contains("name one of: notes, tracker"), "{text}");
    let (text, _, failed) = ask(json!({"query": " "})).await;
    assert!(failed && text.contains("such as"), "{text}");
    let record = world.gateway.records.take_now().into_iter().last().unwrap();
    assert_eq!((record.server, record.own.as_deref()), (None, Some("search_tools")));
    let wrong = json!({"name": "call_tool", "arguments": {"name": "open_a_new_issue_in_repository"}});
    let unknown = world.ask(&me(), "tools/call", wrong).await.unwrap();
    assert!(
        unknown["content"][0]["text"].as_str().unwrap().contains("did you mean `tracker__create_issue`"),
        "{unknown}"
    );
}
