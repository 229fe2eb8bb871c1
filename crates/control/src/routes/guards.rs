//! `POST /api/cache/clear?server=&tool=` and `POST /api/servers/{name}/approve-tools`: what a person
//! tells the guards of servers. What they say stands in `/api/overview`.

use crate::access::Asker;
use crate::{Act, Control, Deed, Problem, find, said};
use axum::Json;
use axum::extract::{Path, Query, State};
use gateway::Gateway;
use gateway::server::Server;
use protocol::ErrorKind;
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Which {
    server: Option<String>,
    tool: Option<String>,
}

pub(crate) async fn clear_cache(
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

pub(crate) async fn approve_tools(
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
