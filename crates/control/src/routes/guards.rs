//! `POST /api/cache/clear?server=&tool=` and `POST /api/servers/{name}/approve-tools`: what a person
//! tells the guards of servers. What they say stands in `/api/overview`.

use crate::access::Asker;
use crate::asked::{Path, Query};
use crate::{Act, Control, Deed, Problem, find, said};
use axum::Json;
use axum::extract::State;
use gateway::Gateway;
use gateway::server::Server;
use protocol::ErrorKind;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this file.
pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(clear_cache)).routes(routes!(approve_tools))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Only of this server.
    server: Option<String>,
    /// Only of this tool of it, by the server's own name.
    tool: Option<String>,
}

/// Forget kept results of tools: of one tool, of one server, or all.
#[utoipa::path(post, path = "/api/cache/clear", params(Which), responses((status = OK, description = "How many were kept", body = said::CacheCleared)))]
async fn clear_cache(
    State(control): State<Control>,
    Query(which): Query<Which>,
) -> Result<Json<said::CacheCleared>, Problem> {
    let gateway = &control.parts.gateway;
    let server = match &which.server {
        Some(name) => Some(find::server(&gateway.snapshot(), name)?.name.clone()),
        None if which.tool.is_some() => {
            let problem = Problem::new(ErrorKind::InvalidParams, "a tool without its server");
            return Err(problem.hint("name both: switchboard cache clear SERVER.TOOL"));
        }
        None => None,
    };
    let results = gateway.clear_cache(server.as_deref(), which.tool.as_deref()).await;
    Ok(Json(said::CacheCleared { results }))
}

/// Approve the tools of a server as they are now.
#[utoipa::path(post, path = "/api/servers/{name}/approve-tools", responses((status = OK, description = "What had not been approved", body = said::ToolsApproved)))]
async fn approve_tools(
    State(control): State<Control>,
    asker: Asker,
    Path(name): Path<String>,
) -> Result<Json<said::ToolsApproved>, Problem> {
    let gateway = &control.parts.gateway;
    let server = find::server(&gateway.snapshot(), &name)?.clone();
    if !server.is_listed() {
        return Err(server.status().refusal(&server.name).into());
    }
    let tools: Vec<String> = server.guards.unapproved().into_iter().map(|unapproved| unapproved.tool).collect();
    gateway.approve_tools(&server);
    let deed = Deed::new(asker.principal.as_str(), Act::ToolsApproved, &*server.name);
    control.parts.deeds.note(deed.with(serde_json::json!({ "tools": tools })));
    Ok(Json(said::ToolsApproved { server: server.name.to_string(), tools }))
}

/// What is kept of the results of `server`.
pub(crate) async fn cache_of(gateway: &Gateway, server: &Server) -> Option<said::Cache> {
    let figures = gateway.cache_figures(server).await?;
    Some(said::Cache::new(figures.hits, figures.misses, figures.entries))
}
