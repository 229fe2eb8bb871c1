//! A Docker Engine of the test's own: in a network namespace and in folders of its own, with images
//! made of our static programs and nothing else. It ends with the value.

use crate::programs::{self, Ended, command, tell};
use crate::switchboard::Home;
use crate::waiting::{SOON, await_some};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// How long building the static programs may take where nobody has built them before.
const BUILD: Duration = Duration::from_secs(240);

/// An engine that runs.
#[derive(Debug)]
pub struct Docker {
    folder: TempDir,
    child: Option<Child>,
    pid: u32,
}

impl Docker {
    /// Starts an engine; nothing, with a line that says so, where this machine cannot run one.
    ///
    /// # Panics
    /// In CI, where a skipped test would be a lie; or when the engine does not come up.
    #[must_use]
    #[track_caller]
    pub fn start() -> Option<Self> {
        if let Err(why) = possible() {
            assert!(std::env::var_os("CI").is_none(), "no container can be run in CI: {why}");
            tell(&format!("SKIPPED: no container can be run here: {why}"));
            return None;
        }
        let folder = TempDir::with_prefix("e2e-docker-").expect("expected a temporary folder");
        let path = |name: &str| folder.path().join(name).display().to_string();
        let script = format!(
            "ip link set lo up && exec dockerd --data-root {} --exec-root {} --pidfile {} --host unix://{} \
             --storage-driver vfs",
            path("data"),
            path("exec"),
            path("pid"),
            path("docker.sock")
        );
        let said = || File::options().create(true).append(true).open(path("log")).expect("expected a log");
        let mut engine = command("unshare");
        engine.args(["--net", "sh", "-c", &script]).stdin(Stdio::null()).stdout(said()).stderr(said());
        let child = engine.spawn().expect("expected to start the engine");
        let pid = child.id();
        let mut docker = Self { folder, child: Some(child), pid };
        await_some(SOON, "a container engine that answers", || {
            let ended = docker.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            assert!(ended.is_none(), "expected the engine to run, it ended with {ended:?}:\n{}", docker.said());
            (docker.socket().exists() && docker.cli(&["info"]).code == Some(0)).then_some(())
        });
        Some(docker)
    }

    /// Its socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    /// A home of a switchboard in the network namespace of the engine, where the ports of containers
    /// are found. It is driven through its own socket.
    #[must_use]
    pub fn home(&self, config: &str) -> Home {
        let inside = ["nsenter", "--net", "--target", &self.pid.to_string(), "--"].map(str::to_owned);
        Home::inside(inside.to_vec(), &format!("container_engine = {:?}\n{config}", self.socket()))
    }

    /// Runs `docker` with these arguments against it.
    #[track_caller]
    pub fn cli(&self, args: &[&str]) -> Ended {
        let mut docker = command("docker");
        programs::run(docker.arg("--host").arg(format!("unix://{}", self.socket().display())).args(args), SOON)
    }

    /// Makes an image of one static program of ours, which is what runs in it.
    ///
    /// # Panics
    /// When it cannot be made.
    #[track_caller]
    pub fn image(&self, name: &str, program: &str) {
        let built = static_program(program);
        let archive = self.folder.path().join("image.tar");
        let folder = built.parent().expect("expected the program in a folder");
        let packed = programs::run(command("tar").arg("-cf").arg(&archive).arg("-C").arg(folder).arg(program), SOON);
        assert_eq!(packed.code, Some(0), "expected to pack the image: {packed:?}");
        let entry = format!("ENTRYPOINT [\"/{program}\"]");
        let made = self.cli(&["import", "--change", &entry, &archive.display().to_string(), name]);
        assert_eq!(made.code, Some(0), "expected an image: {made:?}");
    }

    /// The ids of the containers of this entry, whether they run or not.
    #[must_use]
    #[track_caller]
    pub fn containers(&self, entry: &str) -> Vec<String> {
        let filter = format!("label=dev.switchboard.entry={entry}");
        let listed = self.cli(&["ps", "--all", "--quiet", "--no-trunc", "--filter", &filter]);
        assert_eq!(listed.code, Some(0), "expected a list of containers: {listed:?}");
        listed.stdout.lines().map(str::to_owned).collect()
    }

    /// What the engine knows of a container.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    #[track_caller]
    pub fn inspect(&self, id: &str) -> Value {
        self.cli(&["inspect", id]).json()[0].take()
    }

    fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        if std::thread::panicking() {
            let said = self.said();
            let last: Vec<&str> = said.lines().rev().take(20).collect();
            tell(&format!("--- the engine's last lines, newest first:\n{}", last.join("\n")));
        }
        // What still runs must not hold up the end; without an engine there is nothing.
        let mut all = command("docker");
        let socket = format!("unix://{}", self.socket().display());
        let listed = all.args(["--host", &socket, "ps", "--all", "--quiet"]).output();
        let listed = listed.map(|listed| String::from_utf8_lossy(&listed.stdout).into_owned()).unwrap_or_default();
        let mut remove = command("docker");
        remove.args(["--host", &socket, "rm", "--force", "--volumes"]).args(listed.lines());
        if !listed.is_empty() {
            let _ = remove.output();
        }
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        let _ = pid.map(|pid| kill_process(pid, Signal::TERM));
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            await_some(SOON, "the end of the engine", || child.try_wait().ok().flatten());
        }));
        if ended.is_err() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Whether this machine can run an engine: the programs, the rights, control groups.
fn possible() -> Result<(), String> {
    if !rustix::process::geteuid().is_root() {
        return Err("only root can start an engine".to_owned());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    for program in ["dockerd", "docker", "ip", "iptables", "unshare", "nsenter", "tar"] {
        if !std::env::split_paths(&path).any(|folder| folder.join(program).is_file()) {
            return Err(format!("no {program} on this machine; `cargo xtask peers` installs it or says how"));
        }
    }
    let fresh = programs::run(command("unshare").args(["--net", "true"]), SOON);
    if fresh.code != Some(0) {
        return Err(format!("no network namespace can be made: {}", fresh.stderr.trim()));
    }
    let groups = ["/sys/fs/cgroup/cgroup.controllers", "/sys/fs/cgroup/memory"];
    if !groups.iter().any(|path| Path::new(path).exists()) {
        return Err("control groups are not mounted at /sys/fs/cgroup".to_owned());
    }
    Ok(())
}

/// A program of ours that needs no library: built where it is not there yet, or not up to date.
#[track_caller]
fn static_program(program: &str) -> PathBuf {
    let house = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = house.join("target/static");
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let package = if program == "mcp-fixture" { "fixture" } else { "testkit" };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = command(cargo);
    build.current_dir(&house).env("RUSTFLAGS", "-C target-feature=+crt-static");
    build.args(["build", "--offline", "--quiet", "--package", package, "--bin", program, "--target", &triple]);
    let built = programs::run(build.arg("--target-dir").arg(&target), BUILD);
    assert_eq!(built.code, Some(0), "expected {program} to be built without libraries: {built:?}");
    target.join(triple).join("debug").join(program)
}
