//! What clients of profiles see and may call: less, under other names, all at once or one by one.

use crate::peer::Peer;
use crate::{World, client, configuration};
use gateway::Scope;
use gateway::catalog::StoredCatalog;
use gateway::exposure::Mode;
use gateway::server::Desired;
use protocol::{CallContext, Client, ErrorKind, Notifier, Principal, Raw, Version};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// A server with tools of each effect; more can be added to them.
struct Shop {
    peer: Peer,
    tools: Arc<Mutex<Vec<Value>>>,
}

impl Shop {
    async fn open() -> Self {
        let tool = |name: &str, annotations: Value| {
            json!({"name": name, "description": format!("to {name} things"), "inputSchema": {"type": "object"},
                   "annotations": annotations})
        };
        let tools = vec![
            tool("look", json!({"readOnlyHint": true})),
            tool("put", json!({"destructiveHint": false})),
            tool("burn", json!({"destructiveHint": true})),
            tool("odd", json!({})),
        ];
        let tools = Arc::new(Mutex::new(tools));
        let listed = tools.clone();
        let peer = Peer::serve(move |asked| match asked.method.as_str() {
            "server/discover" => Ok(json!({
                "supportedVersions": ["2026-07-28"],
                "capabilities": {"tools": {"listChanged": true}},
                "serverInfo": {"name": "peer", "version": "1"},
                "resultType": "complete",
            })),
            "tools/list" => Ok(json!({
                "tools": *listed.lock().unwrap(), "ttlMs": 0, "cacheScope": "private", "resultType": "complete",
            })),
            "tools/call" if asked.params["name"] == "put" && asked.params.get("inputResponses").is_none() => Ok(json!({
                "resultType": "input_required", "requestState": "where",
                "inputRequests": {"q": {"method": "elicitation/create",
                    "params": {"message": "where?", "requestedSchema": {"type": "object", "properties": {}}}}},
            })),
            "tools/call" => Ok(json!({
                "content": [{"type": "text", "text": format!("{} {}", asked.params["name"], asked.params["arguments"])}],
                "resultType": "complete",
            })),
            _ => Err(json!({"code": -32601, "message": "no such method"})),
        })
        .await;
        Self { peer, tools }
    }

    async fn world(&self, profiles: &str) -> World {
        let text = format!("[servers.shop]\nurl = {:?}\ntools.deny = ['odd']\n{profiles}", self.peer.url);
        World::of(&text, StoredCatalog::default(), Desired::default()).await
    }

    /// One more tool, with a long description.
    fn add(&self, name: &str) {
        let tool = json!({"name": name, "description": "many words ".repeat(200), "inputSchema": {"type": "object"}});
        self.tools.lock().unwrap().push(tool);
        self.peer.tell("notifications/tools/list_changed", &json!({}));
    }
}

fn at(profile: &str) -> Scope {
    Scope::Profile(profile.into())
}

fn me() -> CallContext {
    client("me", Version::MODERN_LATEST, json!({"elicitation": {}}))
}

fn called(name: &str) -> CallContext {
    let info = Raw::of(&json!({"name": name, "version": "1"}));
    let client = Client { version: Version::MODERN_LATEST, info: Some(info), capabilities: Some(Raw::of(&json!({}))) };
    CallContext { client: client.into(), ..CallContext::internal(Principal::new("me")) }
}

