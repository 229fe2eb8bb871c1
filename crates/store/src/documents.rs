//! Whole documents under a kind and a key: catalogs, eras, approvals, pins, what people want to run.
//!
//! A document is read and replaced whole; what is in it is the business of its owner.

use crate::Error;
use crate::tx::Tx;
use crate::value::{Row, values};

/// A document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its key among those of its kind.
    pub key: String,
    /// What it says.
    pub body: String,
    /// How often it was written.
    pub version: i64,
    /// When it was written last, in milliseconds since 1970.
    pub updated_ms: i64,
}

/// Which version a change is meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Any, or none.
    Any,
    /// There is none yet.
    Absent,
    /// This one.
    Version(i64),
}

/// Reads a document.
///
/// # Errors
/// Those of the database.
pub async fn get(tx: &mut Tx, kind: &str, key: &str) -> Result<Option<Document>, Error> {
    let sql = "SELECT key, body, version, updated FROM documents WHERE kind = $1 AND key = $2";
    tx.fetch_optional(sql, values![kind, key]).await?.map(document).transpose()
}

/// Reads at most `limit` documents of a kind whose keys come after one, in their order.
///
/// # Errors
/// Those of the database.
pub async fn list(tx: &mut Tx, kind: &str, after_key: &str, limit: u32) -> Result<Vec<Document>, Error> {
    // The order of bytes, which both databases know under different names, is that of SQLite.
    let sql = if tx.is_postgres() {
        "SELECT key, body, version, updated FROM documents
         WHERE kind = $1 AND key COLLATE \"C\" > $2 ORDER BY key COLLATE \"C\" LIMIT $3"
    } else {
        "SELECT key, body, version, updated FROM documents WHERE kind = $1 AND key > $2 ORDER BY key LIMIT $3"
    };
    let rows = tx.fetch(sql, values![kind, after_key, limit]).await?;
    rows.into_iter().map(document).collect()
}

/// Writes a document and says its new version.
///
/// # Errors
/// [`Error::Conflict`] where another version is there than expected; those of the database.
pub async fn put(tx: &mut Tx, kind: &str, key: &str, expected: Expected, body: &str) -> Result<i64, Error> {
    let now = tx.now_ms();
    let row = match expected {
        Expected::Any => {
            let sql = "INSERT INTO documents (kind, key, body, version, updated) VALUES ($1, $2, $3, 1, $4)
                 ON CONFLICT (kind, key) DO UPDATE SET body = $3, version = documents.version + 1, updated = $4
                 RETURNING version";
            tx.fetch_optional(sql, values![kind, key, body, now]).await?
        }
        Expected::Absent => {
            let sql = "INSERT INTO documents (kind, key, body, version, updated) VALUES ($1, $2, $3, 1, $4)
                 ON CONFLICT (kind, key) DO NOTHING RETURNING version";
            tx.fetch_optional(sql, values![kind, key, body, now]).await?
        }
        Expected::Version(version) => {
            let sql = "UPDATE documents SET body = $3, version = version + 1, updated = $4
                 WHERE kind = $1 AND key = $2 AND version = $5 RETURNING version";
            tx.fetch_optional(sql, values![kind, key, body, now, version]).await?
        }
    };
    match row {
        Some(mut row) => row.take(0),
        None => Err(conflict(tx, kind, key, expected).await?),
    }
}

/// Deletes a document; says whether there was one.
///
/// # Errors
/// [`Error::Conflict`] where another version is there than expected; those of the database.
pub async fn delete(tx: &mut Tx, kind: &str, key: &str, expected: Expected) -> Result<bool, Error> {
    let deleted = match expected {
        Expected::Any => tx.execute("DELETE FROM documents WHERE kind = $1 AND key = $2", values![kind, key]).await?,
        Expected::Absent => 0,
        Expected::Version(version) => {
            let sql = "DELETE FROM documents WHERE kind = $1 AND key = $2 AND version = $3";
            tx.execute(sql, values![kind, key, version]).await?
        }
    };
    if deleted == 1 {
        return Ok(true);
    }
    if expected == Expected::Any || get(tx, kind, key).await?.is_none() {
        return Ok(false);
    }
    Err(conflict(tx, kind, key, expected).await?)
}

async fn conflict(tx: &mut Tx, kind: &str, key: &str, expected: Expected) -> Result<Error, Error> {
    let found = get(tx, kind, key).await?.map_or(0, |document| document.version);
    let expected = if let Expected::Version(version) = expected { version } else { 0 };
    Ok(Error::Conflict { what: format!("{kind} `{key}`"), expected, found })
}

fn document(mut row: Row) -> Result<Document, Error> {
    Ok(Document { key: row.take(0)?, body: row.take(1)?, version: row.take(2)?, updated_ms: row.take(3)? })
}
