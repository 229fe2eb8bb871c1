//! The folders that a person named, and which of them a path means. Nothing is opened for a path
//! here except its root.

use super::{Names, Refusal};
use config::Environment;
use rustix::fs::{Mode, OFlags};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The longest path, in bytes (`PATH_MAX` of Linux).
const PATH_BYTES_MAX: usize = 4096;

/// Folders that may be seen, some of them written.
#[derive(Debug)]
pub struct Roots {
    roots: Vec<Arc<Root>>,
    names: Names,
    home: Option<PathBuf>,
    /// The option that names roots, for whoever named none.
    option: &'static str,
}

/// A folder of the options that no root can be made of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{folder}` of the options is no folder: it is empty")]
pub struct RootsError {
    /// As it was written.
    pub folder: String,
}

/// One folder that a person named.
#[derive(Debug)]
pub(super) struct Root {
    /// Where it really lies.
    pub(super) path: PathBuf,
    /// As it was named.
    given: PathBuf,
    pub(super) writable: bool,
    /// Opened when it is first needed, and again when it has been removed and made anew.
    handle: Mutex<Option<Arc<OwnedFd>>>,
}

/// A path below one root, not opened yet.
#[derive(Debug, Clone)]
pub struct Place {
    pub(super) root: Arc<Root>,
    /// Relative; empty for the root itself.
    pub(super) below: PathBuf,
    /// As it was asked for.
    pub(super) asked: String,
}

// === impl Roots ===

impl Roots {
    /// Folders that are only `read`, and those that are `written` too; `~/` is the home folder,
    /// and what is relative lies in the working folder of this program.
    ///
    /// # Errors
    /// A folder without a name.
    pub fn new(
        option: &'static str,
        read: &[String],
        written: &[String],
        names: Names,
        environment: &Environment,
    ) -> Result<Roots, RootsError> {
        let named = read.iter().map(|folder| (folder, false)).chain(written.iter().map(|folder| (folder, true)));
        let mut roots: Vec<Arc<Root>> = Vec::new();
        for (folder, writable) in named {
            if folder.trim().is_empty() {
                return Err(RootsError { folder: folder.clone() });
            }
            let given = environment.resolve(folder, &environment.cwd);
            let path = std::fs::canonicalize(&given).unwrap_or_else(|_| given.clone());
            match roots.iter().position(|root| root.path == path) {
                Some(index) if writable && !roots[index].writable => {
                    roots[index] = Arc::new(Root { path, given, writable, handle: Mutex::default() });
                }
                Some(_) => {}
                None => roots.push(Arc::new(Root { path, given, writable, handle: Mutex::default() })),
            }
        }
        Ok(Roots { roots, names, home: environment.home.clone(), option })
    }

    /// The root that relative paths lie below.
    ///
    /// # Errors
    /// There is none.
    pub fn first(&self) -> Result<Place, Refusal> {
        self.place(".")
    }

    /// Every root.
    pub(crate) fn each(&self) -> Vec<Place> {
        let place = |root: &Arc<Root>| Place {
            root: Arc::clone(root),
            below: PathBuf::new(),
            asked: root.path.display().to_string(),
        };
        self.roots.iter().map(place).collect()
    }

    /// What `path` means: a path below the root that is named most exactly. A relative one lies
    /// below the first root. Nothing but `~/` in front is expanded, nothing is decoded.
    ///
    /// # Errors
    /// It cannot lie below any.
    pub fn place(&self, path: &str) -> Result<Place, Refusal> {
        let first = self.roots.first().ok_or(Refusal::NoRoots { option: self.option })?;
        let no_path = |why| Err(Refusal::NoPath { why });
        match path {
            "" => return no_path("is empty"),
            path if path.contains('\0') => return no_path("holds a NUL character"),
            path if path.len() > PATH_BYTES_MAX => return no_path("is longer than 4096 bytes"),
            _ => {}
        }
        let absolute = match (path, path.strip_prefix("~/"), &self.home) {
            ("~", _, Some(home)) => home.clone(),
            (_, Some(rest), Some(home)) => home.join(rest.trim_start_matches('/')),
            _ => first.path.join(path),
        };
        let holds = |root: &&Arc<Root>| absolute.starts_with(&root.path) || absolute.starts_with(&root.given);
        let root = self.roots.iter().filter(holds).max_by_key(|root| root.path.components().count());
        let Some(root) = root else {
            return Err(Refusal::Outside { path: path.to_owned(), roots: self.shown() });
        };
        let below = absolute.strip_prefix(&root.path).or_else(|_| absolute.strip_prefix(&root.given));
        let below = below.unwrap_or(Path::new("")).to_owned();
        Ok(Place { root: Arc::clone(root), below, asked: path.to_owned() })
    }

