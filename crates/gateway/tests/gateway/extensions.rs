//! Apps and skills of several servers.

use crate::peer::{Asked, Peer};
use crate::{World, client};
use gateway::Scope;
use protocol::{CallContext, Version};
use serde_json::{Value, json};

/// A server with an app at `ui://app` that no list has, and with the skill `skill://NAME/SKILL.md`
/// on the second page of its list.
async fn server(name: &'static str) -> Peer {
    Peer::serve(move |asked| answer(asked, name)).await
}

fn answer(asked: &Asked, name: &str) -> Result<Value, Value> {
    let own = format!("skill://{name}/SKILL.md");
    let here = |uri: &str| asked.params["uri"] == uri;
    match asked.method.as_str() {
        "server/discover" => Ok(json!({
            "supportedVersions": ["2026-07-28"],
            "capabilities": {"tools": {}, "resources": {}, "extensions": {"io.modelcontextprotocol/skills": {}}}
        })),
        "tools/list" => Ok(json!({"tools": [{
            "name": "show", "inputSchema": {"type": "object"}, "_meta": {"ui": {"resourceUri": "ui://app"}}
        }, {
            "name": "own", "inputSchema": {"type": "object"}, "_meta": {"ui": {"resourceUri": format!("ui://{name}")}}
        }]})),
        "resources/list" => Ok(json!({"resources": []})),
        "resources/templates/list" => Ok(json!({"resourceTemplates": []})),
        "skills/list" if asked.params.get("cursor").is_none() => {
            Ok(json!({"skills": [{"uri": "skill://shared/SKILL.md", "from": name}], "nextCursor": "2", "ttlMs": 9000}))
        }
        "skills/list" => Ok(json!({"skills": [{"uri": own}]})),
        "skills/get" | "resources/directory/read" if here(&own) => Ok(json!({"from": name})),
        "resources/read" if here("ui://app") || here(&format!("ui://{name}")) || here(&format!("skill://{name}/x")) => {
            Ok(json!({"contents": [{"uri": asked.params["uri"], "text": name}]}))
        }
        _ => Err(json!({"code": -32602, "message": "not here"})),
    }
}

fn modern() -> CallContext {
    client("me", Version::V2026_07_28, json!({}))
}

#[tokio::test]
async fn an_app_that_a_tool_names_can_be_read_though_no_list_has_it() {
    let (a, b) = (server("a").await, server("b").await);
    let world = World::before(&[("a", &a), ("b", &b)]).await;
    let listed = world.ask(&modern(), "tools/list", json!({})).await.unwrap();
    let app = |name: &str| {
        let tools = listed["tools"].as_array().unwrap();
        tools.iter().find(|tool| tool["name"] == name).unwrap()["_meta"]["ui"]["resourceUri"].clone()
    };
    assert_eq!(
        (app("a__show"), app("a__own"), app("b__own"), app("b__show")),
        (json!("ui://app"), json!("ui://a"), json!("ui://b"), Value::Null),
        "nobody is shown another server's app"
    );
    for (uri, from) in [("ui://app", "a"), ("ui://a", "a"), ("ui://b", "b")] {
        let read = world.ask(&modern(), "resources/read", json!({"uri": uri})).await.unwrap();
        assert_eq!(read["contents"][0]["text"], from, "{uri}");
    }
    let at = Scope::Server("b".into());
    let read = world.ask_at(at, &modern(), "resources/read", json!({"uri": "ui://app"})).await.unwrap();
    assert_eq!(read["contents"][0]["text"], "b", "at its own endpoint a server has all of its own");
}

#[tokio::test]
async fn skills_of_all_servers_are_one_list_and_each_is_found() {
    let (a, b) = (server("a").await, server("b").await);
    let world = World::before(&[("a", &a), ("b", &b)]).await;
    let listed = world.ask(&modern(), "skills/list", json!({})).await.unwrap();
    assert_eq!(
        listed["skills"],
        json!([{"uri": "skill://shared/SKILL.md", "from": "a"}, {"uri": "skill://a/SKILL.md"}, {"uri": "skill://b/SKILL.md"}])
    );
    assert_eq!((&listed["ttlMs"], listed.get("nextCursor")), (&json!(9000), None));
    for method in ["skills/get", "resources/directory/read"] {
        let got = world.ask(&modern(), method, json!({"uri": "skill://b/SKILL.md"})).await.unwrap();
        assert_eq!(got["from"], "b", "{method}");
    }
    let read = world.ask(&modern(), "resources/read", json!({"uri": "skill://b/x"})).await.unwrap();
    assert_eq!(read["contents"][0]["text"], "b");
    let unknown = world.ask(&modern(), "skills/get", json!({"uri": "skill://c"})).await.unwrap_err();
    assert_eq!(unknown.code(), -32602);
    let at = Scope::Server("b".into());
    let page = world.ask_at(at, &modern(), "skills/list", json!({})).await.unwrap();
    assert_eq!(page["nextCursor"], "2", "alone, a server pages as it likes");
}
