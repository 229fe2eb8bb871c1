//! `POST /api/servers/{name}/start`, `stop` and `restart`: what a person wants of a server. A stop is
//! answered when it is done, the others at once.

use super::servers::describe;
use crate::{Control, Problem, find, said};
use axum::Json;
use axum::extract::{Path, State};
use gateway::server::{Command, Server};
use std::sync::Arc;
use tokio::sync::oneshot;

pub(crate) async fn start(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Result<Json<said::Server>, Problem> {
    found(&control, &name)?.tell(Command::Start);
    described(&control, &name)
}

pub(crate) async fn stop(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Result<Json<said::Server>, Problem> {
    let (done, stopped) = oneshot::channel();
    found(&control, &name)?.tell(Command::Down(done));
    // Unanswered when it has ended for good meanwhile.
    let _ = stopped.await;
    described(&control, &name)
}

pub(crate) async fn restart(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Result<Json<said::Server>, Problem> {
    found(&control, &name)?.tell(Command::Restart);
    described(&control, &name)
}

/// A server that may be told something.
fn found(control: &Control, name: &str) -> Result<Arc<Server>, Problem> {
    let server = find::server(&control.parts.gateway.snapshot(), name)?.clone();
    if server.entry.is_active() { Ok(server) } else { Err(server.status().refusal(&server.name).into()) }
}

fn described(control: &Control, name: &str) -> Result<Json<said::Server>, Problem> {
    let snapshot = control.parts.gateway.snapshot();
    Ok(Json(describe(&snapshot, find::server(&snapshot, name)?)))
}
