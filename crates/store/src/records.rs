//! The records of calls: written in batches, read from the newest back, kept up to an age and a size.
//!
//! Losing the last of them is no loss of state; whoever writes them bounds how many wait.

use crate::Error;
use crate::tx::Tx;
use crate::value::{Row, Value, values};

/// What a row takes beside its texts, in bytes, roughly.
const ROW_BYTES: usize = 64;
/// Records that one call of [`retain`] removes at most, so that no writer waits for long.
const REMOVED_MAX: i64 = 5_000;

/// A call that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecord {
    /// When it came, in milliseconds since 1970.
    pub at_ms: i64,
    /// Who called.
    pub principal: String,
    /// Which server.
    pub server: String,
    /// Which tool, prompt or resource.
    pub name: String,
    /// How it ended.
    pub outcome: String,
    /// The rest, as JSON.
    pub body: String,
}

/// A record that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its number; later ones are greater.
    pub id: i64,
    /// What was recorded.
    pub record: NewRecord,
}

/// Which records are wanted; nothing is everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Those of this principal.
    pub principal: Option<String>,
    /// Those of this server.
    pub server: Option<String>,
    /// Those that ended so.
    pub outcome: Option<String>,
}

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Records from before this time go, in milliseconds since 1970.
    pub after_ms: i64,
    /// The oldest go until all take at most this, in bytes.
    pub bytes_max: i64,
}

/// Writes records.
///
/// # Errors
/// Those of the database.
pub async fn insert(tx: &mut Tx, records: Vec<NewRecord>) -> Result<u64, Error> {
    const INTO: &str = "call_records (at, principal, subject, name, outcome, bytes, body)";
    let row = |record: NewRecord| {
        let NewRecord { at_ms, principal, server, name, outcome, body } = record;
        let bytes = ROW_BYTES + principal.len() + server.len() + name.len() + outcome.len() + body.len();
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        vec![at_ms.into(), principal.into(), server.into(), name.into(), outcome.into(), bytes.into(), body.into()]
    };
    tx.insert_many(INTO, "", records.into_iter().map(row).collect::<Vec<Vec<Value>>>()).await
}

/// Reads at most `limit` records older than one, the newest first.
///
/// # Errors
/// Those of the database.
pub async fn page(tx: &mut Tx, filter: &Filter, before_id: Option<i64>, limit: u32) -> Result<Vec<Record>, Error> {
    const SQL: &str = "SELECT id, at, principal, subject, name, outcome, body FROM call_records
         WHERE id < $1 AND ($2 = '' OR principal = $2) AND ($3 = '' OR subject = $3) AND ($4 = '' OR outcome = $4)
         ORDER BY id DESC LIMIT $5";
    let wanted = |text: &Option<String>| text.clone().unwrap_or_default();
    let (principal, server, outcome) = (wanted(&filter.principal), wanted(&filter.server), wanted(&filter.outcome));
    let before = before_id.unwrap_or(i64::MAX);
    let rows = tx.fetch(SQL, values![before, principal, server, outcome, limit]).await?;
    rows.into_iter().map(record).collect()
}

/// Removes what is too old or too much. Where the answer is not 0 there may be more to remove.
///
/// # Errors
/// Those of the database.
pub async fn retain(tx: &mut Tx, keep: Keep) -> Result<u64, Error> {
    const OLD: &str = "DELETE FROM call_records WHERE id IN
         (SELECT id FROM call_records WHERE at < $1 ORDER BY at LIMIT $2)";
    const FIRST: &str = "SELECT id, bytes FROM call_records ORDER BY id LIMIT $1";
    let old = tx.execute(OLD, values![keep.after_ms, REMOVED_MAX]).await?;
    let sum = "SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM call_records";
    let bytes: i64 = tx.fetch_one(sum, &[]).await?.take(0)?;
    let mut over = bytes - keep.bytes_max;
    if over <= 0 {
        return Ok(old);
    }
    let mut last = 0;
    for mut row in tx.fetch(FIRST, values![REMOVED_MAX]).await? {
        if over <= 0 {
            break;
        }
        last = row.take(0)?;
        over -= row.take::<i64>(1)?;
    }
    let removed = tx.execute("DELETE FROM call_records WHERE id <= $1", values![last]).await?;
    Ok(old + removed)
}

fn record(mut row: Row) -> Result<Record, Error> {
    let id = row.take(0)?;
    let record = NewRecord {
        at_ms: row.take(1)?,
        principal: row.take(2)?,
        server: row.take(3)?,
        name: row.take(4)?,
        outcome: row.take(5)?,
        body: row.take(6)?,
    };
    Ok(Record { id, record })
}
