//! Which servers are inside this program, as the gateway asks for them: the control plane, and
//! those of `builtins`, each with what its entry says.

use crate::report::Report;
use crate::state::State;
use builtins::Given;
use config::{Config, Environment, Reach};
use gateway::server::Inside;
use secrecy::{ExposeSecret as _, SecretString};
use std::sync::Arc;

/// What servers inside stand on.
///
/// # Errors
/// When the cache cannot be opened.
pub(crate) async fn parts(state: &State, _config: &Config) -> Result<builtins::Parts, Report> {
    Ok(builtins::Parts { store: state.shared.clone() })
}

/// Makes the server of an entry.
pub(crate) fn inside(control: control::Inside, parts: builtins::Parts, environment: &Environment) -> Inside {
    let environment = environment.clone();
    Arc::new(move |entry| {
        if let Some(service) = control.service(entry) {
            return Ok(service);
        }
        let Reach::Builtin { builtin: name, .. } = &entry.reach else {
            return Err("it is no server inside this program".to_owned());
        };
        let builtin = builtins::Builtin::find(name)
            .ok_or_else(|| format!("this program has no server `{name}` inside; it has {}", names()))?;
        builtin.service(&parts, &given(entry, &environment))
    })
}

/// What an entry says to its server.
pub(crate) fn given(entry: &config::Server, environment: &Environment) -> Given {
    let Reach::Builtin { options, env, .. } = &entry.reach else { return Given::default() };
    let (own, process) = (env.clone(), environment.clone());
    let env = move |name: &str| {
        let value = own.get(name).cloned();
        let value = value.or_else(|| process.vars.get(name).map(|value| SecretString::from(value.as_str())));
        value.filter(|value| !value.expose_secret().is_empty())
    };
    Given { options: options.0.clone(), env: Arc::new(env) }
}

fn names() -> String {
    builtins::ALL.iter().map(|builtin| builtin.name).chain(["switchboard"]).collect::<Vec<_>>().join(", ")
}
