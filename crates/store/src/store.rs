//! The store: where everybody asks for a transaction.
//!
//! It does not know what is in the tables; the modules of this crate do.

use crate::job::Asked;
use crate::place::{Options, Place};
use crate::postgres::Postgres;
use crate::sqlite::Sqlite;
use crate::{Error, Running, Tx};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long reading or writing everything may take.
const LONG: Duration = Duration::from_secs(3600);

/// The durable tables. Clones are the same store.
#[derive(Debug, Clone)]
pub struct Store {
    inside: Inside,
    place: Arc<str>,
    deadline: Duration,
}

#[derive(Debug, Clone)]
enum Inside {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

impl Store {
    /// Opens the tables, and makes or changes them where they are missing or older than this program.
    ///
    /// # Errors
    /// The place is damaged, read-only, somebody else's, newer than this program, or not to be reached.
    pub async fn open(place: Place, options: Options) -> Result<Self, Error> {
        let deadline = options.deadline;
        let shown = Arc::from(place.shown());
        let inside = match place {
            Place::File(path) => Inside::Sqlite(Sqlite::open(path, &options).await?),
            Place::Url(url) => Inside::Postgres(Postgres::open(&url, Arc::clone(&shown), &options).await?),
        };
        Ok(Self { inside, place: shown, deadline })
    }

    /// Where the tables are, without a password.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Runs a job that changes something, in one transaction: when this returns `Ok`, what it did
    /// survives a loss of power; when it returns an error, nothing of it happened (but see
    /// [`Error::UnknownOutcome`]).
    ///
    /// The job may run more than once until it is kept, so that it must have no other effect, and it
    /// must wait for nothing but its transaction: on SQLite, all writers of the file wait meanwhile.
    /// There, jobs that wait together are committed together. On PostgreSQL, jobs run at once, at the
    /// isolation of `READ COMMITTED`: who decides by what it read calls [`Tx::lock_stream`] first, or
    /// changes rows under a condition.
    ///
    /// # Errors
    /// The job's own, or the store's.
    pub async fn write<T, E, F>(&self, name: &'static str, mut job: F) -> Result<T, E>
    where
        F: for<'t> FnMut(&'t mut Tx) -> Running<'t, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        match &self.inside {
            Inside::Sqlite(sqlite) => queued(sqlite, name, self.deadline, job).await,
            Inside::Postgres(postgres) => postgres.write(name, self.deadline, &mut job).await,
        }
    }

    /// Runs a job that only reads, on one consistent picture of the tables.
    ///
    /// # Errors
    /// The job's own, or the store's.
    pub async fn read<T, E, F>(&self, name: &'static str, mut job: F) -> Result<T, E>
    where
        F: for<'t> FnMut(&'t mut Tx) -> Running<'t, Result<T, E>> + Send,
        T: Send,
        E: From<Error> + Send,
    {
        match &self.inside {
            Inside::Sqlite(sqlite) => sqlite.read(name, self.deadline, &mut job).await,
            Inside::Postgres(postgres) => postgres.read(name, self.deadline, &mut job).await,
        }
    }

    /// Reads everything: it may take long.
    pub(crate) async fn read_long<T, F>(&self, name: &'static str, job: &mut F) -> Result<T, Error>
    where
        F: for<'t> FnMut(&'t mut Tx) -> Running<'t, Result<T, Error>> + Send,
    {
        match &self.inside {
            Inside::Sqlite(sqlite) => sqlite.read(name, LONG, job).await,
            Inside::Postgres(postgres) => postgres.read(name, LONG, job).await,
        }
    }

    /// Writes everything: it may take long, and on SQLite nobody else writes meanwhile.
    pub(crate) async fn write_long<F>(&self, name: &'static str, mut job: F) -> Result<(), Error>
    where
        F: for<'t> FnMut(&'t mut Tx) -> Running<'t, Result<(), Error>> + Send + 'static,
    {
        match &self.inside {
            Inside::Sqlite(sqlite) => queued(sqlite, name, LONG, job).await,
            Inside::Postgres(postgres) => postgres.write(name, LONG, &mut job).await,
        }
    }

    /// The file, where it is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match &self.inside {
            Inside::Sqlite(sqlite) => Some(sqlite.path()),
            Inside::Postgres(_) => None,
        }
    }

    /// Ends it: what was asked before is done, then the database is closed. Other clones answer
    /// [`Error::Closed`] from now on.
    pub async fn close(&self) {
        match &self.inside {
            Inside::Sqlite(sqlite) => sqlite.close().await,
            Inside::Postgres(postgres) => postgres.close().await,
        }
    }
}

/// Gives a job to the writer of a file and waits for its answer.
async fn queued<T, E, F>(sqlite: &Sqlite, name: &'static str, time_max: Duration, job: F) -> Result<T, E>
where
    F: for<'t> FnMut(&'t mut Tx) -> Running<'t, Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    let (asked, answer) = Asked::new(job);
    sqlite.write(name, time_max, Box::new(asked)).await.map_err(E::from)?;
    // The writer answers every job; without it, the process is ending.
    answer.await.unwrap_or_else(|_| Err(E::from(Error::Closed)))
}
