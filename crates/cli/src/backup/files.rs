//! Files below a folder, as they are taken into an archive and put back: plain files under plain
//! names. Links are not followed, so that nothing of another place is taken or written.

use super::LeftOut;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

/// Files that are taken of one folder.
const FILES_MAX: usize = 500_000;
/// Folders in folders.
const DEPTH_MAX: usize = 64;

/// A file that was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    /// Its name below the folder that was asked for; empty where that is a file itself.
    pub(super) below: Vec<String>,
    pub(super) mode: u32,
}

/// Finds every file at or below a path, in the order of their names. What is not taken is told.
pub(super) fn walk(top: &Path, left_out: &mut Vec<LeftOut>) -> Vec<Found> {
    let mut found = Vec::new();
    let mut open = vec![(top.to_owned(), Vec::new())];
    while let Some((path, below)) = open.pop() {
        // What was declared may be a link; what is in it may not.
        let metadata = if below.is_empty() { fs::metadata(&path) } else { fs::symlink_metadata(&path) };
        let mut left = |why: String| left_out.push(LeftOut { what: path.display().to_string(), why });
        let metadata = match metadata {
            Ok(metadata) => metadata,
            Err(error) => {
                left(error.to_string());
                continue;
            }
        };
        let kind = metadata.file_type();
        if kind.is_file() && found.len() < FILES_MAX {
            found.push(Found { path, below, mode: metadata.mode() & 0o777 });
        } else if kind.is_dir() && below.len() < DEPTH_MAX {
            match inside(&path, &below) {
                // The last is taken first.
                Ok(inside) => open.extend(inside.into_iter().rev()),
                Err(error) => left(error.to_string()),
            }
        } else if kind.is_symlink() {
            left("links are not followed".to_owned());
        } else if kind.is_file() || kind.is_dir() {
            left(format!("more than {FILES_MAX} files, or {DEPTH_MAX} folders in each other"));
        } else {
            left("it is neither a file nor a folder".to_owned());
        }
    }
    found
}

fn inside(folder: &Path, below: &[String]) -> io::Result<Vec<(PathBuf, Vec<String>)>> {
    let mut inside = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_str().ok_or_else(|| io::Error::other(format!("{} is not UTF-8", name.display())))?;
        inside.push((entry.path(), [below, &[name.to_owned()]].concat()));
    }
    inside.sort();
    Ok(inside)
}

/// Opens a file that is no link.
///
/// # Errors
/// Those of the system.
pub(super) fn open(path: &Path, follow: bool) -> io::Result<File> {
    let flags = if follow { 0 } else { rustix::fs::OFlags::NOFOLLOW.bits() };
    // A pipe in the place of the file must not hold us.
    let flags = i32::try_from(flags | rustix::fs::OFlags::NONBLOCK.bits()).map_err(io::Error::other)?;
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Whether a name is one of a file in a folder, and nothing else.
pub(super) fn is_plain(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    let first = matches!(parts.next(), Some(Component::Normal(part)) if part == name);
    first && parts.next().is_none() && !name.contains('\0')
}

/// Writes a file below a folder that nobody else has, with its folders.
///
/// # Errors
/// Those of the system, and names that are none.
pub(super) fn write_below(folder: &Path, below: &[String], content: &mut dyn Read, mode: u32) -> io::Result<()> {
    let Some((name, folders)) = below.split_last() else { return Err(io::Error::other("it has no name")) };
    if !below.iter().all(|name| is_plain(name)) || below.len() > DEPTH_MAX {
        return Err(io::Error::other(format!("`{}` is no name of a file", below.join("/"))));
    }
    let folder = folders.iter().fold(folder.to_owned(), |folder, name| folder.join(name));
    DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join(name))?;
    io::copy(content, &mut file)?;
    file.set_permissions(fs::Permissions::from_mode(mode & 0o777))?;
    file.sync_all()
}

/// Puts something in the place of what is there, which stays beside it.
///
/// # Errors
/// Those of the system.
pub(super) fn swap(new: &Path, place: &Path) -> io::Result<()> {
    let aside = before_restore(place);
    match fs::symlink_metadata(place) {
        Ok(_) => {
            remove(&aside)?;
            fs::rename(place, &aside)?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    fs::rename(new, place)
}

/// Where what was there is kept.
pub(super) fn before_restore(place: &Path) -> PathBuf {
    let mut name = place.as_os_str().to_owned();
    name.push(".before-restore");
    name.into()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_taken_with_its_files_and_without_its_links() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        for name in ["z", "a/y", "a/b/x"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        std::os::unix::fs::symlink("/etc", folder.path().join("link")).unwrap();
        let mut left_out = Vec::new();
        let found: Vec<String> = walk(folder.path(), &mut left_out).iter().map(|found| found.below.join("/")).collect();
        assert_eq!(found, ["a/b/x", "a/y", "z"]);
        assert_eq!(left_out.len(), 1);
        assert!(left_out[0].what.ends_with("link") && left_out[0].why.contains("links"), "{left_out:?}");
        assert!(open(&folder.path().join("link"), false).is_err());
    }

    #[test]
    fn names_that_lead_elsewhere_are_none() {
        let folder = tempfile::tempdir().unwrap();
        let write = |below: &[&str]| {
            let below: Vec<String> = below.iter().map(|name| (*name).to_owned()).collect();
            write_below(folder.path(), &below, &mut &b"x"[..], 0o640)
        };
        write(&["a", "b"]).unwrap();
        let mode = fs::metadata(folder.path().join("a/b")).unwrap().mode();
        assert_eq!(mode & 0o777, 0o640);
        for bad in [&[".."][..], &["a", "..", "c"], &["/etc"], &["a/c"], &["."], &[""], &[], &["a\0"]] {
            assert!(write(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_was_there_stays_beside() {
        let folder = tempfile::tempdir().unwrap();
        let (new, place) = (folder.path().join("new"), folder.path().join("place"));
        for turn in ["first", "second", "third"] {
            fs::write(&new, turn).unwrap();
            swap(&new, &place).unwrap();
        }
        assert_eq!(fs::read_to_string(&place).unwrap(), "third");
        assert_eq!(fs::read_to_string(before_restore(&place)).unwrap(), "second");
    }
}
