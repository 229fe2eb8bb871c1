//! What was answered to a request with an idempotency key, so that the same request asked again gets
//! the same answer and happens once. It is kept in the transaction of what it did.

use crate::Error;
use crate::tx::Tx;
use crate::value::values;

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Nothing: do it, then [`keep`] the answer.
    New,
    /// It was the same request, and this was the answer.
    Answered(String),
    /// It was another request.
    Other,
}

/// Looks a key up; `digest` says what the request was.
///
/// # Errors
/// Those of the database.
pub async fn find(tx: &mut Tx, scope: &str, key: &str, digest: &[u8]) -> Result<Seen, Error> {
    let sql = "SELECT digest, answer FROM idempotency WHERE scope = $1 AND key = $2";
    let Some(mut row) = tx.fetch_optional(sql, values![scope, key]).await? else { return Ok(Seen::New) };
    let known: Vec<u8> = row.take(0)?;
    if known == digest { row.take(1).map(Seen::Answered) } else { Ok(Seen::Other) }
}

/// Keeps the answer to a key. Where another transaction was faster, the whole job runs again, and
/// finds its answer.
///
/// # Errors
/// Those of the database.
pub async fn keep(tx: &mut Tx, scope: &str, key: &str, digest: &[u8], answer: &str) -> Result<(), Error> {
    let sql = "INSERT INTO idempotency (scope, key, digest, answer, at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (scope, key) DO NOTHING";
    let now = tx.now_ms();
    let kept = tx.execute(sql, values![scope, key, digest, answer, now]).await?;
    if kept == 1 { Ok(()) } else { Err(tx.again("the same key was used at the same moment")) }
}

/// Forgets what was answered before a time, in milliseconds since 1970.
///
/// # Errors
/// Those of the database.
pub async fn forget(tx: &mut Tx, before_ms: i64) -> Result<u64, Error> {
    tx.execute("DELETE FROM idempotency WHERE at < $1", values![before_ms]).await
}
