//! Everything that can go wrong with the database, in few words that people can act on.
//!
//! What a table's own rules refuse (an unknown goal, a used name) is an error of that module's users
//! and not of this list.

use sqlx::error::DatabaseError;
use std::io;
use std::path::Path;

/// Why the store could not do it. `place` is the file, or the address without its password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The file is damaged, or no database.
    #[error("{place} is damaged or no database: {detail}")]
    Corrupt {
        /// Which file.
        place: String,
        /// What the database said.
        detail: String,
    },
    /// The place cannot be written to.
    #[error("{place} cannot be written to: {detail}")]
    ReadOnly {
        /// Which file or server.
        place: String,
        /// What the database said.
        detail: String,
    },
    /// A newer switchboard made the tables.
    #[error("{place} has tables of version {found}, made by a newer switchboard; this one knows version {known}")]
    Newer {
        /// Which file or server.
        place: String,
        /// The version of its tables.
        found: i64,
        /// The greatest version that this program knows.
        known: i64,
    },
    /// There are tables, and they are not ours.
    #[error("{place} belongs to another program: {detail}")]
    Foreign {
        /// Which file or server.
        place: String,
        /// How one sees that.
        detail: String,
    },
    /// There is no room left.
    #[error("there is no room left for {place}: {detail}")]
    Full {
        /// Which file or server.
        place: String,
        /// What the database said.
        detail: String,
    },
    /// The disk failed.
    #[error("the disk failed under {place}: {detail}")]
    Disk {
        /// Which file or server.
        place: String,
        /// What the database said.
        detail: String,
    },
    /// Others held the database for too long, or it was too slow.
    #[error("{place} was busy for {waited_ms} ms: {detail}")]
    Busy {
        /// Which file or server.
        place: String,
        /// How long was waited, in milliseconds.
        waited_ms: u64,
        /// For what.
        detail: String,
    },
    /// The database server does not answer.
    #[error("{place} cannot be reached: {detail}")]
    Unreachable {
        /// Which server.
        place: String,
        /// What happened.
        detail: String,
    },
    /// The connection broke while the transaction was being committed, and the server could not be
    /// asked what became of it.
    #[error("the connection to {place} broke during a commit: it may or may not have happened")]
    UnknownOutcome {
        /// Which server.
        place: String,
    },
    /// Somebody else was first.
    #[error("{what} is at version {found}, not {expected}")]
    Conflict {
        /// Which stream or document.
        what: String,
        /// The version that the caller saw.
        expected: i64,
        /// The version that is there.
        found: i64,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// Anything else.
    #[error("{place}: {detail}")]
    Other {
        /// Which file or server.
        place: String,
        /// What the database said.
        detail: String,
    },
}

/// What an error means for the transaction in which it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The statement failed; the others of the transaction stand.
    Statement,
    /// The whole transaction failed.
    Transaction,
    /// The whole transaction failed for a reason that passes: it may be run again.
    Passing,
    /// As before, and the connection is of no use any more.
    Broken,
}

// === impl Error ===

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Corrupt { .. } => "keep the file aside and run `switchboard restore FILE` with the last backup",
            Self::ReadOnly { .. } => "make the file and its folder writable for this user, then try again",
            Self::Newer { .. } => {
                "use the newer switchboard, or `switchboard restore FILE` with a backup that this one made"
            }
            Self::Foreign { .. } => "point `state.url` to a database of its own",
            Self::Full { .. } => "make room; writing goes on by itself when there is some",
            Self::Disk { .. } => "look at the disk (`dmesg`), then run `switchboard backup --verify`",
            Self::Busy { .. } => "try again; `switchboard doctor` shows who holds it up",
            Self::Unreachable { .. } => "see that the server of `state.url` runs and can be reached, then try again",
            Self::UnknownOutcome { .. } => "ask again with the same idempotency key: it will not happen twice",
            Self::Conflict { .. } => "read it again and repeat the change on what is there now",
            Self::Closed => "start the switchboard again",
            Self::Other { .. } => "run `switchboard doctor`; the log has the cause",
        }
    }

    /// Makes one of what the system says of a file.
    pub(crate) fn of_file(path: &Path, error: &io::Error) -> Self {
        let place = path.display().to_string();
        let detail = error.to_string();
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { place, detail },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { place, detail },
            _ => Self::Other { place, detail },
        }
    }

    /// Makes one of what sqlx says.
    pub(crate) fn of(place: &str, error: &sqlx::Error) -> (Self, Reach) {
        let place = place.to_owned();
        match error {
            sqlx::Error::Database(database) => of_database(place, database.as_ref()),
            sqlx::Error::Io(error) => of_system(place, error),
            sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed | sqlx::Error::BeginFailed => {
                (Self::Unreachable { place, detail: first_line(&error.to_string()) }, Reach::Broken)
            }
            sqlx::Error::PoolClosed => (Self::Closed, Reach::Transaction),
            sqlx::Error::PoolTimedOut => {
                (Self::Unreachable { place, detail: "no connection could be had".to_owned() }, Reach::Broken)
            }
            other => (Self::Other { place, detail: first_line(&other.to_string()) }, Reach::Statement),
        }
    }
}

