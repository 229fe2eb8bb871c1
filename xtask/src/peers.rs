//! `cargo xtask peers`: installs the pinned servers and clients of others that the end-to-end tests
//! talk to, into `target/peers`. npm packages come from a lock file (`npm ci`), PyPI packages go
//! into a virtual environment. Does nothing when the same lock files are installed already.
//!
//! It does not install what they need from the system, a browser too: `tool::need_system` does.

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What decides which peers are installed, below `tests/peers`.
const LOCKS: [&str; 3] = ["package.json", "package-lock.json", "requirements.txt"];

/// Changes when the way of installing changes, so that old installations are made anew.
const RECIPE: &str = "1";

/// Installs the test peers of the repository at `root` into `target/peers`.
///
/// # Errors
/// A tool is missing or failed; the message names the command and how to get the tool.
pub(crate) fn install(root: &Path) -> Result<()> {
    let source = root.join("tests/peers");
    let target = root.join("target/peers");
    let wanted = fingerprint(&source)?;
    install_schemathesis(&source, &target)?;
    let stamp = target.join("installed");
    if fs::read_to_string(&stamp).is_ok_and(|found| found.trim() == wanted) {
        return Ok(());
    }
    fs::create_dir_all(&target).with_context(|| format!("cannot make {}", target.display()))?;
    // A half-made installation must not look like a whole one.
    if stamp.exists() {
        fs::remove_file(&stamp)?;
    }
    install_npm(&source, &target)?;
    install_pypi(&source, &target)?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))
}

/// Builds the programs that run in containers: they bring every library with them. In a folder of
/// its own, since it needs other flags; `Docker::image` of the end-to-end tests says the same.
///
/// # Errors
/// They cannot be built.
pub(crate) fn static_programs(root: &Path) -> Result<()> {
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    for (package, program) in [("testkit", "mcp-misbehave"), ("fixture", "mcp-fixture")] {
        let mut build = crate::tool::cargo(root);
        build.env("RUSTFLAGS", "-C target-feature=+crt-static").args(["build", "--package", package]);
        build.args(["--bin", program, "--target", &triple, "--target-dir"]);
        crate::tool::run(build.arg(root.join("target/static")))?;
    }
    Ok(())
}

fn fingerprint(source: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    hash.update(RECIPE);
    for name in LOCKS {
        let path = source.join(name);
        let content = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        hash.update((content.len() as u64).to_be_bytes());
        hash.update(content);
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn install_npm(source: &Path, target: &Path) -> Result<()> {
    for name in ["package.json", "package-lock.json"] {
        fs::copy(source.join(name), target.join(name)).with_context(|| format!("cannot copy {name}"))?;
    }
    // The conformance suite and the Inspector need Node 22, newer than many a system's. The package
    // `node` brings that binary, and puts it in place with its install script.
    let mut npm = tool("npm");
    npm.current_dir(target).args(["ci", "--ignore-scripts=false", "--no-audit", "--no-fund", "--loglevel=error"]);
    run(npm, "install Node.js with npm (Debian: apt-get install nodejs npm)")?;
    let node = target.join("node_modules/.bin/node");
    let mut version = tool(&node);
    version.arg("--version");
    let answer = version.output().with_context(|| format!("cannot run {}", node.display()))?;
    if !answer.stdout.starts_with(b"v22.") {
        bail!(
            "{} is not Node 22 but {:?}; delete target/peers and run `cargo xtask peers` again",
            node.display(),
            String::from_utf8_lossy(&answer.stdout)
        );
    }
    Ok(())
}

fn install_pypi(source: &Path, target: &Path) -> Result<()> {
    install_venv(&target.join("venv"), &source.join("requirements.txt"))
}

/// Schemathesis in an environment of its own, with a stamp of its own: a new one of it is no reason to make
/// everything anew.
fn install_schemathesis(source: &Path, target: &Path) -> Result<()> {
    let (folder, list) = (target.join("schemathesis"), source.join("schemathesis.txt"));
    let wanted = fs::read_to_string(&list).with_context(|| format!("cannot read {}", list.display()))?;
    let stamp = folder.join("installed");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    fs::create_dir_all(target).with_context(|| format!("cannot make {}", target.display()))?;
    install_venv(&folder, &list)?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))
}

fn install_venv(venv: &Path, requirements: &Path) -> Result<()> {
    let mut create = tool("python3");
    create.args(["-m", "venv", "--clear"]).arg(venv);
    run(create, "install Python 3.10 or newer with venv (Debian: apt-get install python3-venv)")?;
    let mut pip = tool(venv.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"])
        .arg("--requirement")
        .arg(requirements);
    run(pip, "the package index must be reachable once; later runs work offline")
}

#[expect(clippy::disallowed_methods, reason = "xtask runs tools")]
fn tool(program: impl Into<PathBuf>) -> Command {
    Command::new(program.into())
}

fn run(mut command: Command, hint: &str) -> Result<()> {
    let shown = format!("{command:?}");
    let status = command.status().with_context(|| format!("cannot start {shown}\nhint: {hint}"))?;
    if !status.success() {
        bail!("{shown} failed with {status}\nhint: {hint}");
    }
    Ok(())
}
