//! The folder of a project: found below the base folders, locked while something in it changes,
//! made and cleaned. It runs nothing.

use super::Runner;
use super::list;
use super::state::{FILE, State};
use crate::beneath::{DRAFT_PREFIX, DRAFT_SUFFIX, Place, Roots};
use protocol::CallContext;
use protocol::tools::{Failure, FailureKind};
use rustix::fs::{Dir, FlockOperation, flock};
use rustix::io::Errno;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How often a project that is held is tried again: who only looks holds it for a moment.
const TRIES_MAX: usize = 5;
/// How long between.
const TRIES_PAUSE: Duration = Duration::from_millis(20);
/// The longest name of a project, in bytes.
const NAME_BYTES_MAX: usize = 128;
/// The most entries of a project's folder that are looked at.
const ENTRIES_MAX: usize = 10_000;
/// The most tasks of one project.
const TASKS_MAX: usize = 1000;
/// The largest task file, in bytes.
pub(super) const TASK_BYTES_MAX: u64 = 1024 * 1024;

/// An open project.
#[derive(Debug)]
pub(super) struct Project {
    pub(super) place: Place,
    /// Where it really lies.
    pub(super) path: PathBuf,
    handle: File,
}

/// Holding it is what it is for.
#[derive(Debug)]
struct Locked(#[expect(dead_code, reason = "closing it ends the lock")] File);

/// A project that nobody else changes as long as this lives, in any process.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) project: Project,
    _locked: Locked,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct BaseArguments {
    /// Project folder.
    pub(super) base_dir: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct CreateArguments {
    project_name: String,
    task_list_path: Option<String>,
    base_dir: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Created {
    success: bool,
    project: String,
    project_dir: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_files: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_count: Option<usize>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Cleaned {
    success: bool,
    message: String,
    cleaned_items: Vec<String>,
    task_results_cleared: usize,
}

// === impl Project ===

impl Project {
    /// The project in `base`, or in the first base folder.
    ///
    /// # Errors
    /// There is no such folder.
    pub(super) fn open(roots: &Roots, base: Option<&str>) -> Result<Project, Failure> {
        let place = match base {
            Some(base) => roots.place(base)?,
            None => roots.first()?,
        };
        let found = roots.open_folder(&place)?;
        Ok(Project { place, path: found.path, handle: found.handle })
    }

    /// Keeps every other runner out, those of other processes too; nothing where one is at work.
    fn lock(&self, how: FlockOperation) -> Result<Option<Locked>, Failure> {
        let handle = self.handle.try_clone().map_err(unexpected)?;
        match flock(&handle, how) {
            Ok(()) => Ok(Some(Locked(handle))),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(unexpected(errno.into())),
        }
    }

    /// Whether a runner is at work here.
    pub(super) fn is_held(&self) -> bool {
        // Held for a moment only, and for others who look no hindrance.
        !matches!(self.lock(FlockOperation::NonBlockingLockShared), Ok(Some(_)))
    }

    /// The place of a path that was given for this project, and what it is called there.
    ///
    /// # Errors
    /// It cannot lie below a base folder.
    pub(super) fn place_of(&self, roots: &Roots, path: &str) -> Result<(Place, String), Failure> {
        let stands_alone = Path::new(path).is_absolute() || path.starts_with("~/");
        // Judges emptiness, NULs and length in both cases.
        let alone = roots.place(path);
        let place = match (stands_alone, alone) {
            (false, Ok(_)) => self.place.join(Path::new(path)),
            (_, alone) => alone?,
        };
        let whole = place.path();
        let name = whole.strip_prefix(self.place.path()).unwrap_or(&whole).display().to_string();
        Ok((place, name))
    }

    /// The names of the task files in its folder, sorted.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub(super) fn task_files(&self) -> Result<Vec<String>, Failure> {
        let mut names: Vec<String> = self.names()?.into_iter().filter(|name| is_task_file(name)).collect();
        if names.len() > TASKS_MAX {
            let message = format!("{} holds over {TASKS_MAX} task files", self.path.display());
            return Err(Failure::new(FailureKind::Quota, message));
        }
        names.sort();
        Ok(names)
    }

    fn names(&self) -> Result<Vec<String>, Failure> {
        let failed = |errno: Errno| {
            let reason = std::io::Error::from(errno);
            Failure::new(FailureKind::Unexpected, format!("{} cannot be read: {reason}", self.path.display()))
        };
        let entries = Dir::read_from(&self.handle).map_err(failed)?;
        let name = |entry: rustix::io::Result<rustix::fs::DirEntry>| {
            entry.map(|entry| entry.file_name().to_string_lossy().into_owned()).map_err(failed)
        };
        entries.take(ENTRIES_MAX).map(name).collect()
    }
}

fn unexpected(error: std::io::Error) -> Failure {
    Failure::new(FailureKind::Unexpected, error.to_string())
}

fn is_task_file(name: &str) -> bool {
    !name.starts_with('.') && Path::new(name).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("md"))
}

/// How the content of a file is recognised.
pub(super) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{:x}", Sha256::digest(bytes))
}

// === impl Runner ===

impl Runner {
    /// The project in `base`, or in the first base folder, held.
    ///
    /// # Errors
    /// There is no such folder, or another run is under way in it.
    pub(super) async fn hold(&self, base: Option<String>) -> Result<Held, Failure> {
        let mut path = String::new();
        for _ in 0..TRIES_MAX {
            let (roots, base) = (Arc::clone(&self.commands.roots), base.clone());
            let tried = self.blocking.run(move || {
                let project = Project::open(&roots, base.as_deref())?;
                let locked = project.lock(FlockOperation::NonBlockingLockExclusive)?;
                Ok((project, locked))
            });
            match tried.await? {
                (project, Some(locked)) => return Ok(Held { project, _locked: locked }),
                (project, None) => path = project.path.display().to_string(),
            }
            tokio::time::sleep(TRIES_PAUSE).await;
        }
        Err(Failure::new(FailureKind::Conflict, format!("another run is under way in {path}"))
            .next("wait for it; get_task_status shows how far it is"))
    }

    pub(super) async fn create_project(
        self: Arc<Self>,
        _context: CallContext,
        asked: CreateArguments,
    ) -> Result<Created, Failure> {
        let roots = Arc::clone(&self.commands.roots);
        let (name, base_dir) = (asked.project_name.clone(), asked.base_dir);
        let (base, path, existed) = self.blocking.run(move || create(&roots, &name, base_dir.as_deref())).await?;
        let made = match asked.task_list_path {
            Some(list) => {
                let held = self.hold(Some(path.clone())).await?;
                let roots = Arc::clone(&self.commands.roots);
                Some(self.blocking.run(move || list::make(&roots, &base, &list, &held)).await?)
            }
            None => None,
        };
        let message = if existed { "the project was there already" } else { "the project was made" };
        Ok(Created {
            success: true,
            project: asked.project_name,
            project_dir: path,
            message: message.to_owned(),
            task_count: made.as_ref().map(|made| made.files.len()),
            task_files: made.map(|made| made.files),
        })
    }

    pub(super) async fn clean(
        self: Arc<Self>,
        _context: CallContext,
        asked: BaseArguments,
    ) -> Result<Cleaned, Failure> {
        let held = self.hold(asked.base_dir).await?;
        let roots = Arc::clone(&self.commands.roots);
        self.blocking.run(move || clean(&roots, &held.project)).await
    }
}

/// Makes a project: its base, its path, and whether it was there.
fn create(roots: &Roots, name: &str, base: Option<&str>) -> Result<(Project, String, bool), Failure> {
    let plain = !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.starts_with('.');
    if !plain || name.contains('/') || name.chars().any(char::is_control) || name.trim() != name {
        return Err(Failure::validation("`project_name` must be one plain name, without `/` and not hidden"));
    }
    let base = Project::open(roots, base)?;
    let place = base.place.join(Path::new(name));
    let existed = roots.look(&place).is_ok();
    let path = roots.make_folder(&place)?.display().to_string();
    Ok((base, path, existed))
}

fn clean(roots: &Roots, project: &Project) -> Result<Cleaned, Failure> {
    // One that cannot be understood is removed like any other.
    let state = State::load(roots, project).unwrap_or_default();
    let mut cleaned = Vec::new();
    let mut remove = |name: &str| -> Result<(), Failure> {
        if roots.remove(&project.place.join(Path::new(name)))? {
            cleaned.push(name.to_owned());
        }
        Ok(())
    };
    for (name, written) in &state.made {
        let read = roots.read(&project.place.join(Path::new(name)), TASK_BYTES_MAX);
        if read.is_ok_and(|(bytes, _)| digest(&bytes) == *written) {
            remove(name)?;
        }
    }
    for name in project.names()? {
        if name.starts_with(DRAFT_PREFIX) && name.ends_with(DRAFT_SUFFIX) {
            remove(&name)?;
        }
    }
    remove(FILE)?;
    Ok(Cleaned {
        success: true,
        message: format!("{} items removed", cleaned.len()),
        cleaned_items: cleaned,
        task_results_cleared: state.tasks.len(),
    })
}
