//! The folder that holds all state of one instance: what lies where in it, and the lock that says
//! whose it is. What stands in the files is `store_files.rs`, what lasts is in `state.rs`.

use crate::env_vars;
use crate::report::Report;
use config::Environment;
use sha2::{Digest as _, Sha256};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The longest path of a socket in bytes; the system's limit is a little higher.
const SOCKET_PATH_BYTES_MAX: usize = 100;

/// Paths of one instance.
#[derive(Debug, Clone)]
pub(crate) struct DataFolder {
    pub(crate) root: PathBuf,
    runtime: PathBuf,
}

/// The sockets of a daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sockets {
    /// `/api`.
    pub(crate) api: PathBuf,
    /// Conversations of stdio clients.
    pub(crate) mcp: PathBuf,
}

/// Held by the daemon of a data folder as long as it lives.
#[derive(Debug)]
pub(crate) struct Lock(File);

// === impl DataFolder ===

impl DataFolder {
    /// The data folder at `root`; nothing is created yet.
    pub(crate) fn new(root: PathBuf, environment: &Environment) -> Self {
        let runtime = environment.vars.get(env_vars::RUNTIME_DIR).map(PathBuf::from);
        let runtime = runtime.filter(|folder| folder.is_absolute());
        let user = rustix::process::getuid().as_raw();
        let own = || std::env::temp_dir().join(format!("switchboard-{user}"));
        Self { root, runtime: runtime.unwrap_or_else(own) }
    }

    /// The local store.
    pub(crate) fn state(&self) -> PathBuf {
        self.root.join("state.db")
    }

    /// The sealing keys.
    pub(crate) fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// The token of the dashboard.
    pub(crate) fn token(&self) -> PathBuf {
        self.root.join("token")
    }

    /// What was signed in to.
    pub(crate) fn sign_ins(&self) -> PathBuf {
        self.root.join("sign-ins")
    }

    /// Where the daemon listens.
    pub(crate) fn listen(&self) -> PathBuf {
        self.root.join("listen.json")
    }

    /// Logs of servers.
    pub(crate) fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// Marks of what was installed for servers.
    pub(crate) fn installed(&self) -> PathBuf {
        self.root.join("installed")
    }

    fn lock_file(&self) -> PathBuf {
        self.root.join("lock")
    }

    fn socket_note(&self) -> PathBuf {
        self.root.join("socket.path")
    }

