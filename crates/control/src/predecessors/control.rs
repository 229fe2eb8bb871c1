//! `POST /api/servers/{name}/control` and `/api/servers/control-all`: start, stop and restart, as the
//! daemon does them. Nothing is ever found or killed by its name (S0-28, S0-29).

use super::answer::{Answer, body};
use crate::access::Asker;
use crate::routes::lives::{act, act_on_all};
use crate::{Control, Problem};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use utoipa::ToSchema;

/// How long it is waited for a server to be ready.
pub(super) const READY_MAX: Duration = Duration::from_secs(60);

/// What is to be done.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = predecessors::Action)]
pub(super) struct Asked {
    /// `start`, `stop` or `restart`.
    action: String,
}

/// What was done with one server.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::Controlled)]
pub(super) struct Done {
    pub(super) success: bool,
    pub(super) server: String,
    pub(super) action: String,
    /// Its state now.
    pub(super) status: String,
    pub(super) message: String,
}

/// What was done with every server that is in use.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::ControlledAll)]
pub(super) struct AllDone {
    /// `success`, or `warning` where one is not as it was wanted.
    pub(super) status: &'static str,
    pub(super) action: String,
    /// What came of it, by server.
    pub(super) results: BTreeMap<String, String>,
    pub(super) note: String,
}

/// Starts, stops or restarts a server, and answers when that is done.
#[utoipa::path(post, path = "/api/servers/{name}/control", tag = "predecessors", params(("name" = String, Path)), request_body = Asked, responses((status = 200, body = Done)))]
pub(super) async fn one(
    State(control): State<Control>,
    asker: Asker,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Answer<Done> {
    let Asked { action } = body(&bytes)?;
    Ok(Json(done(&control, &asker, &name, &action).await?))
}

/// Starts, stops or restarts every server that is in use.
#[utoipa::path(post, path = "/api/servers/control-all", tag = "predecessors", request_body = Asked, responses((status = 200, body = AllDone)))]
pub(super) async fn all(State(control): State<Control>, asker: Asker, bytes: Bytes) -> Answer<AllDone> {
    let Asked { action } = body(&bytes)?;
    Ok(Json(all_done(&control, &asker, &action).await?))
}

/// The same without HTTP.
pub(super) async fn done(control: &Control, asker: &Asker, name: &str, action: &str) -> Result<Done, Problem> {
    let server = act((control, asker), name, action, READY_MAX).await?;
    let message = format!("{}: {} is {}", action, server.name, server.state);
    Ok(Done { success: true, server: server.name, action: action.to_owned(), status: server.state, message })
}

/// The same without HTTP.
pub(super) async fn all_done(control: &Control, asker: &Asker, action: &str) -> Result<AllDone, Problem> {
    let turned = act_on_all((control, asker), action, READY_MAX).await?;
    let failed = turned.servers.iter().filter(|turn| turn.problem.is_some()).count();
    let results = turned.servers.into_iter().map(|turn| {
        let text =
            turn.problem.map_or_else(|| turn.state.clone(), |problem| format!("{}: {}", turn.state, problem.title));
        (turn.name, text)
    });
    Ok(AllDone {
        status: if failed == 0 { "success" } else { "warning" },
        action: action.to_owned(),
        results: results.collect(),
        note: match failed {
            0 => "every server that is in use is as it was wanted".to_owned(),
            _ => format!("not as wanted: {failed}; see why: switchboard status"),
        },
    })
}
