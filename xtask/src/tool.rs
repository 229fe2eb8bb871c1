//! Running the tools of the house: cargo, rustup and what the peers need from the system.
//!
//! This file only starts things and says clearly what is missing; which tool runs when is decided
//! by the commands.

use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The nextest that the tests were written with; a newer one may want a newer compiler.
const NEXTEST: &str = "0.9.143";
/// The oldest Node.js that npm and the peers work with.
const NODE_MAJOR_MIN: u32 = 20;

/// A command; what a developer set for a switchboard of their own does not reach the tests, and what
/// cargo says of `xtask` itself no other cargo: build scripts that look at it would build anew each time.
#[expect(clippy::disallowed_methods, reason = "xtask runs tools")]
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["SWITCHBOARD_", "CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|start| text.starts_with(start)) {
            command.env_remove(name);
        }
    }
    command
}

/// Cargo in the workspace.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut cargo = command("cargo");
    cargo.current_dir(root);
    cargo
}

/// Runs to the end, with its output where ours goes.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    let status = command.status().with_context(|| format!("`{shown}` did not start"))?;
    if !status.success() {
        bail!("`{shown}` failed: {status}");
    }
    Ok(())
}

/// Which of a command's outputs is looked at on its way through.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Watched {
    Stdout,
    Stderr,
}

/// Runs to the end and shows each line of one output to `look` as well. Says whether it succeeded.
pub(crate) fn watch(command: &mut Command, watched: Watched, mut look: impl FnMut(&str)) -> Result<bool> {
    let shown = shown(command);
    match watched {
        Watched::Stdout => command.stdout(Stdio::piped()),
        Watched::Stderr => command.stderr(Stdio::piped()),
    };
    let mut child = command.spawn().with_context(|| format!("`{shown}` did not start"))?;
    let mut line = Vec::new();
    match watched {
        Watched::Stdout => {
            let mut output = BufReader::new(child.stdout.take().context("no stdout")?);
            while output.read_until(b'\n', &mut line)? > 0 {
                std::io::stdout().write_all(&line)?;
                look(&String::from_utf8_lossy(&line));
                line.clear();
            }
        }
        Watched::Stderr => {
            let mut output = BufReader::new(child.stderr.take().context("no stderr")?);
            while output.read_until(b'\n', &mut line)? > 0 {
                std::io::stderr().write_all(&line)?;
                look(&String::from_utf8_lossy(&line));
                line.clear();
            }
        }
    }
    Ok(child.wait()?.success())
}

/// What a command prints, when it succeeds.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output();
    let output = output.ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}

/// Where cargo puts what it builds.
pub(crate) fn target(root: &Path) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR");
    target.map_or_else(|| root.join("target"), |folder| root.join(folder))
}

/// Installs a cargo command unless it is there.
pub(crate) fn need_nextest(root: &Path) -> Result<()> {
    if output(cargo(root).args(["nextest", "--version"])).is_some() {
        return Ok(());
    }
    run(cargo(root).args(["install", "cargo-nextest", "--locked", "--version", NEXTEST]))
}

/// A program that the peers or the tests need, how to find out whether it is there, and the
/// Debian packages that bring it.
struct Need {
    probe: &'static [&'static str],
    packages: &'static [&'static str],
}

const NEEDS: &[Need] = &[
    Need { probe: &["git", "--version"], packages: &["git"] },
    Need { probe: &["cc", "--version"], packages: &["build-essential"] },
    Need { probe: &["node", "--version"], packages: &["nodejs"] },
    Need { probe: &["npm", "--version"], packages: &["npm"] },
    Need { probe: &["python3", "-c", "import venv, ensurepip"], packages: &["python3", "python3-venv", "python3-pip"] },
    // For servers and clients on a TCP port and on a Unix socket, and for a server with a browser.
    Need { probe: &["socat", "-V"], packages: &["socat"] },
    Need { probe: &["chromium", "--version"], packages: &["chromium"] },
    // Servers and services in containers; the tests start an engine of their own.
    Need { probe: &["dockerd", "--version"], packages: &["docker.io"] },
    Need { probe: &["iptables", "--version"], packages: &["iptables"] },
    Need { probe: &["ip", "-Version"], packages: &["iproute2"] },
    // A search engine for the server `web`.
    Need { probe: &["sh", "-c", "command -v searx-run"], packages: &["searx"] },
    // The databases of `state.url` and `cache.url`; Debian has the first outside the search path.
    Need {
        probe: &["sh", "-c", "command -v postgres || ls /usr/lib/postgresql/*/bin/postgres"],
        packages: &["postgresql"],
    },
    Need { probe: &["redis-server", "--version"], packages: &["redis-server"] },
    // What Prometheus itself says of our metrics and alert rules.
    Need { probe: &["promtool", "--version"], packages: &["prometheus"] },
    Need { probe: &["setpriv", "--version"], packages: &["util-linux"] },
    Need { probe: &["strace", "--version"], packages: &["strace"] },
];

/// Makes sure that the system has what the peers and tests need; installs it where we are root
/// on a Debian.
///
/// # Errors
/// What is missing, with the command that brings it.
pub(crate) fn need_system() -> Result<()> {
    let mut missing = missing();
    if missing.is_empty() {
        return node_is_new_enough();
    }
    let names: Vec<_> = missing.iter().map(|need| need.probe[0]).collect();
    let packages = missing.iter().flat_map(|need| need.packages).copied();
    let packages: Vec<_> = packages.collect();
    let install = format!("apt-get install -y {}", packages.join(" "));
    let apt = output(command("apt-get").arg("--version")).is_some();
    if !(apt && rustix::process::geteuid().is_root()) {
        let names = names.join(", ");
        bail!("missing on this machine: {names}; on Debian: sudo {install}");
    }
    let mut progress = std::io::stderr();
    writeln!(progress, "missing: {}; {install}", names.join(", "))?;
    run(command("apt-get").args(["update", "-q"]))?;
    let mut apt_get = command("apt-get");
    apt_get.env("DEBIAN_FRONTEND", "noninteractive");
    run(apt_get.args(["install", "-q", "-y", "--no-install-recommends"]).args(packages))?;
    missing = self::missing();
    if let Some(need) = missing.first() {
        bail!("`{}` still fails after {install}", need.probe.join(" "));
    }
    node_is_new_enough()
}

fn missing() -> Vec<&'static Need> {
    let works = |need: &&Need| {
        let mut probe = command(need.probe[0]);
        output(probe.args(&need.probe[1..])).is_none()
    };
    NEEDS.iter().filter(works).collect()
}

fn node_is_new_enough() -> Result<()> {
    let version = output(command("node").arg("--version")).unwrap_or_default();
    let major = version.trim().trim_start_matches('v').split('.').next();
    if major.and_then(|major| major.parse().ok()) < Some(NODE_MAJOR_MIN) {
        bail!("node is {}; the peers need {NODE_MAJOR_MIN} or newer", version.trim());
    }
    Ok(())
}

/// A command as a person would type it.
fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}
