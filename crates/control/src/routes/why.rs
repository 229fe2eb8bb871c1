//! `GET /api/why?name=&as=`: every gate before a server or a tool.

use crate::access::Asker;
use crate::{Control, Problem, said, why};
use axum::Json;
use axum::extract::{Query, State};
use protocol::Principal;
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Asked {
    /// A server, a public name or `SERVER.TOOL`; every server if absent.
    name: Option<String>,
    /// In whose place; that of whoever asks if absent.
    #[serde(rename = "as")]
    principal: Option<String>,
}

pub(crate) async fn explain(
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
