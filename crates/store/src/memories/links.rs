//! Links between memories, each of a kind and in one direction.
//!
//! Who may see the other end is deliberately not known here: the name of its space comes along.

use crate::value::values;
use crate::{Error, Tx};
use sqlx::AssertSqlSafe;

/// The other end of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkEnd {
    /// The memory at the other end.
    pub id: i64,
    /// What the link says.
    pub kind: String,
    /// The name of the space of that memory.
    pub space: String,
    /// How its text begins.
    pub text: String,
}

/// Links two memories; says no when they were linked like this before.
///
/// # Errors
/// What the database says.
pub async fn link(tx: &mut Tx, from: i64, to: i64, kind: &str) -> Result<bool, Error> {
    let insert = "INSERT INTO memory_links (from_id, to_id, kind) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    Ok(tx.execute(insert, values![from, to, kind]).await? > 0)
}

/// Takes away the links from one memory to another, of whatever kind.
///
/// # Errors
/// What the database says.
pub async fn unlink(tx: &mut Tx, from: i64, to: i64) -> Result<u64, Error> {
    tx.execute("DELETE FROM memory_links WHERE from_id = $1 AND to_id = $2", values![from, to]).await
}

/// Where the links of a memory lead, at most `limit`; `text_max` characters of each text.
///
/// # Errors
/// What the database says.
pub async fn links_from(tx: &mut Tx, id: i64, now_ms: i64, text_max: u32, limit: u32) -> Result<Vec<LinkEnd>, Error> {
    ends(tx, "l.to_id", "l.from_id", [id, now_ms], [text_max, limit]).await
}

/// Which memories lead to one, as [`links_from`].
///
/// # Errors
/// What the database says.
pub async fn links_to(tx: &mut Tx, id: i64, now_ms: i64, text_max: u32, limit: u32) -> Result<Vec<LinkEnd>, Error> {
    ends(tx, "l.from_id", "l.to_id", [id, now_ms], [text_max, limit]).await
}

/// Takes away every link from and to a memory.
pub(super) async fn forget(tx: &mut Tx, id: i64) -> Result<(), Error> {
    tx.execute("DELETE FROM memory_links WHERE from_id = $1", values![id]).await?;
    tx.execute("DELETE FROM memory_links WHERE to_id = $1", values![id]).await?;
    Ok(())
}

async fn ends(
    tx: &mut Tx,
    there: &str,
    here: &str,
    [id, now_ms]: [i64; 2],
    [text_max, limit]: [u32; 2],
) -> Result<Vec<LinkEnd>, Error> {
    let ends = format!(
        "SELECT m.id, l.kind, s.name, SUBSTR(m.text, 1, CAST($3 AS INTEGER)) FROM memory_links l \
         JOIN memories m ON m.id = {there} JOIN memory_spaces s ON s.id = m.space \
         WHERE {here} = $1 AND (m.expires_at IS NULL OR m.expires_at > $2) ORDER BY l.kind, m.id LIMIT $4"
    );
    let rows = tx.fetch(AssertSqlSafe(ends), values![id, now_ms, text_max, limit]).await?;
    let end = |mut row: crate::value::Row| {
        Ok(LinkEnd { id: row.take(0)?, kind: row.take(1)?, space: row.take(2)?, text: row.take(3)? })
    };
    rows.into_iter().map(end).collect()
}
