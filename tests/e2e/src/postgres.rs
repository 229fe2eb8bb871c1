//! A PostgreSQL database of the test's own, on the server that `cargo xtask test` starts. It is spoken
//! to with `psql`, so that no library stands between.

use crate::peers::require_program;
use crate::programs::{command, run, tell};
use crate::waiting::SOON;
use std::sync::atomic::{AtomicU32, Ordering};

/// Where the server is.
const ADDRESS: &str = "SWITCHBOARD_TEST_POSTGRES";

static MADE: AtomicU32 = AtomicU32::new(0);

/// A database.
#[derive(Debug)]
pub struct Postgres {
    url: String,
}

impl Postgres {
    /// A new, empty database; nothing, with a line that says so, where there is no server.
    ///
    /// # Panics
    /// In CI where there is none; when the server makes no database.
    #[must_use]
    #[track_caller]
    pub fn database() -> Option<Self> {
        let Ok(server) = std::env::var(ADDRESS) else {
            assert!(std::env::var_os("CI").is_none(), "no {ADDRESS} in CI: `cargo xtask test` sets it");
            tell(&format!("SKIPPED: {ADDRESS} is not set; `cargo xtask databases -- COMMAND` sets it"));
            return None;
        };
        require_program("psql")?;
        let name = format!("e2e_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let made = Self { url: server.clone() }.sql(&format!("CREATE DATABASE {name}"));
        assert!(made.contains("CREATE DATABASE"), "expected a database, psql said {made}");
        let (address, _) = server.rsplit_once('/').expect("expected postgres://…/database");
        Some(Self { url: format!("{address}/{name}") })
    }

    /// `postgres://…` of it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Runs a statement; gives what psql printed.
    #[track_caller]
    pub fn sql(&self, statement: &str) -> String {
        let mut psql = command("psql");
        psql.args(["-X", "-At", "-d", &self.url, "-c", statement]);
        let ended = run(&mut psql, SOON);
        ended.stdout + &ended.stderr
    }
}
