//! Programs, working folders, configuration files and the data folder: is what must be there
//! there, and can nobody else read what is private?

use super::{Finding, programs};
use crate::context::Context;
use config::{Loaded, Reach};
use rustix::fs::{Access, access};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

/// Below this many bytes a disk is as good as full for logs and state.
const FREE_BYTES_MIN: u64 = 100 * 1024 * 1024;

pub(super) fn examine(context: &Context, loaded: &Loaded) -> Vec<Finding> {
    let mut findings = programs(context, loaded);
    findings.extend(folders(loaded));
    findings.extend(loaded.files.iter().filter_map(|file| readable(file)));
    match context.data_folder() {
        Ok(data) => {
            findings.extend(private(&data.root));
            findings.extend(space(&data.root));
            let sockets = data.sockets();
            let left = [&sockets.api, &sockets.mcp].into_iter().filter(|path| is_socket(path));
            // Whoever can be locked out is there; the lock of a dead one is free.
            if data.lock().is_ok() {
                findings.extend(left.map(|path| {
                    let message = format!("{} was left by a daemon that is gone", path.display());
                    Finding::warning("data folder", message, "the next `switchboard run` removes it")
                }));
            }
        }
        Err(report) => findings.push(Finding::error("data folder", report.message, report.hints.join("; "))),
    }
    findings
}

fn folders(loaded: &Loaded) -> Vec<Finding> {
    let mut findings = Vec::new();
    for server in loaded.config.servers.values().filter(|server| server.is_active()) {
        if let Reach::Stdio { cwd: Some(cwd), .. } = &server.reach
            && !cwd.is_dir()
        {
            let message = format!("the working folder {} of the server `{}` is not there", cwd.display(), server.name);
            findings.push(Finding::error("folders", message, format!("make it, or mend `cwd` at {}", server.origin)));
        }
    }
    findings
}

/// A file of ours that others may read and that holds a secret in plain words.
fn readable(file: &Path) -> Option<Finding> {
    let others = std::fs::metadata(file).ok()?.mode() & 0o044 != 0;
    let text = std::fs::read_to_string(file).ok()?;
    let secret = text.lines().find_map(secret_key).filter(|_| others)?;
    let message = format!("{} can be read by other people, and `{secret}` in it looks like a secret", file.display());
    Some(Finding::warning("secrets", message, format!("chmod 600 {}, or write ${{env:NAME}} instead", file.display())))
}

/// The key of a line that gives a secret in plain words.
fn secret_key(line: &str) -> Option<String> {
    let (key, value) = line.trim_start().split_once(['=', ':'])?;
    let key = key.trim().trim_matches('"');
    let value = value.trim().trim_matches(['"', '\'', ',']);
    let words = ["token", "secret", "password", "api_key", "apikey"];
    let named = words.iter().any(|word| key.to_ascii_lowercase().ends_with(word));
    (named && value.len() >= 8 && !value.contains("${") && !value.contains(' ')).then(|| key.to_owned())
}

fn private(root: &Path) -> Option<Finding> {
    let metadata = std::fs::metadata(root).ok()?;
    let (path, me) = (root.display(), rustix::process::getuid().as_raw());
    if metadata.uid() != me {
        let message = format!("the data folder {path} belongs to another user ({})", metadata.uid());
        return Some(Finding::error("data folder", message, "name one of your own: --data DIR"));
    }
    if access(root, Access::WRITE_OK).is_err() {
        let message = format!("nothing can be written to the data folder {path}");
        return Some(Finding::error(
            "data folder",
            message,
            format!("chmod u+rwx {path}, or name another: --data DIR"),
        ));
    }
    (metadata.mode() & 0o077 != 0).then(|| {
        let message = format!("the data folder {path} is open to other people, and it holds keys");
        Finding::error("data folder", message, format!("chmod 700 {path}"))
    })
}

fn space(root: &Path) -> Option<Finding> {
    let existing = root.ancestors().find(|folder| folder.exists())?;
    let disk = rustix::fs::statvfs(existing).ok()?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    (free < FREE_BYTES_MIN).then(|| {
        let message = format!("only {} MiB are free where the data folder is", free / 1024 / 1024);
        Finding::error("disk", message, "make room, or name another place: --data DIR")
    })
}

fn is_socket(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_plain_words_are_seen() {
        let keys = [
            "token = \"0123456789abcdef\"",
            "  \"GITHUB_TOKEN\": \"ghp_0123456789\",",
            "token = \"${env:TOKEN}\"",
            "description = \"a token is needed\"",
        ];
        let found = keys.map(secret_key);
        assert_eq!(found[0].as_deref(), Some("token"));
        assert_eq!(found[1].as_deref(), Some("GITHUB_TOKEN"));
        assert_eq!((&found[2], &found[3]), (&None, &None));
    }
}
