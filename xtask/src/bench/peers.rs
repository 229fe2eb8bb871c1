//! The two peers of `--peers`, put into `target/peers`: nothing is installed on the system.

use super::process::{command, output};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};

const MCP_PROXY: &str = "0.6.0";
const SYSTEM_NGINX: &str = "/usr/sbin/nginx";

/// The system's nginx, or Debian's package unpacked beside the other peers: installing it would
/// start a server.
pub(super) fn nginx(root: &Path) -> Result<PathBuf> {
    let system = PathBuf::from(SYSTEM_NGINX);
    if system.exists() {
        return Ok(system);
    }
    let folder = root.join("target/peers/nginx");
    let program = folder.join("root/usr/sbin/nginx");
    if !program.exists() {
        fs::create_dir_all(&folder)?;
        output(command("apt-get").args(["download", "nginx"]).current_dir(&folder))
            .context("no nginx here, and its Debian package cannot be fetched")?;
        let package = fs::read_dir(&folder)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.extension().is_some_and(|end| end == "deb"))
            .context("apt-get fetched nothing")?;
        output(command("dpkg-deb").arg("-x").arg(package).arg(folder.join("root")))?;
    }
    ensure!(program.exists(), "the package holds no nginx");
    Ok(program)
}

/// The crate `mcp-proxy`, built once.
pub(super) fn mcp_proxy(root: &Path) -> Result<PathBuf> {
    let folder = root.join("target/peers/mcp-proxy");
    let program = folder.join("bin/mcp-proxy");
    if !program.exists() {
        let mut install = command("cargo");
        install.args(["install", "mcp-proxy", "--version", MCP_PROXY, "--locked", "--root"]);
        // Its own target folder: one build directory for two workspaces would rebuild both.
        install.arg(&folder).env("CARGO_TARGET_DIR", folder.join("build"));
        output(&mut install).context("cargo install mcp-proxy")?;
    }
    Ok(program)
}
