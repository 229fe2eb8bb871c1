//! `POST /api/servers/{name}/start`, `stop` and `restart`, the same of all servers, and
//! `GET /api/servers/{name}/wait`. Who asks is answered when it is done, or says why it is not;
//! nothing is asked for in a circle: the server's own state is watched.

use super::servers::describe;
use crate::access::Asker;
use crate::asked::{Path, Query};
use crate::{Act, Control, Deed, Problem, find, said};
use axum::Json;
use axum::extract::State as Extracted;
use futures_util::future::join_all;
use gateway::catalog::Kind;
use gateway::server::{Command, Server, ServerState, Status};
use protocol::ErrorKind;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this file.
pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new()
        .routes(routes!(start))
        .routes(routes!(stop))
        .routes(routes!(restart))
        .routes(routes!(wait))
        .routes(routes!(all))
}

/// The longest that a request here may take.
const WAIT_MAX: Duration = Duration::from_secs(600);

/// How long merging the lists may take.
const ASSEMBLED_MAX: Duration = Duration::from_millis(250);

/// What is wanted of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Wish {
    /// It is to run.
    Start,
    /// It is not to run.
    Stop,
    /// It is to end and to run again.
    Restart,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Patience {
    /// Milliseconds to wait until it is ready; none: it is told, and that is all.
    #[serde(default)]
    #[param(default = 0)]
    wait: u64,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Until {
    /// The state; `ready` if absent.
    state: Option<String>,
    /// Milliseconds; ten minutes at most, and if absent.
    timeout: Option<u64>,
}

/// Start a server.
#[utoipa::path(post, path = "/api/servers/{name}/start", params(Patience), responses((status = OK, description = "The server as it is now", body = said::Server)))]
async fn start(
    Extracted(control): Extracted<Control>,
    asker: Asker,
    Path(name): Path<String>,
    Query(patience): Query<Patience>,
) -> Result<Json<said::Server>, Problem> {
    act((&control, &asker), &name, Wish::Start, patience.wait()).await.map(Json)
}

/// Stop a server, after its calls in flight.
#[utoipa::path(post, path = "/api/servers/{name}/stop", responses((status = OK, description = "The server as it is now", body = said::Server)))]
async fn stop(
    Extracted(control): Extracted<Control>,
    asker: Asker,
    Path(name): Path<String>,
) -> Result<Json<said::Server>, Problem> {
    act((&control, &asker), &name, Wish::Stop, Duration::ZERO).await.map(Json)
}

/// Start a server again, after its calls in flight.
#[utoipa::path(post, path = "/api/servers/{name}/restart", params(Patience), responses((status = OK, description = "The server as it is now", body = said::Server)))]
async fn restart(
    Extracted(control): Extracted<Control>,
    asker: Asker,
    Path(name): Path<String>,
    Query(patience): Query<Patience>,
) -> Result<Json<said::Server>, Problem> {
    act((&control, &asker), &name, Wish::Restart, patience.wait()).await.map(Json)
}

/// Start, stop or restart every active server.
///
/// What stands in the path is `start`, `stop` or `restart`; it is a name only where it is read.
#[utoipa::path(post, path = "/api/servers/{name}", params(("name" = inline(Wish), Path, description = "What is done"), Patience), responses((status = OK, description = "How each is now", body = said::Turned)))]
async fn all(
    Extracted(control): Extracted<Control>,
    asker: Asker,
    Path(wish): Path<String>,
    Query(patience): Query<Patience>,
) -> Result<Json<said::Turned>, Problem> {
    let Some(known) = Wish::of(&wish) else {
        let problem = Problem::new(ErrorKind::MethodNotFound, format!("nothing is done at /api/servers/{wish}"));
        return Err(problem.hint("there is /api/servers/start, stop and restart"));
    };
    act_on_all((&control, &asker), known, patience.wait()).await.map(Json)
}

/// Does what is wanted with every server that is in use.
pub(crate) async fn act_on_all(
    (control, asker): (&Control, &Asker),
    wish: Wish,
    wait: Duration,
) -> Result<said::Turned, Problem> {
    let active: Vec<Arc<Server>> = {
        let snapshot = control.parts.gateway.snapshot();
        snapshot.servers.values().filter(|server| server.entry.is_active()).cloned().collect()
    };
    let turned = active.iter().map(|server| async {
        let problem = act((control, asker), &server.name, wish, wait).await.err();
        said::Turn { name: server.name.to_string(), state: server.status().state.to_string(), problem }
    });
    Ok(said::Turned { servers: join_all(turned).await })
}

/// Wait until a server is in a state, or the time is over.
#[utoipa::path(get, path = "/api/servers/{name}/wait", params(Until), responses((status = OK, description = "Whether it was reached", body = said::Waited)))]
async fn wait(
    Extracted(control): Extracted<Control>,
    Path(name): Path<String>,
    Query(until): Query<Until>,
) -> Result<Json<said::Waited>, Problem> {
    let wanted = until.state.unwrap_or_else(|| ServerState::Ready.to_string());
    let words = || ServerState::ALL.into_iter().map(ServerState::as_str);
    if !words().any(|word| word == wanted) {
        let problem = Problem::new(ErrorKind::InvalidParams, format!("`{wanted}` is no state of a server"));
        return Err(problem.hint(format!("the states: {}", words().collect::<Vec<_>>().join(", "))));
    }
    let patience = until.timeout.map_or(WAIT_MAX, Duration::from_millis).min(WAIT_MAX);
    let deadline = Instant::now() + patience;
    loop {
        // A reload may have put another server in its place: it is looked up each time.
        let mut statuses = found(&control, &name)?.watch_status();
        let server = described(&control, &name)?;
        let reached = server.state == wanted;
        if reached || Instant::now() >= deadline {
            return Ok(Json(said::Waited { reached, server }));
        }
        tokio::select! {
            () = control.parts.shutdown.cancelled() => {
                return Err(Problem::new(ErrorKind::Draining, "the daemon is shutting down"));
            }
            // A server that was replaced and a time that is over are seen at the top.
            _ = timeout_at(deadline, statuses.changed()) => {}
        }
    }
}

/// Does what is wanted with a server, and waits so long until it is done.
pub(crate) async fn act(
    (control, asker): (&Control, &Asker),
    name: &str,
    wish: Wish,
    wait: Duration,
) -> Result<said::Server, Problem> {
    let server = found(control, name)?;
    if !server.entry.is_active() {
        return Err(server.status().refusal(&server.name).into());
    }
    let act = match wish {
        Wish::Start => Act::Started,
        Wish::Stop => Act::Stopped,
        Wish::Restart => Act::Restarted,
    };
    // What is asked for is what is written down: how it ends stands in the server's log.
    control.parts.deeds.note(Deed::new(asker.principal.as_str(), act, &*server.name));
    let mut statuses = server.watch_status();
    let before = statuses.borrow_and_update().state;
    if wish != Wish::Stop {
        server.guards.forgive();
    }
    match wish {
        Wish::Stop => {
            let (done, ended) = oneshot::channel();
            server.tell(Command::Down(done));
            if !matches!(timeout(WAIT_MAX, ended).await, Ok(Ok(()))) {
                let problem = Problem::new(ErrorKind::Timeout, format!("whether `{name}` has ended is not known"));
                return Err(problem.hint(format!("see how it is: switchboard status {name}")));
            }
        }
        Wish::Start if before == ServerState::Ready => {}
        Wish::Start => {
            server.tell(Command::Start);
            ready(&server, &mut statuses, before != ServerState::Starting, wait).await?;
        }
        Wish::Restart => {
            server.tell(Command::Restart);
            ready(&server, &mut statuses, true, wait).await?;
        }
    }
    if wish != Wish::Stop {
        assembled(control, &server).await;
    }
    described(control, name)
}

/// A server that has just become ready is counted a moment later, when the lists are merged.
async fn assembled(control: &Control, server: &Server) {
    let gateway = &control.parts.gateway;
    let is_counted = || {
        let view = gateway.snapshot().catalog.single.get(&server.entry.reduced).cloned();
        server.catalog().tools.is_empty() || view.is_some_and(|view| view.list(Kind::Tools).count > 0)
    };
    if is_counted() {
        return;
    }
    let (_, mut changed) = gateway.stored();
    let deadline = Instant::now() + ASSEMBLED_MAX;
    while !is_counted() {
        // All of its tools may be denied: then there is nothing to wait for.
        if !matches!(timeout_at(deadline, changed.changed()).await, Ok(Ok(()))) {
            return;
        }
    }
}

/// Waits until the server is ready, or has failed to become so.
async fn ready(
    server: &Server,
    statuses: &mut watch::Receiver<Status>,
    changes_first: bool,
    wait: Duration,
) -> Result<(), Problem> {
    if wait.is_zero() {
        return Ok(());
    }
    let Ok(settled) = timeout(wait, settled(statuses, changes_first)).await else {
        let message = format!("the server `{}` was not ready within {} ms", server.name, wait.as_millis());
        let name = &server.name;
        let hint = format!("it goes on; wait longer: switchboard wait {name}; or look: switchboard logs {name}");
        return Err(Problem::new(ErrorKind::Timeout, message).hint(hint));
    };
    match settled {
        Some(status) if matches!(status.state, ServerState::Ready | ServerState::Asleep) => Ok(()),
        Some(status) => Err(status.refusal(&server.name).into()),
        None => Err(Problem::new(ErrorKind::Draining, "the server was replaced by a reload, or the daemon ends")),
    }
}

async fn settled(statuses: &mut watch::Receiver<Status>, changes_first: bool) -> Option<Status> {
    let mut is_old = changes_first;
    loop {
        if !is_old {
            let status = statuses.borrow_and_update().clone();
            // Stopped is on the way too: it was told to come up.
            let on_the_way =
                [ServerState::Starting, ServerState::Draining, ServerState::Stopping, ServerState::Stopped];
            if !on_the_way.contains(&status.state) {
                return Some(status);
            }
        }
        statuses.changed().await.ok()?;
        is_old = false;
    }
}

fn found(control: &Control, name: &str) -> Result<Arc<Server>, Problem> {
    find::server(&control.parts.gateway.snapshot(), name).cloned()
}

fn described(control: &Control, name: &str) -> Result<said::Server, Problem> {
    let snapshot = control.parts.gateway.snapshot();
    Ok(describe(&snapshot, find::server(&snapshot, name)?))
}

impl Wish {
    fn of(word: &str) -> Option<Self> {
        match word {
            "start" => Some(Self::Start),
            "stop" => Some(Self::Stop),
            "restart" => Some(Self::Restart),
            _ => None,
        }
    }
}

impl Patience {
    fn wait(&self) -> Duration {
        Duration::from_millis(self.wait).min(WAIT_MAX)
    }
}
