//! Says which of a server's files has changed, for whoever develops it. Only the folders that a
//! pattern can reach are watched. It does not read the files, and it does not wait until they are
//! quiet: whoever listens does.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc::Sender;

use crate::config::WatchedFiles;
use crate::watch::WatchError;

/// Characters that make a pattern of a name.
const MAGIC: [char; 4] = ['*', '?', '[', '{'];

/// Watches the files of a server until it is dropped.
#[derive(Debug)]
pub struct FileWatcher {
    _watcher: RecommendedWatcher,
}

// === impl FileWatcher ===

impl FileWatcher {
    /// Watches `files` and sends the path of each that changed, relative to their folder; if the channel is full the news is waiting already. It walks through folders,
    /// which takes time.
    ///
    /// # Errors
    /// The system refuses, or a pattern is broken.
    pub fn start(files: &WatchedFiles, changed: Sender<PathBuf>) -> Result<FileWatcher, WatchError> {
        // Events come with real paths.
        let folder = files.folder.canonicalize()?;
        let mut patterns = GlobSetBuilder::new();
        let mut bases: BTreeMap<PathBuf, RecursiveMode> = BTreeMap::new();
        for glob in &files.globs {
            patterns.add(compiled(glob)?);
            let (base, deep) = base(glob);
            let mode = bases.entry(folder.join(base)).or_insert(RecursiveMode::NonRecursive);
            if deep {
                *mode = RecursiveMode::Recursive;
            }
        }
        let patterns = patterns.build().map_err(broken)?;
        let root = folder.clone();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let paths = event.map(|event| if is_change(event.kind) { event.paths } else { Vec::new() });
            let concerned = paths.unwrap_or_default().into_iter().find_map(|path| concerned(&patterns, &root, &path));
            if let Some(path) = concerned {
                // A full queue holds news already.
                let _full = changed.try_send(path);
            }
        })?;
        for (base, mode) in bases {
            watcher.watch(&base, mode)?;
        }
        Ok(FileWatcher { _watcher: watcher })
    }
}

fn compiled(glob: &str) -> Result<Glob, WatchError> {
    // A star is part of one name, as in a shell.
    GlobBuilder::new(glob.strip_prefix("./").unwrap_or(glob)).literal_separator(true).build().map_err(broken)
}

fn broken(error: globset::Error) -> WatchError {
    WatchError::Thread(std::io::Error::new(std::io::ErrorKind::InvalidInput, error))
}

/// Reading a file changes nothing.
fn is_change(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(_))
}

fn concerned(patterns: &GlobSet, folder: &Path, path: &Path) -> Option<PathBuf> {
    let path = path.strip_prefix(folder).ok()?;
    patterns.is_match(path).then(|| path.to_owned())
}

/// The folder that a pattern begins with, and whether it looks into folders below that.
fn base(glob: &str) -> (PathBuf, bool) {
    let parts: Vec<Component<'_>> = Path::new(glob).components().collect();
    let magic = |part: &Component<'_>| part.as_os_str().to_string_lossy().contains(MAGIC);
    let plain = parts.iter().take_while(|part| !magic(part)).count().min(parts.len().saturating_sub(1));
    (parts[..plain].iter().collect(), parts.len() - plain > 1 || glob.contains("**"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_pattern_can_reach_is_watched() {
        let table = [
            ("*.py", "", false),
            ("src/*.py", "src", false),
            ("src/**/*.py", "src", true),
            ("a/b/*/c.json", "a/b", true),
            ("server.js", "", false),
            ("src/server.js", "src", false),
            ("**", "", true),
        ];
        for (glob, folder, deep) in table {
            assert_eq!(base(glob), (PathBuf::from(folder), deep), "{glob}");
        }
    }

    #[test]
    fn a_star_stays_in_its_folder() {
        let mut patterns = GlobSetBuilder::new();
        for glob in ["./*.py", "src/**/*.js"] {
            patterns.add(compiled(glob).unwrap());
        }
        let patterns = patterns.build().unwrap();
        let folder = Path::new("/home/ann/server");
        let found = |path: &str| concerned(&patterns, folder, &folder.join(path));
        assert_eq!(found("main.py"), Some(PathBuf::from("main.py")));
        assert_eq!(found("deep/main.py"), None);
        assert_eq!(found("src/a/b/index.js"), Some(PathBuf::from("src/a/b/index.js")));
        assert_eq!(concerned(&patterns, folder, Path::new("/tmp/main.py")), None);
    }
}
