//! Rows of memories: texts in spaces, with the words that find them and the links between them.
//!
//! A space is somebody's collection; its row is locked by whoever changes what is in it, so that its
//! numbers are right and writers of many processes queue instead of clashing. What a word is, who
//! may see which space and what a text is worth are deliberately not known here.

mod links;
pub use links::{LinkEnd, link, links_from, links_to, unlink};

mod rank;
pub use rank::{Ranked, Term, count, count_since, next_word, rank, refine, sample, score};

use crate::value::{Row, Value, values};
use crate::{Error, Tx};
use sqlx::AssertSqlSafe;

/// How often a new space is tried to be made while others make theirs.
const ATTEMPTS: usize = 16;
/// Rows that one statement names at most; of each size there is one prepared statement.
const CHUNKS: [usize; 4] = [64, 16, 4, 1];

/// Somebody's collection of memories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Space {
    /// Its number in this database.
    pub id: i64,
    /// What its owner calls it.
    pub name: String,
    /// How many memories are in it, those expired but not yet swept included.
    pub memories: i64,
    /// Their words.
    pub words: i64,
    /// The bytes of their texts.
    pub bytes: i64,
}

/// A memory. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memory {
    /// Unique in the database; grows with time.
    pub id: i64,
    /// The number of its space.
    pub space: i64,
    /// What is remembered.
    pub text: String,
    /// As its owner wrote them, in JSON.
    pub tags: String,
    /// Where it came from, in JSON.
    pub origin: String,
    /// How many words it has.
    pub words: i64,
    /// Counts its changes, from 1.
    pub version: i64,
    /// When it was made.
    pub created_at: i64,
    /// When it was changed last.
    pub updated_at: i64,
    /// When it ceases to be; never, if absent.
    pub expires_at: Option<i64>,
}

/// A word that finds a memory, and how often it stands there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Posting {
    /// The word; compared byte by byte.
    pub word: Vec<u8>,
    /// How often.
    pub count: i64,
}

const COLUMNS: &str =
    "m.id, m.space, m.text, m.tags, m.origin, m.words, m.version, m.created_at, m.updated_at, m.expires_at";

/// The space called `name`, locked for this transaction; made where there is none.
///
/// # Errors
/// What the database says.
pub async fn lock_space(tx: &mut Tx, name: &str) -> Result<Space, Error> {
    for _ in 0..ATTEMPTS {
        // A change that changes nothing holds the row, in both databases.
        let lock = "UPDATE memory_spaces SET name = name WHERE name = $1 RETURNING id, name, memories, words, bytes";
        if let Some(row) = tx.fetch(lock, values![name]).await?.into_iter().next() {
            return space(row);
        }
        let make = "INSERT INTO memory_spaces (id, name, memories, words, bytes) \
                    SELECT COALESCE(MAX(id), 0) + 1, $1, 0, 0, 0 FROM memory_spaces WHERE TRUE ON CONFLICT DO NOTHING";
        tx.execute(make, values![name]).await?;
    }
    Err(tx.other("the space could not be made: too many others are being made"))
}

/// The space called `name`, if there is one.
///
/// # Errors
/// What the database says.
pub async fn find_space(tx: &mut Tx, name: &str) -> Result<Option<Space>, Error> {
    let find = "SELECT id, name, memories, words, bytes FROM memory_spaces WHERE name = $1";
    tx.fetch(find, values![name]).await?.into_iter().next().map(space).transpose()
}

/// The name of the space that a memory is in; nothing when there is no such memory now.
///
/// # Errors
/// What the database says.
pub async fn space_of(tx: &mut Tx, id: i64, now_ms: i64) -> Result<Option<String>, Error> {
    let find = "SELECT s.name FROM memories m JOIN memory_spaces s ON s.id = m.space \
                WHERE m.id = $1 AND (m.expires_at IS NULL OR m.expires_at > $2)";
    tx.fetch(find, values![id, now_ms]).await?.into_iter().next().map(|mut row| row.take(0)).transpose()
}

/// Adds a memory to a locked space; says no when its id is taken.
///
/// # Errors
/// What the database says.
pub async fn insert(tx: &mut Tx, memory: &Memory, postings: &[Posting]) -> Result<bool, Error> {
    let insert = "INSERT INTO memories \
                  (id, space, text, tags, origin, words, version, created_at, updated_at, expires_at) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING";
    let Memory { id, space, text, tags, origin, words, version, created_at, updated_at, expires_at } = memory;
    let values = values![*id, *space, text, tags, origin, *words, *version, *created_at, *updated_at, *expires_at];
    if tx.execute(insert, values).await? == 0 {
        return Ok(false);
    }
    add_postings(tx, memory, postings).await?;
    grow(tx, *space, [1, *words, bytes(memory)]).await?;
    Ok(true)
}

