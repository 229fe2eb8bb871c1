//! `GET /api/why?name=&as=`: every gate before a server or a tool.

use crate::access::Asker;
use crate::asked::Query;
use crate::{Control, Problem, said, why};
use axum::Json;
use axum::extract::State;
use protocol::Principal;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this file.
pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(explain))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// A server, a public name or `SERVER.TOOL`; every server if absent.
    name: Option<String>,
    /// In whose place; that of whoever asks if absent.
    #[serde(rename = "as")]
    principal: Option<String>,
}

/// Every gate before a server or a tool, and what decides there.
#[utoipa::path(get, path = "/api/why", params(Asked), responses((status = OK, description = "One for each server that is meant", body = said::Reasons)))]
async fn explain(
    State(control): State<Control>,
    asker: Asker,
    Query(asked): Query<Asked>,
) -> Result<Json<said::Reasons>, Problem> {
    let gateway = &control.parts.gateway;
    let principal = asked.principal.map_or_else(|| asker.principal.clone(), |name| Principal::new(&name));
    let reasons = match asked.name {
        Some(name) => vec![why::explain(gateway, &name, &principal).or_else(|unknown| {
            // What discovery found and is not listed is no server yet, but there is something to say.
            let found = control.parts.found.borrow();
            let found = found.iter().find(|found| found.name == name);
            found.map(|found| why::not_listed(found, &principal)).ok_or(unknown)
        })?],
        None => why::every(gateway, &principal),
    };
    Ok(Json(said::Reasons { reasons }))
}
