//! Where the pinned servers and clients of others are, and how they are started.

use crate::programs::{command, tell};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The installed peers.
#[derive(Debug, Clone)]
pub struct Peers {
    root: PathBuf,
    scripts: PathBuf,
}

/// The peers; nothing, with a line that says so, where they are not installed.
///
/// # Panics
/// They are missing in CI, where a skipped test would be a lie.
pub fn require_peers() -> Option<Peers> {
    let house = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = house.join("target/peers");
    if !root.join("installed").is_file() {
        assert!(std::env::var_os("CI").is_none(), "no test peers in CI: run `cargo xtask peers` first");
        tell("SKIPPED: no test peers in target/peers; install them with `cargo xtask peers`");
        return None;
    }
    let root = root.canonicalize().unwrap_or_else(|why| panic!("{}: {why}", root.display()));
    let scripts = root.join("scripts");
    copy_scripts(&house.join("tests/peers"), &scripts);
    Some(Peers { root, scripts })
}

/// A program of the system; nothing, with a line that says so, where it is not installed.
///
/// # Panics
/// It is missing in CI, where a skipped test would be a lie.
pub fn require_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "no {name} in CI: run `cargo xtask peers` first");
        tell(&format!("SKIPPED: no {name} on this machine; `cargo xtask peers` installs it or says how"));
    }
    found
}

/// Node finds packages by walking up from the script, so the scripts must lie below the packages.
fn copy_scripts(from: &Path, to: &Path) {
    let problem = |why: std::io::Error| -> ! { panic!("cannot copy the peer scripts: {why}") };
    fs::create_dir_all(to).unwrap_or_else(|why| problem(why));
    for entry in fs::read_dir(from).unwrap_or_else(|why| problem(why)).flatten() {
        let path = entry.path();
        if !path.extension().is_some_and(|kind| kind == "mjs" || kind == "py") {
            continue;
        }
        let target = to.join(entry.file_name());
        let text = fs::read(&path).unwrap_or_else(|why| problem(why));
        if fs::read(&target).is_ok_and(|there| there == text) {
            continue;
        }
        // Tests run side by side: nobody may see half a script.
        let fresh = target.with_extension(format!("new-{}", std::process::id()));
        fs::write(&fresh, text).and_then(|()| fs::rename(&fresh, &target)).unwrap_or_else(|why| problem(why));
    }
}

impl Peers {
    /// `dist/index.js` of an npm package of the protocol's own organisation.
    pub fn package(&self, name: &str) -> PathBuf {
        self.root.join("node_modules/@modelcontextprotocol").join(name).join("dist/index.js")
    }

    /// `dist/index.js` of any other npm package.
    pub fn npm(&self, name: &str) -> PathBuf {
        self.root.join("node_modules").join(name).join("dist/index.js")
    }

    /// A program that an npm package brings.
    pub fn program(&self, name: &str) -> PathBuf {
        self.root.join("node_modules/.bin").join(name)
    }

    /// Node 22, which the conformance suite and the Inspector need.
    pub fn node22(&self) -> PathBuf {
        self.root.join("node_modules/.bin/node")
    }

    /// A program of the virtual environment: `python`, `mcp-server-time` and so on.
    pub fn python(&self, program: &str) -> PathBuf {
        self.root.join("venv/bin").join(program)
    }

    /// Schemathesis, in an environment of its own; nothing, with a line that says so, where it is missing.
    ///
    /// # Panics
    /// It is missing in CI, where a skipped test would be a lie.
    pub fn schemathesis(&self) -> Option<PathBuf> {
        let program = self.root.join("schemathesis/bin/schemathesis");
        if program.is_file() {
            return Some(program);
        }
        assert!(std::env::var_os("CI").is_none(), "no schemathesis in CI: run `cargo xtask peers` first");
        tell("SKIPPED: no schemathesis in target/peers; install it with `cargo xtask peers`");
        None
    }

    /// A script of `tests/peers`.
    pub fn script(&self, name: &str) -> PathBuf {
        self.scripts.join(name)
    }

    /// A script of `tests/peers` with what runs it.
    pub fn script_command(&self, name: &str) -> Command {
        let interpreter = if name.ends_with(".py") { self.python("python") } else { self.node22() };
        let mut script = command(interpreter);
        script.arg(self.script(name));
        script
    }

    /// The Inspector's CLI.
    pub fn inspector(&self) -> Command {
        let launcher = "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js";
        let mut inspector = command(self.node22());
        inspector.arg(self.root.join(launcher)).arg("--cli");
        inspector
    }

    /// The official conformance suite.
    pub fn conformance(&self) -> Command {
        let mut suite = command(self.node22());
        suite.arg(self.package("conformance"));
        suite
    }

    /// Playwright MCP.
    pub fn playwright(&self) -> PathBuf {
        self.root.join("node_modules/@playwright/mcp/cli.js")
    }
}
