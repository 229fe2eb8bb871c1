//! A gateway with one server behind it, whose calls the test holds and counts.

use crate::FRAME_BYTES_MAX;
use config::{Environment, Sources};
use futures_util::future::BoxFuture;
use gateway::catalog::StoredCatalog;
use gateway::{Gateway, Parts};
use protocol::seal::{KEY_BYTES, Sealer};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use supervisor::{SpawnError, SpawnRequest, Spawned, Spawner};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc, watch};

/// How large the result of `big` is, in bytes.
pub(crate) const BIG_BYTES: usize = 256 * 1024;

/// A gateway that runs.
pub(crate) struct Board {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) limits: Arc<config::Limits>,
    /// How many calls of `hold` have come.
    pub(crate) held: watch::Receiver<usize>,
    /// How many of them were cancelled.
    pub(crate) cancelled: watch::Receiver<usize>,
    release: Arc<Notify>,
    pub(crate) folder: tempfile::TempDir,
}

/// There is nothing to spawn.
struct NoSpawner;

impl Spawner for NoSpawner {
    fn spawn(&self, request: SpawnRequest) -> BoxFuture<'_, Result<Spawned, SpawnError>> {
        panic!("nothing is to be started: {request:?}")
    }
}

impl Board {
    pub(crate) async fn start() -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "[limits]\nframe_bytes_max = {FRAME_BYTES_MAX}\nbody_bytes_max = {FRAME_BYTES_MAX}\n\
             [servers.back]\nurl = \"tcp://{}\"\nera = \"modern\"\nprefix = \"never\"\n",
            socket.local_addr().unwrap()
        );
        let file = folder.path().join("c.toml");
        std::fs::write(&file, text).unwrap();
        let environment = Environment { cwd: folder.path().into(), ..Environment::default() };
        let loaded = config::load(&Sources { files: vec![file], environment, ..Sources::default() });
        assert!(!loaded.has_errors(), "{}", config::render(&loaded.diagnostics, false));
        let (held, seen) = watch::channel(0);
        let (cancelled, seen_cancelled) = watch::channel(0);
        let release = Arc::new(Notify::new());
        tokio::spawn(serve(socket, held, cancelled, release.clone()));
        let limits = Arc::new(loaded.config.limits.clone());
        let parts = Parts {
            config: Arc::new(loaded.config),
            stored: StoredCatalog::default(),
            spawner: Arc::new(NoSpawner),
            process: Arc::new(Environment::default()),
            sealer: Sealer::new(&[7; KEY_BYTES], &[8; KEY_BYTES]),
            logs: None,
            vault: None,
            inside: Arc::new(|_: &config::Server| Err("nothing is inside".to_owned())),
            desired: gateway::server::Desired::default(),
            installs: None,
            data: std::path::PathBuf::new(),
            approved_tools: gateway::guards::ApprovedTools::default(),
            cache: Arc::new(gateway::guards::MemoryCache::default()),
        };
        let gateway = Gateway::start(parts).unwrap();
        gateway.first_listed().await;
        Self { gateway, limits, held: seen, cancelled: seen_cancelled, release, folder }
    }

    /// Lets every call of `hold` be answered.
    pub(crate) fn release(&self) {
        self.release.notify_waiters();
    }
}

/// The server: `echo` answers at once, `hold` when released, `big` with a lot.
async fn serve(socket: TcpListener, held: watch::Sender<usize>, cancelled: watch::Sender<usize>, release: Arc<Notify>) {
    let (stream, _) = socket.accept().await.unwrap();
    let (reader, mut writer) = stream.into_split();
    let (answers, mut queue) = mpsc::channel::<String>(1024);
    tokio::spawn(async move {
        while let Some(line) = queue.recv().await {
            if writer.write_all(line.as_bytes()).await.is_err() {
                return;
            }
        }
    });
    let mut holding: HashMap<String, tokio::task::JoinHandle<()>> = HashMap::new();
    let mut lines = BufReader::new(reader).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let message: Value = serde_json::from_str(&line).unwrap();
        let id = message["id"].clone();
        let text = |text: &str| json!({"content": [{"type": "text", "text": text}], "resultType": "complete"});
        let result = match (message["method"].as_str().unwrap(), message["params"]["name"].as_str()) {
            ("server/discover", _) => json!({"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}}),
            ("tools/list", _) => {
                let tool = |name| json!({"name": name, "inputSchema": {"type": "object"}});
                json!({"tools": [tool("echo"), tool("hold"), tool("big")]})
            }
            ("tools/call", Some("echo")) => text(message["params"]["arguments"]["text"].as_str().unwrap()),
            ("tools/call", Some("big")) => text(&"x".repeat(BIG_BYTES)),
            ("tools/call", Some("hold")) => {
                let (answers, release) = (answers.clone(), release.clone());
                let answer = answer(&id, &text("held"));
                // Waiting begins before anybody can hear of it.
                let (begun, waits) = tokio::sync::oneshot::channel();
                let task = tokio::spawn(async move {
                    let released = release.notified();
                    tokio::pin!(released);
                    released.as_mut().enable();
                    let _ = begun.send(());
                    released.await;
                    let _ = answers.send(answer).await;
                });
                waits.await.unwrap();
                holding.insert(id.to_string(), task);
                held.send_modify(|held| *held += 1);
                continue;
            }
            ("notifications/cancelled", _) => {
                if let Some(task) = holding.remove(&message["params"]["requestId"].to_string()) {
                    task.abort();
                    cancelled.send_modify(|cancelled| *cancelled += 1);
                }
                continue;
            }
            _ => continue,
        };
        answers.send(answer(&id, &result)).await.unwrap();
    }
}

fn answer(id: &Value, result: &Value) -> String {
    format!("{}\n", json!({"jsonrpc": "2.0", "id": id, "result": result}))
}
