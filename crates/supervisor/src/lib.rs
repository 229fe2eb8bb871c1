//! Keeps declared things running: processes through the guard, when to restart them, which state
//! they are in, and what they print. Deliberately knows nothing of MCP, HTTP or storage: whoever
//! holds the pipes of a child decides when it is ready and reports that here.

mod descriptors;
pub mod guard;
mod log_file;
mod restart;
mod server_log;
mod spawner;
mod state;
mod stderr;
mod timestamp;

pub use descriptors::raise_descriptor_limit;
pub use guard::{MARKER_VARIABLE, SpawnFailure};
pub use log_file::{LogWriter, LogWriterLimits, read_tail, rotate};
pub use restart::{Decision, Ending, Jitter, RestartMode, RestartPolicy, Restarts};
pub use server_log::{Line, ServerLog, Stream};
pub use spawner::{
    ExitHow, ExitReport, Guard, GuardProcess, ProcessHandle, SpawnError, SpawnRequest, Spawned, Spawner, StopReport,
    StopStep,
};
pub use state::{Event, Refused, State};
pub use stderr::pump;
pub use timestamp::utc;
