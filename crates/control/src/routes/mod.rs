//! The routes, a file per thing that is asked about. Each is short: it looks at the gateway and
//! says what it sees.

pub(crate) mod status;

pub(crate) mod servers;

pub(crate) mod lives;

pub(crate) mod tools;

pub(crate) mod call;

pub(crate) mod logs;

pub(crate) mod settings;

pub(crate) mod process;

mod memory;

use crate::Problem;
use axum::http::Uri;
use protocol::ErrorKind;

/// For paths without a route.
pub(crate) async fn nothing_here(uri: Uri) -> Problem {
    let problem = Problem::new(ErrorKind::MethodNotFound, format!("there is nothing at {}", uri.path()));
    problem.hint("the daemon may be of another version than this command: switchboard --version")
}
