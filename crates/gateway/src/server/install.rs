//! The step before the first start of a server: a command that is run once for each state of the
//! lock files beside it. A marker in a folder that is handed in says which state was installed; it
//! holds hashes only. Servers that share folder and command share the step.

use super::start::{Child, Down, with_last_words};
use super::{Cause, Core, Environment, launch};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;
use supervisor::{Ending, ProcessLimits, SpawnRequest, Stream};
use tokio::sync::Mutex as Turn;

/// Files that say what is to be installed.
const MANIFESTS: [&str; 14] = [
    "package.json",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "requirements.txt",
    "pyproject.toml",
    "poetry.lock",
    "uv.lock",
    "Cargo.toml",
    "Cargo.lock",
    "go.mod",
    "go.sum",
    "Gemfile.lock",
];
/// The most that is read of one of them, in bytes.
const MANIFEST_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What was installed, in this run and in earlier ones.
#[derive(Debug)]
pub(crate) struct Installs {
    folder: Option<PathBuf>,
    /// One turn for each folder and command, with the state that was installed in this run.
    turns: Mutex<HashMap<String, Arc<Turn<Option<String>>>>>,
}

impl Installs {
    /// Markers go to `folder`; without one, to memory only.
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, turns: Mutex::default() }
    }

    fn turn(&self, key: &str) -> Arc<Turn<Option<String>>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.entry(key.to_owned()).or_default().clone()
    }

    fn marker(&self, key: &str) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join(key))
    }
}

/// Installs what `entry` wants installed, unless that was done.
///
/// # Errors
/// Why it could not be.
pub(super) async fn once(
    server: &Core,
    entry: &config::Server,
    environment: &Environment,
    child: &Child,
) -> Result<(), Down> {
    let Some(request) = launch::request(entry, environment).filter(|_| !entry.install.is_empty()) else {
        return Ok(());
    };
    let installs = &environment.installs;
    let folder = request.cwd.clone().unwrap_or_else(|| environment.process.cwd.clone());
    let key = hash(&[&entry.install.join("\0"), &folder.to_string_lossy()]);
    let turn = installs.turn(&key);
    let mut installed = turn.lock().await;
    let marker = installs.marker(&key);
    let (now, noted) = look(&folder, marker.clone()).await;
    if installed.as_ref().or(noted.as_ref()) == Some(&now) {
        return Ok(());
    }
    let shown = entry.written.install.join(" ");
    child.says(&format!("installing: {shown}"));
    run(server, entry, environment, request).await?;
    // The command may itself have written a lock file.
    let (state, _) = look(&folder, None).await;
    if let Some(marker) = marker {
        note(server, marker, state.clone()).await;
    }
    *installed = Some(state);
    child.says("");
    Ok(())
}

async fn run(
    server: &Core,
    entry: &config::Server,
    environment: &Environment,
    request: SpawnRequest,
) -> Result<(), Down> {
    let shown = entry.written.install.join(" ");
    let since = SystemTime::now();
    let failed = |why: String| {
        let name = &entry.name;
        let place = request.cwd.as_ref().map(|cwd| format!(" in {}", cwd.display())).unwrap_or_default();
        Down {
            ending: Ending::Hopeless,
            reason: format!("its install step failed: {why}"),
            hint: Some(format!("mend it: run `{shown}`{place}, see: switchboard logs {name}")),
            cause: Cause::Install,
        }
    };
    let mut words = entry.install.iter().cloned();
    let program = words.next().unwrap_or_default();
    let request = SpawnRequest { program, args: words.collect(), limits: ProcessLimits::default(), ..request.clone() };
    let spawned = environment.spawner.spawn(request).await.map_err(|error| failed(error.to_string()))?;
    drop(spawned.stdin);
    let rate = entry.resources.stderr;
    let pump = |stream| supervisor::pump_at(spawned.stdout, server.log.clone(), stream, rate);
    let said = tokio::spawn(pump(Stream::Stdout));
    let complained = tokio::spawn(supervisor::pump_at(spawned.stderr, server.log.clone(), Stream::Stderr, rate));
    let limit = entry.install_timeout;
    let Ok(exit) = tokio::time::timeout(limit, spawned.handle.wait()).await else {
        spawned.handle.kill().await;
        return Err(failed(format!("`{shown}` took over {} s (`install_timeout`)", limit.as_secs_f32())));
    };
    // All of it is gone, and its pipes are closed.
    let _ = (said.await, complained.await);
    if exit.is_success() {
        return Ok(());
    }
    Err(failed(with_last_words(server, since, format!("`{shown}` {exit}"))))
}

/// The state of the lock files now, and the one that was noted.
async fn look(folder: &Path, marker: Option<PathBuf>) -> (String, Option<String>) {
    let folder = folder.to_owned();
    let looking =
        tokio::task::spawn_blocking(move || (state(&folder), marker.and_then(|path| fs::read_to_string(path).ok())));
    looking.await.unwrap_or_default()
}

/// A disk that does not take it means that the step is done again, and no more.
async fn note(server: &Core, marker: PathBuf, state: String) {
    let writing = tokio::task::spawn_blocking(move || {
        marker.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(&marker, state)
    });
    if let Ok(Err(error)) = writing.await {
        server.log.remark(format!("that it is installed could not be noted: {error}"));
    }
}

fn state(folder: &Path) -> String {
    let mut parts = Vec::new();
    for name in MANIFESTS {
        let path = folder.join(name);
        let small = fs::metadata(&path).is_ok_and(|data| data.is_file() && data.len() <= MANIFEST_BYTES_MAX);
        if let Some(text) = small.then(|| fs::read(&path).ok()).flatten() {
            parts.push(format!("{name} {:x}", Sha256::digest(text)));
        }
    }
    hash(&parts.iter().map(String::as_str).collect::<Vec<_>>())
}

fn hash(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    format!("{:x}", hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_is_what_the_lock_files_say() {
        let folder = tempfile::tempdir().unwrap();
        let empty = state(folder.path());
        fs::write(folder.path().join("notes.txt"), "anything").unwrap();
        assert_eq!(state(folder.path()), empty);
        fs::write(folder.path().join("package.json"), "{}").unwrap();
        let one = state(folder.path());
        fs::rename(folder.path().join("package.json"), folder.path().join("uv.lock")).unwrap();
        let other = state(folder.path());
        assert!(one != empty && other != empty && one != other);
    }
}
