//! The tables in a SQLite file: one connection that writes, a few that read.
//!
//! Other processes may have the same file open: whoever waits for them does so within a deadline.
//! What a commit is worth is decided here too (`synchronous`).

mod open;

mod readers;

mod writer;

use crate::clock::{Anchor, Clock, Moment};
use crate::job::{Job, guarded};
use crate::place::Options;
use crate::value::{Row, values};
use crate::{Error, Running, Tx};
pub(crate) use open::{COPY_CACHE_KIB, check, connect, migrate_to};
use readers::Readers;
pub(crate) use readers::end;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use writer::Writer;

/// A file.
#[derive(Debug, Clone)]
pub(crate) struct Sqlite {
    writer: Writer,
    readers: Arc<Readers>,
    clock: Arc<dyn Clock>,
}

// === impl Sqlite ===

impl Sqlite {
    pub(crate) async fn open(path: PathBuf, options: &Options) -> Result<Self, Error> {
        let until = Instant::now() + options.deadline;
        let connection = open::open(&path, &options.clock, until).await?;
        let readers = Arc::new(Readers::new(path));
        let writer = Writer::start(connection, Arc::clone(readers.place()), options);
        Ok(Self { writer, readers, clock: Arc::clone(&options.clock) })
    }

    pub(crate) fn path(&self) -> &Path {
        self.readers.path()
    }

    pub(crate) async fn write(&self, name: &'static str, time_max: Duration, job: Box<dyn Job>) -> Result<(), Error> {
        self.writer.ask(name, time_max, job).await
    }

    pub(crate) async fn read<T, E, F>(&self, name: &'static str, deadline: Duration, job: &mut F) -> Result<T, E>
    where
        F: for<'t> FnMut(&'t mut Tx) -> Running<'t, Result<T, E>> + Send,
        E: From<Error>,
    {
        let until = Instant::now() + deadline;
        let place = Arc::clone(self.readers.place());
        let reading = async {
            let (mut tx, _place) = self.readers.take().await?;
            let begun = begin(&mut tx, "BEGIN; SELECT store_ms, wall_ms, up_ms, boot FROM clock WHERE id = 1").await;
            let anchor = begun?;
            tx.reset(anchor.now_ms(&self.clock.read()));
            let result = guarded(job, &mut tx).await;
            // A reader that does not end well is closed, which ends its transaction too.
            if tx.failure().is_none() && tx.script("ROLLBACK").await.is_ok() {
                self.readers.give_back(tx).await;
            }
            result
        };
        match tokio::time::timeout_at(until, reading).await {
            Ok(result) => result,
            Err(_elapsed) => Err(E::from(busy(&place, deadline, name))),
        }
    }

    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Begins a transaction with a text that ends by asking for the anchor of the clock.
async fn begin(tx: &mut Tx, sql: &'static str) -> Result<Anchor, Error> {
    let row = tx.script_row(sql).await?;
    let row = row.ok_or_else(|| Error::Corrupt { place: tx.place().to_string(), detail: "no clock".to_owned() })?;
    anchor(row)
}

fn anchor(mut row: Row) -> Result<Anchor, Error> {
    let boot: String = row.take(3)?;
    let moment = Moment { wall_ms: row.take(1)?, up_ms: row.take(2)?, boot: boot.into() };
    Ok(Anchor { store_ms: row.take(0)?, moment })
}

/// Writes the anchor of the clock.
pub(crate) async fn write_anchor(tx: &mut Tx, anchor: &Anchor) -> Result<(), Error> {
    const SQL: &str = "UPDATE clock SET store_ms = $1, wall_ms = $2, up_ms = $3, boot = $4 WHERE id = 1";
    let Anchor { store_ms, moment } = anchor;
    let boot = moment.boot.as_ref();
    tx.execute(SQL, values![*store_ms, moment.wall_ms, moment.up_ms, boot]).await.map(drop)
}

fn busy(place: &str, waited: Duration, doing: &str) -> Error {
    let waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
    Error::Busy { place: place.to_owned(), waited_ms, detail: format!("`{doing}` waited for its turn") }
}
