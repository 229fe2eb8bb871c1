//! `switchboard auth status`: which servers are signed in to, where, for what and until when.

use super::{Place, open_vault, remote};
use crate::context::Context;
use crate::printer::one_line;
use crate::report::Report;
use outbound::oauth::{Account, Vault};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Show this server alone
    server: Option<String>,
}

/// How the sign-in to one server stands.
#[derive(Debug, Serialize)]
struct Standing {
    server: String,
    /// `signed_in`, `ended` or `signed_out`.
    sign_in: &'static str,
    issuer: Option<String>,
    scopes: BTreeSet<String>,
    /// Scopes that the server asked for since.
    wanted: BTreeSet<String>,
    /// Seconds until the token ends, where that is known.
    seconds_left: Option<u64>,
    /// Whether it is then renewed without a person.
    renewable: bool,
}

/// Prints how it stands.
///
/// # Errors
/// An unknown server; a vault that cannot be read.
pub(super) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    let shown = match &args.server {
        Some(name) => vec![Place::find(name, context)?.name],
        None => remote_names(context)?,
    };
    let vault = open_vault(context)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let standings: Result<Vec<Standing>, Report> =
        shown.into_iter().map(|name| Standing::of(name, &*vault, now)).collect();
    let standings = standings?;
    if context.printer.json {
        context.printer.document(&json!({ "servers": standings }));
    } else if standings.is_empty() {
        context.printer.say("no server is declared that could be signed in to");
    } else {
        let rows: Vec<Vec<String>> = standings.iter().map(Standing::row).collect();
        context.printer.table(&["SERVER", "SIGN-IN", "UNTIL", "SCOPES", "AT"], &rows);
        let more = |standing: &&Standing| standing.sign_in == "signed_in" && !standing.wanted.is_empty();
        for standing in standings.iter().filter(more) {
            let wanted = words(&standing.wanted);
            context.printer.line(&format!("{}: it asked for more: {wanted}", standing.server));
            context.printer.line(&format!("  next: switchboard auth login {}", standing.server));
        }
    }
    Ok(())
}

/// The servers that can be signed in to, as the daemon knows them or as the files say.
fn remote_names(context: &Context) -> Result<Vec<String>, Report> {
    if context.settings.config.is_empty() {
        let client = context.client()?;
        let running: Option<serde_json::Value> = context.block_on(client.try_get("/api/config"))?;
        if let Some(servers) = running.as_ref().and_then(|config| config["servers"].as_object()) {
            let remote = servers.iter().filter(|(_, server)| server["auth"] == "auto");
            return Ok(remote.map(|(name, _)| name.clone()).collect());
        }
    }
    let servers = context.load()?.config.servers;
    Ok(servers.values().filter(|server| remote(server).is_some()).map(|server| server.name.clone()).collect())
}

impl Standing {
    fn of(server: String, vault: &dyn Vault, now: u64) -> Result<Self, Report> {
        let read = vault.read(&server);
        let read = read.map_err(|error| Report::failed("what was signed in to cannot be read").cause(error))?;
        let Account { tokens, wanted, .. } = read.unwrap_or_default();
        let Some(tokens) = tokens else {
            let (issuer, scopes) = (None, BTreeSet::new());
            return Ok(Self {
                server,
                sign_in: "signed_out",
                issuer,
                scopes,
                wanted,
                seconds_left: None,
                renewable: false,
            });
        };
        let renewable = tokens.refresh.is_some();
        Ok(Self {
            server,
            sign_in: if tokens.is_over(now) && !renewable { "ended" } else { "signed_in" },
            seconds_left: tokens.expires.map(|expires| expires.saturating_sub(now)),
            issuer: Some(tokens.issuer),
            scopes: tokens.scopes,
            wanted,
            renewable,
        })
    }

    fn row(&self) -> Vec<String> {
        let dash = || "-".to_owned();
        let until = match (self.sign_in, self.renewable, self.seconds_left) {
            ("signed_in", true, _) => "renewed as needed".to_owned(),
            ("signed_in", false, Some(left)) => format!("{} min", left.div_ceil(60)),
            _ => dash(),
        };
        let scopes = if self.scopes.is_empty() { dash() } else { one_line(&words(&self.scopes), 40) };
        let issuer = self.issuer.as_deref().map_or_else(dash, |issuer| one_line(issuer, 60));
        vec![self.server.clone(), self.sign_in.to_owned(), until, scopes, issuer]
    }
}

fn words(scopes: &BTreeSet<String>) -> String {
    scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}
