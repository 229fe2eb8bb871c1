//! What will not work, said before anybody waits for it: programs of local servers and of what they
//! need that are not installed, a container engine that is not there, dependencies that are not used.
//! It only looks; whether a server can start is found out by starting it.

use config::{Check, Config, Environment, Reach, Runs, Server, Service, ServiceKind};
use rustix::fs::{Access, access};
use std::collections::{BTreeMap, HashMap};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Something that will not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// `program`, `engine` or `depends`.
    pub(crate) what: &'static str,
    /// The servers that it is about.
    pub(crate) servers: Vec<String>,
    pub(crate) message: String,
    pub(crate) hint: String,
    /// Whether it may be over later without anybody doing anything.
    pub(crate) passes: bool,
}

/// Looks for programs, each combination of name and path once.
struct Search<'a> {
    environment: &'a Environment,
    known: HashMap<(String, String), bool>,
}

/// Programs and how they are usually installed.
const INSTALL: &[(&str, &str)] = &[
    ("npx", "install Node.js (https://nodejs.org), which brings `npx`"),
    ("node", "install Node.js: https://nodejs.org"),
    ("npm", "install Node.js (https://nodejs.org), which brings `npm`"),
    ("uvx", "install uv (https://docs.astral.sh/uv), which brings `uvx`"),
    ("uv", "install uv: https://docs.astral.sh/uv"),
    ("python", "install Python: https://www.python.org"),
    ("python3", "install Python: https://www.python.org"),
    ("docker", "install Docker: https://docs.docker.com/get-docker"),
    ("podman", "install Podman: https://podman.io"),
    ("deno", "install Deno: https://deno.com"),
    ("bun", "install Bun: https://bun.sh"),
    ("bunx", "install Bun (https://bun.sh), which brings `bunx`"),
];

/// Looks for what every server that is to be started stands on.
pub(crate) fn check(config: &Config, environment: &Environment) -> Vec<Finding> {
    let mut search = Search { environment, known: HashMap::new() };
    let mut findings = Vec::new();
    for server in config.servers.values().filter(|server| server.is_active()) {
        findings.extend(programs(server, &mut search));
        findings.extend(server.depends_on.iter().filter_map(|name| unused(config, server, name)));
    }
    for (service, servers) in needed(config) {
        findings.extend(of_service(service, &servers, &mut search));
    }
    findings.extend(engine(config, environment));
    findings
}

fn programs(server: &Server, search: &mut Search<'_>) -> Option<Finding> {
    let Runs { command, cwd, .. } = server.runs()?;
    let path = path_of(config::child_environment(server, search.environment));
    let name = &server.name;
    if !search.finds(command, cwd, &path) {
        return Some(missing(command, &format!("the server `{name}` cannot start"), &server.origin, [name]));
    }
    let install = server.install.first()?;
    let what = format!("the server `{name}` cannot be installed");
    (!search.finds(install, cwd, &path)).then(|| missing(install, &what, &server.origin, [name]))
}

/// A server that this one needs and that does not run.
fn unused(config: &Config, server: &Server, name: &str) -> Option<Finding> {
    let other = config.servers.get(name).filter(|other| !other.is_active())?;
    let (why, hint) = match other.enabled {
        true => ("waits for approval", format!("switchboard approve {name}")),
        false => ("is switched off", format!("switchboard enable {name}")),
    };
    Some(Finding {
        what: "depends",
        servers: vec![server.name.clone()],
        message: format!("the server `{}` needs `{name}`, which {why} ({})", server.name, other.origin),
        hint: format!("{hint}, or take it out of `depends_on` at {}", server.origin),
        passes: false,
    })
}

/// The services that servers to be started need, with the names of those servers.
fn needed(config: &Config) -> Vec<(&Service, Vec<String>)> {
    let mut users: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for server in config.servers.values().filter(|server| server.is_active()) {
        let mut open: Vec<&str> = server.depends_on.iter().map(String::as_str).collect();
        while let Some(name) = open.pop() {
            let Some(service) = config.services.get(name) else { continue };
            let known = users.entry(&service.name).or_default();
            if !known.contains(&server.name) {
                known.push(server.name.clone());
                open.extend(service.depends_on.iter().map(String::as_str));
            }
        }
    }
    users.into_iter().filter_map(|(name, users)| Some((config.services.get(name)?, users))).collect()
}

fn of_service(service: &Service, servers: &[String], search: &mut Search<'_>) -> Option<Finding> {
    let name = &service.name;
    let whose = format!("`{name}`, which {} needs,", listed(servers));
    let path = path_of(config::service_environment(service, search.environment));
    let folder = match &service.kind {
        ServiceKind::Command { cwd, .. } => cwd.as_deref(),
        _ => None,
    };
    if let ServiceKind::Command { command, .. } = &service.kind
        && !search.finds(command, folder, &path)
    {
        return Some(missing(command, &format!("the service {whose} cannot start"), &service.origin, servers));
    }
    let Some(Check::Command(words)) = &service.ready.check else { return None };
    let program = words.first().filter(|program| !search.finds(program, folder, &path))?;
    Some(missing(program, &format!("the service {whose} cannot be checked"), &service.origin, servers))
}

