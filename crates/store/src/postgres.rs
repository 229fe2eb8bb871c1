//! The tables in PostgreSQL, in a schema of their own: a pool of connections, a transaction for each
//! job, and what is done when the server goes away in the middle.
//!
//! What a failure before the commit took down runs again within the deadline. When the connection
//! breaks during a commit the server is asked what became of the transaction, by its number: so that
//! nothing happens twice and nothing that happened is called a failure.

use crate::error::Reach;
use crate::job::guarded;
use crate::migrate::{self, Found};
use crate::place::Options;
use crate::tx::{Held, Link, Tx};
use crate::value::values;
use crate::{Error, Running};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::ConnectOptions as _;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::sync::Arc;
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

/// Begins what may write. It has a number from the start, and the server ends it when its process stops
/// in the middle. One message there and one back.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED;
    SET LOCAL search_path TO switchboard;
    SET LOCAL lock_timeout = '10s';
    SET LOCAL statement_timeout = '30s';
    SET LOCAL idle_in_transaction_session_timeout = '30s';
    SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT), CAST(CAST(pg_current_xact_id() AS TEXT) AS BIGINT)";

const BEGIN_READING: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
    SET LOCAL search_path TO switchboard;
    SET LOCAL statement_timeout = '30s';
    SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT), CAST(0 AS BIGINT)";

/// A database.
#[derive(Debug, Clone)]
pub(crate) struct Postgres {
    pool: PgPool,
    place: Arc<str>,
    deadline: Duration,
}

/// How an attempt ended.
enum Ended<T, E> {
    Done(Result<T, E>),
    Again(Error),
}

/// What became of a transaction.
enum Became {
    Committed,
    Undone,
}

// === impl Postgres ===

impl Postgres {
    pub(crate) async fn open(url: &SecretString, place: Arc<str>, options: &Options) -> Result<Self, Error> {
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
            .acquire_timeout(options.deadline)
            // A connection that died is seen when it is used, and the job runs again.
            .test_before_acquire(false)
            .connect_lazy_with(connect);
        let opened = Self { pool, place, deadline: options.deadline };
        opened.migrate(migrate::LATEST).await?;
        Ok(opened)
    }

    /// Brings the tables to a version, one step a transaction.
    pub(crate) async fn migrate(&self, wanted: i64) -> Result<(), Error> {
        loop {
            if !self.write("migrate", self.deadline, &mut stepping(wanted)).await? {
                return Ok(());
            }
        }
    }

    pub(crate) async fn write<T, E, F>(&self, name: &'static str, deadline: Duration, job: &mut F) -> Result<T, E>
    where
        F: for<'t> FnMut(&'t mut Tx) -> Running<'t, Result<T, E>> + Send,
        E: From<Error>,
    {
        self.until_done(name, BEGIN, deadline, job).await
    }

    pub(crate) async fn read<T, E, F>(&self, name: &'static str, deadline: Duration, job: &mut F) -> Result<T, E>
    where
        F: for<'t> FnMut(&'t mut Tx) -> Running<'t, Result<T, E>> + Send,
        E: From<Error>,
    {
        self.until_done(name, BEGIN_READING, deadline, job).await
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }

