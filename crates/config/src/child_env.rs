//! The environment that a server's process gets: a short list of what every program needs, and
//! what its entry adds. The switchboard's own secrets are not in it.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};

use crate::config::{Reach, Server};
use crate::environment::Environment;
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

/// The whole environment of the process of `server`, sorted by name. Values may be secret: hand
/// them to the process and to nobody else. Empty for a remote server.
pub fn child_environment(server: &Server, environment: &Environment) -> Vec<(String, String)> {
    match &server.reach {
        Reach::Stdio { env, inherit_env, .. } => assembled(env, inherit_env, environment),
        _ => Vec::new(),
    }
}

/// The whole environment of the program of `service`, by the same rules; also that of
/// the commands that check it.
pub fn service_environment(service: &Service, environment: &Environment) -> Vec<(String, String)> {
    match &service.kind {
        ServiceKind::Command { env, .. } => assembled(env, &[], environment),
        _ => assembled(&BTreeMap::new(), &[], environment),
    }
}

fn assembled(
    env: &BTreeMap<String, SecretString>,
    inherit_env: &[String],
    environment: &Environment,
) -> Vec<(String, String)> {
    let passed = |name: &str| {
        PASSED.contains(&name)
            || name.starts_with("LC_")
            || name.starts_with("XDG_")
            || inherit_env.iter().any(|inherited| inherited == name)
    };
    let ours = environment.vars.iter().filter(|(name, _)| passed(name));
    let mut child: BTreeMap<String, String> = ours.map(|(name, value)| (name.clone(), value.clone())).collect();
    for (name, value) in env {
        child.insert(name.clone(), value.expose_secret().to_owned());
    }
    child.into_iter().collect()
}
