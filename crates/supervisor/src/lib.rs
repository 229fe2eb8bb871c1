//! Keeps declared things running: processes through the guard, when to restart them, which state
//! they are in, what they print, and what they need beside themselves. Deliberately knows nothing of MCP, HTTP or storage: whoever
//! holds the pipes of a child decides when it is ready and reports that here.

mod descriptors;
pub mod guard;
mod host;
mod limits;
mod log_file;
pub mod port_holder;
mod restart;
mod server_log;
pub mod services;
mod spawner;
mod state;
mod stderr;
mod timestamp;
mod usage;

pub use descriptors::raise_descriptor_limit;
pub use guard::{MARKER_VARIABLE, SpawnFailure};
pub use host::{HostMeter, HostUsage};
pub use limits::{ProcessLimits, not_enforceable};
pub use log_file::{LogWriter, LogWriterLimits, read_tail, rotate};
pub use restart::{Decision, Ending, Jitter, RestartMode, RestartPolicy, Restarts};
pub use server_log::{Line, ServerLog, Stream};
pub use spawner::{
    ExitHow, ExitReport, Guard, GuardProcess, ProcessHandle, SpawnError, SpawnRequest, Spawned, Spawner, Steering,
    StopReport, StopStep, Wish, steered,
};
pub use state::{Event, Refused, State};
pub use stderr::{STREAM_RATE_DEFAULT, pump, pump_at};
pub use timestamp::utc;
pub use usage::{Meter, Usage};
