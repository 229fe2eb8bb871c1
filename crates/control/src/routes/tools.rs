//! `GET /api/tools?server=` and `GET /api/tool?name=`: what can be called.

use crate::asked::Query;
use crate::{Control, Problem, find, said};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use std::collections::HashMap;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this file.
pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(one))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Only those of this server.
    server: Option<String>,
    /// 1 for those that are not as they were approved.
    #[serde(default)]
    changed: u8,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Named {
    /// A public name, or `SERVER.TOOL`.
    name: String,
}

/// The tools that can be called.
#[utoipa::path(get, path = "/api/tools", params(Which), responses((status = OK, description = "By server and own name", body = said::Tools)))]
async fn list(State(control): State<Control>, Query(which): Query<Which>) -> Result<Json<said::Tools>, Problem> {
    let gateway = &control.parts.gateway;
    gateway.first_listed().await;
    let snapshot = gateway.snapshot();
    let only = which.server.map(|name| find::server(&snapshot, &name).map(|server| server.name.clone())).transpose()?;
    let routes = snapshot.catalog.all.tool_routes();
    let public: HashMap<_, _> =
        routes.iter().map(|(name, route)| ((&*route.server, route.own.clone()), name.to_string())).collect();
    let mut tools = Vec::new();
    for server in snapshot.servers.values().filter(|server| only.as_ref().is_none_or(|only| *only == server.name)) {
        let Some(view) = snapshot.catalog.single.get(&server.entry.reduced) else { continue };
        let unapproved = server.guards.unapproved();
        for definition in &server.catalog().tools {
            let Some(own) = find::own_name(definition).filter(|own| view.tool(own).is_some()) else { continue };
            let unapproved = unapproved.iter().find(|one| one.tool == own.as_str());
            let unapproved = unapproved.map(|one| if one.new { "new" } else { "changed" }.to_owned());
            if which.changed > 0 && unapproved.is_none() {
                continue;
            }
            let name = public.get(&(&*server.name, own.clone())).cloned();
            let (server, own) = (server.name.to_string(), own.to_string());
            tools.push(said::Tool { name, server, own, definition: definition.clone(), unapproved });
        }
    }
    tools.sort_by(|left, right| (&left.server, &left.own).cmp(&(&right.server, &right.own)));
    Ok(Json(said::Tools { tools }))
}

/// One tool with its definition.
#[utoipa::path(get, path = "/api/tool", params(Named), responses((status = OK, description = "The tool", body = said::Tool)))]
async fn one(State(control): State<Control>, Query(named): Query<Named>) -> Result<Json<said::Tool>, Problem> {
    let gateway = &control.parts.gateway;
    gateway.first_listed().await;
    let found = find::tool(&gateway.snapshot(), &named.name)?;
    Ok(Json(said::Tool {
        name: found.public.as_ref().map(ToString::to_string),
        server: found.server.name.to_string(),
        own: found.own.to_string(),
        definition: found.definition(),
        unapproved: None,
    }))
}
