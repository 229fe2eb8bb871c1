//! `POST /api/reload`, `/api/stop` and `/api/restart`: what the daemon is told to do with itself.

use crate::{Command, Control, Problem, said};
use axum::Json;
use axum::extract::State;
use protocol::ErrorKind;
use tokio::sync::oneshot;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this file.
pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(reload)).routes(routes!(stop)).routes(routes!(restart))
}

/// Read the configuration again.
#[utoipa::path(post, path = "/api/reload", responses((status = OK, description = "What is other now", body = said::Reloaded)))]
async fn reload(State(control): State<Control>) -> Result<Json<said::Reloaded>, Problem> {
    let (reply, answer) = oneshot::channel();
    tell(&control, Command::Reload(reply)).await?;
    answer.await.map_err(|_| ending())?.map(Json)
}

/// End the daemon, after the calls in flight.
#[utoipa::path(post, path = "/api/stop", responses((status = OK, description = "It is going to end", body = said::Stopping)))]
async fn stop(State(control): State<Control>) -> Result<Json<said::Stopping>, Problem> {
    tell(&control, Command::Stop).await?;
    Ok(Json(said::Stopping { pid: std::process::id() }))
}

/// End the daemon and begin again as the same process, if the configuration allows.
#[utoipa::path(post, path = "/api/restart", responses((status = OK, description = "It is going to begin again", body = said::Stopping)))]
async fn restart(State(control): State<Control>) -> Result<Json<said::Stopping>, Problem> {
    let (reply, answer) = oneshot::channel();
    tell(&control, Command::Restart(reply)).await?;
    answer.await.map_err(|_| ending())??;
    Ok(Json(said::Stopping { pid: std::process::id() }))
}

async fn tell(control: &Control, command: Command) -> Result<(), Problem> {
    control.parts.commands.send(command).await.map_err(|_| ending())
}

fn ending() -> Problem {
    Problem::new(ErrorKind::Draining, "the daemon is shutting down")
}
