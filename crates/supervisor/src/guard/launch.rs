//! Starts one child: the only place of the program where a declared command becomes a process.
//! The environment is the explicit list and our marker, nothing inherited; the child leads a
//! process group of its own; every descriptor but its three is closed by exec.

use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::process::Pid;

use super::MARKER_VARIABLE;
use super::resolve::{SpawnFailure, explain, resolve};
use super::wire::{FDS_PER_SPAWN, Launch};

/// Starts the child and returns its process id and the file that it runs.
pub(crate) fn launch(
    launch: &Launch,
    marker: &str,
    [stdin, stdout, stderr]: [OwnedFd; FDS_PER_SPAWN],
) -> Result<(Pid, PathBuf), SpawnFailure> {
    let path_variable = launch.env.iter().rev().find(|(name, _)| name == "PATH").map(|(_, value)| value.as_str());
    let path = resolve(&launch.program, path_variable, launch.cwd.as_deref())?;
    #[expect(clippy::disallowed_methods, reason = "the guard is the one place that starts declared processes")]
    let mut command = Command::new(&path);
    command
        .args(&launch.args)
        .env_clear()
        .envs(launch.env.iter().map(|(name, value)| (name, value)))
        .env(MARKER_VARIABLE, marker)
        .stdin(Stdio::from(stdin))
        .stdout(Stdio::from(stdout))
        .stderr(Stdio::from(stderr))
        .process_group(0);
    if let Some(cwd) = &launch.cwd {
        command.current_dir(cwd);
    }
    match command.spawn() {
        Ok(child) => Ok((Pid::from_child(&child), path)),
        Err(error) => Err(explain(&launch.program, &path, &error)),
    }
}
