//! The records of calls, a row for each page of them: written as they come in batches, read from the
//! newest back, kept up to an age and a size. What a line of a page says is known to its writer.
//!
//! Losing the last of them is no loss of state; whoever writes them bounds how many wait.

use crate::Error;
use crate::tx::Tx;
use crate::value::{Row, values};

/// What a row takes beside its text, in bytes, roughly.
const ROW_BYTES: usize = 64;
/// Pages that one call of [`retain`] removes at most for each reason, so that no writer waits for long.
const REMOVED_MAX: i64 = 5_000;

/// Records of calls that ended about the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPage {
    /// When the first of its calls came, in milliseconds since 1970.
    pub from_ms: i64,
    /// When the last of its calls came, in milliseconds since 1970.
    pub to_ms: i64,
    /// How many records it holds.
    pub records: i64,
    /// How many of them failed.
    pub failed: i64,
    /// The records, a JSON object a line, the oldest first.
    pub body: String,
}

/// A page that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its number; later ones are greater.
    pub id: i64,
    /// What was written.
    pub page: NewPage,
}

/// A time, both ends in it, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its beginning.
    pub since_ms: i64,
    /// Its end.
    pub until_ms: i64,
}

/// What is to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Pages that end before this time go, in milliseconds since 1970.
    pub after_ms: i64,
    /// The oldest go until all take at most this, in bytes.
    pub bytes_max: i64,
}

/// What is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kept {
    /// When the last call of the oldest page came, in milliseconds since 1970; nothing without a page.
    pub oldest_ms: Option<i64>,
    /// What all pages take, in bytes.
    pub bytes: i64,
}

// === impl NewPage ===

impl NewPage {
    /// What it takes, in bytes.
    #[must_use]
    pub fn bytes(&self) -> i64 {
        i64::try_from(ROW_BYTES + self.body.len()).unwrap_or(i64::MAX)
    }
}

/// Writes a page.
///
/// # Errors
/// Those of the database.
pub async fn insert(tx: &mut Tx, page: &NewPage) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO call_records (from_ms, to_ms, records, failed, bytes, body)
         VALUES ($1, $2, $3, $4, $5, $6)";
    let NewPage { from_ms, to_ms, records, failed, body } = page;
    tx.execute(SQL, values![*from_ms, *to_ms, *records, *failed, page.bytes(), body]).await.map(drop)
}

/// Reads at most `limit` pages before one that end at `since_ms` or later, the newest first.
///
/// # Errors
/// Those of the database.
pub async fn pages(tx: &mut Tx, before_id: Option<i64>, since_ms: i64, limit: u32) -> Result<Vec<Page>, Error> {
    pages_in(tx, before_id, Span { since_ms, until_ms: i64::MAX }, limit).await
}

/// Reads at most `limit` pages before one that may hold calls of a time, the newest first.
///
/// # Errors
/// Those of the database.
pub async fn pages_in(tx: &mut Tx, before_id: Option<i64>, span: Span, limit: u32) -> Result<Vec<Page>, Error> {
    const SQL: &str = "SELECT id, from_ms, to_ms, records, failed, body FROM call_records
         WHERE id < $1 AND to_ms >= $2 AND from_ms <= $3 ORDER BY id DESC LIMIT $4";
    let before_id = before_id.unwrap_or(i64::MAX);
    let rows = tx.fetch(SQL, values![before_id, span.since_ms, span.until_ms, limit]).await?;
    rows.into_iter().map(page).collect()
}

/// Removes what is too old or too much, and says what is left. Where that is still too much, it is
/// to be called again.
///
/// # Errors
/// Those of the database.
pub async fn retain(tx: &mut Tx, keep: Keep) -> Result<Kept, Error> {
    const OLD: &str = "DELETE FROM call_records WHERE id IN
         (SELECT id FROM call_records WHERE to_ms < $1 ORDER BY to_ms LIMIT $2)";
    const FIRST: &str = "SELECT id, bytes FROM call_records ORDER BY id LIMIT $1";
    tx.execute(OLD, values![keep.after_ms, REMOVED_MAX]).await?;
    let left = kept(tx).await?;
    let mut over = left.bytes - keep.bytes_max;
    if over <= 0 {
        return Ok(left);
    }
    let mut last = 0;
    for mut row in tx.fetch(FIRST, values![REMOVED_MAX]).await? {
        if over <= 0 {
            break;
        }
        last = row.take(0)?;
        over -= row.take::<i64>(1)?;
    }
    tx.execute("DELETE FROM call_records WHERE id <= $1", values![last]).await?;
    kept(tx).await
}

/// What is there.
///
/// # Errors
/// Those of the database.
pub async fn kept(tx: &mut Tx) -> Result<Kept, Error> {
    // Both are answered by the index alone.
    const SQL: &str = "SELECT MIN(to_ms), CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM call_records";
    let mut row = tx.fetch_one(SQL, &[]).await?;
    Ok(Kept { oldest_ms: row.take(0)?, bytes: row.take(1)? })
}

fn page(mut row: Row) -> Result<Page, Error> {
    let id = row.take(0)?;
    let (from_ms, to_ms, records, failed) = (row.take(1)?, row.take(2)?, row.take(3)?, row.take(4)?);
    Ok(Page { id, page: NewPage { from_ms, to_ms, records, failed, body: row.take(5)? } })
}
