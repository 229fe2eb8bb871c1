//! Runs one order to its end within its limits of time and output, and leaves nothing behind. It
//! does not judge what is run.

use super::capture::{Capture, read};
use crate::spawner::{Exit, Order, Running, SpawnRefused, Spawner};
use futures_util::future::join;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

/// How long a command that was asked to end has, before it is killed.
const GRACE: Duration = Duration::from_secs(2);
/// How long the end of a killed command is waited for.
const KILL_WAIT_MAX: Duration = Duration::from_secs(5);
/// What a command may print altogether before it is ended, in bytes: far more than is kept, and a
/// stop for who prints without end.
const FLOOD_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum How {
    /// By itself.
    Exited(Exit),
    /// Its time was over.
    TimedOut,
    /// It printed without end.
    Flooded,
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) how: How,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// Whether not all that it printed is there.
    pub(crate) truncated: bool,
    pub(crate) took: Duration,
}

/// Runs `order` for at most `time_max`; of stdout and stderr `bytes_max` bytes each are kept.
/// Dropping the future kills what it started.
///
/// # Errors
/// It could not be started.
pub(crate) async fn execute(
    spawner: &dyn Spawner,
    order: Order,
    time_max: Duration,
    bytes_max: usize,
) -> Result<Outcome, SpawnRefused> {
    let since = Instant::now();
    let Running { stdout, stderr, process } = spawner.spawn(order).await?;
    let (mut out, mut err) = (Capture::new(bytes_max), Capture::new(bytes_max));
    let (printed, flooded) = (AtomicU64::new(0), Notify::new());
    let how = {
        let seen = |length: usize| {
            let length = u64::try_from(length).unwrap_or(u64::MAX);
            let fine = printed.fetch_add(length, Ordering::Relaxed).saturating_add(length) <= FLOOD_BYTES_MAX;
            if !fine {
                flooded.notify_one();
            }
            fine
        };
        let reading = join(read(stdout, &mut out, seen), read(stderr, &mut err, seen));
        let mut ended = std::pin::pin!(join(process.wait(), reading));
        let cut = tokio::select! {
            (exit, _) = &mut ended => Ok(How::Exited(exit)),
            () = tokio::time::sleep(time_max) => Err(How::TimedOut),
            () = flooded.notified() => Err(How::Flooded),
        };
        match cut {
            Ok(how) => how,
            Err(how) => {
                process.terminate().await;
                if timeout(GRACE, &mut ended).await.is_err() {
                    process.kill().await;
                    // What the system does not let go of is left to the supervisor.
                    let _ = timeout(KILL_WAIT_MAX, &mut ended).await;
                }
                how
            }
        }
    };
    let truncated = out.is_truncated() || err.is_truncated() || how == How::Flooded;
    Ok(Outcome { how, stdout: out.text(), stderr: err.text(), truncated, took: since.elapsed() })
}

// === impl Outcome ===

impl Outcome {
    /// Whether it ended by itself with status 0.
    pub(crate) fn is_success(&self) -> bool {
        self.how == How::Exited(Exit::Code(0))
    }

    /// Its status; minus the number of the signal that ended it, as Python has it.
    pub(crate) fn status(&self) -> Option<i32> {
        match &self.how {
            How::Exited(Exit::Code(code)) => Some(*code),
            How::Exited(Exit::Signal(signal)) => Some(-signal),
            _ => None,
        }
    }

    /// Why it did not end by itself.
    pub(crate) fn cut(&self) -> Option<String> {
        match &self.how {
            How::TimedOut => Some(format!("it was ended after {} s, its time limit", self.took.as_secs())),
            How::Flooded => Some(format!("it was ended: it printed over {} MiB", FLOOD_BYTES_MAX >> 20)),
            How::Exited(Exit::Ended(why)) => Some(format!("it {why}")),
            How::Exited(Exit::Signal(number)) => Some(format!("signal {number} ended it")),
            How::Exited(Exit::Code(_)) => None,
        }
    }
}
