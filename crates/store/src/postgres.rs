//! The tables in PostgreSQL, in a schema of their own: a pool of connections, a transaction for each
//! job, and what is done when the server goes away in the middle.
//!
//! What a failure before the commit took down runs again within the deadline. When the connection
//! breaks during a commit, the mark that the transaction left tells what became of it: so that nothing
//! happens twice and nothing that happened is called a failure. (The server's own number of the
//! transaction would not do: after a crash it is given to another.)

use crate::error::Reach;
use crate::job::guarded;
use crate::migrate::{self, Found};
use crate::place::Options;
use crate::tx::{Held, Link, Tx};
use crate::value::values;
use crate::{Error, Running};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgPool};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Connections that nobody uses are closed after this long.
const IDLE: Duration = Duration::from_secs(60);
/// Statements that a connection keeps prepared.
const STATEMENTS_MAX: usize = 96;
/// The pauses between attempts: the first, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_millis(2), Duration::from_millis(250)];
/// One process at a time migrates; the number is ours alone.
const MIGRATION_LOCK: i64 = 0x5377_4264;

/// Begins what may write. The server ends it when its process stops in the middle.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED;
    SET LOCAL search_path TO switchboard;
    SET LOCAL lock_timeout = '10s';
    SET LOCAL statement_timeout = '30s';
    SET LOCAL idle_in_transaction_session_timeout = '30s'";

const NOW: &str = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)";

const BEGIN_READING: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
    SET LOCAL search_path TO switchboard;
    SET LOCAL statement_timeout = '30s'";

/// How long one attempt to get a connection may take; there are more within the deadline.
const CONNECT: Duration = Duration::from_secs(1);
/// Marks of processes that have ended are removed after this long, in milliseconds.
const MARK_AGE_MS: i64 = 7 * 86_400_000;

/// A database.
#[derive(Debug, Clone)]
pub(crate) struct Postgres {
    pool: PgPool,
    place: Arc<str>,
    deadline: Duration,
    marks: Arc<Marks>,
}

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aim {
    Read,
    Write,
    /// As long as there are no tables, there are no marks; a step that was made is not made again.
    Migrate,
}

/// The rows of the table `writers` that are ours and not in use, each for one transaction at a time.
#[derive(Debug)]
struct Marks {
    process: String,
    free: Mutex<Vec<Mark>>,
    made: AtomicU64,
}

/// What a transaction writes beside everything else: the row, and a number that is used once.
#[derive(Debug, Clone)]
struct Mark {
    row: String,
    token: i64,
}

/// How an attempt ended.
enum Ended<T, E> {
    Done(Result<T, E>),
    Again(Error),
    /// The time was over before it began: what failed before is the better reason.
    Late,
}

// === impl Postgres ===

impl Postgres {
    pub(crate) async fn open(url: &SecretString, place: Arc<str>, options: &Options) -> Result<Self, Error> {
        let opened = Self::connect(url, place, options)?;
        opened.migrate(migrate::LATEST).await?;
        opened.write("open", options.deadline, &mut forgetting()).await?;
        Ok(opened)
    }

    /// A pool, as yet without a connection.
    pub(crate) fn connect(url: &SecretString, place: Arc<str>, options: &Options) -> Result<Self, Error> {
        let connect: PgConnectOptions = url.expose_secret().parse().map_err(|_| Error::Other {
            place: place.to_string(),
            detail: "it is not of the form postgres://user:password@host:port/name".to_owned(),
        })?;
        let connect = connect
            .application_name("switchboard")
            .statement_cache_capacity(STATEMENTS_MAX)
            .disable_statement_logging();
        let pool = PgPoolOptions::new()
            .max_connections(options.connections_max)
            .idle_timeout(IDLE)
            .acquire_timeout(CONNECT.min(options.deadline))
            // A connection that died is seen when it is used, and the job runs again.
            .test_before_acquire(false)
            .connect_lazy_with(connect);
        let marks = Arc::new(Marks::new().map_err(|detail| Error::Other { place: place.to_string(), detail })?);
        Ok(Self { pool, place, deadline: options.deadline, marks })
    }

    /// Brings the tables to a version, one step a transaction.
    pub(crate) async fn migrate(&self, wanted: i64) -> Result<(), Error> {
        loop {
            if !self.until_done("migrate", Aim::Migrate, self.deadline, &mut stepping(wanted)).await? {
                return Ok(());
            }
        }
    }

    pub(crate) async fn write<T, E, F>(&self, name: &'static str, deadline: Duration, job: &mut F) -> Result<T, E>
    where
        F: for<'t> FnMut(&'t mut Tx) -> Running<'t, Result<T, E>> + Send,
        E: From<Error>,
    {
        self.until_done(name, Aim::Write, deadline, job).await
    }

