//! What of the configuration can be told over REST: to use a server or not. Everything that would bring
//! a command line, an environment or a path, or let one run, is refused with the command that does it on
//! the machine itself: whoever stole a token must not get further than what is declared.

use crate::access::Asker;
use crate::asked::Path;
use crate::{Act, Command, Control, Deed, Problem, find, said};
use axum::Json;
use axum::extract::State;
use protocol::ErrorKind;
use tokio::sync::oneshot;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this file.
pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new()
        .routes(routes!(enable))
        .routes(routes!(disable))
        .routes(routes!(add))
        .routes(routes!(remove))
        .routes(routes!(approve))
}

/// Use a server again that was disabled.
#[utoipa::path(post, path = "/api/servers/{name}/enable", responses((status = OK, description = "What is other now", body = said::Reloaded)))]
async fn enable(
    State(control): State<Control>,
    asker: Asker,
    Path(name): Path<String>,
) -> Result<Json<said::Reloaded>, Problem> {
    switch(&control, &asker, &name, true).await.map(Json)
}

/// Keep a server in the configuration without using it.
#[utoipa::path(post, path = "/api/servers/{name}/disable", responses((status = OK, description = "What is other now", body = said::Reloaded)))]
async fn disable(
    State(control): State<Control>,
    asker: Asker,
    Path(name): Path<String>,
) -> Result<Json<said::Reloaded>, Problem> {
    switch(&control, &asker, &name, false).await.map(Json)
}

/// Add a server: refused, it takes a person at the machine.
#[utoipa::path(post, path = "/api/servers", responses((status = FORBIDDEN, description = "Always, with the command to type", body = Problem, content_type = "application/problem+json")))]
async fn add(_: Asker) -> Problem {
    local("servers are added on the machine itself", "switchboard add NAME -- COMMAND ARGUMENT…")
}

/// Take a server out of the configuration: refused, it takes a person at the machine.
#[utoipa::path(delete, path = "/api/servers/{name}", responses((status = FORBIDDEN, description = "Always, with the command to type", body = Problem, content_type = "application/problem+json")))]
async fn remove(State(control): State<Control>, _: Asker, Path(name): Path<String>) -> Result<Problem, Problem> {
    let name = known(&control, &name)?;
    Ok(local("servers are removed on the machine itself", &format!("switchboard remove {name}")))
}

/// Let a server run that others declared: refused, it takes a person at the machine.
#[utoipa::path(post, path = "/api/servers/{name}/approve", responses((status = FORBIDDEN, description = "Always, with the command to type", body = Problem, content_type = "application/problem+json")))]
async fn approve(State(control): State<Control>, _: Asker, Path(name): Path<String>) -> Result<Problem, Problem> {
    let is_found = control.parts.found.borrow().iter().any(|found| found.name == name);
    let name = if is_found { name } else { known(&control, &name)? };
    Ok(local("what may run is decided on the machine itself", &format!("switchboard approve {name}")))
}

fn known(control: &Control, name: &str) -> Result<String, Problem> {
    Ok(find::server(&control.parts.gateway.snapshot(), name)?.name.to_string())
}

async fn switch(control: &Control, asker: &Asker, name: &str, on: bool) -> Result<said::Reloaded, Problem> {
    let name = known(control, name)?;
    let (reply, answer) = oneshot::channel();
    let ending = || Problem::new(ErrorKind::Draining, "the daemon is shutting down");
    let command = Command::Switch { name: name.clone(), on, reply };
    control.parts.commands.send(command).await.map_err(|_| ending())?;
    let reloaded = answer.await.map_err(|_| ending())??;
    let act = if on { Act::Enabled } else { Act::Disabled };
    control.parts.deeds.note(Deed::new(asker.principal.as_str(), act, name));
    Ok(reloaded)
}

fn local(what: &str, command: &str) -> Problem {
    Problem::new(ErrorKind::Denied, what).hint(format!("type there: {command}"))
}
