//! A whole gateway before several servers that the test plays: what only several servers behind
//! one endpoint can show.

#![expect(clippy::unwrap_used, reason = "what the tests set up must stand")]

mod extensions;
mod finding;
mod guards;
mod life;
mod peer;
mod profiles;
mod subscriptions;
mod tasks;

use futures_util::future::BoxFuture;
use gateway::{Door, Gateway, Parts, Scope};
use peer::Peer;
use protocol::seal::{KEY_BYTES, Sealer};
use protocol::{Call, CallContext, Client, Notifier, Object, Principal, Raw, Service as _, Version};
use serde_json::Value;
use std::fmt::Write as _;
use std::sync::Arc;
use supervisor::{SpawnError, SpawnRequest, Spawned, Spawner};

/// A gateway, and the client that the test is.
pub(crate) struct World {
    gateway: Arc<Gateway>,
}

/// Nothing here has a process.
struct NoProcesses;

impl Spawner for NoProcesses {
    fn spawn(&self, request: SpawnRequest) -> BoxFuture<'_, Result<Spawned, SpawnError>> {
        Box::pin(async move { Err(SpawnError::GuardDied { program: request.program }) })
    }
}

impl World {
    /// Starts a gateway before these servers, each reached by its name and URL.
    pub(crate) async fn before(servers: &[(&str, &Peer)]) -> Self {
        Self::guarding(servers, "").await
    }

    /// The same, with `keys` in every entry.
    pub(crate) async fn guarding(servers: &[(&str, &Peer)], keys: &str) -> Self {
        let mut text = String::new();
        for (name, peer) in servers {
            writeln!(text, "[servers.{name}]\nurl = {:?}\n{keys}\n", peer.url).unwrap();
        }
        Self::of(&text, gateway::catalog::StoredCatalog::default(), gateway::server::Desired::default()).await
    }

    /// Starts a gateway with this configuration, and what it knows of an earlier run.
    pub(crate) async fn of(
        text: &str,
        stored: gateway::catalog::StoredCatalog,
        desired: gateway::server::Desired,
    ) -> Self {
        let parts = Parts {
            config: configuration(text),
            stored,
            spawner: Arc::new(NoProcesses),
            process: Arc::default(),
            sealer: Sealer::new(&[1; KEY_BYTES], &[2; KEY_BYTES]),
            logs: None,
            vault: None,
            inside: Arc::new(|_: &config::Server| Err("nothing is inside".to_owned())),
            desired,
            installs: None,
            data: std::path::PathBuf::new(),
            approved_tools: gateway::guards::ApprovedTools::default(),
            cache: Arc::new(gateway::guards::MemoryCache::default()),
        };
        let gateway = Gateway::start(parts).unwrap();
        gateway.first_listed().await;
        Self { gateway }
    }

    /// The answer to a request of `client` at the endpoint of everything.
    pub(crate) async fn ask(
        &self,
        client: &CallContext,
        method: &str,
        params: Value,
    ) -> Result<Value, protocol::Error> {
        self.ask_at(Scope::All, client, method, params).await
    }

    /// The same at another endpoint.
    pub(crate) async fn ask_at(
        &self,
        scope: Scope,
        client: &CallContext,
        method: &str,
        params: Value,
    ) -> Result<Value, protocol::Error> {
        let params = Object::of(&Raw::of(&params)).unwrap();
        let call = Call { method: method.into(), params, context: client.clone() };
        let result = Door::new(self.gateway.clone(), scope).call(call).await?;
        Ok(result.to_raw().read().unwrap())
    }
}

/// The configuration in `text`.
pub(crate) fn configuration(text: &str) -> Arc<config::Config> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("switchboard.toml");
    std::fs::write(&file, text).unwrap();
    let loaded = config::load(&config::Sources { files: vec![file], ..config::Sources::default() });
    assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
    Arc::new(loaded.config)
}

/// A client of `version` that declares `capabilities`.
pub(crate) fn client(principal: &str, version: Version, capabilities: Value) -> CallContext {
    let client = Client { version, info: None, capabilities: Some(Raw::of(&capabilities)) };
    CallContext {
        client: client.into(),
        notifier: Notifier::bounded(64),
        ..CallContext::internal(Principal::new(principal))
    }
}
