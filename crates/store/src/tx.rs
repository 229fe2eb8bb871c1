//! A transaction, as jobs see it: statements with bound values on either database, and the time.
//!
//! It neither begins nor ends itself: the owner of the connection does. A job whose statement failed
//! is undone as a whole; there is no going on after an error, since PostgreSQL knows none.

use crate::error::Reach;
use crate::value::{Row, Value, for_postgres, for_sqlite, from_postgres, from_sqlite};
use crate::{Error, log};
use futures_util::TryStreamExt as _;
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Executor as _, PgConnection, Postgres, SqlSafeStr, SqlStr, SqliteConnection};
use std::fmt::Write as _;
use std::sync::Arc;

/// Rows of one statement of [`Tx::insert_many`]; the sizes are few, so that few statements are kept.
const ROWS_AT_ONCE: [usize; 3] = [64, 8, 1];

/// A transaction on either database.
pub struct Tx {
    link: Link,
    place: Arc<str>,
    now_ms: i64,
    failure: Option<(Error, Reach)>,
}

/// A connection in a transaction.
pub(crate) enum Link {
    Sqlite(SqliteConnection),
    Postgres(Held),
}

/// A connection of the pool. Unless its transaction has ended it is closed when it is dropped, and
/// the server undoes what it did.
pub(crate) struct Held {
    connection: PoolConnection<Postgres>,
    settled: bool,
}

// === impl Tx ===

impl Tx {
    pub(crate) fn new(link: Link, place: Arc<str>) -> Self {
        Self { link, place, now_ms: 0, failure: None }
    }

