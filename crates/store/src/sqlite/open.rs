//! Opening a file: the settings of a connection, and what is looked at before anything is written.
//!
//! A file that is damaged, read-only, somebody else's or newer is named and left as it is.

use crate::Error;
use crate::clock::{Anchor, Clock};
use crate::migrate::{self, Found};
use crate::sqlite::readers;
use crate::tx::{Link, Tx};
use crate::value::values;
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, SqliteConnection};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What `PRAGMA application_id` says in our files: "SwBd".
const APPLICATION: i64 = 0x5377_4264;
/// How long SQLite itself waits for a lock; whoever asks waits longer, with pauses of its own.
const LOCK_WAIT: Duration = Duration::from_millis(100);
/// Memory of the writer's page cache, in KiB.
const CACHE_KIB: u32 = 1024;
/// The same for copying, which is done by itself.
pub(crate) const COPY_CACHE_KIB: u32 = 4096;
/// The log of a file is cut back to this after a checkpoint, in bytes.
const LOG_BYTES_MAX: u32 = 4 << 20;
/// Statements that a connection keeps prepared.
const STATEMENTS_MAX: usize = 96;
/// The pause between two attempts to open a file that others are making.
const PAUSE: Duration = Duration::from_millis(5);

/// Opens a connection with our settings.
pub(crate) async fn connect(path: &Path, cache_kib: u32, reads: bool) -> Result<SqliteConnection, Error> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(LOCK_WAIT)
        .statement_cache_capacity(STATEMENTS_MAX)
        // What we acknowledge survives a loss of power.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(false)
        .pragma("cache_size", format!("-{cache_kib}"))
        .pragma("journal_size_limit", LOG_BYTES_MAX.to_string())
        .pragma("trusted_schema", "OFF")
        .pragma("query_only", if reads { "1" } else { "0" })
        .thread_name(move |_| if reads { "store-read" } else { "store-write" }.to_owned())
        .disable_statement_logging();
    let place = path.display().to_string();
    options.connect().await.map_err(|error| Error::of(&place, &error).0)
}

/// Opens the file for writing, and makes or migrates its tables.
pub(crate) async fn open(path: &Path, clock: &Arc<dyn Clock>, until: Instant) -> Result<SqliteConnection, Error> {
    let place: Arc<str> = Arc::from(path.display().to_string());
    make_file(path).map_err(|error| Error::of(&place, &sqlx::Error::Io(error)).0)?;
    loop {
        let error = match attempt(path, &place, clock).await {
            Ok(connection) => return Ok(connection),
            Err(error) => error,
        };
        // Others may be making or migrating the same file.
        if !matches!(error, Error::Busy { .. }) || Instant::now() >= until {
            return Err(error);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Makes the file, readable by its owner alone, or sees that it can be written to.
fn make_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)
}

/// Brings the tables of a file to a version.
pub(crate) async fn migrate_to(path: &Path, version: i64) -> Result<(), Error> {
    let place: Arc<str> = Arc::from(path.display().to_string());
    let connection = connect(path, CACHE_KIB, false).await?;
    let mut tx = Tx::new(Link::Sqlite(connection), place);
    let done = migrate_file(&mut tx, path, version).await;
    readers::end(tx).await;
    done
}

async fn attempt(path: &Path, place: &Arc<str>, clock: &Arc<dyn Clock>) -> Result<SqliteConnection, Error> {
    let connection = connect(path, CACHE_KIB, false).await?;
    let mut tx = Tx::new(Link::Sqlite(connection), Arc::clone(place));
    migrate_file(&mut tx, path, migrate::LATEST).await?;
    let moment = clock.read();
    first_anchor(&mut tx, &Anchor::first(moment)).await?;
    match tx.into_link() {
        Link::Sqlite(connection) => Ok(connection),
        Link::Postgres(_) => Err(Error::Closed),
    }
}

/// Starts the clock of a new file.
async fn first_anchor(tx: &mut Tx, anchor: &Anchor) -> Result<(), Error> {
    if !tx.fetch("SELECT id FROM clock", &[]).await?.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO clock (id, store_ms, wall_ms, up_ms, boot) VALUES (1, $1, $2, $3, $4)
         ON CONFLICT (id) DO NOTHING";
    let Anchor { store_ms, moment } = anchor;
    let boot = moment.boot.as_ref();
    tx.execute(sql, values![*store_ms, moment.wall_ms, moment.up_ms, boot]).await.map(drop)
}

/// Brings the tables of a file to a version, one step at a time; a file that has tables is copied first.
pub(crate) async fn migrate_file(tx: &mut Tx, path: &Path, wanted: i64) -> Result<(), Error> {
    let found = check(tx).await?;
    // Stays with the file; one that was copied has it no more. Where others have it open this waits.
    let mode: String = tx.fetch_one("PRAGMA journal_mode", &[]).await?.take(0)?;
    if mode != "wal" {
        tx.script("PRAGMA journal_mode = WAL").await?;
    }
    if let Found::At(version) = found {
        if version == wanted {
            return Ok(());
        }
        migrate::keep_copy(tx, path, version).await?;
    }
    while migrate_once(tx, wanted).await? {}
    Ok(())
}

/// One step in one transaction: killed half-way, the file is as it was before the step.
async fn migrate_once(tx: &mut Tx, wanted: i64) -> Result<bool, Error> {
    tx.reset(0);
    tx.script("BEGIN IMMEDIATE").await?;
    let stepped = async {
        // Others may have been faster.
        let found = check(tx).await?;
        if found == Found::Nothing {
            tx.script(sqlx::AssertSqlSafe(format!("PRAGMA application_id = {APPLICATION}"))).await?;
        }
        migrate::step(tx, found, wanted).await
    };
    match stepped.await {
        Ok(more) => tx.script("COMMIT").await.map(|()| more),
        Err(error) => {
            // The error is what counts; without a transaction there is nothing to undo.
            let _ = tx.script("ROLLBACK").await;
            Err(error)
        }
    }
}

/// What is in the file.
pub(crate) async fn check(tx: &mut Tx) -> Result<Found, Error> {
    // In this order: whoever makes the tables of a new file says whose they are in the same moment.
    let tables: i64 = tx.fetch_one("SELECT count(*) FROM sqlite_master", &[]).await?.take(0)?;
    let application: i64 = tx.fetch_one("PRAGMA application_id", &[]).await?.take(0)?;
    if tables == 0 && (application == 0 || application == APPLICATION) {
        return Ok(Found::Nothing);
    }
    if application == APPLICATION {
        return migrate::found(tx).await;
    }
    let detail = format!("it has {tables} tables of its own");
    Err(Error::Foreign { place: tx.place().to_string(), detail })
}
