//! Starts the program of a server: its environment, its limits, its port looked at first, and its
//! stderr on the way into the log. How it is spoken to afterwards is not this file's business.

use super::complaints::Complaints;
use super::start::{Down, Failed};
use super::{Cause, Core, Environment};
use supervisor::{Ending, ProcessHandle, ProcessLimits, SpawnRequest, Spawned, port_holder};
use tokio::net::unix::pipe;

/// A program that runs; what it says on stderr goes to its log.
pub(super) struct Started {
    pub(super) pid: u32,
    pub(super) stdin: pipe::Sender,
    pub(super) stdout: pipe::Receiver,
    pub(super) process: ProcessHandle,
    pub(super) complaints: Complaints,
}

/// What the guard is asked for; nothing for a server that runs no program.
pub(super) fn request(entry: &config::Server, environment: &Environment) -> Option<SpawnRequest> {
    let runs = entry.runs()?;
    let resources = &entry.resources;
    Some(SpawnRequest {
        program: runs.command.to_owned(),
        args: runs.args.to_vec(),
        env: config::child_environment(entry, &environment.process),
        cwd: runs.cwd.map(Into::into),
        limits: ProcessLimits {
            memory_bytes: resources.memory,
            cpu_percent: resources.cpu,
            processes: resources.processes,
            open_files: resources.open_files,
        },
    })
}

/// Starts it.
pub(super) async fn spawn(server: &Core, entry: &config::Server, environment: &Environment) -> Result<Started, Failed> {
    let failed = |cause, ending, reason, hint| Failed::Down(Down { ending, reason, hint, cause });
    let Some(request) = request(entry, environment) else {
        return Err(failed(Cause::Other, Ending::Hopeless, "it has no program".to_owned(), None));
    };
    if let Some(port) = entry.listens_on()
        && let Some(why) = taken(port).await
    {
        let hint = format!("end that, or set another `port` for `{}`", entry.name);
        return Err(failed(Cause::Port, Ending::Failure, why, Some(hint)));
    }
    let Spawned { pid, stdin, stdout, stderr, handle } = environment.spawner.spawn(request).await.map_err(|error| {
        let ending = if error.can_pass() { Ending::Failure } else { Ending::Hopeless };
        failed(Cause::Other, ending, error.to_string(), error.hint())
    })?;
    for missing in handle.meter().not_enforced() {
        server.log.remark(format!("this host cannot enforce resources.{missing}"));
    }
    let complaints = Complaints::of(stderr, &server.log, entry.resources.stderr);
    Ok(Started { pid, stdin, stdout, process: handle, complaints })
}

/// Why a program that wants to listen on `port` cannot.
async fn taken(port: u16) -> Option<String> {
    let looked = tokio::task::spawn_blocking(move || port_holder::in_the_way(port)).await;
    looked.ok().flatten().map(|holder| format!("its port {port} is taken by {holder}"))
}
