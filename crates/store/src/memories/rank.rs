//! Which memories have which words, and how well that fits: BM25 in whole numbers, added up by the
//! database, so that both give the same order.
//!
//! What a term weighs is handed in; how many rows a question may cost is decided by whoever asks.

use super::{chunks, having, places};
use crate::value::{Value, values};
use crate::{Error, Tx};
use sqlx::AssertSqlSafe;
use std::collections::BTreeMap;

/// A word to look for, and what finding it is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The word; compared byte by byte.
    pub word: Vec<u8>,
    /// Its inverse document frequency in thousandths.
    pub weight: i64,
    /// Only so many of the newest memories with it are looked at.
    pub rows_max: u32,
}

/// A memory that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ranked {
    /// The memory.
    pub id: i64,
    /// How well it fits: the sum over its terms, in thousandths.
    pub score: i64,
}

/// BM25 with k1 = 1.2 and b = 0.75, in thousandths: what a term adds that stands so many `times` among
/// the `length` words of a text, where texts have `average` words. The same as in [`rank`]'s SQL.
#[must_use]
pub fn score(weight: i64, times: i64, length: i64, average: i64) -> i64 {
    weight * times * 2200 / (times * 1000 + 300 + 900 * length / average.max(1))
}

/// How many memories of a space have a word, counted up to `limit`.
///
/// # Errors
/// What the database says.
pub async fn count(tx: &mut Tx, space: i64, word: &[u8], limit: i64) -> Result<i64, Error> {
    let count = "SELECT COUNT(*) FROM \
                 (SELECT 1 FROM memory_words WHERE space = $1 AND word = $2 LIMIT $3) counted";
    let row = tx.fetch(count, values![space, word, limit]).await?.into_iter().next();
    row.map_or(Ok(0), |mut row| row.take(0))
}

/// The id from which on there are `count` memories in a space; the first one's, if there are fewer.
///
/// # Errors
/// What the database says.
pub async fn sample(tx: &mut Tx, space: i64, count: u32) -> Result<i64, Error> {
    let sample = "SELECT COALESCE(MIN(id), 0) FROM \
                  (SELECT id FROM memories WHERE space = $1 ORDER BY id DESC LIMIT $2) newest";
    let row = tx.fetch(sample, values![space, count]).await?.into_iter().next();
    row.map_or(Ok(0), |mut row| row.take(0))
}

/// How many memories of a space from the id `first` on have a word.
///
/// # Errors
/// What the database says.
pub async fn count_since(tx: &mut Tx, space: i64, word: &[u8], first: i64) -> Result<i64, Error> {
    let count = "SELECT COUNT(*) FROM memory_words WHERE space = $1 AND word = $2 AND memory >= $3";
    let row = tx.fetch(count, values![space, word, first]).await?.into_iter().next();
    row.map_or(Ok(0), |mut row| row.take(0))
}

/// The first word of a space after `after` and before `end`.
///
/// # Errors
/// What the database says.
pub async fn next_word(tx: &mut Tx, space: i64, after: &[u8], end: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    let next = "SELECT word FROM memory_words WHERE space = $1 AND word > $2 AND word < $3 ORDER BY word LIMIT 1";
    tx.fetch(next, values![space, after, end]).await?.into_iter().next().map(|mut row| row.take(0)).transpose()
}

/// The memories of a space that fit best, the newer first among equals; only those that have each of
/// the words `with`. Gives `limit` of them after the first `offset`.
///
/// # Errors
/// What the database says.
pub async fn rank(
    tx: &mut Tx,
    (space, average): (i64, i64),
    terms: &[Term],
    with: &[Vec<u8>],
    (offset, limit): (u32, u32),
) -> Result<Vec<Ranked>, Error> {
    if terms.is_empty() {
        return Ok(Vec::new());
    }
    let mut values = values![space, average.max(1), limit, offset].to_vec();
    let mut parts = Vec::with_capacity(terms.len());
    for term in terms {
        let (word, weight, rows_max) = (values.len() + 1, values.len() + 2, values.len() + 3);
        parts.push(format!(
            "SELECT memory, score FROM (SELECT memory, \
             ${weight} * times * 2200 / (times * 1000 + 300 + 900 * length / $2) AS score \
             FROM memory_words WHERE space = $1 AND word = ${word} ORDER BY memory DESC LIMIT ${rows_max}) newest"
        ));
        values.extend_from_slice(values![term.word.as_slice(), term.weight, term.rows_max]);
    }
    let having = having(with.len(), "found.memory", values.len() + 1);
    values.extend(with.iter().map(|word| Value::Blob(word.clone())));
    let rank = format!(
        "SELECT found.memory, CAST(SUM(found.score) AS BIGINT) AS score FROM ({}) found WHERE TRUE{having} \
         GROUP BY found.memory ORDER BY score DESC, found.memory DESC LIMIT $3 OFFSET $4",
        parts.join(" UNION ALL ")
    );
    let rows = tx.fetch(AssertSqlSafe(rank), &values).await?;
    rows.into_iter().map(|mut row| Ok(Ranked { id: row.take(0)?, score: row.take(1)? })).collect()
}

/// Adds to the scores of `found` what further terms are worth, and orders them anew.
///
/// # Errors
/// What the database says.
pub async fn refine(
    tx: &mut Tx,
    (space, average): (i64, i64),
    terms: &[Term],
    found: &mut [Ranked],
) -> Result<(), Error> {
    let ids: Vec<i64> = found.iter().map(|ranked| ranked.id).collect();
    let mut more: BTreeMap<i64, i64> = BTreeMap::new();
    for term in terms {
        for part in chunks(&ids) {
            let look = format!(
                "SELECT memory, times, length FROM memory_words WHERE space = $1 AND word = $2 AND memory IN ({})",
                places(3, part.len(), 1)
            );
            let mut values = values![space, term.word.as_slice()].to_vec();
            values.extend(part.iter().map(|id| Value::Int(*id)));
            for mut row in tx.fetch(AssertSqlSafe(look), &values).await? {
                let (memory, times, length): (i64, i64, i64) = (row.take(0)?, row.take(1)?, row.take(2)?);
                *more.entry(memory).or_default() += score(term.weight, times, length, average);
            }
        }
    }
    for ranked in found.iter_mut() {
        ranked.score += more.get(&ranked.id).copied().unwrap_or(0);
    }
    found.sort_by(|left, right| right.score.cmp(&left.score).then(right.id.cmp(&left.id)));
    Ok(())
}