/// Puts `new` in the place of `old`, which is in a locked space. `old_postings` are those that it
/// was written with.
///
/// # Errors
/// What the database says.
pub async fn replace(
    tx: &mut Tx,
    (old, old_postings): (&Memory, &[Posting]),
    (new, postings): (&Memory, &[Posting]),
) -> Result<(), Error> {
    let update = "UPDATE memories SET text = $2, tags = $3, origin = $4, words = $5, version = $6, \
                  updated_at = $7, expires_at = $8 WHERE id = $1";
    let Memory { id, text, tags, origin, words, version, updated_at, expires_at, .. } = new;
    tx.execute(update, values![*id, text, tags, origin, *words, *version, *updated_at, *expires_at]).await?;
    if old_postings != postings || old.words != new.words {
        remove_postings(tx, old, old_postings).await?;
        add_postings(tx, new, postings).await?;
    }
    grow(tx, new.space, [0, new.words - old.words, bytes(new) - bytes(old)]).await
}

/// Takes a memory with its words and links out of a locked space.
///
/// # Errors
/// What the database says.
pub async fn remove(tx: &mut Tx, memory: &Memory, postings: &[Posting]) -> Result<(), Error> {
    remove_postings(tx, memory, postings).await?;
    links::forget(tx, memory.id).await?;
    tx.execute("DELETE FROM memories WHERE id = $1", values![memory.id]).await?;
    grow(tx, memory.space, [-1, -memory.words, -bytes(memory)]).await
}

/// Empties a locked space.
///
/// # Errors
/// What the database says.
pub async fn clear(tx: &mut Tx, space: i64) -> Result<(), Error> {
    for table in ["from_id", "to_id"] {
        let links = format!("DELETE FROM memory_links WHERE {table} IN (SELECT id FROM memories WHERE space = $1)");
        tx.execute(AssertSqlSafe(links), values![space]).await?;
    }
    tx.execute("DELETE FROM memory_words WHERE space = $1", values![space]).await?;
    tx.execute("DELETE FROM memories WHERE space = $1", values![space]).await?;
    let nothing = "UPDATE memory_spaces SET memories = 0, words = 0, bytes = 0 WHERE id = $1";
    tx.execute(nothing, values![space]).await?;
    Ok(())
}

/// The memories with these ids that are there now, in no particular order.
///
/// # Errors
/// What the database says.
pub async fn get(tx: &mut Tx, ids: &[i64], now_ms: i64) -> Result<Vec<Memory>, Error> {
    let mut found = Vec::with_capacity(ids.len());
    for part in chunks(ids) {
        let places = places(2, part.len(), 1);
        let get = format!(
            "SELECT {COLUMNS} FROM memories m WHERE (m.expires_at IS NULL OR m.expires_at > $1) AND m.id IN ({places})"
        );
        let values: Vec<Value> = [now_ms].iter().chain(part).map(|number| Value::from(*number)).collect();
        for row in tx.fetch(AssertSqlSafe(get), &values).await? {
            found.push(memory(row)?);
        }
    }
    Ok(found)
}

/// Ids and lengths (in characters) of the newest memories of a space that are older than `before` (an id), newest
/// first; only those that have each of the words `with`.
///
/// # Errors
/// What the database says.
pub async fn newest(
    tx: &mut Tx,
    space: i64,
    before: i64,
    with: &[Vec<u8>],
    now_ms: i64,
    limit: u32,
) -> Result<Vec<(i64, i64)>, Error> {
    // With a word, its rows lead: they stand in the order of ids.
    let (source, id, leads) = match with {
        [] => ("memories m", "m.id", "m.space = $1"),
        _ => ("memory_words w JOIN memories m ON m.id = w.memory", "w.memory", "w.space = $1 AND w.word = $5"),
    };
    let having = having(with.len().saturating_sub(1), "m.id", 6);
    let newest = format!(
        "SELECT m.id, LENGTH(m.text) FROM {source} WHERE {leads} AND {id} < $2 \
         AND (m.expires_at IS NULL OR m.expires_at > $3){having} ORDER BY {id} DESC LIMIT $4"
    );
    let mut values = values![space, before, now_ms, limit].to_vec();
    values.extend(with.iter().map(|word| Value::Blob(word.clone())));
    let rows = tx.fetch(AssertSqlSafe(newest), &values).await?;
    rows.into_iter().map(|mut row| Ok((row.take(0)?, row.take::<i64>(1)?))).collect()
}

/// Ids and versions of the newest memories of a space, newest first, the expired ones included.
///
/// # Errors
/// What the database says.
pub async fn versions(tx: &mut Tx, space: i64, limit: u32) -> Result<Vec<(i64, i64)>, Error> {
    let versions = "SELECT m.id, m.version FROM memories m WHERE m.space = $1 ORDER BY m.id DESC LIMIT $2";
    let rows = tx.fetch(versions, values![space, limit]).await?;
    rows.into_iter().map(|mut row| Ok((row.take(0)?, row.take(1)?))).collect()
}

