//! Which programs may run: a list that a person made, compared with the file that would run and
//! not with what it was called. It starts nothing.

use rustix::fs::{Access, access};
use std::path::{Path, PathBuf};

/// The word that allows every program.
const ANY: &str = "*";
/// The most names that are told when one is not allowed.
const TOLD_MAX: usize = 20;

/// A list of programs, and where they are looked up.
#[derive(Debug, Clone)]
pub(crate) struct Allowed {
    /// Names or paths, as a person wrote them.
    list: Vec<String>,
    /// The folders of PATH, without relative ones.
    folders: Vec<PathBuf>,
}

/// Why a program does not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotAllowed {
    /// There is no such program.
    Missing,
    /// It is there, and not on the list.
    Unlisted {
        /// Where it lies.
        path: PathBuf,
    },
}

// === impl Allowed ===

impl Allowed {
    /// `path` is the variable PATH.
    pub(crate) fn new(list: &[String], path: &str) -> Allowed {
        let folders = std::env::split_paths(path).filter(|folder| folder.is_absolute()).collect();
        Allowed { list: list.to_vec(), folders }
    }

    /// Whether nothing is allowed.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether everything is.
    pub(crate) fn is_any(&self) -> bool {
        self.list.iter().any(|allowed| allowed == ANY)
    }

    /// The list in words.
    pub(crate) fn told(&self) -> String {
        let more = self.list.len().saturating_sub(TOLD_MAX);
        let told = self.list.iter().take(TOLD_MAX).cloned().collect::<Vec<_>>().join(", ");
        if more > 0 { format!("{told} and {more} more") } else { told }
    }

    /// The names of the list, for "did you mean".
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(String::as_str)
    }

    /// The file that runs for `program` in `cwd`, if it is allowed.
    ///
    /// # Errors
    /// There is none, or it is not allowed.
    pub(crate) fn resolve(&self, program: &str, cwd: &Path) -> Result<PathBuf, NotAllowed> {
        let path = self.find(program, cwd).ok_or(NotAllowed::Missing)?;
        let allowed =
            |listed: &String| listed == ANY || self.find(listed, Path::new("/")).as_deref() == Some(path.as_path());
        match self.list.iter().any(allowed) {
            true => Ok(path),
            false => Err(NotAllowed::Unlisted { path }),
        }
    }

    /// Where `program` lies, looked up as the system would.
    pub(crate) fn find(&self, program: &str, cwd: &Path) -> Option<PathBuf> {
        match program.contains('/') {
            true => runnable(&cwd.join(program)),
            false => self.folders.iter().find_map(|folder| runnable(&folder.join(program))),
        }
    }
}

/// The file as it is known for good: its folder without links. The last part is kept, since one
/// file may be many programs by its name (busybox).
fn runnable(path: &Path) -> Option<PathBuf> {
    let folder = std::fs::canonicalize(path.parent()?).ok()?;
    let path = folder.join(path.file_name()?);
    let is_file = std::fs::metadata(&path).is_ok_and(|data| data.is_file());
    (is_file && access(&path, Access::EXEC_OK).is_ok()).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn program(path: &Path) {
        std::fs::write(path, "#!/bin/true\n").unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn the_file_that_would_run_is_what_counts() {
        let folder = tempfile::tempdir().unwrap();
        let root = std::fs::canonicalize(folder.path()).unwrap();
        let (bin, work) = (root.join("bin"), root.join("work"));
        std::fs::create_dir(&bin).unwrap();
        std::fs::create_dir(&work).unwrap();
        program(&bin.join("box"));
        program(&bin.join("other"));
        symlink("box", bin.join("ls")).unwrap();
        symlink("box", bin.join("sh")).unwrap();
        symlink(&bin, root.join("alias")).unwrap();
        program(&work.join("ls"));
        std::fs::write(bin.join("plain"), "").unwrap();
        let path = format!("relative:{}", bin.display());
        let allowed = Allowed::new(&["ls".to_owned(), work.join("ls").display().to_string()], &path);
        let resolve = |program: &str| allowed.resolve(program, &work);
        assert_eq!(resolve("ls"), Ok(bin.join("ls")));
        assert_eq!(resolve(&bin.join("ls").display().to_string()), Ok(bin.join("ls")));
        assert_eq!(resolve(&root.join("alias/ls").display().to_string()), Ok(bin.join("ls")), "the same file");
        assert_eq!(resolve("./ls"), Ok(work.join("ls")), "allowed by its path");
        assert_eq!(resolve("sh"), Err(NotAllowed::Unlisted { path: bin.join("sh") }), "one file, another program");
        assert_eq!(resolve("other"), Err(NotAllowed::Unlisted { path: bin.join("other") }));
        for missing in ["plain", "none", "./none", "bin", "/"] {
            assert_eq!(resolve(missing), Err(NotAllowed::Missing), "{missing}");
        }
        let names_only = Allowed::new(&["ls".to_owned()], &path);
        assert!(names_only.resolve("./ls", &work).is_err(), "a file of the same name elsewhere");
        assert!(Allowed::new(&["*".to_owned()], &path).resolve("./ls", &work).is_ok());
    }
}
