//! The manager's operations: start, stop and restart; call a tool at the server that is preferred; forget
//! kept results. Adding and removing servers is for a person at this machine.

use super::super::answer::{Answer, Refused, bad, local_only};
use super::super::calls::{Called, called};
use super::super::control::{AllDone, Done, all_done, done};
use super::tools;
use crate::access::Asker;
use crate::asked::{Body, Path};
use crate::routes::lives::Wish;
use crate::{Control, Problem, find};
use axum::Json;
use axum::extract::State;
use gateway::Snapshot;
use gateway::server::{Server, ServerState};
use protocol::Manner;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

/// The longest that a call may be waited for, in seconds.
const TIMEOUT_MAX: f64 = 3600.0;

/// A call.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = manager::Call)]
pub(super) struct Asked {
    /// A public name, `SERVER.TOOL`, or a tool's own name.
    tool_name: String,
    #[serde(default)]
    arguments: Map<String, Value>,
    /// The server that is asked if it is well; else the one with the least to do that has the tool.
    preferred_server: Option<String>,
    /// Seconds; if absent, what the server's entry says.
    timeout: Option<f64>,
    /// Whether it may be made again where that is safe.
    #[serde(default = "yes")]
    retry: bool,
    /// Whether it may be answered with a result that is kept.
    #[serde(default = "yes")]
    use_cache: bool,
}

/// What was forgotten.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = manager::CacheCleared)]
pub(super) struct Cleared {
    success: bool,
    /// Results that were kept.
    cleared_entries: usize,
}

fn yes() -> bool {
    true
}

/// Starts, stops or restarts a server, and answers when that is done.
#[utoipa::path(post, path = "/api/manager/servers/{name}/{action}", params(("name" = String, Path), ("action" = inline(Wish), Path, description = "What is done")), responses((status = OK, body = Done)))]
pub(super) async fn one(
    State(control): State<Control>,
    asker: Asker,
    Path((name, action)): Path<(String, Wish)>,
) -> Answer<Done> {
    Ok(Json(done(&control, &asker, &name, action).await?))
}

/// Starts, stops or restarts every server that is in use. The daemon itself goes on.
#[utoipa::path(post, path = "/api/manager/all/{action}", params(("action" = inline(Wish), Path, description = "What is done")), responses((status = OK, body = AllDone)))]
pub(super) async fn all(State(control): State<Control>, asker: Asker, Path(action): Path<Wish>) -> Answer<AllDone> {
    Ok(Json(all_done(&control, &asker, action).await?))
}

/// Refused: a person at this machine adds servers.
#[utoipa::path(post, path = "/api/manager/servers", responses((status = 403, description = "always")))]
pub(super) async fn add() -> Refused {
    local_only("adding a server", "switchboard add NAME -- COMMAND, or switchboard add NAME URL").into()
}

/// Refused: a person at this machine removes servers.
#[utoipa::path(delete, path = "/api/manager/servers/{name}", params(("name" = String, Path)), responses((status = 403, description = "always")))]
pub(super) async fn remove(State(control): State<Control>, Path(name): Path<String>) -> Refused {
    // The name stands in a command that somebody may paste: only that of a server is repeated.
    let snapshot = control.parts.gateway.snapshot();
    let known = find::server(&snapshot, &name).map_or_else(|_| "NAME".to_owned(), |server| server.name.to_string());
    local_only("removing a server", &format!("switchboard remove {known}")).into()
}

/// Forgets kept results of all servers.
#[utoipa::path(delete, path = "/api/manager/cache", responses((status = OK, body = Cleared)))]
pub(super) async fn clear_cache(State(control): State<Control>) -> Json<Cleared> {
    let cleared_entries = control.parts.gateway.clear_cache(None, None).await;
    Json(Cleared { success: true, cleared_entries })
}

/// Calls a tool.
#[utoipa::path(post, path = "/api/manager/call", request_body = Asked, responses((status = OK, body = Called)))]
pub(super) async fn call(State(control): State<Control>, asker: Asker, Body(asked): Body<Asked>) -> Answer<Called> {
    let Asked { tool_name, arguments, preferred_server, timeout, retry, use_cache } = asked;
    let patience = timeout.map(patience).transpose()?;
    control.parts.gateway.first_listed().await;
    let found = pick(&control.parts.gateway.snapshot(), &tool_name, preferred_server.as_deref())?;
    let manner = Manner { again: retry, kept: use_cache };
    called(&control, &asker, found, &Value::Object(arguments), (manner, patience)).await
}

fn patience(seconds: f64) -> Result<Duration, Problem> {
    match seconds > 0.0 && seconds <= TIMEOUT_MAX {
        true => Ok(Duration::from_secs_f64(seconds)),
        false => Err(bad(format_args!("`timeout` is {seconds}")).hint(format!("give seconds, up to {TIMEOUT_MAX}"))),
    }
}

/// The tool that is meant, at the server that is to be asked.
fn pick(snapshot: &Snapshot, tool: &str, preferred: Option<&str>) -> Result<find::Found, Problem> {
    let at = |server: &Server, own: &str| find::tool(snapshot, &format!("{}.{own}", server.name));
    let named = find::tool(snapshot, tool);
    let own = named.as_ref().map_or_else(|_| tool.to_owned(), |found| found.own.to_string());
    if let Some(preferred) = preferred {
        let server = find::server(snapshot, preferred)?;
        if is_fit(server) {
            return at(server, &own);
        }
    } else if named.is_ok() {
        return named;
    }
    let having = snapshot.servers.values().filter(|server| tools(snapshot, server).contains(&own));
    let mut having: Vec<&Arc<Server>> = having.collect();
    having.sort_by_key(|server| (!is_fit(server), server.guards.outstanding()));
    match having.first() {
        Some(server) => at(server, &own),
        None => named,
    }
}

/// Whether a call can be served now.
fn is_fit(server: &Server) -> bool {
    matches!(server.status().state, ServerState::Ready | ServerState::Asleep) && !server.guards.is_open()
}
