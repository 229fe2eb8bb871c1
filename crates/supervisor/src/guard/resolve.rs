//! From the name of a program to the file that will run, and, where there is none, an account of
//! where we looked. It looks only; it starts nothing.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use serde::{Deserialize, Serialize};

/// Searched when a child's environment has no PATH of its own.
const PATH_DEFAULT: &str = "/usr/local/bin:/usr/bin:/bin";

/// Why a child could not be started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SpawnFailure {
    /// No file of that name in the PATH of the child, or at the path that was given.
    #[error("`{program}` was not found (looked in {})", .looked.join(", "))]
    NotFound {
        /// As declared.
        program: String,
        /// The folders or the one path where we looked.
        looked: Vec<String>,
    },
    /// The file exists and may not be run.
    #[error("{path} exists and is not executable")]
    NotExecutable {
        /// The file.
        path: String,
    },
    /// The script's first line names an interpreter that does not exist.
    #[error("{path} needs the interpreter {interpreter}, which does not exist")]
    InterpreterMissing {
        /// The script.
        path: String,
        /// What its first line names.
        interpreter: String,
    },
    /// The file is executable and the system cannot run it.
    #[error("{path} is neither a program for this machine nor a script with a `#!` line")]
    WrongFormat {
        /// The file.
        path: String,
    },
    /// The working folder does not exist or is not a folder.
    #[error("the working folder {path} cannot be used: {reason}")]
    CwdMissing {
        /// The folder.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// Something else: arguments too long, a NUL inside, a limit of the system.
    #[error("`{program}` could not be started: {reason}")]
    System {
        /// As declared.
        program: String,
        /// What the system said.
        reason: String,
    },
}

impl SpawnFailure {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            SpawnFailure::NotFound { program, .. } => Some(install_hint(program)),
            SpawnFailure::NotExecutable { path } => Some(format!("chmod +x {path}")),
            SpawnFailure::InterpreterMissing { interpreter, .. } => {
                Some(format!("install {interpreter}, or change the first line of the script"))
            }
            SpawnFailure::WrongFormat { .. } => {
                Some("name the interpreter as `command` and the file as its argument".into())
            }
            SpawnFailure::CwdMissing { path, .. } => Some(format!("mkdir -p {path}, or correct `cwd` of the server")),
            SpawnFailure::System { .. } => None,
        }
    }
}

fn install_hint(program: &str) -> String {
    match program {
        "node" | "npm" | "npx" => "install Node.js, or give the full path of the program".into(),
        "uv" | "uvx" => "install uv (docs.astral.sh/uv), or give the full path".into(),
        "docker" | "podman" => format!("install {program}, or give its full path"),
        _ => "install it, correct `command`, or give the full path".into(),
    }
}

/// The file that `program` means for a child with this environment and working folder.
pub(crate) fn resolve(program: &str, path_variable: Option<&str>, cwd: Option<&Path>) -> Result<PathBuf, SpawnFailure> {
    if let Some(cwd) = cwd {
        check_cwd(cwd)?;
    }
    let here = cwd.unwrap_or(Path::new(""));
    let is_path = program.contains('/');
    let candidates: Vec<PathBuf> = if is_path || program.is_empty() {
        vec![here.join(program)]
    } else {
        std::env::split_paths(path_variable.unwrap_or(PATH_DEFAULT))
            .map(|folder| here.join(folder).join(program))
            .collect()
    };
    let mut refused = None;
    for candidate in &candidates {
        if !candidate.is_file() {
            continue;
        }
        if access(candidate, Access::EXEC_OK).is_ok() {
            return Ok(candidate.clone());
        }
        refused.get_or_insert(candidate);
    }
    if let Some(path) = refused {
        return Err(SpawnFailure::NotExecutable { path: path.display().to_string() });
    }
    let looked = candidates
        .iter()
        .map(|path| if is_path { path.as_path() } else { path.parent().unwrap_or(path) })
        .map(|path| path.display().to_string())
        .collect();
    Err(SpawnFailure::NotFound { program: program.to_owned(), looked })
}

fn check_cwd(cwd: &Path) -> Result<(), SpawnFailure> {
    let reason = match std::fs::metadata(cwd) {
        Ok(found) if found.is_dir() => return Ok(()),
        Ok(_) => "it is not a folder".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(SpawnFailure::CwdMissing { path: cwd.display().to_string(), reason })
}

/// Explains why the system refused to run a file that exists and is executable.
pub(crate) fn explain(program: &str, path: &Path, error: &std::io::Error) -> SpawnFailure {
    if error.kind() == std::io::ErrorKind::NotFound
        && let Some(interpreter) = interpreter_of(path)
    {
        return SpawnFailure::InterpreterMissing { path: path.display().to_string(), interpreter };
    }
    if error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) {
        let path = path.display().to_string();
        return SpawnFailure::WrongFormat { path };
    }
    SpawnFailure::System { program: program.to_owned(), reason: error.to_string() }
}

fn interpreter_of(path: &Path) -> Option<String> {
    let mut first = Vec::new();
    File::open(path).ok()?.take(256).read_to_end(&mut first).ok()?;
    let line = first.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let text = String::from_utf8_lossy(line);
    text.split_whitespace().next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn file(folder: &Path, name: &str, mode: u32) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, "#!/no/such/thing\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn searches_the_path_of_the_child() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path(), "tool", 0o755);
        let variable = format!("/nowhere:{}", folder.path().display());
        assert_eq!(resolve("tool", Some(&variable), None), Ok(path.clone()));
        assert_eq!(resolve("./tool", None, Some(folder.path())), Ok(folder.path().join("./tool")));
        let missing = resolve("tool", Some("/nowhere:/neither"), None).unwrap_err();
        assert_eq!(missing.to_string(), "`tool` was not found (looked in /nowhere, /neither)");
        let error = std::io::Error::from(std::io::ErrorKind::NotFound);
        assert!(explain("tool", &path, &error).to_string().contains("/no/such/thing"));
    }

    #[test]
    fn names_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path(), "plain", 0o644);
        let plain = resolve(path.to_str().unwrap(), None, None).unwrap_err();
        assert!(matches!(plain, SpawnFailure::NotExecutable { .. }));
        assert!(plain.hint().unwrap().starts_with("chmod +x"));
        let cwd = resolve("sh", None, Some(&path)).unwrap_err();
        assert!(cwd.to_string().ends_with("it is not a folder"));
        assert!(matches!(resolve("", None, None), Err(SpawnFailure::NotFound { .. })));
    }
}
