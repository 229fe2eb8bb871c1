//! A folder, a server over it, and calls to that server.

use crate::programs::Programs;
use builtins::Spawner;
use config::Environment;
use protocol::{Call, CallContext, Object, Principal, Raw, Service, Text, ToolServer};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with `root/` in it, and a server that may see it.
pub(crate) struct World {
    _folder: TempDir,
    /// Around `root`, where nothing is to be read or written.
    pub(crate) outside: PathBuf,
    pub(crate) root: PathBuf,
    server: ToolServer,
}

pub(crate) fn environment(outside: &Path) -> Environment {
    let vars = [("PATH", "/usr/bin:/bin"), ("HOME", "/nowhere"), ("SECRET_TOKEN", "s3cret")];
    let vars = vars.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Environment { vars, home: Some(outside.join("home")), cwd: outside.to_owned() }
}

impl World {
    pub(crate) fn new(make: impl FnOnce(&Path, &Environment) -> ToolServer) -> World {
        let folder = tempfile::tempdir().unwrap();
        let outside = std::fs::canonicalize(folder.path()).unwrap();
        let root = outside.join("root");
        std::fs::create_dir_all(&root).unwrap();
        let server = make(&root, &environment(&outside));
        World { _folder: folder, outside, root, server }
    }

    /// `files` over `root`, which may be written.
    pub(crate) fn files(options: Value) -> World {
        World::new(|root, environment| {
            let options = with(options, "writable", json!([root]));
            builtins::files::server(&serde_json::from_value(options).unwrap(), environment).unwrap()
        })
    }

    /// `shell` in `root`. Needs a runtime.
    pub(crate) fn shell(options: Value) -> World {
        World::new(|root, environment| {
            let options = serde_json::from_value(with(options, "roots", json!([root]))).unwrap();
            builtins::shell::server(&options, environment, spawner()).unwrap()
        })
    }

    /// `runner` with projects in `root`. Needs a runtime.
    pub(crate) fn runner(options: Value) -> World {
        World::new(|root, environment| {
            let options = serde_json::from_value(with(options, "base_dirs", json!([root]))).unwrap();
            builtins::runner::server(&options, environment, spawner()).unwrap()
        })
    }

    pub(crate) fn write(&self, path: &str, content: &str) -> PathBuf {
        let path = self.root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.root.join(path)).unwrap()
    }

    pub(crate) fn definitions(&self) -> Value {
        serde_json::from_slice(self.server.definitions().as_bytes()).unwrap()
    }

    /// The result of a call, whatever it is.
    pub(crate) fn call(&self, tool: &str, arguments: Value) -> impl Future<Output = Value> + use<> {
        let params = Object::of(&Raw::of(&json!({ "name": tool, "arguments": arguments }))).unwrap();
        let context = CallContext::internal(Principal::new("test"));
        let reply = self.server.call(Call { method: Text::from_static("tools/call"), params, context });
        async move {
            let reply = tokio::time::timeout(PATIENCE, reply).await.expect("it hangs").unwrap();
            serde_json::from_slice(reply.to_raw().as_bytes()).unwrap()
        }
    }

    /// What a call that works answers; the text block says the same.
    pub(crate) async fn ok(&self, tool: &str, arguments: Value) -> Value {
        let said = format!("{tool} {arguments}");
        let result = self.call(tool, arguments).await;
        assert!(result.get("isError").is_none(), "{said}: {result}");
        let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(text, result["structuredContent"]);
        text
    }

    /// The failure that a call answers.
    pub(crate) async fn failed(&self, tool: &str, arguments: Value) -> Value {
        let said = format!("{tool} {arguments}");
        let result = self.call(tool, arguments).await;
        assert_eq!(result["isError"], json!(true), "{said}: {result}");
        serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap()
    }
}

fn with(mut options: Value, key: &str, value: Value) -> Value {
    let object = options.as_object_mut().unwrap();
    object.entry(key).or_insert(value);
    options
}

/// Starts processes through a guard of its own.
pub(crate) fn spawner() -> Arc<dyn Spawner> {
    let guard = supervisor::Guard::start(&std::env::current_exe().unwrap()).unwrap();
    Arc::new(Programs::of(guard))
}

/// The members of an object, for tables of what an answer holds.
pub(crate) fn members(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

/// Whether a process runs; one that ended and waits to be reaped does not.
pub(crate) fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

/// Waits until `done`, which is asked again and again.
pub(crate) async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let waiting = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}
