//! Writes what a gateway learns and is told into the local store, when it differs from what is
//! there: what servers say about themselves a little later, since that comes in bursts, and what
//! people want of servers at once. Nothing here decides what follows from it.
//!
//! A store that fails is reported once, and asked again until it takes it.

use crate::state::{self, Catalog};
use gateway::Gateway;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use tokio_util::sync::CancellationToken;

/// How long the catalog must have been changed before it is written.
const PAUSE: Duration = Duration::from_millis(200);
/// The time between two attempts while the store fails.
const RETRY_PAUSE: Duration = Duration::from_secs(2);

/// Reads what earlier runs left.
///
/// # Errors
/// Those of the store.
pub(super) async fn read(store: &Store) -> Result<Catalog, store::Error> {
    let stored = state::read_catalog(store).await?;
    let approved = state::read_approved_tools(store).await?;
    Ok(Catalog { stored, approved, desired: state::read_desired(store).await? })
}

/// Writes what differs from `written` until the end, and then once more.
pub(super) async fn keep(gateway: Arc<Gateway>, store: Store, mut written: Catalog, ended: CancellationToken) {
    let mut desired = gateway.desired();
    let (_, mut changed) = gateway.stored();
    // A server may have been listed before this task had its first turn.
    changed.mark_changed();
    let mut failing = false;
    loop {
        let mut last = tokio::select! {
            () = ended.cancelled() => true,
            told = desired.changed() => told.is_err(),
            told = changed.changed() => told.is_err() || tokio::select! {
                over = is_over(&ended, PAUSE) => over,
                told = desired.changed() => told.is_err(),
            },
            over = is_over(&ended, RETRY_PAUSE), if failing => over,
        };
        let (stored, receiver) = gateway.stored();
        changed = receiver;
        let wanted = desired.borrow_and_update().clone();
        let now = Catalog { stored, approved: gateway.approved_tools(), desired: wanted };
        match state::write(&store, &written, &now).await {
            Ok(()) => {
                written = now;
                if std::mem::take(&mut failing) {
                    tracing::info!("what is known of servers is kept again");
                }
            }
            Err(error) => {
                // What cannot be done any more is not waited for.
                last |= error == store::Error::Closed;
                if !std::mem::replace(&mut failing, true) {
                    tracing::error!(%error, "what is known of servers is not kept: {error}; {}", error.hint());
                }
            }
        }
        if last {
            return;
        }
    }
}

/// Whether the end came within the time.
async fn is_over(ended: &CancellationToken, pause: Duration) -> bool {
    tokio::time::timeout(pause, ended.cancelled()).await.is_ok()
}
