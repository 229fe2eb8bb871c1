//! The folder of a project: found below the base folders, locked while something in it changes,
//! made and cleaned. It runs nothing.

use super::Runner;
use super::list::{self, ListMade};
use super::state::{FILE, State};
use crate::beneath::{DRAFT_PREFIX, DRAFT_SUFFIX, Place, Refusal, Roots};
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

/// A project that nobody else changes as long as this lives, in any process.
#[derive(Debug)]
pub(super) struct Locked(#[expect(dead_code, reason = "holding it is what it is for")] File);

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
        Ok(Project::at(roots, place)?)
    }

    fn at(roots: &Roots, place: Place) -> Result<Project, Refusal> {
        let found = roots.open_folder(&place)?;
        Ok(Project { place, path: found.path, handle: found.handle })
    }

    /// The same folder for another thread.
    ///
    /// # Errors
    /// No more files can be opened.
    pub(super) fn again(&self) -> Result<Project, Failure> {
        let handle = self.handle.try_clone().map_err(unexpected)?;
        Ok(Project { place: self.place.clone(), path: self.path.clone(), handle })
    }

    /// Keeps every other runner out, those of other processes too.
    ///
    /// # Errors
    /// Another is at work.
    pub(super) fn lock(&self) -> Result<Locked, Failure> {
        let handle = self.handle.try_clone().map_err(unexpected)?;
        match flock(&handle, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Locked(handle)),
            Err(Errno::WOULDBLOCK) => {
                let message = format!("another run is under way in {}", self.path.display());
                Err(Failure::new(FailureKind::Conflict, message)
                    .next("wait for it; get_task_status shows how far it is"))
            }
            Err(errno) => Err(unexpected(errno.into())),
        }
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
    pub(super) async fn create_project(
        self: Arc<Self>,
        _context: CallContext,
        asked: CreateArguments,
    ) -> Result<Created, Failure> {
        let roots = Arc::clone(&self.commands.roots);
        self.blocking.run(move || create(&roots, asked)).await
    }

    pub(super) async fn clean(
        self: Arc<Self>,
        _context: CallContext,
        asked: BaseArguments,
    ) -> Result<Cleaned, Failure> {
        let roots = Arc::clone(&self.commands.roots);
        self.blocking.run(move || clean(&roots, asked.base_dir.as_deref())).await
    }
}

fn create(roots: &Roots, asked: CreateArguments) -> Result<Created, Failure> {
    let name = asked.project_name;
    let plain = !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.starts_with('.');
    if !plain || name.contains('/') || name.chars().any(char::is_control) || name.trim() != name {
        return Err(Failure::validation("`project_name` must be one plain name, without `/` and not hidden"));
    }
    let base = Project::open(roots, asked.base_dir.as_deref())?;
    let place = base.place.join(Path::new(&name));
    let existed = roots.look(&place).is_ok();
    roots.make_folder(&place)?;
    let project = Project::at(roots, place)?;
    let made: Option<ListMade> = match &asked.task_list_path {
        Some(path) => Some(list::make(roots, &base, path, &project)?),
        None => None,
    };
    let message = if existed { "the project was there already" } else { "the project was made" };
    Ok(Created {
        success: true,
        project: name,
        project_dir: project.path.display().to_string(),
        message: message.to_owned(),
        task_count: made.as_ref().map(|made| made.files.len()),
        task_files: made.map(|made| made.files),
    })
}

fn clean(roots: &Roots, base: Option<&str>) -> Result<Cleaned, Failure> {
    let project = Project::open(roots, base)?;
    let _locked = project.lock()?;
    // One that cannot be understood is removed like any other.
    let state = State::load(roots, &project).unwrap_or_default();
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
