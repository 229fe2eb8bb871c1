//! How many descriptors a process may have. A switchboard needs several for each server and client, and
//! the usual 1024 are soon used up; servers get the number that we were started with, since some
//! programs close every descriptor that there may be. It knows no other limit.

use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The soft limit that this process was started with; none is no limit.
static USUAL: OnceLock<Option<u64>> = OnceLock::new();

/// Lets this process have as many descriptors as it may. A refusal leaves the limit as it was.
pub fn raise_descriptor_limit() {
    usual();
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

/// What servers get.
pub(crate) fn usual() -> Option<u64> {
    *USUAL.get_or_init(|| getrlimit(Resource::Nofile).current)
}

/// Takes back what [`raise_descriptor_limit`] did, in a process that the daemon started.
pub(crate) fn restore(current: u64) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let current = Some(maximum.map_or(current, |maximum| current.min(maximum)));
    // A refusal leaves servers with more descriptors than they need.
    let _ = setrlimit(Resource::Nofile, Rlimit { current, maximum });
}
