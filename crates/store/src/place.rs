//! Where the tables are, and how patient the store is.
//!
//! Nothing is opened here.

use crate::clock::{Clock, SystemClock};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::PgConnectOptions;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How long a job may wait for the database before it is answered `Busy`.
const DEADLINE: Duration = Duration::from_secs(10);
/// Connections to PostgreSQL, unless the options say otherwise.
const CONNECTIONS_MAX: u32 = 8;

/// Where the tables are.
#[derive(Debug, Clone)]
pub enum Place {
    /// A SQLite file; it is made where there is none, in a folder that exists.
    File(PathBuf),
    /// A PostgreSQL database, `postgres://user:password@host:port/name`.
    Url(SecretString),
}

/// How the store behaves; the default suits a daemon.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long a job waits for the database, over all attempts.
    pub deadline: Duration,
    /// Connections to PostgreSQL at most.
    pub connections_max: u32,
    /// The clocks of this machine.
    pub clock: Arc<dyn Clock>,
}

impl Default for Options {
    fn default() -> Self {
        Self { deadline: DEADLINE, connections_max: CONNECTIONS_MAX, clock: Arc::new(SystemClock) }
    }
}

// === impl Place ===

impl Place {
    /// As it may be shown: without a password.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Url(url) => match url.expose_secret().parse::<PgConnectOptions>() {
                Ok(options) => {
                    let database = options.get_database().unwrap_or(options.get_username());
                    match options.get_socket() {
                        Some(socket) => format!("postgres:{database} at {}", socket.display()),
                        None => format!("postgres://{}:{}/{database}", options.get_host(), options.get_port()),
                    }
                }
                Err(_) => "the database of `state.url`".to_owned(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let shown = |url: &str| Place::Url(SecretString::from(url)).shown();
        assert_eq!(shown("postgres://me:hunter2@db.example:5433/state"), "postgres://db.example:5433/state");
        assert_eq!(shown("hunter2"), "the database of `state.url`");
        let debugged = format!("{:?}", Place::Url(SecretString::from("postgres://me:hunter2@h/d")));
        assert!(!debugged.contains("hunter2"));
    }
}
