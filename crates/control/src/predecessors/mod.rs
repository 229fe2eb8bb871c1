//! The paths of the systems that came before (`predecessors.md` sections 4.1, 4.3 and 4.6), with their
//! shapes: what their pages and scripts ask for is answered here with what is true. `docs/predecessors.md`
//! says of each path what is kept and what differs.
//!
//! It deliberately owns nothing: goals go through the gateway's door like every call, the cache is the
//! one in use, figures are those of the records, and what the host must decide is refused with the command
//! to type there.

mod answer;
mod calls;
mod control;
mod env;
mod figures;
mod goals;
mod health;
mod keys;
mod logs;
mod managed;
mod metrics;
mod overview;
mod redis;
mod servers;
pub(crate) mod snapshot;
mod tasks;

use crate::Control;
use std::time::SystemTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// All of them.
pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new()
        .routes(routes!(overview::status))
        .routes(routes!(servers::all))
        .routes(routes!(control::one))
        .routes(routes!(control::all))
        .routes(routes!(redis::stats))
        .routes(routes!(keys::list))
        .routes(routes!(keys::set))
        .routes(routes!(keys::get, keys::delete))
        .routes(routes!(keys::flush))
        .routes(routes!(goals::summary, goals::create))
        .routes(routes!(goals::list))
        .routes(routes!(goals::one, goals::update, goals::delete))
        .routes(routes!(goals::add_tasks))
        .routes(routes!(tasks::list))
        .routes(routes!(tasks::set_status))
        .routes(routes!(tasks::update, tasks::delete))
        .routes(routes!(logs::all))
        .routes(routes!(logs::clear))
        .routes(routes!(logs::download))
        .routes(routes!(env::all))
        .routes(routes!(env::one))
        .routes(routes!(env::update))
        .routes(routes!(health::all))
        .routes(routes!(health::one))
        .routes(routes!(metrics::metrics))
        .routes(routes!(calls::call_tool))
        .merge(managed::router())
}

/// The time as every answer says it.
fn now() -> String {
    supervisor::utc(SystemTime::now())
}

/// With one decimal: more is noise.
fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

/// In mebibytes, with two decimals.
fn mebibytes(bytes: u64) -> f64 {
    (bytes as f64 / f64::from(1 << 20) * 100.0).round() / 100.0
}