fn of_system(place: String, error: &io::Error) -> (Error, Reach) {
    let detail = error.to_string();
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            (Error::ReadOnly { place, detail }, Reach::Transaction)
        }
        // What TLS says of a certificate: it will say it again.
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            (Error::Unreachable { place, detail }, Reach::Transaction)
        }
        _ => (Error::Unreachable { place, detail }, Reach::Broken),
    }
}

fn of_database(place: String, error: &dyn DatabaseError) -> (Error, Reach) {
    let detail = first_line(error.message());
    let code = error.code().unwrap_or_default();
    if code.len() == 5 { of_postgres(place, &code, detail) } else { of_sqlite(place, &code, detail) }
}

/// By result code: <https://www.sqlite.org/rescode.html>.
fn of_sqlite(place: String, code: &str, detail: String) -> (Error, Reach) {
    /// The file that carries the shared memory of the log could not be made larger.
    const IOERR_SHMSIZE: u32 = 4874;
    /// Two who make one file at the same time both remove the journal that it begins with, before it has a log.
    const IOERR_DELETE_NOENT: u32 = 5898;
    let code = code.parse::<u32>().unwrap_or(0);
    match code & 0xff {
        5 | 6 => (Error::Busy { place, waited_ms: 0, detail }, Reach::Passing),
        10 if code == IOERR_DELETE_NOENT => (Error::Busy { place, waited_ms: 0, detail }, Reach::Passing),
        8 => (Error::ReadOnly { place, detail }, Reach::Transaction),
        10 if code == IOERR_SHMSIZE => (Error::Full { place, detail }, Reach::Transaction),
        10 => (Error::Disk { place, detail: format!("{detail} (code {code})") }, Reach::Transaction),
        11 | 26 => (Error::Corrupt { place, detail }, Reach::Transaction),
        13 => (Error::Full { place, detail }, Reach::Transaction),
        14 => (Error::ReadOnly { place, detail }, Reach::Transaction),
        7 | 9 => (Error::Other { place, detail }, Reach::Transaction),
        _ => (Error::Other { place, detail }, Reach::Statement),
    }
}

/// By SQLSTATE: PostgreSQL 15, appendix A.
fn of_postgres(place: String, code: &str, detail: String) -> (Error, Reach) {
    match code {
        "40001" | "40P01" => (Error::Busy { place, waited_ms: 0, detail }, Reach::Passing),
        "55P03" | "57014" => (Error::Busy { place, waited_ms: 0, detail }, Reach::Transaction),
        "57P01" | "57P02" | "57P03" | "57P05" | "53300" | "53400" | "25P03" => {
            (Error::Unreachable { place, detail }, Reach::Broken)
        }
        "53100" => (Error::Full { place, detail }, Reach::Transaction),
        "25006" => (Error::ReadOnly { place, detail }, Reach::Transaction),
        "58030" | "XX001" | "XX002" => (Error::Disk { place, detail }, Reach::Transaction),
        code if code.starts_with("08") => (Error::Unreachable { place, detail }, Reach::Broken),
        _ => (Error::Other { place, detail: format!("{detail} (SQLSTATE {code})") }, Reach::Statement),
    }
}

/// Several lines would break the log and the messages that quote it.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().filter(|character| !character.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_lead_to_what_people_can_do() {
        let sqlite = |code: &str| of_sqlite("x".to_owned(), code, String::new());
        assert!(matches!(sqlite("5"), (Error::Busy { .. }, Reach::Passing)));
        assert!(matches!(sqlite("5898"), (Error::Busy { .. }, Reach::Passing)));
        assert!(matches!(sqlite("517"), (Error::Busy { .. }, Reach::Passing)));
        assert!(matches!(sqlite("13"), (Error::Full { .. }, Reach::Transaction)));
        assert!(matches!(sqlite("4874"), (Error::Full { .. }, _)));
        assert!(matches!(sqlite("1034"), (Error::Disk { .. }, Reach::Transaction)));
        assert!(matches!(sqlite("26"), (Error::Corrupt { .. }, _)));
        assert!(matches!(sqlite("1032"), (Error::ReadOnly { .. }, _)));
        assert!(matches!(sqlite("2067"), (Error::Other { .. }, Reach::Statement)));
        let postgres = |code: &str| of_postgres("x".to_owned(), code, String::new());
        assert!(matches!(postgres("40P01"), (Error::Busy { .. }, Reach::Passing)));
        assert!(matches!(postgres("57P01"), (Error::Unreachable { .. }, Reach::Broken)));
        assert!(matches!(postgres("08006"), (Error::Unreachable { .. }, Reach::Broken)));
        assert!(matches!(postgres("23505"), (Error::Other { .. }, Reach::Statement)));
        assert_eq!(first_line("a\u{1b}[31m\nb"), "a[31m");
    }
}