    /// Milliseconds since 1970 by the clock that leases and expiry go by: it never goes back and is
    /// the same during the whole transaction. See `clock.rs` for what it promises.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// Makes writers of one stream wait for each other until the end of the transaction, and says
    /// how far the stream is. On SQLite there is one writer anyway.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn lock_stream(&mut self, stream: &str) -> Result<log::Head, Error> {
        log::lock(self, stream).await
    }

    /// Runs a statement; says how many rows it changed.
    pub(crate) async fn execute(&mut self, sql: impl SqlSafeStr, values: &[Value]) -> Result<u64, Error> {
        let sql = sql.into_sql_str();
        let done = match &mut self.link {
            Link::Sqlite(connection) => match for_sqlite(values) {
                Ok(values) => sqlx::query_with(sql, values).execute(connection).await.map(|done| done.rows_affected()),
                Err(error) => Err(error),
            },
            Link::Postgres(held) => match for_postgres(values) {
                Ok(values) => {
                    sqlx::query_with(sql, values).execute(&mut *held.connection).await.map(|done| done.rows_affected())
                }
                Err(error) => Err(error),
            },
        };
        done.map_err(|error| self.failed(&error))
    }

    /// Runs a query; all its rows. Whoever asks bounds them.
    pub(crate) async fn fetch(&mut self, sql: impl SqlSafeStr, values: &[Value]) -> Result<Vec<Row>, Error> {
        let mut rows = Vec::new();
        self.each(sql, values, |row| rows.push(row)).await?;
        Ok(rows)
    }

    /// Runs a query that has one row at most.
    pub(crate) async fn fetch_optional(
        &mut self,
        sql: impl SqlSafeStr,
        values: &[Value],
    ) -> Result<Option<Row>, Error> {
        Ok(self.fetch(sql, values).await?.into_iter().next())
    }

    /// Runs a query that has one row.
    pub(crate) async fn fetch_one(&mut self, sql: impl SqlSafeStr, values: &[Value]) -> Result<Row, Error> {
        let row = self.fetch_optional(sql, values).await?;
        row.ok_or_else(|| self.other("a query that has one row has none"))
    }

    /// Runs a query and shows each row as it comes.
    pub(crate) async fn each(
        &mut self,
        sql: impl SqlSafeStr,
        values: &[Value],
        mut see: impl FnMut(Row) + Send,
    ) -> Result<(), Error> {
        let sql = sql.into_sql_str();
        let done = match &mut self.link {
            Link::Sqlite(connection) => each_of_sqlite(connection, sql, values, &mut see).await,
            Link::Postgres(held) => each_of_postgres(&mut held.connection, sql, values, &mut see).await,
        };
        done.map_err(|error| self.failed(&error))
    }

    /// Inserts rows, many with one statement: `INSERT INTO {into} VALUES (…), (…) {then}`, where
    /// `into` names the table with its columns and `then` may be empty or say `ON CONFLICT …`.
    pub(crate) async fn insert_many(&mut self, into: &str, then: &str, rows: Vec<Vec<Value>>) -> Result<u64, Error> {
        let mut done = 0;
        let mut rows = rows.into_iter();
        while let Some(columns) = rows.as_slice().first().map(Vec::len) {
            let left = rows.len();
            let count = ROWS_AT_ONCE.into_iter().find(|count| *count <= left).unwrap_or(1);
            let values: Vec<Value> = rows.by_ref().take(count).flatten().collect();
            let sql = insert_text(into, then, count, columns);
            done += self.execute(AssertSqlSafe(sql), &values).await?;
        }
        Ok(done)
    }

    /// Runs one text of SQL of several statements that bind nothing.
    pub(crate) async fn script(&mut self, sql: impl SqlSafeStr) -> Result<(), Error> {
        let sql = sqlx::raw_sql(sql);
        let done = match &mut self.link {
            Link::Sqlite(connection) => connection.execute(sql).await.map(drop),
            Link::Postgres(held) => held.connection.execute(sql).await.map(drop),
        };
        done.map_err(|error| self.failed(&error))
    }

    /// The same with one row as its answer.
    pub(crate) async fn script_row(&mut self, sql: impl SqlSafeStr) -> Result<Option<Row>, Error> {
        let sql = sqlx::raw_sql(sql);
        let row = match &mut self.link {
            Link::Sqlite(connection) => {
                connection.fetch_optional(sql).await.and_then(|row| row.as_ref().map(from_sqlite).transpose())
            }
            Link::Postgres(held) => {
                held.connection.fetch_optional(sql).await.and_then(|row| row.as_ref().map(from_postgres).transpose())
            }
        };
        row.map_err(|error| self.failed(&error))
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.link, Link::Postgres(_))
    }

    pub(crate) fn place(&self) -> &Arc<str> {
        &self.place
    }

    pub(crate) fn other(&self, detail: impl Into<String>) -> Error {
        Error::Other { place: self.place.to_string(), detail: detail.into() }
    }

    /// The whole job is to be run again: others were faster.
    pub(crate) fn again(&mut self, detail: &str) -> Error {
        let error = Error::Busy { place: self.place.to_string(), waited_ms: 0, detail: detail.to_owned() };
        self.failure.get_or_insert((error.clone(), Reach::Passing));
        error
    }

    /// Starts a new transaction's life on the same connection.
    pub(crate) fn reset(&mut self, now_ms: i64) {
        self.now_ms = now_ms;
        self.failure = None;
    }

    /// The time is at least this.
    pub(crate) fn not_before(&mut self, ms: i64) {
        self.now_ms = self.now_ms.max(ms);
    }

    pub(crate) fn failure(&self) -> Option<&Error> {
        self.failure.as_ref().map(|(error, _)| error)
    }

    pub(crate) fn take_failure(&mut self) -> Option<(Error, Reach)> {
        self.failure.take()
    }

    pub(crate) fn into_link(self) -> Link {
        self.link
    }

    /// The transaction has ended: the connection may serve the next.
    pub(crate) fn settle(&mut self) {
        if let Link::Postgres(held) = &mut self.link {
            held.settled = true;
        }
    }

    fn failed(&mut self, error: &sqlx::Error) -> Error {
        let (error, reach) = Error::of(&self.place, error);
        // The first failure is the cause of those after it.
        self.failure.get_or_insert((error.clone(), reach));
        error
    }
}

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx").field("place", &self.place).field("now_ms", &self.now_ms).finish_non_exhaustive()
    }
}

// === impl Held ===

impl Held {
    pub(crate) fn new(connection: PoolConnection<Postgres>) -> Self {
        Self { connection, settled: false }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.settled {
            self.connection.close_on_drop();
        }
    }
}

async fn each_of_sqlite(
    connection: &mut SqliteConnection,
    sql: SqlStr,
    values: &[Value],
    see: &mut (impl FnMut(Row) + Send),
) -> Result<(), sqlx::Error> {
    let mut rows = sqlx::query_with(sql, for_sqlite(values)?).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        see(from_sqlite(&row)?);
    }
    Ok(())
}

async fn each_of_postgres(
    connection: &mut PgConnection,
    sql: SqlStr,
    values: &[Value],
    see: &mut (impl FnMut(Row) + Send),
) -> Result<(), sqlx::Error> {
    let mut rows = sqlx::query_with(sql, for_postgres(values)?).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        see(from_postgres(&row)?);
    }
    Ok(())
}

fn insert_text(into: &str, then: &str, rows: usize, columns: usize) -> String {
    let mut sql = format!("INSERT INTO {into} VALUES ");
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            let comma = if column == 0 { "" } else { ", " };
            // Writing to memory cannot fail.
            let _ = write!(sql, "{comma}${}", row * columns + column + 1);
        }
        sql.push(')');
    }
    sql.push(' ');
    sql.push_str(then);
    sql
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_numbered_through() {
        assert_eq!(insert_text("t (a, b)", "", 2, 2), "INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4) ");
    }
}
