//! Whether what is there is whole: the file itself, the chains of events, and ids that point nowhere.

use crate::Running;
use crate::error::Error;
use crate::log::{self, Verified};
use crate::sqlite;
use crate::store::Store;
use crate::tx::{Link, Tx};
use std::path::Path;
use std::sync::Arc;

/// Problems that are told at most.
const PROBLEMS_MAX: usize = 100;

/// Ids of one table that must be in another.
const POINTERS: &[(&str, &str)] = &[
    ("tasks of no goal", "SELECT id FROM tasks WHERE goal NOT IN (SELECT id FROM goals)"),
    (
        "edges from nothing",
        "SELECT from_id FROM edges WHERE from_id NOT IN (SELECT id FROM tasks)
             AND from_id NOT IN (SELECT id FROM goals)",
    ),
    (
        "edges to nothing",
        "SELECT to_id FROM edges WHERE to_id NOT IN (SELECT id FROM tasks) AND to_id NOT IN (SELECT id FROM goals)",
    ),
    ("claims on no task", "SELECT task FROM claims WHERE task NOT IN (SELECT id FROM tasks)"),
    ("gates of no task", "SELECT id FROM gates WHERE task NOT IN (SELECT id FROM tasks)"),
    ("memories of no space", "SELECT CAST(id AS TEXT) FROM memories WHERE space NOT IN (SELECT id FROM memory_spaces)"),
    (
        "links of no memory",
        "SELECT CAST(from_id AS TEXT) FROM memory_links
             WHERE from_id NOT IN (SELECT id FROM memories) OR to_id NOT IN (SELECT id FROM memories)",
    ),
    (
        "words of no memory",
        "SELECT DISTINCT CAST(memory AS TEXT) FROM memory_words WHERE memory NOT IN (SELECT id FROM memories)",
    ),
];

/// What a look at everything found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Findings {
    /// Events whose chain is whole.
    pub events: i64,
    /// What is wrong; nothing where all is well.
    pub problems: Vec<String>,
}

// === impl Store ===

impl Store {
    /// Looks at everything. It takes as long as reading all of it.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn verify(&self) -> Result<Findings, Error> {
        self.read_long("verify", &mut looking()).await
    }
}

/// The same for a file that nobody needs to have open, such as a backup. It is not changed.
///
/// # Errors
/// It cannot be read, is no file of ours, or is newer than this program.
pub async fn verify_file(path: &Path) -> Result<Findings, Error> {
    let mut tx = read_only(path).await?;
    let found = async {
        sqlite::check(&mut tx).await?;
        all(&mut tx).await
    };
    let found = found.await;
    sqlite::end(tx).await;
    found
}

/// Whether a file is one of ours, and not newer than this program.
pub(crate) async fn look(path: &Path) -> Result<(), Error> {
    let mut tx = read_only(path).await?;
    let found = sqlite::check(&mut tx).await;
    sqlite::end(tx).await;
    match found? {
        crate::migrate::Found::At(_) => Ok(()),
        crate::migrate::Found::Nothing => {
            Err(Error::Foreign { place: path.display().to_string(), detail: "it is empty".to_owned() })
        }
    }
}

fn looking() -> impl for<'t> FnMut(&'t mut Tx) -> Running<'t, Result<Findings, Error>> + Send {
    |tx| Box::pin(all(tx))
}

async fn read_only(path: &Path) -> Result<Tx, Error> {
    // A name that leads nowhere must not make a new file.
    std::fs::metadata(path).map_err(|error| Error::of_file(path, &error))?;
    let connection = sqlite::connect(path, sqlite::COPY_CACHE_KIB, true).await?;
    Ok(Tx::new(Link::Sqlite(connection), Arc::from(path.display().to_string())))
}

async fn all(tx: &mut Tx) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    if !tx.is_postgres() {
        for mut row in tx.fetch("PRAGMA integrity_check(100)", &[]).await? {
            let said: String = row.take(0)?;
            if said != "ok" {
                findings.problems.push(said);
            }
        }
    }
    for stream in log::streams(tx).await? {
        match log::verify(tx, &stream).await? {
            Verified::Whole { events } => findings.events += events,
            Verified::Broken { seq, why } => findings.problems.push(format!("event {seq} of `{stream}`: {why}")),
        }
    }
    for (what, sql) in POINTERS {
        for mut row in tx.fetch(*sql, &[]).await? {
            let id: String = row.take(0)?;
            findings.problems.push(format!("{what}: {id}"));
        }
    }
    findings.problems.truncate(PROBLEMS_MAX);
    Ok(findings)
}