impl World {
    async fn tools(&self, scope: Scope, client: &CallContext) -> Vec<String> {
        let listed = self.ask_at(scope, client, "tools/list", json!({})).await.unwrap();
        listed["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    }

    async fn calls(&self, scope: Scope, name: &str, arguments: Value) -> Result<Value, protocol::Error> {
        self.ask_at(scope, &me(), "tools/call", json!({"name": name, "arguments": arguments})).await
    }
}

fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_default()
}

const OWN: [&str; 6] =
    ["call_destructive_tool", "call_read_tool", "call_tool", "call_write_tool", "describe_tool", "search_tools"];

#[tokio::test]
async fn a_profile_shows_less_under_other_names_and_what_it_hides_cannot_be_called() {
    let shop = Shop::open().await;
    let texts = "[profiles.default.tools.shop__look]\nname = 'peek'\ndescription = 'Peek.'\n[profiles.default.tools.shop__nil]\nname = 'x'\n[profiles.same.tools.shop__put]\nname = 'shop__look'\n";
    let world = shop
        .world(&format!(
            "[profiles.default]\ndeny = ['*__burn']\n{texts}[profiles.none]\nservers = ['shop']\nallow = ['x*']\n"
        ))
        .await;
    for scope in [Scope::All, at("default")] {
        assert_eq!(world.tools(scope.clone(), &me()).await, ["peek", "shop__put"]);
        let done = world.calls(scope.clone(), "peek", json!({"a": 1})).await.unwrap();
        assert_eq!(text(&done), r#""look" {"a":1}"#, "the server hears its own name");
        for hidden in ["shop__look", "shop__burn", "shop__odd", "call_tool"] {
            assert_eq!(world.calls(scope.clone(), hidden, json!({})).await.unwrap_err().kind, ErrorKind::UnknownName);
        }
        let near = world.calls(scope, "shop__pu", json!({})).await.unwrap_err();
        assert_eq!(near.hint.as_deref(), Some("did you mean `shop__put`?"));
    }
    assert_eq!(world.tools(at("none"), &me()).await, Vec::<String>::new());
    let everything = world.tools(Scope::Everything, &me()).await;
    assert_eq!(everything, ["shop__burn", "shop__look", "shop__put"], "what the person sees is no profile's affair");
    let refused = world.calls(at("other"), "peek", json!({})).await.unwrap_err();
    assert!(refused.message.contains("no profile `other`"), "{refused}");
    let exposed = world.gateway.exposed().await;
    assert_eq!(exposed[0].unknown, ["`shop__nil` is no tool of it; did you mean `shop__put`?"]);
    let lost =
        "`put` of `shop` is not shown: the profile calls it `shop__look`, which is already the name of `shop__look`";
    assert_eq!(exposed[2].unknown, [lost]);
    let record = world.gateway.records.take_now().into_iter().find(|record| record.own.is_some()).unwrap();
    assert_eq!((record.server.as_deref(), record.own.as_deref(), record.via), (Some("shop"), Some("look"), None));
}

#[tokio::test]
async fn in_search_the_pinned_tools_are_listed_and_the_others_are_called_through_ours() {
    let shop = Shop::open().await;
    let world = shop.world("[profiles.s]\nexposure = 'search'\npin = ['*__look']\n").await;
    let listed = world.tools(at("s"), &me()).await;
    assert!(OWN.iter().all(|own| listed.contains(&(*own).to_owned())), "{listed:?}");
    assert!(listed.contains(&"shop__look".to_owned()) && !listed.contains(&"shop__burn".to_owned()), "{listed:?}");
    let inner = |name: &str| json!({"name": name, "arguments": {"n": 1.50}});
    let done = world.calls(at("s"), "call_tool", inner("shop__burn")).await.unwrap();
    assert_eq!(text(&done), r#""burn" {"n":1.5}"#);
    let record = world.gateway.records.take_now().into_iter().last().unwrap();
    assert_eq!((record.own.as_deref(), record.via, record.outcome), (Some("burn"), Some("call_tool"), "ok"));
    for (with, name, then) in [
        ("call_read_tool", "shop__put", "call_write_tool"),
        ("call_read_tool", "shop__burn", "call_destructive_tool"),
        ("call_write_tool", "shop__burn", "call_destructive_tool"),
    ] {
        let refused = world.calls(at("s"), with, inner(name)).await.unwrap();
        assert_eq!(refused["isError"], true);
        assert!(text(&refused).contains(&format!("call it with {then}")), "{refused}");
    }
    for (with, name) in
        [("call_read_tool", "shop__look"), ("call_write_tool", "shop__look"), ("call_destructive_tool", "shop__burn")]
    {
        assert_eq!(world.calls(at("s"), with, inner(name)).await.unwrap().get("isError"), None, "{with} {name}");
    }
    let unknown = world.calls(at("s"), "call_tool", inner("shop__bur")).await.unwrap();
    assert!(text(&unknown).contains("did you mean `shop__burn`?"), "{unknown}");
    let denied = world.calls(at("s"), "call_tool", inner("shop__odd")).await.unwrap();
    assert!(denied["isError"] == true && text(&denied).contains("no tool `shop__odd`"), "{denied}");
    let described = world.calls(at("s"), "describe_tool", json!({"names": ["shop__put", "shop__pu"]})).await.unwrap();
    assert_eq!(described["structuredContent"]["tools"][0]["name"], "shop__put");
    assert!(text(&described).starts_with("shop__put writes: call it with call_write_tool."), "{described}");
    assert!(described["content"][1]["text"].as_str().unwrap().contains("did you mean `shop__put`?"), "{described}");
}

#[tokio::test]
async fn a_question_of_an_inner_call_comes_back_with_the_answer() {
    let shop = Shop::open().await;
    let world = shop.world("[profiles.s]\nexposure = 'search'\n").await;
    let params = json!({"name": "call_write_tool", "arguments": {"name": "shop__put", "arguments": {"n": 1}}});
    let asked = world.ask_at(at("s"), &me(), "tools/call", params.clone()).await.unwrap();
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    let mut again = params;
    again["requestState"] = asked["requestState"].clone();
    again["inputResponses"] = json!({"q": {"action": "accept", "content": {}}});
    let done = world.ask_at(at("s"), &me(), "tools/call", again.clone()).await.unwrap();
    assert_eq!(text(&done), r#""put" {"n":1}"#);
    let heard = shop.peer.asked(|asked| asked.params.get("inputResponses").is_some()).await;
    assert_eq!((&heard.params["requestState"], &heard.params["name"]), (&json!("where"), &json!("put")));
    again["arguments"]["arguments"]["n"] = json!(2);
    let forged = world.ask_at(at("s"), &me(), "tools/call", again).await;
    assert_eq!(forged.unwrap_err().kind, ErrorKind::InvalidParams, "the state is good for that call alone");
}

#[tokio::test]
async fn auto_looks_at_the_budget_of_the_client_and_stays_with_what_it_chose() {
    let shop = Shop::open().await;
    let world =
        shop.world("[profiles.a]\nexposure = 'auto'\ncontext_budget = 400\ncontext_budgets = { small = 10 }\n").await;
    let session = CallContext { session: Some("one".into()), ..called("large") };
    for who in [&called("large"), &session] {
        assert_eq!(world.tools(at("a"), who).await, ["shop__burn", "shop__look", "shop__put"]);
    }
    assert!(world.tools(at("a"), &called("small")).await.contains(&"call_tool".to_owned()));
    shop.add("long");
    shop.peer.asked(|asked| asked.method == "tools/list").await;
    world.until_listed("shop__long").await;
    for who in [&called("large"), &session] {
        assert!(world.tools(at("a"), who).await.contains(&"shop__long".to_owned()), "it never switches");
    }
    let late = CallContext { session: Some("two".into()), ..called("large") };
    assert!(!world.tools(at("a"), &late).await.contains(&"shop__long".to_owned()), "who comes now sees what fits");
    let exposed = world.gateway.exposed().await.remove(0);
    assert_eq!(exposed.mode, Mode::Search);
    assert!(
        exposed.why.contains("above the budget of 400") && exposed.tokens_all > exposed.tokens_listed,
        "{exposed:?}"
    );
    let said: Vec<_> =
        exposed.clients.iter().map(|one| (one.client.as_deref().unwrap(), one.mode, one.seats)).collect();
    assert_eq!(said, [("large", Mode::All, 2), ("large", Mode::Search, 1), ("small", Mode::Search, 1)]);
}

#[tokio::test]
async fn only_those_hear_of_a_change_who_see_it() {
    let shop = Shop::open().await;
    let world = shop
        .world("[profiles.less]\nallow = ['*__look']\n[profiles.found]\nexposure = 'search'\npin = ['*__look']\n[profiles.more]\n")
        .await;
    let listen = |scope: Scope| {
        let notifier = Notifier::bounded(8);
        let context = CallContext { notifier: notifier.clone(), ..me() };
        let params = json!({"notifications": {"toolsListChanged": true}});
        let gateway = world.gateway.clone();
        tokio::spawn(async move { World { gateway }.ask_at(scope, &context, "subscriptions/listen", params).await });
        notifier
    };
    let (less, found, more, all) = (listen(at("less")), listen(at("found")), listen(at("more")), listen(Scope::All));
    for one in [&less, &found, &more, &all] {
        assert_eq!(one.next().await.method, "notifications/subscriptions/acknowledged");
    }
    shop.add("extra");
    for one in [&more, &all] {
        assert_eq!(one.next().await.method, "notifications/tools/list_changed");
    }
    assert!(less.take().is_none() && found.take().is_none(), "nothing changed that they see");
    let text = format!(
        "[servers.shop]\nurl = {:?}\ntools.deny = ['odd']\n[profiles.less]\nallow = ['*__put']\n",
        shop.peer.url
    );
    world.gateway.apply(configuration(&text)).await.unwrap();
    assert_eq!(less.next().await.method, "notifications/tools/list_changed", "a changed profile is in force at once");
    assert_eq!(world.tools(at("less"), &me()).await, ["shop__put"]);
    assert_eq!(found.next().await.method, "notifications/tools/list_changed", "it is gone");
    assert!(all.take().is_none());
}

impl World {
    /// Waits until everything has the tool.
    async fn until_listed(&self, name: &str) {
        let (_, mut changed) = self.gateway.stored();
        while self.gateway.view(&Scope::Everything).unwrap().tool(&name.into()).is_none() {
            changed.changed().await.unwrap();
        }
    }
}
