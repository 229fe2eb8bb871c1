//! What happened in each minute, in numbers, for charts: a row a minute, whose text is known to its owner.
//! Losing rows is a gap in a chart.

use crate::Error;
use crate::tx::Tx;
use crate::value::values;

/// A minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Minute {
    /// Its number since 1970.
    pub minute: i64,
    /// What happened in it.
    pub body: String,
}

/// Writes minutes, also such as are there already, and removes those before `oldest`.
///
/// # Errors
/// Those of the database.
pub async fn put(tx: &mut Tx, minutes: &[Minute], oldest: Option<i64>) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO history (minute, body) VALUES ($1, $2)
         ON CONFLICT (minute) DO UPDATE SET body = excluded.body";
    for Minute { minute, body } in minutes {
        tx.execute(SQL, values![*minute, body]).await?;
    }
    if let Some(oldest) = oldest {
        tx.execute("DELETE FROM history WHERE minute < $1", values![oldest]).await?;
    }
    Ok(())
}

/// The minutes from one on, in their order.
///
/// # Errors
/// Those of the database.
pub async fn since(tx: &mut Tx, minute: i64) -> Result<Vec<Minute>, Error> {
    let rows = tx.fetch("SELECT minute, body FROM history WHERE minute >= $1 ORDER BY minute", values![minute]).await?;
    rows.into_iter().map(|mut row| Ok(Minute { minute: row.take(0)?, body: row.take(1)? })).collect()
}