/// The engine, where containers are to be run.
fn engine(config: &Config, environment: &Environment) -> Option<Finding> {
    let contained = |server: &&Server| server.is_active() && matches!(server.reach, Reach::Container { .. });
    let mut servers: Vec<String> =
        config.servers.values().filter(contained).map(|server| server.name.clone()).collect();
    for (service, users) in needed(config) {
        if matches!(service.kind, ServiceKind::Container(_)) {
            servers.extend(users);
        }
    }
    servers.sort();
    servers.dedup();
    if servers.is_empty() {
        return None;
    }
    let (why, hint, passes) = match gateway::engine_socket(config.container_engine.as_deref(), environment) {
        Err(error) => (error.reason, error.hint, false),
        Ok(socket) => {
            let error = UnixStream::connect(&socket).err()?;
            let why = format!("the container engine at {} cannot be reached: {error}", socket.display());
            (why, Some("is it running, and may you open its socket? see: docker info".to_owned()), true)
        }
    };
    let message = format!("no container can be started for {}: {why}", listed(&servers));
    let hint = hint.unwrap_or_else(|| "start Docker or Podman".to_owned());
    Some(Finding { what: "engine", servers, message, hint, passes })
}

/// Names for a person, the first few.
fn listed(names: &[String]) -> String {
    const MOST: usize = 5;
    let shown = names.iter().take(MOST).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > MOST { format!("{shown} and {} more", names.len() - MOST) } else { shown }
}

fn path_of(variables: Vec<(String, String)>) -> String {
    variables.into_iter().rev().find(|(name, _)| name == "PATH").map(|(_, path)| path).unwrap_or_default()
}

// === impl Search ===

impl Search<'_> {
    /// Whether `command` is a program, seen from `cwd` with this PATH.
    fn finds(&mut self, command: &str, cwd: Option<&Path>, path: &str) -> bool {
        let folder = cwd.unwrap_or(&self.environment.cwd);
        if command.contains('/') {
            return is_program(&folder.join(command));
        }
        // Fifty servers of one program are one look-up.
        *self
            .known
            .entry((command.to_owned(), path.to_owned()))
            .or_insert_with(|| std::env::split_paths(path).any(|place| is_program(&folder.join(place).join(command))))
    }
}

fn is_program(path: &Path) -> bool {
    path.is_file() && access(path, Access::EXEC_OK).is_ok()
}

fn missing<'a>(
    command: &str,
    what: &str,
    origin: &config::Origin,
    servers: impl IntoIterator<Item = &'a String>,
) -> Finding {
    let place = if command.contains('/') { "" } else { " in PATH" };
    let install = INSTALL.iter().find(|(program, _)| *program == command).map(|(_, hint)| (*hint).to_owned());
    Finding {
        what: "program",
        servers: servers.into_iter().cloned().collect(),
        message: format!("{what}: there is no program `{command}`{place}"),
        hint: install.unwrap_or_else(|| format!("install it, or mend `command` at {origin}")),
        passes: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<Finding> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("switchboard.toml");
        std::fs::write(&file, text).unwrap();
        let environment = Environment {
            cwd: folder.path().to_owned(),
            vars: [("PATH".to_owned(), "/usr/bin:/bin".to_owned())].into_iter().collect(),
            ..Environment::default()
        };
        let sources = config::Sources { files: vec![file], environment: environment.clone(), ..Default::default() };
        check(&config::load(&sources).config, &environment)
    }

    #[test]
    fn what_is_missing_is_named_with_what_to_do() {
        let found = findings(
            "[servers.a]\ncommand = 'sh'\n[servers.b]\ncommand = 'bunx'\n[servers.c]\ncommand = './none'\n\
             [servers.d]\ncommand = 'none'\nenabled = false\n",
        );
        let messages: Vec<&str> = found.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(messages.len(), 2, "{messages:?}");
        assert!(messages[0].contains("`b`") && found[0].hint.contains("Bun"));
        assert!(messages[1].contains("./none") && found[1].hint.contains("command"));
    }

    #[test]
    fn what_servers_need_is_looked_for_too() {
        let found = findings(
            "container_engine = 'unix:///no/such/engine.sock'\n\
             [servers.a]\ncommand = 'sh'\ndepends_on = ['db', 'off']\n[servers.b]\ncommand = 'sh'\ndepends_on = ['db']\n\
             [servers.c]\nimage = 'x'\n[servers.off]\ncommand = 'none'\nenabled = false\n\
             [services.db]\ncommand = 'no-database'\ndepends_on = ['box']\n[services.box]\nimage = 'y'\n\
             [services.spare]\ncommand = 'nobody-needs-it'\n",
        );
        let whats: Vec<_> = found.iter().map(|one| (one.what, one.servers.join(" "))).collect();
        let expected = [("depends", "a"), ("program", "a b"), ("engine", "a b c")];
        assert_eq!(whats, expected.map(|(what, servers)| (what, servers.to_owned())), "{found:?}");
        assert!(found[0].hint.contains("switchboard enable off"), "{found:?}");
        assert!(found[1].message.contains("no-database"), "{found:?}");
        assert!(found[2].message.contains("/no/such/engine.sock") && found[2].passes, "{found:?}");
    }
}
