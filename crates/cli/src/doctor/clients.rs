//! The configuration files of AI clients: can they be read, do they come to this program, and do
//! they start servers of their own that this switchboard already runs?

use super::Finding;
use crate::context::Context;
use config::client_files::{Client, ClientFileError};
use config::{Config, Reach, Sources};

pub(super) fn examine(context: &Context, config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let executable = std::env::current_exe().map(|path| path.display().to_string()).unwrap_or_default();
    for client in Client::ALL {
        let plan = client.plan(&context.environment, &executable);
        let (file, text) = match plan {
            Ok(plan) => match &plan.old {
                Some(text) => (plan.file.clone(), (text.clone(), plan.is_done())),
                None => continue,
            },
            Err(ClientFileError::NoHome) => continue,
            Err(error) => {
                let fix = "mend the file: the client itself cannot read it either";
                findings.push(Finding::error("clients", format!("{}: {error}", client.name()), fix));
                continue;
            }
        };
        let (text, ours) = text;
        let name = client.name();
        if !ours && ["\"switchboard\"", "mcp_servers.switchboard"].iter().any(|entry| text.contains(entry)) {
            let message = format!("{name} starts another program than this one as `switchboard` ({})", file.display());
            findings.push(Finding::warning("clients", message, format!("switchboard connect --write {name}")));
        }
        findings.extend(doubled(context, config, name, file));
    }
    findings
}

/// Servers that a client starts itself although they run here: each is a second process.
fn doubled(context: &Context, config: &Config, client: &str, file: std::path::PathBuf) -> Vec<Finding> {
    let sources = Sources {
        files: vec![file.clone()],
        ..Sources { environment: context.environment.clone(), ..Sources::default() }
    };
    let theirs = config::load(&sources).config;
    let mut findings = Vec::new();
    for entry in theirs.servers.values().filter(|entry| entry.enabled) {
        let same = config.servers.values().find(|own| own.is_active() && is_same(&own.reach, &entry.reach));
        if let Some(own) = same.filter(|own| own.origin.file.as_ref() != Some(&file)) {
            let message = format!(
                "{client} starts `{}` itself, and this switchboard runs it too as `{}`: two of one server",
                entry.name, own.name
            );
            let fix = format!(
                "take `{}` out of {} and connect {client} here: switchboard connect --write {client}",
                entry.name,
                file.display()
            );
            findings.push(Finding::warning("doubled", message, fix));
        }
    }
    findings
}

fn is_same(own: &Reach, other: &Reach) -> bool {
    match (own, other) {
        (Reach::Stdio { command, args, .. }, Reach::Stdio { command: theirs, args: their_args, .. }) => {
            (command, args) == (theirs, their_args)
        }
        _ => false,
    }
}
