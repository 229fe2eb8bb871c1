//! Reading the configuration again: all of it is right, or nothing changes.

use crate::commands::change;
use crate::context::Context;
use crate::printer::count;
use crate::state;
use config::{Config, Diagnostic, Limits, Listen, Loaded, Log, Severity, Sources, Watcher};
use control::Problem;
use control::said::Reloaded;
use gateway::Gateway;
use protocol::ErrorKind;
use secrecy::{ExposeSecret as _, SecretString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use store::Store;
use tokio::sync::mpsc;

/// How often files are read that somebody is writing, before they are taken as they are.
const READS_MAX: usize = 10;

/// What is read again: files as they were named, approvals as they are then.
#[derive(Clone)]
pub(super) struct Reading {
    sources: Sources,
    store: Store,
}

impl Reading {
    pub(super) fn new(context: &Context, store: Store) -> Self {
        Self { sources: context.sources(), store }
    }

    pub(super) async fn sources(&self) -> Sources {
        let approvals = state::approvals_now(&self.store).await.unwrap_or_else(|error| {
            // What runs goes on: what was approved when it was read last is what counts.
            tracing::warn!(%error, "approvals cannot be read: {error}; {}", error.hint());
            self.sources.approvals.clone()
        });
        Sources { approvals, ..self.sources.clone() }
    }
}

/// Reads the configuration again for a running gateway.
pub(super) struct Reloader {
    reading: Reading,
    /// What was in force at the start: it stays so until the next one.
    listen: Listen,
    limits: Limits,
    container_engine: Option<String>,
    state: config::State,
    log: Log,
}

/// What a reload did.
pub(super) struct Done {
    pub(super) result: Result<Reloaded, Problem>,
    /// What is wrong first, in one line with its place, if anything is.
    pub(super) refused: Option<String>,
    /// Files to watch from now on.
    pub(super) files: Vec<PathBuf>,
}

impl Reloader {
    pub(super) fn new(context: &Context, config: &Config, store: Store) -> Self {
        Self {
            reading: Reading::new(context, store),
            state: config.state.clone(),
            log: config.log.clone(),
            listen: config.listen.clone(),
            limits: config.limits.clone(),
            container_engine: config.container_engine.clone(),
        }
    }

    /// What is read again.
    pub(super) fn reading(&self) -> Reading {
        self.reading.clone()
    }

    /// Whether a daemon that starts now would take the configuration.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(super) async fn check(&self) -> Result<(), Problem> {
        let sources = self.reading.sources().await;
        let loaded = tokio::task::spawn_blocking(move || config::load(&sources)).await.map_err(|error| {
            Problem::new(ErrorKind::Internal, format!("the configuration could not be read: {error}"))
        })?;
        let errors = loaded.diagnostics.iter().filter(|found| found.severity == Severity::Error);
        let errors: Vec<String> = errors.map(|found| found.render(false)).collect();
        if errors.is_empty() { Ok(()) } else { Err(refused(&errors)) }
    }

    /// Switches a server on or off in the file that declares it; it is read again afterwards.
    ///
    /// # Errors
    /// When the file is not one to be changed here, or cannot be.
    pub(super) async fn switch(&self, name: String, on: bool) -> Result<(), Problem> {
        let sources = self.reading.sources().await;
        let done = tokio::task::spawn_blocking(move || change::switch(&name, on, sources)).await;
        let done = done.map_err(|error| Problem::new(ErrorKind::Internal, format!("it failed: {error}")))?;
        done.map_err(|report| {
            let problem = Problem::new(ErrorKind::Denied, report.message);
            match report.hints.first() {
                Some(hint) => problem.hint(hint.as_str()),
                None => problem,
            }
        })
    }

    /// Reads, checks and applies. Where nobody asked for it, files that are being written are waited for.
    pub(super) async fn reload(&self, gateway: &Gateway, asked: bool) -> Done {
        let loaded = match self.read(asked).await {
            Ok(loaded) => loaded,
            Err(problem) => {
                let refused = Some(problem.title.clone());
                return Done { result: Err(problem), refused, files: Vec::new() };
            }
        };
        let files = loaded.files;
        let rendered = |severity| {
            let found = loaded.diagnostics.iter().filter(move |found| found.severity == severity);
            found.map(|found| found.render(false)).collect::<Vec<_>>()
        };
        let errors = rendered(Severity::Error);
        if !errors.is_empty() {
            return Done { result: Err(refused(&errors)), refused: first(&loaded.diagnostics), files };
        }
        let at_next_start = self.at_next_start(&loaded.config);
        let warnings = rendered(Severity::Warning);
        let changes = match gateway.apply(Arc::new(loaded.config)).await {
            Err(error) => {
                let result = Err(refused(&[format!("error: {error}")]));
                return Done { result, refused: Some(error.to_string()), files };
            }
            Ok(changes) => changes,
        };
        let result = Ok(Reloaded {
            added: changes.added,
            removed: changes.removed,
            changed: changes.changed,
            adjusted: changes.adjusted,
            same: changes.same.len(),
            at_next_start,
            warnings,
        });
        Done { result, refused: None, files }
    }

    async fn read(&self, asked: bool) -> Result<Loaded, Problem> {
        let mut reads = 0;
        loop {
            reads += 1;
            let last = asked || reads == READS_MAX;
            let sources = self.reading.sources().await;
            let read = tokio::task::spawn_blocking(move || {
                let begun = SystemTime::now();
                let loaded = config::load(&sources);
                let whole = last || config::are_quiet(&loaded.files, begun);
                whole.then_some(loaded)
            });
            let read = read.await.map_err(|error| {
                Problem::new(ErrorKind::Internal, format!("the configuration could not be read: {error}"))
            })?;
            if let Some(loaded) = read {
                return Ok(loaded);
            }
            tokio::time::sleep(config::QUIET).await;
        }
    }

    fn at_next_start(&self, config: &Config) -> Vec<String> {
        let mut keys = Vec::new();
        if !same_listen(&self.listen, &config.listen) {
            keys.push("listen".to_owned());
        }
        if self.container_engine != config.container_engine {
            keys.push("container_engine".to_owned());
        }
        if !same_secret(self.state.url.as_ref(), config.state.url.as_ref()) {
            keys.push("state.url".to_owned());
        }
        // The level is another one at once.
        if (Log { level: config.log.level.clone(), ..self.log.clone() }) != config.log {
            keys.push("log".to_owned());
        }
        let rows = self.limits.table().into_iter().zip(config.limits.table());
        keys.extend(rows.filter(|(old, new)| old != new).map(|(_, new)| format!("limits.{}", new.name)));
        keys
    }
}

