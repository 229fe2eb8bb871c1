//! Streams of events: append-only, numbered without gaps, each chained to the one before by SHA-256.
//!
//! Who reads a stream again from the start must find it whole: retention cuts whole beginnings, and
//! remembers where. What the events mean is not known here.

use crate::Error;
use crate::tx::Tx;
use crate::value::{Row, Value, values};
use sha2::{Digest as _, Sha256};

/// Events that [`verify`] reads at once.
const PAGE: i64 = 1000;

/// How far a stream is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The stream.
    pub stream: String,
    /// Number of the last event; 0 where there was none.
    pub seq: i64,
    /// Its time, in milliseconds since 1970.
    pub at_ms: i64,
    /// Number of the last event that retention removed; 0 where it removed none.
    pub cut_seq: i64,
    hash: Vec<u8>,
}

/// An event to be appended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewEvent {
    /// Who did it: a principal.
    pub actor: String,
    /// The run of the agent that it belongs to.
    pub run: Option<String>,
    /// What it happened to.
    pub entity: String,
    /// What happened.
    pub kind: String,
    /// The rest, as JSON.
    pub body: String,
    /// What it was a consequence of.
    pub cause: Option<String>,
    /// The idempotency key of the request.
    pub key: Option<String>,
}

/// An event of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its number, from 1 on.
    pub seq: i64,
    /// When, in milliseconds since 1970; never before that of the event before.
    pub at_ms: i64,
    /// What was appended.
    pub event: NewEvent,
}

/// What [`verify`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verified {
    /// The chain is whole.
    Whole {
        /// How many events it has.
        events: i64,
    },
    /// It is not.
    Broken {
        /// The first event that does not fit.
        seq: i64,
        /// Why not.
        why: &'static str,
    },
}

/// How far a stream is, without waiting for its writers.
///
/// # Errors
/// Those of the database.
pub async fn head(tx: &mut Tx, stream: &str) -> Result<Head, Error> {
    let row = tx.fetch_optional("SELECT seq, at, cut_seq, hash FROM streams WHERE name = $1", values![stream]).await?;
    read_head(stream, row)
}

/// The same, after all other writers of the stream and before those that come later.
pub(crate) async fn lock(tx: &mut Tx, stream: &str) -> Result<Head, Error> {
    const LOCKED: &str = "SELECT seq, at, cut_seq, hash FROM streams WHERE name = $1 FOR UPDATE";
    if !tx.is_postgres() {
        let head = head(tx, stream).await?;
        tx.not_before(head.at_ms);
        return Ok(head);
    }
    let mut row = tx.fetch_optional(LOCKED, values![stream]).await?;
    if row.is_none() {
        tx.execute(FIRST, first(stream, 0, &[], 0).as_slice()).await?;
        row = tx.fetch_optional(LOCKED, values![stream]).await?;
    }
    let head = read_head(stream, row)?;
    tx.not_before(head.at_ms);
    Ok(head)
}

/// Appends events to a stream that is as far as `head` says.
///
/// # Errors
/// [`Error::Conflict`] where it is further; those of the database.
pub async fn append(tx: &mut Tx, head: Head, events: Vec<NewEvent>) -> Result<(Head, Vec<Event>), Error> {
    const INTO: &str = "events (stream, seq, at, actor, run, entity, kind, body, cause, key, hash_prev, hash)";
    let at_ms = tx.now_ms().max(head.at_ms);
    let expected = head.seq;
    let mut head = Head { at_ms, ..head };
    let mut rows = Vec::with_capacity(events.len());
    let mut appended = Vec::with_capacity(events.len());
    for event in events {
        let seq = head.seq + 1;
        let event = Event { seq, at_ms, event };
        let hash = hash(&head.stream, &head.hash, &event);
        rows.push(row_of(&head.stream, &event, &head.hash, &hash));
        appended.push(event);
        head.seq = seq;
        head.hash = hash;
    }
    if appended.is_empty() {
        return Ok((head, appended));
    }
    if !advance(tx, &head, expected).await? {
        let found = self::head(tx, &head.stream).await?.seq;
        return Err(Error::Conflict { what: format!("the stream `{}`", head.stream), expected, found });
    }
    tx.insert_many(INTO, "", rows).await?;
    Ok((head, appended))
}

