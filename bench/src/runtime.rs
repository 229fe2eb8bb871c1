//! Starting a bench program: its runtime, and how it ends.

use crate::Failure;
use std::io::Write;
use std::process::ExitCode;

/// A runtime of `threads` workers; one means that everything runs on the calling thread.
///
/// # Errors
/// The system gave no threads or no poller.
pub fn runtime(threads: usize) -> Result<tokio::runtime::Runtime, Failure> {
    let mut builder = if threads <= 1 {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    if threads > 1 {
        builder.worker_threads(threads);
    }
    Ok(builder.enable_all().build()?)
}

/// Turns a program's outcome into its exit code; the reason goes to stderr.
#[must_use]
pub fn finish(outcome: Result<(), Failure>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            // Nobody is left to tell if stderr is closed too.
            let _ = writeln!(std::io::stderr(), "error: {reason}");
            ExitCode::from(2)
        }
    }
}
