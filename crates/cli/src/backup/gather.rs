//! What goes into an archive: copies of the stores, the configuration, secrets where they can be
//! sealed, and what servers keep where that is asked for. What does not go in is told.

use super::archive::SEALED_BYTES_MAX;
use super::files::{self, Found};
use super::seal::Derivation;
use super::{FORMAT, Key, LeftOut, Manifest, Part, Writer};
use crate::context::Context;
use crate::data_folder::DataFolder;
use crate::report::Report;
use crate::state::{self, State};
use config::{Config, Sources};
use secrecy::SecretString;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

const NO_PASSPHRASE: &str = "it is secret, and there is no passphrase to seal it with";

/// What is being gathered.
struct Gathering<'a> {
    writer: Writer,
    left_out: Vec<LeftOut>,
    data: &'a DataFolder,
}

/// Writes an archive to a place where there is none. Says what is in it and how long it is.
///
/// # Errors
/// State that cannot be read; a place that cannot be written to, where nothing is left then.
pub(crate) fn gather(
    target: &Path,
    passphrase: Option<&SecretString>,
    with_data: bool,
    context: &Context,
) -> Result<(Manifest, u64), Report> {
    let data = context.data_folder()?;
    let sources = context.sources();
    let config = config::load(&sources).config;
    let derivation = passphrase.map(|_| Derivation::fresh()).transpose()?;
    let key = match (passphrase, &derivation) {
        (Some(passphrase), Some(derivation)) => Some(Key::derive(passphrase, derivation)?),
        _ => None,
    };
    let writer = Writer::begin(target, key)?;
    let mut gathering = Gathering { writer, left_out: Vec::new(), data: &data };
    gathering.stores(target, context)?;
    gathering.configuration(&sources)?;
    gathering.secrets()?;
    if with_data {
        gathering.data_of_servers(&config)?;
    }
    let Gathering { writer, left_out, .. } = gathering;
    writer.finish(Manifest {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        host: fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned(),
        data: data.root.clone(),
        at: supervisor::utc(SystemTime::now()),
        derivation,
        members: Vec::new(),
        left_out,
    })
}

// === impl Gathering ===

impl Gathering<'_> {
    /// Copies of the stores as they are at one moment, made beside the archive and removed again.
    fn stores(&mut self, target: &Path, context: &Context) -> Result<(), Report> {
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let failed = |error: std::io::Error| {
            Report::failed(format!("nothing can be written to {}", folder.display())).cause(error)
        };
        let copies = tempfile::Builder::new().prefix(".backup-").tempdir_in(folder).map_err(failed)?;
        let (local, shared) = (copies.path().join("local"), copies.path().join("shared"));
        let is_one = state::with(context, async |State { local: own, shared: all }| {
            let is_one = own.place() == all.place();
            own.backup_to(&local).await.map_err(|error| state::failed(&error))?;
            if !is_one {
                all.backup_to(&shared).await.map_err(|error| state::failed(&error))?;
            }
            Ok(is_one)
        })?;
        let open = |path: &Path| files::open(path, false).map_err(failed);
        self.writer.file("state/local.db".to_owned(), Part::LocalStore, open(&local)?, 0o600)?;
        if !is_one {
            self.writer.file("state/shared.db".to_owned(), Part::SharedStore, open(&shared)?, 0o600)?;
        }
        Ok(())
    }

    /// The files of a person and of the project. One that holds a secret is sealed, or not taken.
    fn configuration(&mut self, sources: &Sources) -> Result<(), Report> {
        for file in config::own_files(sources) {
            let text = match fs::read_to_string(&file) {
                Ok(text) => text,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => {
                    self.leave(&file, error.to_string());
                    continue;
                }
            };
            let name = format!("config/{}-{}", self.writer.count(), shown_name(&file));
            let part = Part::Configuration { file: file.clone() };
            if self.writer.seals() {
                self.writer.sealed(name, part, text.as_bytes(), 0o600)?;
            } else if config::holds_secret(&text) {
                self.leave(&file, NO_PASSPHRASE.to_owned());
            } else {
                self.writer.text(name, part, text.as_bytes(), 0o600)?;
            }
        }
        Ok(())
    }

    /// The keys of the data folder, and what was signed in to.
    fn secrets(&mut self) -> Result<(), Report> {
        let keys = self.data.keys();
        self.secret(&keys, "secrets/keys".to_owned(), Part::Keys)?;
        for Found { path, below, .. } in files::walk(&self.data.sign_ins(), &mut Vec::new()) {
            let [file] = below.as_slice() else { continue };
            if file.ends_with(".sealed") {
                self.secret(&path, format!("secrets/sign-ins/{file}"), Part::SignIn { file: file.clone() })?;
            }
        }
        Ok(())
    }

    fn secret(&mut self, file: &Path, name: String, part: Part) -> Result<(), Report> {
        let mut content = Vec::new();
        let read = files::open(file, false).and_then(|file| file.take(SEALED_BYTES_MAX).read_to_end(&mut content));
        match read {
            Ok(_) if self.writer.seals() => self.writer.sealed(name, part, &content, 0o600)?,
            Ok(_) => self.leave(file, NO_PASSPHRASE.to_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => self.leave(file, error.to_string()),
        }
        Ok(())
    }

    /// What servers say that they keep, as it is now: a server that writes meanwhile may be half-way.
    fn data_of_servers(&mut self, config: &Config) -> Result<(), Report> {
        for server in config.servers.values() {
            for declared in &server.data {
                if server.approval == config::Approval::Pending {
                    self.leave(declared, format!("`{}`, which declares it, is not approved", server.name));
                    continue;
                }
                for found in files::walk(declared, &mut self.left_out) {
                    self.datum(&server.name, declared, found)?;
                }
            }
        }
        Ok(())
    }

    fn datum(&mut self, server: &str, declared: &Path, found: Found) -> Result<(), Report> {
        let Found { path, below, mode } = found;
        let file = match files::open(&path, below.is_empty()) {
            Ok(file) => file,
            Err(error) => {
                self.leave(&path, error.to_string());
                return Ok(());
            }
        };
        let name = format!("data/{}/{}-{}", config::reduce(server), self.writer.count(), shown_name(&path));
        let part = Part::Data { server: server.to_owned(), declared: declared.to_owned(), below };
        if self.writer.file(name, part, file, mode)? {
            self.leave(&path, "its end: it became shorter while it was read".to_owned());
        }
        Ok(())
    }

    fn leave(&mut self, what: &Path, why: String) {
        self.left_out.push(LeftOut { what: what.display().to_string(), why });
    }
}

/// The last part of a path in letters that are safe in every archive; names in an archive say nothing
/// about where a file goes.
fn shown_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || ".-_".contains(letter) { letter } else { '_' };
    name.chars().take(60).map(plain).collect()
}

/// The name of an archive that is made now, in a folder.
pub(crate) fn name_for_now(folder: &Path) -> PathBuf {
    let at: String = supervisor::utc(SystemTime::now()).chars().filter(|letter| !":-.".contains(*letter)).collect();
    folder.join(format!("switchboard-{at}.tar.gz"))
}
