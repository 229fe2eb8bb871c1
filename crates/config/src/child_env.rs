//! The environment that a server's process gets: a short list of what every program needs, and
//! what its entry adds. The switchboard's own secrets are not in it.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};

use crate::config::Server;
use crate::environment::Environment;
use crate::host::Runs;
use crate::service::{Service, ServiceKind};

/// Variables that every child gets if we have them. `LC_*` and `XDG_*` are passed as well.
const PASSED: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "TERM",
    "LANG",
    "TMPDIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
];

/// The environment of a program that checks `server`: that of its own process; for a remote server
/// what every child gets.
pub fn check_environment(server: &Server, environment: &Environment) -> Vec<(String, String)> {
    match server.runs() {
        Some(_) => child_environment(server, environment),
        None => passed(environment, &[]).into_iter().collect(),
    }
}

/// The whole environment of the process of `server`, sorted by name. Values may be secret: hand
/// them to the process and to nobody else. Empty for a remote server.
pub fn child_environment(server: &Server, environment: &Environment) -> Vec<(String, String)> {
    let Some(Runs { env, inherit_env, .. }) = server.runs() else {
        return Vec::new();
    };
    assembled(env, inherit_env, server.port, environment)
}

/// The whole environment of the program of `service`, by the same rules; also that of
/// the commands that check it.
pub fn service_environment(service: &Service, environment: &Environment) -> Vec<(String, String)> {
    match &service.kind {
        ServiceKind::Command { env, .. } => assembled(env, &[], None, environment),
        _ => assembled(&BTreeMap::new(), &[], None, environment),
    }
}

fn assembled(
    env: &BTreeMap<String, SecretString>,
    inherit_env: &[String],
    port: Option<u16>,
    environment: &Environment,
) -> Vec<(String, String)> {
    let mut child = passed(environment, inherit_env);
    if let Some(port) = port {
        child.insert("PORT".to_owned(), port.to_string());
    }
    for (name, value) in env {
        child.insert(name.clone(), value.expose_secret().to_owned());
    }
    child.into_iter().collect()
}

/// What of our own environment a child gets.
fn passed(environment: &Environment, inherit_env: &[String]) -> BTreeMap<String, String> {
    let passed = |name: &str| {
        PASSED.contains(&name)
            || name.starts_with("LC_")
            || name.starts_with("XDG_")
            || inherit_env.iter().any(|inherited| inherited == name)
    };
    let ours = environment.vars.iter().filter(|(name, _)| passed(name));
    ours.map(|(name, value)| (name.clone(), value.clone())).collect()
}