/// Reads at most `limit` events after a number.
///
/// # Errors
/// Those of the database.
pub async fn read(tx: &mut Tx, stream: &str, after_seq: i64, limit: u32) -> Result<Vec<Event>, Error> {
    const SQL: &str = "SELECT seq, at, actor, run, entity, kind, body, cause, key FROM events
         WHERE stream = $1 AND seq > $2 ORDER BY seq LIMIT $3";
    let rows = tx.fetch(SQL, values![stream, after_seq, limit]).await?;
    rows.into_iter().map(event_of).collect()
}

/// The same for one entity.
///
/// # Errors
/// Those of the database.
pub async fn read_entity(
    tx: &mut Tx,
    stream: &str,
    entity: &str,
    after_seq: i64,
    limit: u32,
) -> Result<Vec<Event>, Error> {
    const SQL: &str = "SELECT seq, at, actor, run, entity, kind, body, cause, key FROM events
         WHERE stream = $1 AND entity = $2 AND seq > $3 ORDER BY seq LIMIT $4";
    let rows = tx.fetch(SQL, values![stream, entity, after_seq, limit]).await?;
    rows.into_iter().map(event_of).collect()
}

/// All streams.
///
/// # Errors
/// Those of the database.
pub async fn streams(tx: &mut Tx) -> Result<Vec<String>, Error> {
    let rows = tx.fetch("SELECT name FROM streams ORDER BY name", &[]).await?;
    rows.into_iter().map(|mut row| row.take(0)).collect()
}

/// Removes the events up to a number, for good; the chain goes on from there.
///
/// # Errors
/// Those of the database.
pub async fn cut(tx: &mut Tx, stream: &str, up_to_seq: i64) -> Result<u64, Error> {
    let head = lock(tx, stream).await?;
    let up_to = up_to_seq.min(head.seq);
    let query = "SELECT hash FROM events WHERE stream = $1 AND seq = $2";
    let Some(mut last) = tx.fetch_optional(query, values![stream, up_to]).await? else { return Ok(0) };
    let hash: Vec<u8> = last.take(0)?;
    let mark = "UPDATE streams SET cut_seq = $2, cut_hash = $3 WHERE name = $1";
    tx.execute(mark, values![stream, up_to, hash]).await?;
    tx.execute("DELETE FROM events WHERE stream = $1 AND seq <= $2", values![stream, up_to]).await
}

/// Checks every link of a stream's chain.
///
/// # Errors
/// Those of the database.
pub async fn verify(tx: &mut Tx, stream: &str) -> Result<Verified, Error> {
    const SQL: &str = "SELECT seq, at, actor, run, entity, kind, body, cause, key, hash_prev, hash FROM events
         WHERE stream = $1 AND seq > $2 ORDER BY seq LIMIT $3";
    let cut = "SELECT cut_seq, cut_hash, seq, hash FROM streams WHERE name = $1";
    let Some(mut row) = tx.fetch_optional(cut, values![stream]).await? else {
        return Ok(Verified::Whole { events: 0 });
    };
    let (start, mut chained): (i64, Vec<u8>) = (row.take(0)?, row.take(1)?);
    let (last, last_hash): (i64, Vec<u8>) = (row.take(2)?, row.take(3)?);
    let mut seq = start;
    loop {
        let rows = tx.fetch(SQL, values![stream, seq, PAGE]).await?;
        if rows.is_empty() {
            break;
        }
        for mut row in rows {
            let (before, own): (Vec<u8>, Vec<u8>) = (row.take(9)?, row.take(10)?);
            let event = event_of(row)?;
            seq += 1;
            let why = if event.seq != seq {
                "the event before it is missing"
            } else if before != chained {
                "it is not chained to the event before"
            } else if hash(stream, &chained, &event) != own {
                "it is not what was written"
            } else {
                chained = own;
                continue;
            };
            return Ok(Verified::Broken { seq: event.seq, why });
        }
    }
    if (seq, &chained) != (last, &last_hash) {
        return Ok(Verified::Broken { seq, why: "events after it are missing" });
    }
    Ok(Verified::Whole { events: seq - start })
}