    pub(crate) async fn read<T, E, F>(&self, name: &'static str, deadline: Duration, job: &mut F) -> Result<T, E>
    where
        F: for<'t> FnMut(&'t mut Tx) -> Running<'t, Result<T, E>> + Send,
        E: From<Error>,
    {
        self.until_done(name, Aim::Read, deadline, job).await
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }

    async fn until_done<T, E, F>(&self, name: &'static str, aim: Aim, deadline: Duration, job: &mut F) -> Result<T, E>
    where
        F: for<'t> FnMut(&'t mut Tx) -> Running<'t, Result<T, E>> + Send,
        E: From<Error>,
    {
        let since = Instant::now();
        let until = since + deadline;
        let [mut pause, pause_max] = PAUSES;
        let mut last = None;
        loop {
            match self.attempt(name, aim, job, until).await {
                Ended::Done(result) => return result,
                Ended::Again(error) => last = Some(error),
                Ended::Late => {}
            }
            if Instant::now() + pause >= until {
                return Err(E::from(last.unwrap_or_else(|| self.slow(name))));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(pause_max);
        }
    }

    fn slow(&self, name: &str) -> Error {
        Error::Busy {
            place: self.place.to_string(),
            waited_ms: u64::try_from(self.deadline.as_millis()).unwrap_or(u64::MAX),
            detail: format!("`{name}` waited for the server"),
        }
    }

    async fn attempt<T, E, F>(&self, name: &'static str, aim: Aim, job: &mut F, until: Instant) -> Ended<T, E>
    where
        F: for<'t> FnMut(&'t mut Tx) -> Running<'t, Result<T, E>> + Send,
        E: From<Error>,
    {
        let (mut tx, mark) = match timeout_at(until, self.begin(aim)).await {
            Ok(Ok(begun)) => begun,
            Ok(Err((error, Reach::Broken | Reach::Passing))) => return Ended::Again(error),
            Ok(Err((error, _))) => return Ended::Done(Err(E::from(error))),
            Err(_elapsed) => return Ended::Late,
        };
        let Ok(result) = timeout_at(until, guarded(job, &mut tx)).await else {
            return Ended::Done(Err(E::from(self.slow(name))));
        };
        match (tx.take_failure(), result) {
            (Some((error, Reach::Broken | Reach::Passing)), _) => Ended::Again(error),
            (_, Err(error)) => {
                // Whether or not that arrives: without a commit nothing has happened.
                if matches!(timeout_at(until, tx.script("ROLLBACK")).await, Ok(Ok(()))) {
                    tx.settle();
                }
                Ended::Done(Err(error))
            }
            (_, Ok(value)) => self.commit(tx, aim, mark, until).await.map_or_else(
                |again| again.map_or_else(|error| Ended::Done(Err(E::from(error))), Ended::Again),
                |()| Ended::Done(Ok(value)),
            ),
        }
    }

    async fn begin(&self, aim: Aim) -> Result<(Tx, Option<Mark>), (Error, Reach)> {
        let connection = self.pool.acquire().await.map_err(|error| Error::of(&self.place, &error))?;
        let mut tx = Tx::new(Link::Postgres(Held::new(connection)), Arc::clone(&self.place));
        let (mark, sql) = match aim {
            Aim::Read => (None, format!("{BEGIN_READING}; {NOW}")),
            Aim::Migrate => (None, format!("{BEGIN}; {NOW}")),
            Aim::Write => {
                let mark = self.marks.take();
                let sql = format!("{BEGIN}; {}; {NOW}", mark.sql());
                (Some(mark), sql)
            }
        };
        // One message there and one back.
        match tx.script_row(AssertSqlSafe(sql)).await.and_then(|row| row.ok_or(Error::Closed)?.take(0)) {
            Ok(now_ms) => {
                tx.reset(now_ms);
                Ok((tx, mark))
            }
            // A standby: after a fail-over the same address leads to another server.
            Err(error @ Error::ReadOnly { .. }) => Err((error, Reach::Broken)),
            Err(error) => Err((error, tx.take_failure().map_or(Reach::Broken, |(_, reach)| reach))),
        }
    }

    /// Commits. `Err(Ok(error))`: it did not happen, and may be tried again. `Err(Err(error))`: it
    /// failed for good.
    async fn commit(
        &self,
        mut tx: Tx,
        aim: Aim,
        mark: Option<Mark>,
        until: Instant,
    ) -> Result<(), Result<Error, Error>> {
        let broke = match timeout_at(until, tx.script("COMMIT")).await {
            Ok(Ok(())) => {
                tx.settle();
                if let Some(mark) = mark {
                    self.marks.give_back(mark);
                }
                return Ok(());
            }
            Ok(Err(error)) => match tx.take_failure() {
                Some((error, Reach::Passing)) => return Err(Ok(error)),
                Some((error, Reach::Broken)) => error,
                _ => return Err(Err(error)),
            },
            Err(_elapsed) => Error::UnknownOutcome { place: self.place.to_string() },
        };
        drop(tx);
        let Some(mark) = mark else {
            return if aim == Aim::Read { Ok(()) } else { Err(Ok(broke)) };
        };
        // The deadline is for the work; the answer to this one question is worth a second one.
        match timeout_at(until + self.deadline, self.happened(&mark)).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Ok(broke)),
            Err(_elapsed) => Err(Err(Error::UnknownOutcome { place: self.place.to_string() })),
        }
    }

    /// Whether the transaction of a mark was committed. It asks until the server answers.
    async fn happened(&self, mark: &Mark) -> bool {
        let [mut pause, pause_max] = PAUSES;
        loop {
            if let Ok(token) = self.token(mark).await {
                return token == Some(mark.token);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(pause_max);
        }
    }

    /// The number in the row of a mark, as soon as no transaction is changing it any more.
    async fn token(&self, mark: &Mark) -> Result<Option<i64>, Error> {
        let failed = |error| Error::of(&self.place, &error).0;
        let connection = self.pool.acquire().await.map_err(failed)?;
        let mut tx = Tx::new(Link::Postgres(Held::new(connection)), Arc::clone(&self.place));
        tx.script(BEGIN).await?;
        let row = tx.fetch_optional("SELECT token FROM writers WHERE id = $1 FOR UPDATE", values![&mark.row]).await?;
        tx.script("ROLLBACK").await?;
        tx.settle();
        row.map(|mut row| row.take(0)).transpose()
    }
}

