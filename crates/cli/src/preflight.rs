//! What will not work, said before anybody waits for it: programs of local servers that are not
//! installed. It only looks; whether a server can start is found out by starting it.

use config::{Config, Environment, Runs, Server};
use rustix::fs::{Access, access};
use std::collections::HashMap;
use std::path::Path;

/// Something that will not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The server that it is about.
    pub(crate) server: String,
    pub(crate) message: String,
    pub(crate) hint: String,
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

/// Looks for the program of every server that is to be started.
pub(crate) fn check(config: &Config, environment: &Environment) -> Vec<Finding> {
    let mut known: HashMap<(String, String), bool> = HashMap::new();
    let mut findings = Vec::new();
    for server in config.servers.values().filter(|server| server.is_active()) {
        let Some(Runs { command, cwd, .. }) = server.runs() else { continue };
        let folder = cwd.unwrap_or(&environment.cwd);
        let variables = config::child_environment(server, environment);
        let path =
            variables.into_iter().rev().find(|(name, _)| name == "PATH").map(|(_, path)| path).unwrap_or_default();
        let found = match command.contains('/') {
            true => is_program(&folder.join(command)),
            // Fifty servers of one program are one look-up.
            false => *known.entry((command.to_owned(), path.clone())).or_insert_with(|| {
                std::env::split_paths(&path).any(|place| is_program(&folder.join(place).join(command)))
            }),
        };
        if !found {
            findings.push(finding(server, command));
        }
    }
    findings
}

/// Whether `finding` is about `server`.
pub(crate) fn is_missing(finding: &Finding, server: &Server) -> bool {
    finding.server == server.name
}

fn is_program(path: &Path) -> bool {
    path.is_file() && access(path, Access::EXEC_OK).is_ok()
}

fn finding(server: &Server, command: &str) -> Finding {
    let name = &server.name;
    let place = if command.contains('/') { "" } else { " in PATH" };
    let install = INSTALL.iter().find(|(program, _)| *program == command).map(|(_, hint)| (*hint).to_owned());
    let mend = || format!("install it, or mend `command` at {}", server.origin);
    Finding {
        server: name.clone(),
        message: format!("the server `{name}` cannot start: there is no program `{command}`{place}"),
        hint: install.unwrap_or_else(mend),
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
}
