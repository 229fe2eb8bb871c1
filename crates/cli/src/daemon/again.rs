//! Beginning again as the same process: the program that is installed now takes the place of this
//! one, with the same arguments, environment, folder and process id. Nothing of the old one is left
//! but what systemd handed over.

use crate::report::Report;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

/// What the system adds to the name of a program that was replaced while it ran.
const REPLACED: &[u8] = b" (deleted)";

/// The file of this program, or of the one that was installed in its place.
///
/// # Errors
/// When the system does not know it.
pub(crate) fn program() -> io::Result<PathBuf> {
    let exe = std::env::current_exe()?;
    let name = exe.as_os_str().as_bytes();
    match name.strip_suffix(REPLACED) {
        Some(name) if !exe.exists() => Ok(PathBuf::from(std::ffi::OsStr::from_bytes(name))),
        _ => Ok(exe),
    }
}

/// Begins again; comes back only with the reason why that is not possible.
pub(super) fn begin() -> Report {
    let failed = |error: io::Error| Report::failed("the daemon ended and cannot begin again").cause(error);
    let exe = match program() {
        Ok(exe) => exe,
        Err(error) => return failed(error),
    };
    #[expect(clippy::disallowed_methods, reason = "no process is started: this one becomes another program")]
    let mut command = Command::new(exe);
    let mut arguments = std::env::args_os();
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    failed(command.args(arguments).exec()).hint("start it: switchboard start")
}
