//! What was signed in to, on disk: a sealed file for each server in the data folder, and beside it
//! a lock that is held while one is changed. The daemon and the commands use the same files.
//!
//! A file is replaced whole, so that a crash leaves the old or the new one. It opens only with the
//! keys of the data folder, and only as the account of its server.

use crate::data_folder::{DataFolder, create_private};
use crate::report::Report;
use crate::store_files;
use outbound::oauth::{Account, Held, Vault};
use protocol::Principal;
use protocol::seal::{Binding, Sealer};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Seals and opens the accounts of one data folder.
struct Files {
    folder: PathBuf,
    sealer: Sealer,
    owner: Principal,
}

/// One account, locked.
struct Locked {
    files: Arc<Files>,
    name: String,
    /// Held until this is dropped.
    _lock: File,
}

/// The vault of `data`.
///
/// # Errors
/// When the keys of the data folder cannot be used.
pub(crate) fn open(data: &DataFolder) -> Result<Arc<dyn Vault>, Report> {
    let (folder, sealer) = (data.sign_ins(), store_files::sealer(data)?);
    Ok(Arc::new(Shared(Arc::new(Files { folder, sealer, owner: Principal::new("local") }))))
}

struct Shared(Arc<Files>);

impl Files {
    /// The file of the server called `name`. Names may hold anything, so the file is called by a
    /// hash, with what can be read before it.
    fn path(&self, name: &str, kind: &str) -> PathBuf {
        let hash: String = Sha256::digest(name).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let shown: String = config::reduce(name).chars().take(40).collect();
        self.folder.join(format!("{shown}-{hash}.{kind}"))
    }

    fn binding<'a>(&'a self, name: &'a str) -> Binding<'a> {
        Binding { principal: &self.owner, method: "sign-in", name, digest: b"" }
    }

    fn read(&self, name: &str) -> Result<Option<Account>, String> {
        let path = self.path(name, "sealed");
        let sealed = match std::fs::read_to_string(&path) {
            Ok(sealed) => sealed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(told(&path, error)),
        };
        // Whatever cannot be opened is of no use to anybody: it is as if nobody had signed in.
        let opened = self.sealer.open(self.binding(name), sealed.trim(), 0);
        let account = opened.ok().and_then(|content| serde_json::from_slice(&content).ok());
        if account.is_none() {
            tracing::warn!("{} cannot be opened with the keys of this data folder", path.display());
        }
        Ok(account)
    }

    fn write(&self, name: &str, account: Option<&Account>) -> Result<(), String> {
        let path = self.path(name, "sealed");
        let Some(account) = account else {
            return match std::fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(told(&path, error)),
                _ => Ok(()),
            };
        };
        let content = serde_json::to_vec(account).map_err(|error| error.to_string())?;
        let sealed = self.sealer.seal(self.binding(name), &content, u64::MAX).map_err(|error| error.to_string())?;
        store_files::replace(&path, sealed.as_bytes()).map_err(|error| told(&path, error))
    }
}

impl Vault for Shared {
    fn read(&self, name: &str) -> Result<Option<Account>, String> {
        self.0.read(name)
    }

    fn hold(&self, name: &str) -> Result<Box<dyn Held>, String> {
        let path = self.0.path(name, "lock");
        let opened = create_private(&self.0.folder).and_then(|()| {
            let mut options = OpenOptions::new();
            let lock = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
            lock.lock()?;
            Ok(lock)
        });
        let lock = opened.map_err(|error| told(&path, error))?;
        Ok(Box::new(Locked { files: self.0.clone(), name: name.to_owned(), _lock: lock }))
    }
}

impl Held for Locked {
    fn read(&self) -> Result<Option<Account>, String> {
        self.files.read(&self.name)
    }

    fn write(&mut self, account: Option<&Account>) -> Result<(), String> {
        self.files.write(&self.name, account)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("folder", &self.0.folder).finish_non_exhaustive()
    }
}

fn told(path: &Path, error: impl fmt::Display) -> String {
    format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::Environment;
    use std::os::unix::fs::PermissionsExt as _;

    fn fixture() -> (tempfile::TempDir, DataFolder) {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::new(folder.path().to_owned(), &Environment::default());
        (folder, data)
    }

    fn account(server: &str) -> Account {
        let tokens = serde_json::json!({
            "issuer": "https://as", "resource": server, "access": "secret-token", "given": 1, "token_endpoint": "https://as/t",
        });
        let tokens = serde_json::from_value(tokens).unwrap();
        Account { server: server.to_owned(), tokens: Some(tokens), ..Account::default() }
    }

    #[test]
    fn an_account_is_private_sealed_and_only_its_own() {
        let (_folder, data) = fixture();
        let vault = open(&data).unwrap();
        vault.hold("My Server").unwrap().write(Some(&account("https://h/mcp"))).unwrap();
        let read = open(&data).unwrap().read("My Server").unwrap().unwrap();
        assert_eq!(read.server, "https://h/mcp");
        assert!(vault.read("my-server").unwrap().is_none());
        let files: Vec<PathBuf> =
            std::fs::read_dir(data.sign_ins()).unwrap().map(|file| file.unwrap().path()).collect();
        let sealed = files.iter().find(|path| path.extension().is_some_and(|kind| kind == "sealed")).unwrap();
        assert_eq!(std::fs::metadata(sealed).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!std::fs::read_to_string(sealed).unwrap().contains("secret"));
        let other = data.sign_ins().join(sealed.file_name().unwrap().to_str().unwrap().replace("My", "x"));
        std::fs::copy(sealed, other).unwrap();
        // The file of one server is no file of another, whatever it is called.
        let stranger = Files {
            folder: data.sign_ins(),
            sealer: store_files::sealer(&data).unwrap(),
            owner: Principal::new("local"),
        };
        std::fs::copy(sealed, stranger.path("other", "sealed")).unwrap();
        assert!(vault.read("other").unwrap().is_none());
        vault.hold("My Server").unwrap().write(None).unwrap();
        assert!(vault.read("My Server").unwrap().is_none());
        vault.hold("My Server").unwrap().write(None).unwrap();
    }

    #[test]
    fn one_changes_it_at_a_time() {
        let (_folder, data) = fixture();
        let vault = open(&data).unwrap();
        let held = vault.hold("s").unwrap();
        let other = open(&data).unwrap();
        let (told, hear) = std::sync::mpsc::channel();
        let waiting = std::thread::spawn(move || {
            told.send("waiting").unwrap();
            drop(other.hold("s").unwrap());
            told.send("held").unwrap();
        });
        assert_eq!(hear.recv().unwrap(), "waiting");
        assert!(hear.try_recv().is_err());
        vault.hold("another").unwrap();
        drop(held);
        assert_eq!(hear.recv().unwrap(), "held");
        waiting.join().unwrap();
    }
}
