//! What the tools say through the protocol.

use super::{Options, server};
use protocol::{Call, CallContext, Object, Principal, Raw, Service as _, Text, ToolServer};
use serde_json::{Value, json};
use store::{Place, Store};
use tempfile::TempDir;

/// Goals in a folder of their own.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) store: Store,
    server: ToolServer,
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::File(folder.path().join("state.db"));
        let store = Store::open(place, store::Options::default()).await.unwrap();
        let server = server(store.clone(), Options::default());
        Self { folder, store, server }
    }

    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Value {
        let params = Object::of(&Raw::of(&json!({ "name": tool, "arguments": arguments }))).unwrap();
        let context = CallContext::internal(Principal::new("tester"));
        let reply = self.server.call(Call { method: Text::from_static("tools/call"), params, context }).await.unwrap();
        serde_json::from_slice(reply.to_raw().as_bytes()).unwrap()
    }

    pub(crate) async fn ok(&self, tool: &str, arguments: Value) -> Value {
        let said = format!("{tool} {arguments}");
        let result = self.call(tool, arguments).await;
        assert!(result.get("isError").is_none(), "{said}: {result}");
        result["structuredContent"].clone()
    }

    pub(crate) async fn failed(&self, tool: &str, arguments: Value) -> Value {
        let said = format!("{tool} {arguments}");
        let result = self.call(tool, arguments).await;
        assert_eq!(result["isError"], true, "{said}: {result}");
        serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap()
    }
}

#[tokio::test]
async fn definitions_are_small() {
    let world = World::new().await;
    let definitions = world.server.definitions();
    if let Ok(path) = std::env::var("SWITCHBOARD_TEST_DEFINITIONS") {
        std::fs::write(path, definitions.as_bytes()).unwrap();
    }
    assert!(definitions.as_bytes().len() < 11_000, "{} bytes", definitions.as_bytes().len());
}
