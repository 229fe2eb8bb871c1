//! Starting the guard process itself. It makes the process and its socket; it does not talk.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use crate::descriptors;
use crate::guard::{GUARD_ARGUMENT, become_subreaper};

/// A guard that runs, not yet owned by a runtime. Dropping it closes its socket, and it ends.
#[derive(Debug)]
pub struct GuardProcess {
    pub(super) exe: PathBuf,
    pub(super) token: String,
    pub(super) child: Child,
    pub(super) socket: OwnedFd,
}

impl GuardProcess {
    /// Starts `exe __guard TOKEN`, and makes this process the subreaper, so that what a killed
    /// guard leaves behind comes to us. Needs no runtime and waits for nothing.
    ///
    /// # Errors
    ///
    /// What the system says when `exe` cannot be started.
    pub fn launch(exe: &Path) -> io::Result<GuardProcess> {
        become_subreaper()?;
        let token = token()?;
        let (socket, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        #[expect(clippy::disallowed_methods, reason = "the guard is started here, and by it everything else")]
        let child = Command::new(exe)
            .arg(GUARD_ARGUMENT)
            .arg(&token)
            .args(descriptors::usual().map(|limit| limit.to_string()))
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .spawn()?;
        Ok(GuardProcess { exe: exe.to_owned(), token, child, socket })
    }
}

/// Marks the trees of one guard on this machine.
fn token() -> io::Result<String> {
    let number = getrandom::u64().map_err(io::Error::other)?;
    Ok(format!("{number:016x}"))
}