// === impl Marks ===

impl Marks {
    fn new() -> Result<Self, String> {
        let mut bytes = [0; 12];
        getrandom::fill(&mut bytes).map_err(|error| format!("the system gives no randomness: {error}"))?;
        let process = bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        Ok(Self { process, free: Mutex::default(), made: AtomicU64::new(0) })
    }

    /// A row that no transaction uses, and the next number for it.
    fn take(&self) -> Mark {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match free {
            Some(Mark { row, token }) => Mark { row, token: token + 1 },
            None => {
                let number = self.made.fetch_add(1, Ordering::Relaxed);
                Mark { row: format!("{}-{number}", self.process), token: 1 }
            }
        }
    }

    fn give_back(&self, mark: Mark) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(mark);
    }
}

// === impl Mark ===

impl Mark {
    /// Writes it. The row has only characters that mean nothing to SQL.
    fn sql(&self) -> String {
        let Self { row, token } = self;
        format!(
            "INSERT INTO writers (id, token, at)
             VALUES ('{row}', {token}, CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT))
             ON CONFLICT (id) DO UPDATE SET token = EXCLUDED.token, at = EXCLUDED.at"
        )
    }
}

fn stepping(wanted: i64) -> impl for<'t> FnMut(&'t mut Tx) -> Running<'t, Result<bool, Error>> + Send {
    move |tx| Box::pin(migrate_once(tx, wanted))
}

fn forgetting() -> impl for<'t> FnMut(&'t mut Tx) -> Running<'t, Result<(), Error>> + Send {
    |tx| {
        Box::pin(async move {
            let before = tx.now_ms() - MARK_AGE_MS;
            tx.execute("DELETE FROM writers WHERE at < $1", values![before]).await.map(drop)
        })
    }
}

/// One step of the migration; says whether there are more.
async fn migrate_once(tx: &mut Tx, wanted: i64) -> Result<bool, Error> {
    tx.execute("SELECT pg_advisory_xact_lock($1)", values![MIGRATION_LOCK]).await?;
    let schema = tx.fetch("SELECT 1 FROM pg_namespace WHERE nspname = 'switchboard'", &[]).await?;
    if schema.is_empty() {
        tx.script("CREATE SCHEMA switchboard; SET LOCAL search_path TO switchboard").await?;
    }
    let table = tx.fetch_one("SELECT to_regclass('switchboard.schema_migrations') IS NULL", &[]).await?.take(0)?;
    let found = if table { Found::Nothing } else { migrate::found(tx).await? };
    if found == Found::At(wanted) {
        return Ok(false);
    }
    migrate::step(tx, found, wanted).await
}
