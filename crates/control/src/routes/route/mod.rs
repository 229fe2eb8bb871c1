//! `POST /api/route`: which servers a text is for; and, where that is asked for, they are started, or a
//! tool is called on the one that fits best.
//!
//! What fits is the index's answer; what is done goes through the same doors as everybody's starts and
//! calls, so that rules and records count.

mod choice;

use super::call::through_door;
use super::lives::{self, Wish};
use super::search::{band, servers, text};
use crate::access::Asker;
use crate::asked::Body;
use crate::find::Found;
use crate::{Control, Problem, find, said};
use axum::Json;
use axum::extract::State;
use choice::Choice;
use config::RouteLimits;
use futures_util::future::join_all;
use gateway::server::ServerState;
use gateway::{Scope, Snapshot, finder};
use protocol::{ErrorKind, Object, Raw};
use said::Routed;
use search::Band;
use std::time::Duration;
use tokio::time::timeout;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this file.
pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(route))
}

/// Tools that are looked at to judge servers by.
const TOOLS: usize = 10;
/// How long a call waits before it is tried again; so much more after each time.
const PAUSE: Duration = Duration::from_millis(250);
/// Failures after which the tool may have done something all the same: that is not tried again.
const UNKNOWN_OUTCOME: &[&str] = &["timeout", "upstream_gone", "state_lost", "connection"];

/// Say which servers a task needs; start them, or call a tool on the best one.
///
/// Without `start` and `tool` it changes nothing, and needs no token where one may look without. What goes
/// wrong with a server or the tool is said in the answer: `error` and `suggestion`, or `problem` of a server.
#[utoipa::path(post, path = "/api/route", request_body = said::RouteAsked, responses((status = OK, description = "The servers, and what was done", body = said::Routed)))]
async fn route(
    State(control): State<Control>,
    asker: Asker,
    Body(asked): Body<said::RouteAsked>,
) -> Result<Json<Routed>, Problem> {
    let prompt = text(&asked.prompt)?.to_owned();
    if (asked.start || asked.tool.is_some()) && !asker.is_owner {
        let problem = Problem::new(ErrorKind::Unauthorized, "whatever changes something needs a token");
        return Err(
            problem.hint("the token is in: switchboard dashboard --print; without `start` and `tool` none is needed")
        );
    }
    if asked.data.as_ref().is_some_and(|data| !data.is_object()) {
        return Err(Problem::new(ErrorKind::InvalidParams, "`data` is not an object"));
    }
    let gateway = &control.parts.gateway;
    gateway.first_listed().await;
    let sought = finder::Find { text: prompt.clone(), limit: TOOLS, server: None };
    let found = gateway.find(&Scope::All, &asker.principal, sought).await;
    let limits = gateway.snapshot().config.search.default_limits.clone();
    let mut routed = analysis(&control, prompt, &found);
    if asked.start {
        start((&control, &asker), &mut routed, limits.startup_wait).await;
    }
    if let Some(tool) = &asked.tool {
        let data = asked.data.clone().unwrap_or_else(|| Raw::from_static("{}"));
        if let Err(problem) = call((&control, &asker), &mut routed, (tool, data), &limits).await {
            routed.error = Some(problem.title);
            routed.suggestion = problem.hint;
        }
    }
    Ok(Json(routed))
}

/// What the index says, in the words of the answer.
fn analysis(control: &Control, prompt: String, found: &finder::Found) -> Routed {
    let mut servers = servers(control, found);
    let sure = match found.answer.band {
        Band::Confident => Band::Confident,
        band => choice::narrow(&mut servers, band, found.answer.parts.len()),
    };
    let chosen: Vec<String> = servers.iter().filter(|server| server.chosen).map(|server| server.name.clone()).collect();
    Routed {
        primary: chosen.first().cloned(),
        recommended_servers: chosen,
        parts: found.answer.parts.clone(),
        servers,
        ..Routed::new(prompt, band(sure))
    }
}

/// Starts what was chosen, all at once, and waits for each as long as it may take.
async fn start((control, asker): (&Control, &Asker), routed: &mut Routed, wait: Duration) {
    let chosen = routed.servers.iter_mut().filter(|server| server.chosen);
    let started = chosen.map(|server| async move {
        match lives::act((control, asker), &server.name, Wish::Start, wait).await {
            Ok(now) => server.state = now.state,
            Err(problem) => {
                server.state = state(&control.parts.gateway.snapshot(), &server.name);
                server.problem = Some(problem);
            }
        }
        (server.state == ServerState::Ready.as_str()).then(|| server.name.clone())
    });
    routed.started = join_all(started).await.into_iter().flatten().collect();
}

