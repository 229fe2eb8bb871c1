//! The last look before a program that others declared is started: its files are what a person
//! approved. The configuration is read again when one changes, but perhaps a moment later, and where
//! the system tells no changes, not at all. It does not compare keys: those are read with the entry.

use super::Cause;
use super::start::Down;
use supervisor::Ending;

/// Looks at the files of `entry` that were approved with it.
///
/// # Errors
/// What differs, and how to approve it.
pub(super) async fn check(entry: &config::Server) -> Result<(), Down> {
    // A person's own entries are not looked at.
    let Some(subject) = entry.subject.clone() else { return Ok(()) };
    let lines = tokio::task::spawn_blocking(move || subject.altered()).await;
    let lines = lines.unwrap_or_else(|error| vec![format!("its files cannot be looked at: {error}")]);
    if lines.is_empty() {
        return Ok(());
    }
    Err(Down {
        ending: Ending::Hopeless,
        reason: format!("it is not what was approved: {}", lines.join("; ")),
        hint: Some(format!("look at it and decide: switchboard approve {}", entry.name)),
        cause: Cause::Other,
    })
}
