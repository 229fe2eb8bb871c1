//! `/api/env…`: which variables servers name, and whether they are set. Of a value not one character is
//! shown (S0-29), and none is changed from here: values are read from files of the person who runs this.

use super::answer::{Answer, Refused, local_only};
use super::now;
use super::servers::variables;
use crate::asked::Path;
use crate::{Control, Problem};
use axum::Json;
use axum::extract::State;
use protocol::ErrorKind;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What stands for a value, whatever it is.
const MASK: &str = "••••";

/// The variables of every server that names any.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::Env)]
pub(super) struct Env {
    servers: BTreeMap<String, ServerEnv>,
    timestamp: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::ServerEnv)]
struct ServerEnv {
    name: String,
    env_vars: BTreeMap<String, Variable>,
    all_set: bool,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = predecessors::Variable)]
struct Variable {
    /// Whether it has a value.
    configured: bool,
    /// The same mask for every value; nothing without one.
    masked_value: Option<&'static str>,
}

/// One variable.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::NamedVariable)]
pub(super) struct Named {
    variable: String,
    /// Whether it has a value for every server that names it.
    configured: bool,
    masked_value: Option<&'static str>,
    /// The servers that name it.
    servers: Vec<String>,
}

/// Which variables servers name, and whether they are set.
#[utoipa::path(get, path = "/api/env", responses((status = OK, body = Env)))]
pub(super) async fn all(State(control): State<Control>) -> Json<Env> {
    let snapshot = control.parts.gateway.snapshot();
    let servers = snapshot.servers.values().map(|server| {
        let variables = variables(&server.entry);
        let all_set = variables.values().all(|set| *set);
        let env_vars = variables.into_iter().map(|(name, set)| (name, Variable::of(set))).collect();
        (server.name.to_string(), ServerEnv { name: server.name.to_string(), env_vars, all_set })
    });
    Json(Env { servers: servers.collect(), timestamp: now() })
}

/// Whether one variable is set.
#[utoipa::path(get, path = "/api/env/get/{var}", params(("var" = String, Path)), responses((status = OK, body = Named)))]
pub(super) async fn one(State(control): State<Control>, Path(variable): Path<String>) -> Answer<Named> {
    let snapshot = control.parts.gateway.snapshot();
    let named = snapshot.servers.values().filter_map(|server| {
        let set = variables(&server.entry).get(&variable).copied()?;
        Some((server.name.to_string(), set))
    });
    let named: BTreeMap<String, bool> = named.collect();
    if named.is_empty() {
        // What is in our own environment beside that is nobody's business.
        let problem = Problem::new(ErrorKind::UnknownName, format!("no server names a variable `{variable}`"));
        return Err(problem.hint("see which are named: GET /api/env").into());
    }
    let Variable { configured, masked_value } = Variable::of(named.values().all(|set| *set));
    Ok(Json(Named { variable, configured, masked_value, servers: named.into_keys().collect() }))
}

/// Refused: values are changed in the configuration, at this machine.
#[utoipa::path(post, path = "/api/env/update", responses((status = 403, description = "always")))]
pub(super) async fn update() -> Refused {
    let command = "set `env` of the server in its file (switchboard config show names it), then: switchboard reload";
    Refused::from(local_only("changing the environment of a server", command)).with("success", false)
}

// === impl Variable ===

impl Variable {
    fn of(configured: bool) -> Self {
        Self { configured, masked_value: configured.then_some(MASK) }
    }
}
