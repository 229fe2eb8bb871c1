//! Wanting too much of the machine: memory, processes, a life after the server's own. Everything
//! here ends with whoever kills the tree, and the processes only sleep.

use super::STUBBORN;
use std::io;
use std::process::{Command, Stdio};

/// More children than this would prove nothing more.
const CHILDREN_MAX: usize = 2_000;
const MEGABYTE: usize = 1_000_000;

/// So many megabytes of memory, each page of it touched.
pub(super) fn hog(megabytes: usize) -> Vec<u8> {
    // Zeros would be left to the system to make up; these it must keep.
    vec![0xA5; megabytes.saturating_mul(MEGABYTE)]
}

/// Starts sleeping children until the system refuses one; says how many there are.
#[expect(clippy::disallowed_methods, reason = "a test peer that has to misbehave")]
pub(super) fn bomb() -> String {
    for started in 0..CHILDREN_MAX {
        let mut sleeper = Command::new("sleep");
        sleeper.arg(STUBBORN.to_string()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Err(why) = sleeper.spawn() {
            return format!("{started} children, then: {why}");
        }
    }
    format!("{CHILDREN_MAX} children, and nobody refused one")
}

/// Leaves two processes behind as a daemon does: a fork, a session of its own, another fork, and
/// no parent any more. Their pids are on stderr after `grandchild`.
#[expect(clippy::disallowed_methods, reason = "a test peer that has to misbehave")]
pub(super) fn daemonize() -> io::Result<()> {
    let last = format!("trap \"\" TERM HUP; echo grandchild $$ >&2; exec sleep {STUBBORN}");
    for _ in 0..2 {
        let script = r#"setsid sh -c "$0" </dev/null >/dev/null &"#;
        let status = Command::new("setsid").args(["sh", "-c", script, &last]).stdin(Stdio::null()).status()?;
        if !status.success() {
            return Err(io::Error::other(format!("setsid: {status}")));
        }
    }
    Ok(())
}
