//! Limits that the system holds each process to, set on a child that has just been started; what
//! it starts inherits them. They bind a process, never a tree.

use rustix::process::Pid;
#[cfg(target_os = "linux")]
use rustix::process::{Resource, Rlimit, prlimit};

/// Which limit of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PerProcess {
    /// Descriptors.
    OpenFiles,
    /// Private writable memory. Not the address space: a runtime reserves far more of that than
    /// it ever uses.
    Data,
}

/// Lowers a limit of `pid` for good; a lower one stays.
///
/// # Errors
///
/// What the system says.
#[cfg(target_os = "linux")]
pub(crate) fn restrict(pid: Pid, which: PerProcess, most: u64) -> std::io::Result<()> {
    let resource = match which {
        PerProcess::OpenFiles => Resource::Nofile,
        PerProcess::Data => Resource::Data,
    };
    let limit = Rlimit { current: Some(most), maximum: Some(most) };
    match prlimit(Some(pid), resource, limit) {
        Ok(_) => Ok(()),
        // More than its parent may have: that binds it already.
        Err(rustix::io::Errno::PERM) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Only Linux sets limits of another process.
#[cfg(not(target_os = "linux"))]
pub(crate) fn restrict(_: Pid, _: PerProcess, _: u64) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}
