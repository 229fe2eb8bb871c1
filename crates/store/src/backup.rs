//! Copies of everything, and back: a copy is a SQLite file whatever it was taken from, so that it can
//! be brought back into either database.
//!
//! A copy shows one moment, while others go on writing. Bringing one back is one transaction: killed
//! half-way, everything is as it was before. Which files go with it is the business of the commands.

use crate::error::Error;
use crate::place::{Options, Place};
use crate::sqlite;
use crate::store::Store;
use crate::tx::{Link, Tx};
use crate::value::{Row, Value, values};
use crate::{Running, verify};
use sqlx::AssertSqlSafe;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows that are carried over at once.
const ROWS: usize = 512;
/// Tables that belong to a database and not to what is in it.
const OWN_TABLES: [&str; 3] = ["schema_migrations", "clock", "writers"];

/// A table, as both databases have it.
struct Table {
    name: String,
    columns: Vec<String>,
    /// Which of them are its key, in the order of the key.
    key: Vec<usize>,
}

// === impl Store ===

impl Store {
    /// Writes a copy of everything to a file, which is replaced in one step when the copy is whole.
    ///
    /// # Errors
    /// Those of the database and of the file.
    pub async fn backup_to(&self, target: &Path) -> Result<(), Error> {
        let part = beside(target, "part");
        let failed = |error: io::Error| at(target, &error);
        make_empty(&part).map_err(failed)?;
        let written = match self.file() {
            Some(path) => copy_file(path, &part).await,
            None => self.copy_server(&part).await,
        };
        let whole = written.and_then(|()| keep(&part, target).map_err(failed));
        if whole.is_err() {
            remove(&part);
        }
        whole
    }

    /// Puts what a copy holds in the place of everything that is here.
    ///
    /// # Errors
    /// The copy is damaged, newer than this program or no copy; those of the database.
    pub async fn restore_from(&self, source: &Path) -> Result<(), Error> {
        verify::look(source).await?;
        // An older copy is brought to our tables first: a copy of it, so that it stays what it is.
        let folder = std::env::temp_dir();
        let name = format!("switchboard-restore-{}-{}", std::process::id(), fresh_number());
        let read = folder.join(name);
        make_empty(&read).map_err(|error| at(&read, &error))?;
        let prepared = match copy_file(source, &read).await {
            Ok(()) => Store::open(Place::File(read.clone()), Options::default()).await,
            Err(error) => Err(error),
        };
        let restored = match prepared {
            Ok(prepared) => {
                prepared.close().await;
                self.take_over(&read).await
            }
            Err(error) => Err(error),
        };
        for end in ["", "-wal", "-shm"] {
            remove(&PathBuf::from(format!("{}{end}", read.display())));
        }
        restored
    }

    async fn copy_server(&self, part: &Path) -> Result<(), Error> {
        let target = Store::open(Place::File(part.to_owned()), Options::default()).await?;
        target.close().await;
        let part = part.to_owned();
        self.read_long("backup", &mut copying_out(part.clone())).await?;
        // Nothing of it is left in the log: the file alone is the copy.
        let mut tx = connect(&part).await?;
        let done = tx.script("PRAGMA journal_mode = DELETE").await;
        sqlite::end(tx).await;
        done
    }

    async fn take_over(&self, source: &Path) -> Result<(), Error> {
        self.write_long("restore", copying_in(source.to_owned())).await
    }
}

/// Moves a damaged file out of the way, with its log, so that a new one can be made in its place.
/// Says where it is now.
///
/// # Errors
/// Those of the system.
pub fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let mut number = 1;
    let aside = loop {
        let aside = beside(path, &format!("damaged.{number}"));
        if !aside.exists() {
            break aside;
        }
        number += 1;
    };
    fs::rename(path, &aside)?;
    for end in ["-wal", "-shm"] {
        let log = PathBuf::from(format!("{}{end}", path.display()));
        match fs::rename(&log, format!("{}{end}", aside.display())) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(aside)
}

fn copying_out(part: PathBuf) -> impl for<'t> FnMut(&'t mut Tx) -> Running<'t, Result<(), Error>> + Send {
    move |from| {
        let part = part.clone();
        Box::pin(async move {
            let mut to = connect(&part).await?;
            to.script("BEGIN IMMEDIATE").await?;
            for table in tables(&mut to).await? {
                copy_table(from, &mut to, &table).await?;
            }
            to.script("COMMIT").await?;
            sqlite::end(to).await;
            Ok(())
        })
    }
}

fn copying_in(source: PathBuf) -> impl for<'t> FnMut(&'t mut Tx) -> Running<'t, Result<(), Error>> + Send + 'static {
    move |to| {
        let source = source.clone();
        Box::pin(async move {
            let mut from = connect(&source).await?;
            from.script("BEGIN").await?;
            for table in tables(&mut from).await? {
                to.execute(AssertSqlSafe(format!("DELETE FROM {}", table.name)), &[]).await?;
                copy_table(&mut from, to, &table).await?;
                if to.is_postgres() {
                    count_on(to, &table).await?;
                }
            }
            sqlite::end(from).await;
            Ok(())
        })
    }
}

