//! A folder with files, an environment, and the configuration that comes out of them.

use std::path::{Path, PathBuf};

use config::{Environment, Loaded, Severity, Sources, load};

/// A working folder that is removed at the end.
pub(crate) struct Fixture {
    folder: tempfile::TempDir,
    pub(crate) sources: Sources,
}

impl Fixture {
    pub(crate) fn new() -> Fixture {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let cwd = folder.path().canonicalize().expect("it exists");
        let environment = Environment { home: Some(cwd.join("home")), cwd, ..Environment::default() };
        let sources = Sources { environment, ..Sources::default() };
        Fixture { folder, sources }
    }

    /// A file named with `--config` and nothing else.
    pub(crate) fn named(name: &str, text: &str) -> Fixture {
        Fixture::new().file(name, text).config(name)
    }

    pub(crate) fn file(self, name: &str, text: &str) -> Fixture {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
        self
    }

    pub(crate) fn config(mut self, name: &str) -> Fixture {
        self.sources.files.push(PathBuf::from(name));
        self
    }

    pub(crate) fn var(mut self, name: &str, value: &str) -> Fixture {
        let vars = &mut self.sources.environment.vars;
        vars.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        let folder: &Path = &self.sources.environment.cwd;
        assert!(self.folder.path().exists());
        folder.join(name)
    }

    pub(crate) fn load(&self) -> Loaded {
        load(&self.sources)
    }

    /// Loads and expects no errors.
    pub(crate) fn good(&self) -> Loaded {
        let loaded = self.load();
        assert!(!loaded.has_errors(), "{}", config::render(&loaded.diagnostics, false));
        loaded
    }

    /// Everything that is said, with the folder replaced.
    pub(crate) fn rendered(&self) -> String {
        let text = config::render(&self.load().diagnostics, false);
        let folder = self.sources.environment.cwd.display().to_string();
        text.replace(&folder, "[folder]")
    }

    /// Approves everything that waits, as it stands now.
    pub(crate) fn approve_all(&mut self) {
        for found in config::approvable(&self.sources, &[]) {
            let record = found.standing.is_open().then(|| found.record()).flatten();
            record.into_iter().for_each(|record| self.sources.approvals.put(record));
        }
    }

    /// `severity: message` of everything that is said.
    pub(crate) fn said(&self) -> Vec<String> {
        let severity = |severity| match severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        let diagnostics = self.load().diagnostics.into_iter();
        diagnostics.map(|one| format!("{}: {}", severity(one.severity), one.message)).collect()
    }
}
