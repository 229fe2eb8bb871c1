//! Paths inside of arguments: what points out of the roots is refused before the program starts.
//! A look and no lock: links may change after it, and a program may know other ways.

use std::path::{Component, Path, PathBuf};

/// What any program may be pointed at.
const HARMLESS: &[&str] = &["/dev/null"];

/// The first argument that points out of `roots`, seen from `cwd`.
pub(super) fn outside<'a>(args: &'a [String], cwd: &Path, roots: &[PathBuf]) -> Option<&'a str> {
    let leads_out = |candidate: &str| {
        let path = Path::new(candidate);
        let goes_up = path.components().any(|part| part == Component::ParentDir);
        let named = cwd.join(path);
        // A word that neither names a path elsewhere nor anything that exists is just a word.
        let is_path = path.is_absolute() || goes_up || named.symlink_metadata().is_ok();
        is_path && !HARMLESS.contains(&candidate) && !roots.iter().any(|root| real(&named).starts_with(root))
    };
    args.iter().map(String::as_str).find(|arg| candidates(arg).any(leads_out))
}

/// The parts of an argument that a program may take for a path: all of it, what stands behind `=`,
/// behind the letter of a short option, behind `@`, and behind `file://`.
fn candidates(argument: &str) -> impl Iterator<Item = &str> {
    let value = argument.split_once('=').map(|(_, value)| value);
    let is_short = argument.starts_with('-') && !argument.starts_with("--");
    let behind_short = argument.char_indices().nth(2).map(|(at, _)| &argument[at..]).filter(|_| is_short);
    let parts = [Some(argument), value, behind_short].into_iter().flatten();
    let parts = parts.flat_map(|part| [Some(part), part.strip_prefix('@'), part.strip_prefix("file://")]);
    parts.flatten().filter(|part| !part.is_empty())
}

/// Where a path leads, as far as it exists; what does not exist is taken as it is written.
fn real(path: &Path) -> PathBuf {
    let mut missing = Vec::new();
    let mut known = path;
    loop {
        if let Ok(mut found) = std::fs::canonicalize(known) {
            for part in missing.into_iter().rev() {
                match part {
                    Component::ParentDir => {
                        found.pop();
                    }
                    part => found.push(part),
                }
            }
            return found;
        }
        let mut parts = known.components();
        let Some(last) = parts.next_back() else { return path.to_owned() };
        missing.push(last);
        known = parts.as_path();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_points_out_is_found_wherever_it_stands() {
        let folder = tempfile::tempdir().unwrap();
        let root = std::fs::canonicalize(folder.path()).unwrap().join("root");
        let cwd = root.join("work");
        std::fs::create_dir_all(&cwd).unwrap();
        std::fs::write(root.join("f"), "").unwrap();
        std::fs::write(cwd.join("g"), "").unwrap();
        symlink("/etc", cwd.join("link")).unwrap();
        let roots = [root.clone()];
        let out = |argument: &str| outside(&[argument.to_owned()], &cwd, &roots).is_some();
        for argument in [
            "/etc/passwd",
            "../../x",
            "--output=/tmp/x",
            "-O/tmp/x",
            "-o../../x",
            "@/etc/passwd",
            "link",
            "link/passwd",
            "if=/etc/passwd",
            "--data=@/etc/passwd",
            "file:///etc/passwd",
            "none/../../../x",
            "/dev/sda",
        ] {
            assert!(out(argument), "{argument}");
        }
        let inside = root.join("f").display().to_string();
        for argument in [
            "g",
            "../f",
            &inside,
            "-la",
            "--x=1",
            "https://a.example/../b",
            "a..b",
            "HEAD^",
            "origin/main",
            "/dev/null",
            "%2e%2e/x",
            "",
        ] {
            assert!(!out(argument), "{argument}");
        }
    }
}
