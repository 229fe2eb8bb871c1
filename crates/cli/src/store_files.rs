//! The small files of the data folder: the sealing keys, and where the daemon listens. Each is
//! replaced whole, so that a crash leaves the old or the new one. Nothing here runs while a call waits.

use crate::data_folder::DataFolder;
use crate::report::Report;
use protocol::seal::{KEY_BYTES, Sealer};
use secrecy::SecretString;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;

/// Replaces a file in one step; it is readable by its owner only.
///
/// # Errors
/// Those of the system.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// The sealing keys, made once: tokens stay good across restarts.
///
/// # Errors
/// When they can be neither read nor made.
pub(crate) fn sealer(data: &DataFolder) -> Result<Sealer, Report> {
    let path = data.keys();
    let failed = |cause: String| {
        let message = format!("the sealing keys in {} cannot be used", path.display());
        Report::failed(message)
            .cause(cause)
            .hint("remove the file: new keys are made; clients list again, and servers are signed in to again")
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => make_keys(&path).map_err(failed)?,
        Err(error) => return Err(failed(error.to_string())),
    };
    let mut keys = text.lines().map(unhex);
    match (keys.next().flatten(), keys.next().flatten()) {
        (Some(current), Some(previous)) => Ok(Sealer::new(&current, &previous)),
        _ => Err(failed("it does not hold two keys of 64 hexadecimal digits".to_owned())),
    }
}

/// The token of the dashboard and of REST, made once: a page that is open stays good across restarts.
///
/// # Errors
/// When it can be neither read nor made.
pub(crate) fn token(data: &DataFolder) -> Result<SecretString, Report> {
    let path = data.token();
    let failed = |cause: String| {
        let report = Report::failed(format!("the token in {} cannot be used", path.display())).cause(cause);
        report.hint("remove the file: a new one is made, and the dashboard is opened again: switchboard dashboard")
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let made = Sealer::fresh_key().map(|key| hex(&key)).ok_or("the system gives no randomness".to_owned());
            let made = made.map_err(failed)?;
            replace(&path, format!("{made}\n").as_bytes()).map_err(|error| failed(error.to_string()))?;
            made
        }
        Err(error) => return Err(failed(error.to_string())),
    };
    match unhex(text.trim()) {
        Some(_) => Ok(SecretString::from(text.trim())),
        None => Err(failed("it does not hold 64 hexadecimal digits".to_owned())),
    }
}

fn make_keys(path: &Path) -> Result<String, String> {
    let key = || Sealer::fresh_key().ok_or("the system gives no randomness");
    let text = format!("{}\n{}\n", hex(&key()?), hex(&key()?));
    replace(path, text.as_bytes()).map_err(|error| error.to_string())?;
    Ok(text)
}

fn hex(key: &[u8; KEY_BYTES]) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; KEY_BYTES]> {
    let mut key = [0; KEY_BYTES];
    if text.len() != 2 * KEY_BYTES || !text.is_ascii() {
        return None;
    }
    for (at, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(key)
}

/// Tells other programs where this daemon listens.
///
/// # Errors
/// Those of the system.
pub(crate) fn write_listen(
    data: &DataFolder,
    address: SocketAddr,
    tcp: Option<SocketAddr>,
    unix: Option<&Path>,
) -> io::Result<()> {
    let mut listen = serde_json::json!({ "address": address.to_string(), "pid": std::process::id() });
    if let Some(tcp) = tcp {
        listen["tcp"] = tcp.to_string().into();
    }
    if let Some(unix) = unix {
        listen["unix"] = unix.to_string_lossy().into();
    }
    replace(&data.listen(), listen.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::Environment;
    use protocol::Principal;
    use protocol::seal::Binding;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn keys_are_made_once_and_are_private() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::new(folder.path().to_owned(), &Environment::default());
        let me = Principal::new("me");
        let binding = Binding { principal: &me, method: "m", name: "n", digest: b"" };
        let token = sealer(&data).unwrap().seal(binding, b"x", u64::MAX).unwrap();
        assert_eq!(sealer(&data).unwrap().open(binding, &token, 1).unwrap(), b"x");
        let mode = std::fs::metadata(data.keys()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(data.keys(), "zz").unwrap();
        assert!(sealer(&data).is_err_and(|report| !report.hints.is_empty()));
    }
}
