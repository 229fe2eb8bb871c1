//! The databases that a test runs on: each test has its own.
//!
//! A file is always there. PostgreSQL is there where `SWITCHBOARD_TEST_POSTGRES` says its address, as
//! `cargo xtask test` and `cargo xtask databases -- COMMAND` do; else its half is left out, with a line.

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use std::future::Future;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use store::{Clock, Error, Options, Place, Running, Store, Tx};
use tempfile::TempDir;

/// A database of a test's own.
pub(crate) struct Base {
    pub(crate) place: Place,
    pub(crate) folder: Arc<TempDir>,
}

/// Runs a test on each database that there is.
pub(crate) async fn on_each<F: Future<Output = ()>>(test: impl Fn(Base) -> F) {
    test(Base::file()).await;
    match Base::postgres().await {
        Some(base) => test(base).await,
        None => {
            skipped("PostgreSQL", "SWITCHBOARD_TEST_POSTGRES is not set; `cargo xtask databases -- COMMAND` sets it")
        }
    }
}

/// Says what a test leaves out.
pub(crate) fn skipped(what: &str, why: &str) {
    say(&format!("skipped: {what}: {why}"));
}

/// Says something to whoever runs the tests.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stderr();
    // Where stderr is closed there is nobody to tell.
    let _ = writeln!(out, "{line}");
}

// === impl Base ===

impl Base {
    pub(crate) fn file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { place: Place::File(folder.path().join("state.db")), folder: Arc::new(folder) }
    }

    /// A new database of the server that the tests have.
    pub(crate) async fn postgres() -> Option<Self> {
        let server = std::env::var("SWITCHBOARD_TEST_POSTGRES").ok()?;
        let folder = tempfile::tempdir().unwrap();
        let unique = folder.path().file_name().unwrap().to_string_lossy().replace(['.', '-'], "_").to_lowercase();
        let name = format!("t{}_{unique}", std::process::id());
        let mut connection = PgConnection::connect(&server).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        let (address, _) = server.rsplit_once('/').unwrap();
        let place = Place::Url(SecretString::from(format!("{address}/{name}")));
        Some(Self { place, folder: Arc::new(folder) })
    }

    pub(crate) fn kind(&self) -> &'static str {
        if matches!(self.place, Place::File(_)) { "SQLite" } else { "PostgreSQL" }
    }

    pub(crate) fn path(&self) -> PathBuf {
        match &self.place {
            Place::File(path) => path.clone(),
            Place::Url(_) => panic!("not a file"),
        }
    }

    /// A connection past the store.
    pub(crate) async fn raw_postgres(&self) -> Option<PgConnection> {
        match &self.place {
            Place::File(_) => None,
            Place::Url(url) => Some(PgConnection::connect(url.expose_secret()).await.unwrap()),
        }
    }

    pub(crate) async fn open(&self) -> Store {
        self.try_open().await.unwrap()
    }

    pub(crate) async fn try_open(&self) -> Result<Store, Error> {
        Store::open(self.place.clone(), Options::default()).await
    }

    pub(crate) async fn open_with_clock(&self, clock: Arc<dyn Clock>) -> Store {
        Store::open(self.place.clone(), Options { clock, ..Options::default() }).await.unwrap()
    }
}

/// A write whose error is the store's.
pub(crate) async fn write<T, F>(store: &Store, job: F) -> Result<T, Error>
where
    F: for<'t> FnMut(&'t mut Tx) -> Running<'t, Result<T, Error>> + Send + 'static,
    T: Send + 'static,
{
    store.write("test", job).await
}

/// A read whose error is the store's.
pub(crate) async fn read<T, F>(store: &Store, job: F) -> Result<T, Error>
where
    F: for<'t> FnMut(&'t mut Tx) -> Running<'t, Result<T, Error>> + Send,
    T: Send,
{
    store.read("test", job).await
}

impl Base {
    /// Changes the tables past the store.
    pub(crate) async fn tamper(&self, sql: &'static str) {
        match &self.place {
            Place::File(path) => {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
                let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
                sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }
            Place::Url(_) => {
                let mut connection = self.raw_postgres().await.unwrap();
                sqlx::raw_sql("SET search_path TO switchboard").execute(&mut connection).await.unwrap();
                sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }
        }
    }
}