/// How a server is now.
fn state(snapshot: &Snapshot, name: &str) -> String {
    snapshot.servers.get(name).map(|server| server.status().state.to_string()).unwrap_or_default()
}

/// Calls a tool on the server that fits best among those that have it.
async fn call(
    (control, asker): (&Control, &Asker),
    routed: &mut Routed,
    (tool, data): (&str, Raw),
    limits: &RouteLimits,
) -> Result<(), Problem> {
    let found = {
        let snapshot = control.parts.gateway.snapshot();
        let (found, note) = tool_of(&snapshot, routed, tool)?;
        routed.note = note;
        found
    };
    let name = found.server.name.to_string();
    routed.server = Some(name.clone());
    if found.server.status().state != ServerState::Ready {
        // What keeps it from starting is what keeps it from being called; one that takes long is waited
        // for by the call.
        match lives::act((control, asker), &name, Wish::Start, limits.startup_wait).await {
            Ok(_) => routed.started.push(name.clone()),
            Err(problem) if problem.kind == ErrorKind::Timeout.row().name => {}
            Err(problem) => return Err(problem),
        }
        let now = state(&control.parts.gateway.snapshot(), &name);
        routed.servers.iter_mut().filter(|server| server.name == name).for_each(|server| server.state = now.clone());
    }
    let result = patiently((control, asker), &found, data, limits).await?;
    routed.result = Some(result.to_raw());
    Ok(())
}

/// The tool of this name: a public name, `SERVER.TOOL`, or a server's own, on the server that fits best.
fn tool_of(snapshot: &Snapshot, routed: &Routed, name: &str) -> Result<(Found, Option<String>), Problem> {
    let ranked: Vec<&str> = routed.servers.iter().map(|server| server.name.as_str()).collect();
    match choice::choose(&find::servers_with(snapshot, name), &ranked) {
        Choice::None => match find::tool(snapshot, name) {
            Ok(found) => Ok((found, None)),
            Err(problem) => Err(match find::near_own(snapshot, name) {
                Some(near) => problem.hint(format!("did you mean `{near}`?")),
                None => nearer(problem, routed),
            }),
        },
        Choice::Only(server) => Ok((find::tool_of(snapshot, find::server(snapshot, server)?, name)?, None)),
        Choice::Best { server, others, fits } => {
            let found = find::tool_of(snapshot, find::server(snapshot, server)?, name)?;
            let why = if fits { "fits the text best" } else { "is the first by name, and none of them fits the text" };
            let others = others.join(", ");
            let note =
                format!("`{name}` is a tool of {server} and of {others}; {server} {why}; or say {server}.{name}");
            Ok((found, Some(note)))
        }
    }
}

/// Where no name is near, what fits the text may be what was meant.
fn nearer(problem: Problem, routed: &Routed) -> Problem {
    let is_near = problem.hint.as_deref().is_some_and(|hint| hint.starts_with("did you mean"));
    let best = routed.servers.iter().flat_map(|server| &server.tools).next();
    match best.filter(|_| !is_near && routed.band != band(Band::Nothing)) {
        Some(best) => problem.hint(format!("for this text `{best}` fits best; did you mean it?")),
        None => problem,
    }
}

/// Calls with the patience of `limits`. What did not reach the server is tried again.
async fn patiently(
    (control, asker): (&Control, &Asker),
    found: &Found,
    data: Raw,
    limits: &RouteLimits,
) -> Result<Object, Problem> {
    let mut statuses = found.server.watch_status();
    let mut tries = 0;
    loop {
        let calling = through_door(control, asker, found, data.clone());
        let answer = timeout(limits.response_timeout, calling).await.unwrap_or_else(|_| {
            let patience = limits.response_timeout.as_millis();
            let message = format!("`{}` of `{}` did not answer within {patience} ms", found.own, found.server.name);
            let hint = "raise response_timeout under [search.default_limits]";
            Err(Problem::new(ErrorKind::Timeout, message).hint(hint))
        });
        match answer {
            Err(problem) if choice::is_again(&problem, tries, limits.max_retries) => tries += 1,
            answer => return answer,
        }
        // Ready or not: whichever comes first.
        let pause = PAUSE.saturating_mul(u32::try_from(tries).unwrap_or(u32::MAX));
        statuses.mark_unchanged();
        let _ = timeout(pause, statuses.changed()).await;
    }
}
