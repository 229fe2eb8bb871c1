//! Nothing may outlive a scenario: the suite gives up on its client without ending what that started.
//! So after a while the switchboard is killed and the driver ends, whatever hangs. It decides nothing
//! about the scenario.

use rustix::process::{Pid, Signal, kill_process};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// How long a scenario may take.
const LIMIT: Duration = Duration::from_secs(50);
/// The exit code of a driver that hung.
const HUNG: i32 = 3;

/// Kills unless it is dropped in time.
pub(crate) struct Watchdog {
    _alive: SyncSender<()>,
}

impl Watchdog {
    /// Watches over a switchboard.
    pub(crate) fn over(pid: u32) -> Self {
        let (alive, gone) = sync_channel::<()>(1);
        thread::spawn(move || {
            if gone.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
                e2e::tell("the scenario hangs: killed");
                let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
                // It may have ended by itself meanwhile.
                let _ = pid.map(|pid| kill_process(pid, Signal::KILL));
                std::process::exit(HUNG);
            }
        });
        Self { _alive: alive }
    }
}
