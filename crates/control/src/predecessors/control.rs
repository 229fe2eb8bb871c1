//! `POST /api/servers/{name}/control` and `/api/servers/control-all`: start, stop and restart, as the
//! daemon does them. Nothing is ever found or killed by its name (S0-28, S0-29).

use super::answer::Answer;
use crate::access::Asker;
use crate::asked::{Body, Path};
use crate::routes::lives::{Wish, act, act_on_all};
use crate::{Control, Problem};
use axum::Json;
use axum::extract::State;
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
    action: Wish,
}

/// What was done with one server.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::Controlled)]
pub(super) struct Done {
    pub(super) success: bool,
    pub(super) server: String,
    pub(super) action: Wish,
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
    pub(super) action: Wish,
    /// What came of it, by server.
    pub(super) results: BTreeMap<String, String>,
    pub(super) note: String,
}

/// Starts, stops or restarts a server, and answers when that is done.
#[utoipa::path(post, path = "/api/servers/{name}/control", params(("name" = String, Path)), request_body = Asked, responses((status = OK, body = Done)))]
pub(super) async fn one(
    State(control): State<Control>,
    asker: Asker,
    Path(name): Path<String>,
    Body(Asked { action }): Body<Asked>,
) -> Answer<Done> {
    Ok(Json(done(&control, &asker, &name, action).await?))
}

/// Starts, stops or restarts every server that is in use.
#[utoipa::path(post, path = "/api/servers/control-all", request_body = Asked, responses((status = OK, body = AllDone)))]
pub(super) async fn all(
    State(control): State<Control>,
    asker: Asker,
    Body(Asked { action }): Body<Asked>,
) -> Answer<AllDone> {
    Ok(Json(all_done(&control, &asker, action).await?))
}

/// The same without HTTP.
pub(super) async fn done(control: &Control, asker: &Asker, name: &str, action: Wish) -> Result<Done, Problem> {
    let server = act((control, asker), name, action, READY_MAX).await?;
    let message = format!("{} is {}", server.name, server.state);
    Ok(Done { success: true, server: server.name, action, status: server.state, message })
}

/// The same without HTTP.
pub(super) async fn all_done(control: &Control, asker: &Asker, action: Wish) -> Result<AllDone, Problem> {
    let turned = act_on_all((control, asker), action, READY_MAX).await?;
    let failed = turned.servers.iter().filter(|turn| turn.problem.is_some()).count();
    let results = turned.servers.into_iter().map(|turn| {
        let text =
            turn.problem.map_or_else(|| turn.state.clone(), |problem| format!("{}: {}", turn.state, problem.title));
        (turn.name, text)
    });
    Ok(AllDone {
        status: if failed == 0 { "success" } else { "warning" },
        action,
        results: results.collect(),
        note: match failed {
            0 => "every server that is in use is as it was wanted".to_owned(),
            _ => format!("not as wanted: {failed}; see why: switchboard status"),
        },
    })
}
