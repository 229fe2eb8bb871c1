//! What happens, the moment it happens: `/api/live` over a WebSocket and `/api/events` as server-sent
//! events, and the history for charts.
//!
//! ```text
//! gateway: facts, records ─► changes ─┐            ┌─► view (who sees the same) ─► readers
//! servers: lines of logs ─────────────┼─► hub ─────┤
//! measured now and then ──────────────┘  what      └─► view ─► readers
//!                                        differs
//! ```
//!
//! Nothing is polled, and nothing is done while nobody reads. Arguments and results of calls are never
//! told here.

mod active;
mod differ;
mod events;
mod figures;
mod frame;
mod handshake;
mod history;
mod hub;
mod items;
mod logs;
mod overview;
mod picture;
mod predecessor;
mod process;
mod socket;
mod topic;
mod view;

pub use history::{History, HistoryKeeper};
pub(crate) use overview::CatalogSize;

use crate::access::Asker;
use crate::{Control, Parts, Problem};
use hub::Places;
use protocol::ErrorKind;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Where readers come in.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    places: Places,
    tickets: Arc<Semaphore>,
    clients_max: usize,
    feeds: predecessor::Feeds,
}

/// That a reader may be there.
struct Ticket {
    _permit: OwnedSemaphorePermit,
}

/// The routes.
pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new()
        .routes(routes!(socket::live))
        .routes(routes!(events::events))
        .routes(routes!(history::charted))
        .routes(routes!(predecessor::ws))
}

// === impl Live ===

impl Live {
    /// Starts what tells. Must be called inside a runtime.
    pub(crate) fn start(parts: &Arc<Parts>) -> Self {
        let clients_max = parts.gateway.snapshot().config.limits.live_clients_max;
        let tickets = Arc::new(Semaphore::new(clients_max));
        Self { places: Places::start(parts), tickets, clients_max, feeds: predecessor::Feeds::default() }
    }

    fn ticket(&self) -> Result<Ticket, Problem> {
        let permit = self.tickets.clone().try_acquire_owned().map_err(|_| {
            let most = self.clients_max;
            let problem = Problem::new(
                ErrorKind::Overloaded,
                format!("{most} readers of live events are there already (limit `live_clients_max`)"),
            );
            problem.hint("close another dashboard, or raise `limits.live_clients_max` and restart")
        })?;
        Ok(Ticket { _permit: permit })
    }
}

/// Whose calls the asker sees; none is everybody's.
fn sees_only(asker: &Asker) -> Option<Arc<str>> {
    (!asker.is_owner).then(|| asker.principal.as_str().into())
}