const FIRST: &str = "INSERT INTO streams (name, seq, hash, at, cut_seq, cut_hash) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (name) DO NOTHING";

fn first(stream: &str, seq: i64, hash: &[u8], at_ms: i64) -> [Value; 6] {
    let nothing: &[u8] = &[];
    [stream.into(), seq.into(), hash.into(), at_ms.into(), 0_i64.into(), nothing.into()]
}

/// Moves the head of a stream on from where it is expected to be.
async fn advance(tx: &mut Tx, head: &Head, expected: i64) -> Result<bool, Error> {
    let sql = "UPDATE streams SET seq = $2, hash = $3, at = $4 WHERE name = $1 AND seq = $5";
    let hash = head.hash.as_slice();
    let moved = tx.execute(sql, values![&head.stream, head.seq, hash, head.at_ms, expected]).await?;
    if moved == 1 || expected != 0 {
        return Ok(moved == 1);
    }
    let made = tx.execute(FIRST, first(&head.stream, head.seq, hash, head.at_ms).as_slice()).await?;
    Ok(made == 1)
}

fn read_head(stream: &str, row: Option<Row>) -> Result<Head, Error> {
    let stream = stream.to_owned();
    match row {
        Some(mut row) => {
            Ok(Head { stream, seq: row.take(0)?, at_ms: row.take(1)?, cut_seq: row.take(2)?, hash: row.take(3)? })
        }
        None => Ok(Head { stream, seq: 0, at_ms: 0, cut_seq: 0, hash: Vec::new() }),
    }
}

fn event_of(mut row: Row) -> Result<Event, Error> {
    let event = NewEvent {
        actor: row.take(2)?,
        run: row.take(3)?,
        entity: row.take(4)?,
        kind: row.take(5)?,
        body: row.take(6)?,
        cause: row.take(7)?,
        key: row.take(8)?,
    };
    Ok(Event { seq: row.take(0)?, at_ms: row.take(1)?, event })
}

fn row_of(stream: &str, event: &Event, before: &[u8], hash: &[u8]) -> Vec<Value> {
    let Event { seq, at_ms, event } = event;
    vec![
        stream.into(),
        (*seq).into(),
        (*at_ms).into(),
        (&event.actor).into(),
        event.run.as_ref().into(),
        (&event.entity).into(),
        (&event.kind).into(),
        (&event.body).into(),
        event.cause.as_ref().into(),
        event.key.as_ref().into(),
        before.into(),
        hash.into(),
    ]
}

/// The link of the chain: over everything that the row says, each part after its length, so that no
/// two events read alike.
fn hash(stream: &str, before: &[u8], event: &Event) -> Vec<u8> {
    let Event { seq, at_ms, event } = event;
    let mut sha = Sha256::new();
    let mut part = |bytes: Option<&[u8]>| {
        sha.update(bytes.map_or(u64::MAX, |bytes| bytes.len() as u64).to_be_bytes());
        sha.update(bytes.unwrap_or_default());
    };
    part(Some(before));
    part(Some(stream.as_bytes()));
    part(Some(&seq.to_be_bytes()));
    part(Some(&at_ms.to_be_bytes()));
    for text in [&event.actor, &event.entity, &event.kind, &event.body] {
        part(Some(text.as_bytes()));
    }
    for text in [&event.run, &event.cause, &event.key] {
        part(text.as_ref().map(String::as_bytes));
    }
    sha.finalize().to_vec()
}