    /// Creates the folder, open to its owner only.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn create(&self) -> Result<(), Report> {
        create_private(&self.root).map_err(|error| {
            let message = format!("the data folder {} cannot be created", self.root.display());
            Report::failed(message).cause(error).hint("name another one: --data DIR")
        })
    }

    /// Takes the folder for this process.
    ///
    /// # Errors
    /// When another daemon has it.
    pub(crate) fn lock(&self) -> Result<Lock, Report> {
        let path = self.lock_file();
        let failed = |error: io::Error| Report::failed(format!("{} cannot be locked", path.display())).cause(error);
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut file = open.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(error)) => return Err(failed(error)),
            Err(TryLockError::WouldBlock) => return Err(self.held(&mut file)),
        }
        let (pid, since) = (std::process::id(), supervisor::utc(SystemTime::now()));
        file.set_len(0).and_then(|()| write!(file, "{pid} {since}")).map_err(failed)?;
        Ok(Lock(file))
    }

    fn held(&self, file: &mut File) -> Report {
        let mut text = String::new();
        // Whoever holds it may not have written its number yet.
        let _ = file.read_to_string(&mut text);
        let listens = std::fs::read_to_string(self.listen()).ok();
        let listens = listens.and_then(|note| serde_json::from_str::<serde_json::Value>(&note).ok());
        let at = listens.as_ref().and_then(|note| note["address"].as_str());
        let at = at.map(|address| format!(", listening on {address}")).unwrap_or_default();
        let who = match text.split_once(' ') {
            None => "another switchboard".to_owned(),
            Some((pid, since)) => format!("another switchboard (process {pid}, since {since}{at})"),
        };
        Report::failed(format!("{who} already runs on the data folder {}", self.root.display()))
            .hint("see how it is: switchboard status; end it: switchboard stop")
            .hint("or give this one a place of its own: --data DIR --listen 127.0.0.1:0")
    }

    /// Whether a daemon holds the folder now, whether it answers or not.
    pub(crate) fn is_held(&self) -> bool {
        let file = File::open(self.lock_file());
        file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// What a daemon in the background says.
    pub(crate) fn daemon_log(&self) -> PathBuf {
        self.logs().join("daemon.log")
    }

    /// Waits until no daemon holds the folder.
    ///
    /// # Errors
    /// When the system cannot tell.
    pub(crate) fn wait_until_free(&self) -> io::Result<()> {
        match File::open(self.lock_file()) {
            Ok(file) => file.lock_shared(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Where the sockets of a daemon are to be, with a note of it where that is not in the folder.
    ///
    /// # Errors
    /// When the folder of the sockets cannot be made safe.
    pub(crate) fn place_sockets(&self) -> Result<Sockets, Report> {
        let inside = Sockets { api: self.root.join("switchboard.sock"), mcp: self.root.join("mcp.sock") };
        let note = self.socket_note();
        let failed = |error: io::Error| Report::failed("the sockets of the daemon cannot be placed").cause(error);
        if inside.api.as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
            return match std::fs::remove_file(&note) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
                _ => Ok(inside),
            };
        }
        create_private(&self.runtime).map_err(failed)?;
        let metadata = std::fs::symlink_metadata(&self.runtime).map_err(failed)?;
        let ours = metadata.is_dir() && metadata.uid() == rustix::process::getuid().as_raw();
        if !ours || metadata.mode() & 0o077 != 0 {
            let message = format!("{} is open to others, so no socket is put there", self.runtime.display());
            return Err(Report::failed(message).hint("name a data folder with a shorter path: --data DIR"));
        }
        let hash = Sha256::digest(self.root.as_os_str().as_encoded_bytes());
        let hash: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let outside = Sockets {
            api: self.runtime.join(format!("switchboard-{hash}.sock")),
            mcp: self.runtime.join(format!("switchboard-{hash}-mcp.sock")),
        };
        let text = format!("{}\n{}\n", outside.api.display(), outside.mcp.display());
        crate::store_files::replace(&note, text.as_bytes()).map_err(failed)?;
        Ok(outside)
    }

    /// Where the sockets of a running daemon are.
    pub(crate) fn sockets(&self) -> Sockets {
        if let Ok(note) = std::fs::read_to_string(self.socket_note())
            && let Some((api, mcp)) = note.trim_end().split_once('\n')
        {
            return Sockets { api: api.into(), mcp: mcp.into() };
        }
        Sockets { api: self.root.join("switchboard.sock"), mcp: self.root.join("mcp.sock") }
    }
}

// === impl Sockets ===

impl Sockets {
    /// Removes what an earlier daemon may have left; the lock says that it is gone.
    pub(crate) fn remove(&self) {
        for path in [&self.api, &self.mcp] {
            // What is not there is removed already.
            let _ = std::fs::remove_file(path);
        }
    }
}

// === impl Lock ===

impl Drop for Lock {
    fn drop(&mut self) {
        // The system unlocks it in any case when the process ends.
        let _ = self.0.set_len(0);
        let _ = self.0.unlock();
    }
}

pub(crate) fn create_private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_path_is_noted_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = folder.path().join("run");
        let vars = [(env_vars::RUNTIME_DIR.to_owned(), runtime.display().to_string())];
        let environment = Environment { vars: vars.into_iter().collect(), ..Environment::default() };
        let data = DataFolder::new(folder.path().join("x".repeat(120)), &environment);
        data.create().unwrap();
        let placed = data.place_sockets().unwrap();
        assert!(placed.api.starts_with(&runtime) && placed.api != placed.mcp);
        assert_eq!(DataFolder::new(data.root.clone(), &Environment::default()).sockets(), placed);
    }

    #[test]
    fn a_folder_is_taken_once() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::new(folder.path().join("data"), &Environment::default());
        data.create().unwrap();
        let lock = data.lock().unwrap();
        let refused = data.lock().unwrap_err();
        assert!(refused.message.contains(&std::process::id().to_string()), "{refused:?}");
        drop(lock);
        data.wait_until_free().unwrap();
        assert!(data.lock().is_ok());
    }
}
