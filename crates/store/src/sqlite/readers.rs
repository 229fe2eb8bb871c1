//! The connections that read. They are opened when somebody reads and few are kept, since each has a
//! thread and a small cache.

use crate::Error;
use crate::sqlite::connect;
use crate::tx::{Link, Tx};
use sqlx::Connection as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Reads at once; more wait.
const AT_ONCE_MAX: usize = 4;
/// Connections that are kept while nobody reads.
const KEPT_MAX: usize = 1;
/// Memory of a reader's page cache, in KiB.
const CACHE_KIB: u32 = 512;

#[derive(Debug)]
pub(crate) struct Readers {
    path: PathBuf,
    place: Arc<str>,
    idle: Mutex<Vec<Tx>>,
    places: Arc<Semaphore>,
}

// === impl Readers ===

impl Readers {
    pub(crate) fn new(path: PathBuf) -> Self {
        let place = Arc::from(path.display().to_string());
        Self { path, place, idle: Mutex::default(), places: Arc::new(Semaphore::new(AT_ONCE_MAX)) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn place(&self) -> &Arc<str> {
        &self.place
    }

    /// A connection, and the place that it takes as long as it is kept.
    pub(crate) async fn take(&self) -> Result<(Tx, OwnedSemaphorePermit), Error> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| Error::Closed)?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(tx) = idle {
            return Ok((tx, place));
        }
        let connection = connect(&self.path, CACHE_KIB, true).await?;
        Ok((Tx::new(Link::Sqlite(connection), Arc::clone(&self.place)), place))
    }

    /// Keeps a connection for the next, or closes it.
    pub(crate) async fn give_back(&self, tx: Tx) {
        let spare = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < KEPT_MAX && !self.places.is_closed() {
                idle.push(tx);
                None
            } else {
                Some(tx)
            }
        };
        if let Some(tx) = spare {
            end(tx).await;
        }
    }

    /// Nobody reads any more.
    pub(crate) async fn close(&self) {
        self.places.close();
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for tx in idle {
            end(tx).await;
        }
    }
}

/// Closes a connection; an error then changes nothing for anybody.
pub(crate) async fn end(tx: Tx) {
    if let Link::Sqlite(connection) = tx.into_link() {
        let _ = connection.close().await;
    }
}