    async fn until_done<T, E, F>(
        &self,
        name: &'static str,
        begin: &'static str,
        deadline: Duration,
        job: &mut F,
    ) -> Result<T, E>
    where
        F: for<'t> FnMut(&'t mut Tx) -> Running<'t, Result<T, E>> + Send,
        E: From<Error>,
    {
        let since = Instant::now();
        let until = since + deadline;
        let [mut pause, pause_max] = PAUSES;
        loop {
            let error = match self.attempt(name, begin, job, until).await {
                Ended::Done(result) => return result,
                Ended::Again(error) => error,
            };
            if Instant::now() + pause >= until {
                return Err(E::from(error));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(pause_max);
        }
    }

    async fn attempt<T, E, F>(
        &self,
        name: &'static str,
        begin: &'static str,
        job: &mut F,
        until: Instant,
    ) -> Ended<T, E>
    where
        F: for<'t> FnMut(&'t mut Tx) -> Running<'t, Result<T, E>> + Send,
        E: From<Error>,
    {
        let slow = || Error::Busy {
            place: self.place.to_string(),
            waited_ms: u64::try_from(self.deadline.as_millis()).unwrap_or(u64::MAX),
            detail: format!("`{name}` waited for the server"),
        };
        let (mut tx, number) = match timeout_at(until, self.begin(begin)).await {
            Ok(Ok(begun)) => begun,
            Ok(Err((error, reach))) if matches!(reach, Reach::Broken | Reach::Passing) => return Ended::Again(error),
            Ok(Err((error, _))) => return Ended::Done(Err(E::from(error))),
            Err(_elapsed) => return Ended::Done(Err(E::from(slow()))),
        };
        let Ok(result) = timeout_at(until, guarded(job, &mut tx)).await else {
            return Ended::Done(Err(E::from(slow())));
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
            (_, Ok(value)) => self.commit(tx, number, until).await.map_or_else(
                |again| again.map_or_else(|error| Ended::Done(Err(E::from(error))), Ended::Again),
                |()| Ended::Done(Ok(value)),
            ),
        }
    }

    async fn begin(&self, sql: &'static str) -> Result<(Tx, i64), (Error, Reach)> {
        let connection = self.pool.acquire().await.map_err(|error| Error::of(&self.place, &error))?;
        let mut tx = Tx::new(Link::Postgres(Held::new(connection)), Arc::clone(&self.place));
        let begun = async {
            let mut row = tx.script_row(sql).await?.ok_or(Error::Closed)?;
            let now_ms = row.take(0)?;
            let number: i64 = row.take(1)?;
            tx.reset(now_ms);
            Ok(number)
        };
        match begun.await {
            Ok(number) => Ok((tx, number)),
            // A standby: after a fail-over the same address leads to another server.
            Err(error @ Error::ReadOnly { .. }) => Err((error, Reach::Broken)),
            Err(error) => Err((error, tx.take_failure().map_or(Reach::Broken, |(_, reach)| reach))),
        }
    }

    /// Commits. `Err(Ok(error))`: it did not happen, and may be tried again. `Err(Err(error))`: it
    /// failed for good.
    async fn commit(&self, mut tx: Tx, number: i64, until: Instant) -> Result<(), Result<Error, Error>> {
        match timeout_at(until, tx.script("COMMIT")).await {
            Ok(Ok(())) => {
                tx.settle();
                return Ok(());
            }
            Ok(Err(error)) => match tx.take_failure() {
                Some((error, Reach::Passing)) => return Err(Ok(error)),
                Some((_, Reach::Broken)) => {}
                _ => return Err(Err(error)),
            },
            Err(_elapsed) => {}
        }
        drop(tx);
        if number == 0 {
            // It only read.
            return Ok(());
        }
        // The deadline is for the work; an answer to this one question is worth a second one.
        match timeout_at(until + self.deadline, self.became(number)).await {
            Ok(Became::Committed) => Ok(()),
            Ok(Became::Undone) => Err(Ok(Error::Unreachable {
                place: self.place.to_string(),
                detail: "the connection broke before the commit".to_owned(),
            })),
            Err(_elapsed) => Err(Err(Error::UnknownOutcome { place: self.place.to_string() })),
        }
    }

    /// Asks the server for a transaction of ours, until it knows.
    async fn became(&self, number: i64) -> Became {
        let [mut pause, pause_max] = PAUSES;
        loop {
            match self.status(number).await {
                Ok(Some(status)) if status == "committed" => return Became::Committed,
                Ok(Some(status)) if status == "aborted" => return Became::Undone,
                // It is not over, or the server does not answer yet.
                Ok(_) | Err(_) => {}
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(pause_max);
        }
    }

    async fn status(&self, number: i64) -> Result<Option<String>, sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        let query = sqlx::query_scalar("SELECT pg_xact_status(CAST($1 AS xid8))").bind(number.to_string());
        let status = query.fetch_one(&mut *connection).await;
        if status.is_err() {
            connection.close_on_drop();
        }
        status
    }
}

fn stepping(wanted: i64) -> impl for<'t> FnMut(&'t mut Tx) -> Running<'t, Result<bool, Error>> + Send {
    move |tx| Box::pin(migrate_once(tx, wanted))
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