/// Whether listening would be the same. Tokens are compared, never shown.
fn same_listen(old: &Listen, new: &Listen) -> bool {
    let rest = |listen: &Listen| {
        let Listen { address, tcp, unix, token: _, allowed_hosts, allowed_origins, public_url } = listen.clone();
        (address, (tcp, unix), allowed_hosts, allowed_origins, public_url)
    };
    same_secret(old.token.as_ref(), new.token.as_ref()) && rest(old) == rest(new)
}

fn same_secret(old: Option<&SecretString>, new: Option<&SecretString>) -> bool {
    old.map(SecretString::expose_secret) == new.map(SecretString::expose_secret)
}

/// The first error with its place, and how many there are.
fn first(found: &[Diagnostic]) -> Option<String> {
    let mut errors = found.iter().filter(|found| found.severity == Severity::Error);
    let first = errors.next()?;
    let line = first.line.map(|line| format!(":{line}")).unwrap_or_default();
    let place = first.file.as_ref().map(|file| format!("{}{line}: ", file.display())).unwrap_or_default();
    let more = match errors.count() {
        0 => String::new(),
        more => format!(" (and {})", count(more, "further error")),
    };
    Some(format!("{place}{}{more}", first.message))
}

fn refused(errors: &[String]) -> Problem {
    let count = count(errors.len(), "error");
    let title = format!("the configuration has {count}; nothing was changed\n\n{}", errors.join("\n\n"));
    let problem =
        Problem::new(ErrorKind::InvalidParams, title).hint("mend it; it is read again as soon as it is saved");
    Problem { kind: "configuration".to_owned(), ..problem }
}

/// The files whose folder exists: others cannot be watched until it does. What a link points at is
/// one of them: it is another one when the link is swapped.
pub(super) fn watchable(files: Vec<PathBuf>) -> Vec<PathBuf> {
    let there = files.into_iter().filter(|file| file.parent().is_some_and(Path::is_dir));
    let both = there.flat_map(|file| [file.canonicalize().ok().filter(|target| *target != file), Some(file)]);
    both.flatten().collect()
}

/// Watches the files of the configuration; without that, a reload must be asked for.
pub(super) fn watch(files: &[PathBuf], changed: mpsc::Sender<()>) -> Option<Watcher> {
    match Watcher::start(files, changed) {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            tracing::warn!(%error, "{error}; after a change run: switchboard reload");
            None
        }
    }
}