/// The tables of a SQLite file: the other database has the same.
async fn tables(tx: &mut Tx) -> Result<Vec<Table>, Error> {
    let list = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name";
    let mut tables = Vec::new();
    for mut row in tx.fetch(list, &[]).await? {
        let name: String = row.take(0)?;
        if OWN_TABLES.contains(&name.as_str()) {
            continue;
        }
        let info = tx.fetch("SELECT name, pk FROM pragma_table_info($1) ORDER BY cid", values![&name]).await?;
        let (mut columns, mut key) = (Vec::new(), Vec::new());
        for (at, mut row) in info.into_iter().enumerate() {
            columns.push(row.take(0)?);
            let part: i64 = row.take(1)?;
            key.extend((part > 0).then_some((part, at)));
        }
        key.sort_unstable();
        tables.push(Table { name, columns, key: key.into_iter().map(|(_, at)| at).collect() });
    }
    Ok(tables)
}

async fn copy_table(from: &mut Tx, to: &mut Tx, table: &Table) -> Result<(), Error> {
    let Table { name, columns, key } = table;
    let columns = columns.join(", ");
    let into = format!("{name} ({columns})");
    // Named after the table: a statement that is kept prepared must always have the same columns.
    let cursor = format!("copied_{name}");
    if from.is_postgres() {
        let sql = format!("DECLARE {cursor} NO SCROLL CURSOR FOR SELECT {columns} FROM {name}");
        from.script(AssertSqlSafe(sql)).await?;
    }
    let mut last: Vec<Value> = Vec::new();
    loop {
        let rows = if from.is_postgres() {
            from.fetch(AssertSqlSafe(format!("FETCH {ROWS} FROM {cursor}")), &[]).await?
        } else {
            from.fetch(AssertSqlSafe(page_text(table, !last.is_empty())), &last).await?
        };
        let rows: Vec<Vec<Value>> = rows.into_iter().map(Row::into_values).collect();
        let Some(end) = rows.last() else { break };
        last = key.iter().filter_map(|at| end.get(*at).cloned()).collect();
        to.insert_many(&into, "", rows).await?;
    }
    if from.is_postgres() {
        from.script(AssertSqlSafe(format!("CLOSE {cursor}"))).await?;
    }
    Ok(())
}

/// Reads the rows of a SQLite table in the order of its key, from the start or after one.
fn page_text(table: &Table, later: bool) -> String {
    let Table { name, columns, key } = table;
    let key: Vec<&str> = key.iter().filter_map(|at| columns.get(*at)).map(String::as_str).collect();
    let after: Vec<String> = (1..=key.len()).map(|at| format!("${at}")).collect();
    let (columns, key) = (columns.join(", "), key.join(", "));
    let after = if later { format!("WHERE ({key}) > ({})", after.join(", ")) } else { String::new() };
    format!("SELECT {columns} FROM {name} {after} ORDER BY {key} LIMIT {ROWS}")
}

/// Numbers that a column gives by itself go on after those that were brought in.
async fn count_on(tx: &mut Tx, table: &Table) -> Result<(), Error> {
    if !table.columns.iter().any(|column| column == "id") {
        return Ok(());
    }
    let sql = "SELECT pg_get_serial_sequence($1, 'id')";
    let Some(sequence) = tx.fetch_one(sql, values![&table.name]).await?.take::<Option<String>>(0)? else {
        return Ok(());
    };
    let name = &table.name;
    let set = format!("SELECT setval($1, COALESCE(MAX(id), 0) + 1, false) FROM {name}");
    tx.fetch(AssertSqlSafe(set), values![sequence]).await.map(drop)
}

async fn connect(path: &Path) -> Result<Tx, Error> {
    let connection = sqlite::connect(path, sqlite::COPY_CACHE_KIB, false).await?;
    Ok(Tx::new(Link::Sqlite(connection), Arc::from(path.display().to_string())))
}

/// Copies a file that others may be writing to.
async fn copy_file(from: &Path, to: &Path) -> Result<(), Error> {
    let mut tx = connect(from).await?;
    let done = tx.execute("VACUUM INTO $1", values![to.to_string_lossy().as_ref()]).await;
    sqlite::end(tx).await;
    done.map(drop)
}

fn make_empty(path: &Path) -> io::Result<File> {
    remove(path);
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Puts a whole copy in its place, so that it is there after a loss of power.
fn keep(part: &Path, target: &Path) -> io::Result<()> {
    File::open(part)?.sync_all()?;
    fs::rename(part, target)?;
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{name}.{end}"))
}

fn remove(path: &Path) {
    // One that is not there is removed.
    let _ = fs::remove_file(path);
}

fn at(path: &Path, error: &io::Error) -> Error {
    Error::of_file(path, error)
}

fn fresh_number() -> u64 {
    static NUMBER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}
