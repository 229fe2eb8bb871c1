//! The tables' versions: numbered steps, each with a way back, one transaction each.
//!
//! What is in a table is the business of its module; who holds which lock, of the databases. A step
//! that a released switchboard knows is never changed: there is a new one.

mod step_1;

mod step_2;

use crate::Error;
use crate::place::{Options, Place};
use crate::postgres::Postgres;
use crate::sqlite;
use crate::tx::Tx;
use crate::value::values;
use sqlx::AssertSqlSafe;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A change of the tables. `{bytes}` is the type of bytes, `{number}` of a key that counts by itself;
/// `{keyed}` stands after a table that is little more than its key.
pub(crate) struct Step {
    /// What it brings.
    pub(crate) name: &'static str,
    /// Groups of statements that make it.
    pub(crate) up: &'static [&'static [&'static str]],
    /// Groups of statements that undo it; they run from the last to the first.
    pub(crate) down: &'static [&'static [&'static str]],
}

/// All steps; the version of the tables is how many were made.
const STEPS: &[Step] = &[step_1::STEP, step_2::STEP];

/// The version of the tables that this program wants.
pub const LATEST: i64 = STEPS.len() as i64;

/// Copies that are kept beside a file.
const COPIES_MAX: usize = 3;

/// Brings the tables of a place to a version, up or down, where nobody has it open; a file is copied
/// first. Version 0 has no tables: what was in them is gone.
///
/// # Errors
/// Those of [`crate::Store::open`], and a version that there is not.
pub async fn migrate(place: Place, version: i64) -> Result<(), Error> {
    match place {
        Place::File(path) => sqlite::migrate_to(&path, version).await,
        Place::Url(url) => {
            let shown = Place::Url(url.clone()).shown();
            let server = Postgres::connect(&url, shown.into(), &Options::default())?;
            let done = server.migrate(version).await;
            server.close().await;
            done
        }
    }
}

/// What is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// No tables at all.
    Nothing,
    /// The tables of a version; of version 0 there is only the list of steps.
    At(i64),
}

/// Reads the version.
///
/// # Errors
/// [`Error::Newer`], and those of the database.
pub(crate) async fn found(tx: &mut Tx) -> Result<Found, Error> {
    let found: i64 = tx.fetch_one("SELECT COALESCE(MAX(step), 0) FROM schema_migrations", &[]).await?.take(0)?;
    if found > LATEST {
        return Err(Error::Newer { place: tx.place().to_string(), found, known: LATEST });
    }
    Ok(Found::At(found))
}

/// Makes one step towards the version that is wanted; says whether there are more.
pub(crate) async fn step(tx: &mut Tx, found: Found, wanted: i64) -> Result<bool, Error> {
    let version = match found {
        Found::Nothing => {
            tx.script("CREATE TABLE schema_migrations (step BIGINT PRIMARY KEY, name TEXT NOT NULL)").await?;
            0
        }
        Found::At(version) => version,
    };
    if version < wanted {
        let number = version + 1;
        let step = named(tx, number)?;
        for group in step.up {
            run(tx, group).await?;
        }
        tx.execute("INSERT INTO schema_migrations (step, name) VALUES ($1, $2)", values![number, step.name]).await?;
        return Ok(number < wanted);
    }
    if version > wanted {
        let step = named(tx, version)?;
        for group in step.down.iter().rev() {
            run(tx, group).await?;
        }
        tx.execute("DELETE FROM schema_migrations WHERE step = $1", values![version]).await?;
        return Ok(version - 1 > wanted);
    }
    Ok(false)
}

fn named(tx: &Tx, number: i64) -> Result<&'static Step, Error> {
    let at = usize::try_from(number - 1).ok();
    at.and_then(|at| STEPS.get(at)).ok_or_else(|| tx.other(format!("there is no version {number} of the tables")))
}

async fn run(tx: &mut Tx, group: &'static [&'static str]) -> Result<(), Error> {
    let (bytes, number, keyed) = if tx.is_postgres() {
        ("BYTEA", "BIGSERIAL PRIMARY KEY", "")
    } else {
        ("BLOB", "INTEGER PRIMARY KEY AUTOINCREMENT", " WITHOUT ROWID")
    };
    let sql = group.join(";\n").replace("{bytes}", bytes).replace("{number}", number).replace("{keyed}", keyed);
    tx.script(AssertSqlSafe(sql)).await
}

/// Copies a file before its tables change, beside it, and keeps the last few copies.
pub(crate) async fn keep_copy(tx: &mut Tx, path: &Path, version: i64) -> Result<(), Error> {
    let copy = copy_path(path, version, std::process::id());
    let failed = |error: &io::Error| Error::Other {
        place: path.display().to_string(),
        detail: format!("no copy could be made before the tables change: {error}"),
    };
    if let Err(error) = fs::remove_file(&copy)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(failed(&error));
    }
    tx.execute("VACUUM INTO $1", values![copy.to_string_lossy().as_ref()]).await?;
    fs::File::open(&copy).and_then(|file| file.sync_all()).map_err(|error| failed(&error))?;
    for old in copies(path).into_iter().skip(COPIES_MAX) {
        // One that stays is only room.
        let _ = fs::remove_file(old);
    }
    Ok(())
}

fn copy_path(path: &Path, version: i64, process: u32) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{name}.before-{}.from-{version}.{process}", version + 1))
}

/// The copies of a file, the newest first.
fn copies(path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let start = format!("{name}.before-");
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<_> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&start))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    found.sort_by(|left, right| right.cmp(left));
    found.into_iter().map(|(_, path)| path).collect()
}
