//! What one child may use of the machine, and what of it this host can enforce: cgroup v2 where
//! it is writable and has the controller, else v1, else a limit per process, else nothing, which
//! is then said. It decides nothing about restarts, and measures nothing.

pub(crate) mod group;
pub(crate) mod hierarchy;
pub(crate) mod stale;

mod foresight;
mod rlimit;

pub use foresight::not_enforceable;

use serde::{Deserialize, Serialize};

/// What one child with all it starts may use. `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessLimits {
    /// Memory of the whole tree, in bytes.
    pub memory_bytes: Option<u64>,
    /// Processor time of the whole tree, in percent of one core.
    pub cpu_percent: Option<u32>,
    /// Processes and threads of the whole tree.
    pub processes: Option<u32>,
    /// Open files of each process.
    pub open_files: Option<u64>,
}

/// What a controller of cgroups limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Controller {
    Memory,
    Cpu,
    Pids,
}

// === impl Controller ===

impl Controller {
    pub(crate) const ALL: [Controller; 3] = [Controller::Memory, Controller::Cpu, Controller::Pids];

    /// As the kernel calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Controller::Memory => "memory",
            Controller::Cpu => "cpu",
            Controller::Pids => "pids",
        }
    }

    /// The key of `resources` that it serves.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Controller::Pids => "processes",
            other => other.name(),
        }
    }
}

/// A size in words, for messages.
pub(crate) fn mebibytes(bytes: u64) -> String {
    const MIB: u64 = 1024 * 1024;
    if bytes.is_multiple_of(MIB) { format!("{} MiB", bytes / MIB) } else { format!("{bytes} bytes") }
}