/// Ids, versions and the first `letters` characters of these memories, in no particular order.
///
/// # Errors
/// What the database says.
pub async fn beginnings(tx: &mut Tx, ids: &[i64], letters: u32) -> Result<Vec<(i64, i64, String)>, Error> {
    let mut found = Vec::with_capacity(ids.len());
    for part in chunks(ids) {
        let places = places(2, part.len(), 1);
        let get = format!(
            "SELECT m.id, m.version, SUBSTR(m.text, 1, CAST($1 AS INTEGER)) FROM memories m WHERE m.id IN ({places})"
        );
        let values: Vec<Value> = [i64::from(letters)].iter().chain(part).map(|number| Value::from(*number)).collect();
        for mut row in tx.fetch(AssertSqlSafe(get), &values).await? {
            found.push((row.take(0)?, row.take(1)?, row.take(2)?));
        }
    }
    Ok(found)
}

/// Memories of a locked space that have expired, at most `limit`.
///
/// # Errors
/// What the database says.
pub async fn expired(tx: &mut Tx, space: i64, now_ms: i64, limit: u32) -> Result<Vec<Memory>, Error> {
    let expired = format!("SELECT {COLUMNS} FROM memories m WHERE m.space = $1 AND m.expires_at <= $2 LIMIT $3");
    tx.fetch(AssertSqlSafe(expired), values![space, now_ms, limit]).await?.into_iter().map(memory).collect()
}

/// How many memories of a space have expired and are not swept yet.
///
/// # Errors
/// What the database says.
pub async fn count_expired(tx: &mut Tx, space: i64, now_ms: i64) -> Result<i64, Error> {
    let count = "SELECT COUNT(*) FROM memories m WHERE m.space = $1 AND m.expires_at <= $2";
    let row = tx.fetch(count, values![space, now_ms]).await?.into_iter().next();
    row.map_or(Ok(0), |mut row| row.take(0))
}

// === rows ===

async fn grow(tx: &mut Tx, space: i64, [memories, words, bytes]: [i64; 3]) -> Result<(), Error> {
    let grow = "UPDATE memory_spaces SET memories = memories + $2, words = words + $3, bytes = bytes + $4 \
                WHERE id = $1";
    tx.execute(grow, values![space, memories, words, bytes]).await.map(|_| ())
}

async fn add_postings(tx: &mut Tx, memory: &Memory, postings: &[Posting]) -> Result<(), Error> {
    let row = |posting: &Posting| {
        values![memory.space, posting.word.as_slice(), memory.id, posting.count, memory.words].to_vec()
    };
    let rows = postings.iter().map(row).collect();
    tx.insert_many("memory_words (space, word, memory, times, length)", "", rows).await.map(drop)
}

async fn remove_postings(tx: &mut Tx, memory: &Memory, postings: &[Posting]) -> Result<(), Error> {
    for part in chunks(postings) {
        let delete = format!(
            "DELETE FROM memory_words WHERE space = $1 AND memory = $2 AND word IN ({})",
            places(3, part.len(), 1)
        );
        let mut values = values![memory.space, memory.id].to_vec();
        values.extend(part.iter().map(|posting| Value::Blob(posting.word.clone())));
        tx.execute(AssertSqlSafe(delete), &values).await?;
    }
    Ok(())
}

/// Cuts `items` into parts whose sizes are those of [`CHUNKS`].
fn chunks<T>(mut items: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = CHUNKS.into_iter().find(|size| *size <= items.len())?;
        let (part, rest) = items.split_at(size);
        items = rest;
        Some(part)
    })
}

/// `$first, $first+step, …`.
fn places(first: usize, count: usize, step: usize) -> String {
    let places: Vec<String> = (0..count).map(|place| format!("${}", first + place * step)).collect();
    places.join(", ")
}

/// A condition that the memory `id` of the space `$1` has `count` words, given from `$first` on.
fn having(count: usize, id: &str, first: usize) -> String {
    let one = |place: usize| {
        format!(
            " AND EXISTS (SELECT 1 FROM memory_words h WHERE h.space = $1 AND h.word = ${place} AND h.memory = {id})"
        )
    };
    (first..first + count).map(one).collect()
}

fn bytes(memory: &Memory) -> i64 {
    i64::try_from(memory.text.len()).unwrap_or(i64::MAX)
}

fn space(mut row: Row) -> Result<Space, Error> {
    Ok(Space { id: row.take(0)?, name: row.take(1)?, memories: row.take(2)?, words: row.take(3)?, bytes: row.take(4)? })
}

fn memory(mut row: Row) -> Result<Memory, Error> {
    Ok(Memory {
        id: row.take(0)?,
        space: row.take(1)?,
        text: row.take(2)?,
        tags: row.take(3)?,
        origin: row.take(4)?,
        words: row.take(5)?,
        version: row.take(6)?,
        created_at: row.take(7)?,
        updated_at: row.take(8)?,
        expires_at: row.take(9)?,
    })
}
