//! `GET /api/catalog/changes`, `/api/tokens`, `/api/sessions/costs` and `/api/cache`: what changed in what
//! servers say of their tools, what it costs to read it, and how much of it need not be asked again.

use super::servers::describe_all;
use crate::access::Asker;
use crate::said::{CacheStats, CatalogChange, CatalogChanges, ServerTokens, SessionCosts, SessionsCosts, TokenCosts};
use crate::{Control, find, said, tokens as cost};
use axum::Json;
use axum::extract::State;
use protocol::Raw;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this file.
pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new()
        .routes(routes!(changes))
        .routes(routes!(tokens))
        .routes(routes!(sessions))
        .routes(routes!(cache))
}

/// The tools that are not as they were approved, with what they say now and said then.
#[utoipa::path(get, path = "/api/catalog/changes", responses((status = OK, description = "By server and tool", body = CatalogChanges)))]
async fn changes(State(control): State<Control>) -> Json<CatalogChanges> {
    let snapshot = control.parts.gateway.snapshot();
    let mut changes = Vec::new();
    for server in snapshot.servers.values() {
        let catalog = server.catalog();
        for unapproved in server.guards.unapproved() {
            let named = |tool: &&Raw| find::own_name(tool).is_some_and(|name| name.as_str() == unapproved.tool);
            let Some(after) = catalog.tools.iter().find(named).cloned() else { continue };
            let kind = if unapproved.new { "new" } else { "changed" }.to_owned();
            let (server, tool) = (server.name.to_string(), unapproved.tool);
            changes.push(CatalogChange { server, tool, kind, before: unapproved.before, after });
        }
    }
    changes.sort_by(|left, right| (&left.server, &left.tool).cmp(&(&right.server, &right.tool)));
    Json(CatalogChanges { changes })
}

/// What the definitions of tools cost whoever reads them, in tokens.
#[utoipa::path(get, path = "/api/tokens", responses((status = OK, description = "By server and tool, the most costly first", body = TokenCosts)))]
async fn tokens(State(control): State<Control>) -> Json<TokenCosts> {
    let gateway = &control.parts.gateway;
    gateway.first_listed().await;
    let snapshot = Arc::clone(&gateway.snapshot());
    let mut servers = Vec::new();
    for server in snapshot.servers.values() {
        let mut tools = cost::of_tools(gateway, &snapshot, server).await;
        if tools.is_empty() {
            continue;
        }
        tools.sort_by(|left, right| (Reverse(left.tokens), &left.name).cmp(&(Reverse(right.tokens), &right.name)));
        let tokens = tools.iter().map(|tool| tool.tokens).sum();
        servers.push(ServerTokens { server: server.name.to_string(), tokens, tools });
    }
    servers.sort_by(|left, right| (Reverse(left.tokens), &left.server).cmp(&(Reverse(right.tokens), &right.server)));
    let total = servers.iter().map(|server| server.tokens).sum();
    let vocabulary = ::tokens::VOCABULARY.to_owned();
    Json(TokenCosts { total, estimated: false, vocabulary, servers })
}

/// What clients have cost since the start: the lists that they read, and the results that they got. Who is
/// not the owner sees their own.
#[utoipa::path(get, path = "/api/sessions/costs", responses((status = OK, description = "By session, the one that was last heard of first", body = SessionsCosts)))]
async fn sessions(State(control): State<Control>, asker: Asker) -> Json<SessionsCosts> {
    let costs = control.parts.gateway.costs().await;
    let is_seen = |costs: &SessionCosts| asker.is_owner || costs.principal == asker.principal.as_str();
    let sessions = costs.sessions.into_iter().map(SessionCosts::from).filter(is_seen).collect();
    Json(SessionsCosts { sessions, broken_tokens: costs.broken_tokens })
}

/// How many results of tools are kept, and how often they answered a call.
#[utoipa::path(get, path = "/api/cache", responses((status = OK, description = "All together, and each server that keeps any", body = CacheStats)))]
async fn cache(State(control): State<Control>) -> Json<CacheStats> {
    let snapshot = Arc::clone(&control.parts.gateway.snapshot());
    let servers = describe_all(&control.parts.gateway, snapshot).await.into_iter();
    let servers: BTreeMap<_, _> = servers.filter_map(|server| Some((server.name, server.cache?))).collect();
    let all = servers.values().copied().fold(said::Cache::default(), said::Cache::and);
    Json(CacheStats { all, servers })
}
