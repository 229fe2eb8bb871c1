//! The routes, a file per thing that is asked about. Each is short: it looks at the gateway and
//! says what it sees.

mod status;
pub use status::dashboard;

pub(crate) mod servers;

pub(crate) mod health;
pub(crate) mod lives;

mod tools;

pub(crate) mod guards;

pub(crate) mod call;

pub(crate) mod search;

mod route;

pub(crate) mod records;

mod audit;

mod goals;

mod memories;

mod catalog;

mod declared;

pub(crate) mod inside_call;

mod logs;

mod settings;

mod process;

mod why;

mod memory;

use crate::{Control, Problem, daemon_log, document, metrics};
use axum::http::{Method, Uri};
use protocol::ErrorKind;
use utoipa_axum::router::OpenApiRouter;

/// Every piece of `/api`. A module with routes has a function `router`, whose handlers carry
/// `#[utoipa::path]`, and stands here once: that is all that the router and its document need.
pub(crate) const ROUTERS: &[fn() -> OpenApiRouter<Control>] = &[
    document::router,
    status::router,
    servers::router,
    lives::router,
    health::router,
    guards::router,
    tools::router,
    call::router,
    search::router,
    route::router,
    records::router,
    audit::router,
    goals::router,
    memories::router,
    catalog::router,
    declared::router,
    logs::router,
    why::router,
    settings::router,
    process::router,
    daemon_log::router,
    metrics::router,
    crate::live::router,
    crate::predecessors::router,
];

/// All of it, without the answers for what is not there.
pub(crate) fn router() -> OpenApiRouter<Control> {
    ROUTERS.iter().fold(OpenApiRouter::new(), |all, piece| all.merge(piece()))
}

/// For paths without a route.
pub(crate) async fn nothing_here(uri: Uri) -> Problem {
    let problem = Problem::new(ErrorKind::MethodNotFound, format!("there is nothing at {}", uri.path()));
    problem.hint("the daemon may be of another version than this command: switchboard --version")
}

/// For methods that a path does not have. The header `Allow` says which it has.
pub(crate) async fn not_so(method: Method, uri: Uri) -> Problem {
    let problem = Problem::new(ErrorKind::MethodNotAllowed, format!("{method} is nothing that {} does", uri.path()));
    problem.hint("the header `Allow` names the methods; what every path takes stands in /api/openapi.json")
}