    /// Whether a walk may go into this folder, which lies below a root.
    pub(crate) fn may_enter(&self, path: &Path) -> bool {
        let below = self.roots.iter().filter_map(|root| path.strip_prefix(&root.path).ok());
        below.min_by_key(|below| below.components().count()).is_some_and(|below| self.names.hidden_in(below).is_none())
    }

    /// The names that stay untouched.
    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    /// The roots as people read them.
    pub fn shown(&self) -> Vec<String> {
        self.roots.iter().map(|root| root.path.display().to_string()).collect()
    }

    /// The roots that may be written, as people read them.
    pub(super) fn writable(&self) -> Vec<String> {
        let writable = self.roots.iter().filter(|root| root.writable);
        writable.map(|root| root.path.display().to_string()).collect()
    }
}

// === impl Root ===

impl Root {
    /// The open folder. What it names stays the same when others rename what leads to it.
    pub(super) fn handle(&self) -> Result<Arc<OwnedFd>, Refusal> {
        let mut handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = handle.as_ref()
            && rustix::fs::fstat(open.as_fd()).is_ok_and(|stat| stat.st_nlink > 0)
        {
            return Ok(Arc::clone(open));
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = rustix::fs::open(&self.path, flags, Mode::empty()).map_err(|errno| Refusal::RootGone {
            root: self.path.display().to_string(),
            reason: std::io::Error::from(errno).to_string(),
        })?;
        Ok(Arc::clone(handle.insert(Arc::new(opened))))
    }
}

// === impl Place ===

impl Place {
    /// Where it lies, as far as nothing on the way is a link.
    pub fn path(&self) -> PathBuf {
        self.root.path.join(&self.below).components().collect()
    }

    /// A path below this one.
    pub(crate) fn join(&self, name: &Path) -> Place {
        let below = self.below.join(name);
        let asked = Path::new(&self.asked).join(name).display().to_string();
        Place { root: Arc::clone(&self.root), below, asked }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roots(read: &[&str], written: &[&str]) -> Roots {
        let environment = Environment { home: Some("/home/ann".into()), cwd: "/work".into(), ..Environment::default() };
        let owned = |folders: &[&str]| folders.iter().map(|folder| (*folder).to_owned()).collect::<Vec<_>>();
        Roots::new("roots", &owned(read), &owned(written), Names::default(), &environment).unwrap()
    }

    #[test]
    fn a_path_belongs_to_the_root_that_is_named_most_exactly() {
        let roots = roots(&["~/notes", "/none/data"], &["~/notes/drafts"]);
        for (path, below, writable) in [
            ("a.md", "a.md", false),
            ("/home/ann/notes/x/y", "x/y", false),
            ("~/notes/x", "x", false),
            ("/home/ann/notes//drafts/./z", "z", true),
            ("drafts/z", "z", true),
            ("/none/data", "", false),
            ("../x", "../x", false),
            ("%2e%2e/x", "%2e%2e/x", false),
            ("$HOME/x", "$HOME/x", false),
            ("a. ", "a. ", false),
        ] {
            let place = roots.place(path).unwrap();
            assert_eq!((place.below.as_path(), place.root.writable), (Path::new(below), writable), "{path}");
        }
        for path in ["/home/ann/notesx", "/etc/passwd", "~/.ssh/id_rsa", "~", "//host/share", "/home/ann"] {
            assert!(matches!(roots.place(path), Err(Refusal::Outside { .. })), "{path}");
        }
        for path in ["", "a\0b", &"x".repeat(5000)] {
            assert!(matches!(roots.place(path), Err(Refusal::NoPath { .. })), "{path}");
        }
    }

    #[test]
    fn without_roots_it_says_how_to_name_one() {
        let none = roots(&[], &[]);
        let failure = protocol::tools::Failure::from(none.place("x").unwrap_err());
        assert!(failure.next.unwrap().contains("options = { roots = "));
    }
}
