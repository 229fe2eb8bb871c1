//! Clients of others that work as an agent with many tools does: list, search, describe, call. What they
//! do is a plan, a JSON object; its contract is in `tests/peers/README.md`.

use crate::peers::Peers;
use crate::programs::run;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(240);

/// An agent: an SDK, and how it reaches the gateway.
#[derive(Debug, Clone)]
pub struct Agent {
    /// What to call it in messages.
    pub name: &'static str,
    script: &'static str,
    mode: &'static str,
}

/// What an agent saw.
#[derive(Debug)]
pub struct Walked {
    /// The revision that it says it speaks.
    pub version: String,
    /// The names of the tools that it was listed, in their order.
    pub names: Vec<String>,
    /// What it was told about the server as a whole.
    pub instructions: String,
    /// Definitions of the tools that the plan asked to show.
    pub shown: Value,
    /// For each task of the plan: `search`, `found`, `name`, `described`, `result`.
    pub tasks: Vec<Value>,
    /// The results of the plan's calls.
    pub calls: Vec<Value>,
    /// The results of `tools/list` as they came, a page a line; none with the Python SDK over stdio.
    pub raw: String,
    /// Their SHA-256 as the agent counted it.
    pub sha256: String,
}

// === impl Agent ===

impl Agent {
    /// The Python SDK and the two TypeScript SDKs, over HTTP, in both eras.
    pub const OVER_HTTP: [Self; 5] = [
        Self { name: "Python SDK, legacy", script: "exposure.py", mode: "legacy" },
        Self { name: "Python SDK, modern", script: "exposure.py", mode: "2026-07-28" },
        Self { name: "TypeScript SDK 1", script: "exposure.mjs", mode: "v1" },
        Self { name: "TypeScript SDK 2, legacy", script: "exposure.mjs", mode: "legacy" },
        Self { name: "TypeScript SDK 2, modern", script: "exposure.mjs", mode: "pin" },
    ];
    /// The SDKs that start their server themselves.
    pub const OVER_STDIO: [Self; 3] = [
        Self { name: "Python SDK, legacy, stdio", script: "exposure.py", mode: "legacy --" },
        Self { name: "Python SDK, modern, stdio", script: "exposure.py", mode: "2026-07-28 --" },
        Self { name: "TypeScript SDK 1, stdio", script: "exposure.mjs", mode: "stdio" },
    ];
    /// The TypeScript SDK over HTTP+SSE, the transport of 2024-11-05.
    pub const OVER_SSE: Self = Self { name: "TypeScript SDK 1, HTTP+SSE", script: "exposure.mjs", mode: "sse" };

    /// Whether it speaks 2026-07-28.
    #[must_use]
    pub fn is_modern(&self) -> bool {
        self.mode.starts_with("2026-07-28") || self.mode == "pin"
    }

    /// Lets it do what `plan` says at `target`: a URL, or the words of a command.
    ///
    /// # Panics
    /// It fails as a whole. A call that fails is an `error` in its result.
    #[must_use]
    #[track_caller]
    pub fn walk(&self, peers: &Peers, target: &[String], mut plan: Value) -> Walked {
        let folder = TempDir::with_prefix("e2e-plan-").unwrap_or_else(|why| panic!("no folder for a plan: {why}"));
        let place = |name: &str| -> PathBuf { folder.path().join(name) };
        plan["raw"] = json!(place("raw"));
        fs::write(place("plan"), plan.to_string()).unwrap_or_else(|why| panic!("no plan: {why}"));
        let mut client = peers.script_command(self.script);
        client.args(self.mode.split(' ')).args(target).arg(place("plan"));
        let outcome = run(&mut client, LIMIT);
        let said = outcome.stdout.lines().last().and_then(|line| serde_json::from_str::<Value>(line).ok());
        let Some(mut said) = said else { panic!("{} ended without a result: {outcome:?}", self.name) };
        let list = |member: &Value| member.as_array().cloned().unwrap_or_default();
        let text = |member: &Value| member.as_str().unwrap_or_default().to_owned();
        Walked {
            version: text(&said["version"]),
            instructions: text(&said["instructions"]),
            names: list(&said["names"]).iter().map(text).collect(),
            tasks: list(&said["tasks"]),
            calls: list(&said["calls"]),
            sha256: text(&said["sha256"]),
            shown: said["shown"].take(),
            raw: fs::read_to_string(place("raw")).unwrap_or_default(),
        }
    }
}

// === impl Walked ===

impl Walked {
    /// The definitions as they came.
    ///
    /// # Panics
    /// They are no lists of tools.
    #[must_use]
    #[track_caller]
    pub fn definitions(&self) -> Vec<Value> {
        let page = |line: &str| -> Vec<Value> {
            let page: Value = serde_json::from_str(line).unwrap_or_else(|why| panic!("no page: {why}: {line}"));
            page["tools"].as_array().cloned().unwrap_or_default()
        };
        self.raw.lines().flat_map(page).collect()
    }

    /// `raw` without the cursors to further pages: those are sealed with the time, and no model reads them.
    #[must_use]
    pub fn bytes(&self) -> String {
        let key = "\"nextCursor\":\"";
        let page = |line: &str| match line.rsplit_once(key) {
            Some((before, after)) => format!("{before}{key}{}\n", after.find('"').map_or("", |end| &after[end..])),
            None => format!("{line}\n"),
        };
        self.raw.lines().map(page).collect()
    }

    /// The text of a call's result, or of its error.
    #[must_use]
    pub fn text(result: &Value) -> String {
        let text = result["content"][0]["text"].as_str().or_else(|| result["error"]["message"].as_str());
        text.unwrap_or_default().to_owned()
    }
}
