//! `POST /api/reload`, `/api/stop` and `/api/restart`: what the daemon is told to do with itself.

use crate::{Command, Control, Problem, said};
use axum::Json;
use axum::extract::State;
use protocol::ErrorKind;
use tokio::sync::oneshot;

pub(crate) async fn reload(State(control): State<Control>) -> Result<Json<said::Reloaded>, Problem> {
    let (reply, answer) = oneshot::channel();
    tell(&control, Command::Reload(reply)).await?;
    answer.await.map_err(|_| ending())?.map(Json)
}

pub(crate) async fn stop(State(control): State<Control>) -> Result<Json<said::Stopping>, Problem> {
    tell(&control, Command::Stop).await?;
    Ok(Json(said::Stopping { pid: std::process::id() }))
}

pub(crate) async fn restart(State(control): State<Control>) -> Result<Json<said::Stopping>, Problem> {
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
