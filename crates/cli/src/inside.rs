//! Which servers are inside this program, as the gateway asks for them: the control plane, and
//! those of `builtins`, each with what its entry says.

use crate::context::Context;
use crate::daemon::LazyGuard;
use crate::programs::Programs;
use crate::report::Report;
use crate::state::State;
use builtins::Given;
use config::{Config, Environment, Reach, Sources};
use gateway::server::Inside;
use secrecy::{ExposeSecret as _, SecretString};
use std::sync::Arc;
use store::cache::{Cache, CacheSettings};
use store::{Options, Place, Store};
use tempfile::TempDir;

/// What servers inside stand on.
///
/// # Errors
/// When the cache cannot be used.
pub(crate) fn parts(state: &State, config: &Config, environment: &Environment) -> Result<builtins::Parts, Report> {
    on(state.shared.clone(), config, environment)
}

fn on(store: Store, config: &Config, environment: &Environment) -> Result<builtins::Parts, Report> {
    let cache = Cache::open(&CacheSettings::of(&config.cache)).map_err(|error| {
        Report::usage(error.to_string()).hint("write it as redis://host:port/0, or leave `cache.url` out")
    })?;
    let spawner = Arc::new(Programs::of(LazyGuard::default()));
    Ok(builtins::Parts { store, cache, spawner, environment: environment.clone() })
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

/// The same for looking at servers and not for using them, with the folder that goes with it.
///
/// # Errors
/// When a place for what they would keep cannot be made.
pub(crate) fn example(context: &Context) -> Result<(TempDir, builtins::Parts), Report> {
    let folder = tempfile::tempdir().map_err(|error| Report::failed("there is no temporary folder").cause(error))?;
    let place = Place::File(folder.path().join("state.db"));
    let config = config::load(&Sources::default()).config;
    let parts = context.block_on(async {
        let store = Store::open(place, Options::default()).await.map_err(|error| Report::failed(error.to_string()))?;
        on(store, &config, &context.environment)
    })?;
    Ok((folder, parts))
}
