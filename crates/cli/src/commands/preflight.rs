//! `switchboard preflight`: would it run? Looks at everything that a start stands on and starts
//! nothing: the daemon's folder and addresses, programs, approvals, sign-ins.

use crate::context::Context;
use crate::preflight::{self, Finding};
use crate::printer::Paint;
use crate::report::Report;
use config::{Approval, Config, Server};
use control::Problem;
use outbound::oauth::Account;
use protocol::ErrorKind;
use serde::Serialize;
use std::io;
use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};
use supervisor::port_holder;

/// Try later.
const LATER: u8 = 10;
/// Only a person can help.
const PERSON: u8 = 11;

/// Check whether everything would run, and start nothing
///
/// Looks at the configuration, the data folder and who holds it, the addresses to listen on,
/// programs of servers and of what they need, the container engine, approvals and sign-ins. Ends with
/// 0 when all is well, with 2 when the configuration is wrong, with 10 when trying later may help (an
/// address or the folder is held by something that may go, the engine does not answer), with 11 when
/// a person is needed (a program is missing, an approval, a sign-in), and with 12 for a server that is
/// not declared.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these servers
    servers: Vec<String>,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Check {
    /// `data`, `listen`, `program`, `engine`, `depends`, `approval` or `sign-in`.
    what: &'static str,
    /// The server that it is about.
    server: Option<String>,
    /// 0, 10 or 11.
    exit: u8,
    message: String,
    hint: Option<String>,
}

/// Looks.
///
/// # Errors
/// What would not run.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    let mut config = context.load()?.config;
    for name in &args.servers {
        if !config.servers.values().any(|server| is_called(server, name)) {
            let problem = Problem::new(ErrorKind::UnknownName, format!("there is no server `{name}`"));
            return Err(problem.hint("see what is declared: switchboard list").into());
        }
    }
    // Before some are left out: they may depend on each other.
    let findings = preflight::check(&config, &context.environment);
    config
        .servers
        .retain(|_, server| args.servers.is_empty() || args.servers.iter().any(|name| is_called(server, name)));
    let running = daemon_of(context)?;
    let mut checks = vec![folder(running.is_some(), context)?];
    if running.is_none() {
        checks.extend([Some(config.listen.address), config.listen.tcp].into_iter().flatten().map(address));
    }
    checks.extend(servers(&config, &findings, context)?);
    let exit = checks.iter().map(|check| check.exit).max().unwrap_or(0);
    show(&checks, exit, context);
    match exit {
        0 => Ok(()),
        exit => {
            let wrong = checks.iter().filter(|check| check.exit != 0).count();
            let mut report =
                Report::failed(format!("{wrong} of {} checks failed", checks.len())).said(context.printer.json);
            report.exit = exit;
            Err(report)
        }
    }
}

fn is_called(server: &Server, name: &str) -> bool {
    server.name == name || server.reduced == name
}

/// The process id of a daemon that answers.
fn daemon_of(context: &Context) -> Result<Option<u32>, Report> {
    let client = context.client()?;
    let status: Option<control::said::Status> = context.block_on(client.try_get("/api/overview"))?;
    Ok(status.map(|status| status.pid))
}

fn folder(runs: bool, context: &Context) -> Result<Check, Report> {
    let data = context.data_folder()?;
    let shown = data.root.display();
    Ok(match (runs, data.is_held(), data.create()) {
        (true, _, _) => Check::well("data", None, format!("the daemon on {shown} runs and answers")),
        (false, true, _) => Check::later("data", format!("a daemon holds {shown} and does not answer"))
            .hint("it comes up or ends: try again; if it stays so: switchboard start"),
        (false, false, Err(report)) => Check::person("data", None, report.message).hint("name another one: --data DIR"),
        (false, false, Ok(())) => Check::well("data", None, format!("{shown} is free")),
    })
}

fn address(address: SocketAddr) -> Check {
    match std::net::TcpListener::bind(address) {
        Ok(_) => Check::well("listen", None, format!("{address} is free")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let holder = port_holder::find(address);
            let who = holder.map_or_else(
                || "a process of somebody else holds it".to_owned(),
                |holder| format!("`{}` (process {}) holds it", holder.name, holder.pid),
            );
            Check::later("listen", format!("{address} is taken: {who}"))
                .hint("end that, or listen elsewhere: --listen 127.0.0.1:0")
        }
        Err(error) => Check::person("listen", None, format!("{address} cannot be listened on: {error}"))
            .hint("name an address of this machine, such as 127.0.0.1:7420"),
    }
}

fn servers(config: &Config, findings: &[Finding], context: &Context) -> Result<Vec<Check>, Report> {
    let mut checks = Vec::new();
    for server in config.servers.values().filter(|server| server.enabled) {
        if server.approval == Approval::Pending {
            let message = format!("it waits for approval: it is declared at {}", server.origin);
            checks.push(
                Check::person("approval", Some(server), message)
                    .hint(format!("look at it and decide: switchboard approve {}", server.name)),
            );
            continue;
        }
        let mut wrong = findings.iter().filter(|finding| finding.servers.contains(&server.name)).peekable();
        if wrong.peek().is_none() {
            checks.push(Check::well("program", Some(server), "what it runs or reaches is there".to_owned()));
        }
        checks.extend(wrong.map(|finding| Check::found(server, finding)));
        checks.extend(sign_in(server, context)?);
    }
    Ok(checks)
}

/// Whether a remote server that was signed in to still is. Whether one that never was needs it, only
/// the server knows.
fn sign_in(server: &Server, context: &Context) -> Result<Option<Check>, Report> {
    if server.reach.sign_in_url().is_none() || server.oauth.is_none() {
        return Ok(None);
    }
    let data = context.data_folder()?;
    if !data.sign_ins().exists() {
        return Ok(None);
    }
    let read = crate::vault::open(&data)?.read(&server.name);
    let account: Account = match read {
        Ok(account) => account.unwrap_or_default(),
        Err(error) => {
            let message = format!("what was signed in to cannot be read: {error}");
            return Ok(Some(Check::person("sign-in", Some(server), message)));
        }
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let Some(tokens) = account.tokens else { return Ok(None) };
    Ok(Some(match tokens.is_over(now) && tokens.refresh.is_none() {
        true => Check::person("sign-in", Some(server), "the sign-in has ended".to_owned())
            .hint(format!("switchboard auth login {}", server.name)),
        false => Check::well("sign-in", Some(server), "signed in".to_owned()),
    }))
}

fn show(checks: &[Check], exit: u8, context: &Context) {
    let printer = &context.printer;
    if printer.json {
        printer.document(&serde_json::json!({ "exit": exit, "checks": checks }));
        return;
    }
    for check in checks {
        let (word, paint) = match check.exit {
            0 => ("ok   ", Paint::Good),
            LATER => ("later", Paint::Warning),
            _ => ("needs", Paint::Error),
        };
        let server = check.server.as_ref().map(|server| format!(" {server}")).unwrap_or_default();
        printer.line(&format!("{}  {}{server}: {}", printer.on_out(word, paint), check.what, check.message));
        if let Some(hint) = &check.hint {
            printer.line(&format!("       next: {hint}"));
        }
    }
}

// === impl Check ===

impl Check {
    fn new(what: &'static str, server: Option<&Server>, exit: u8, message: String) -> Self {
        Self { what, server: server.map(|server| server.name.clone()), exit, message, hint: None }
    }

    fn well(what: &'static str, server: Option<&Server>, message: String) -> Self {
        Self::new(what, server, 0, message)
    }

    fn later(what: &'static str, message: String) -> Self {
        Self::new(what, None, LATER, message)
    }

    fn person(what: &'static str, server: Option<&Server>, message: String) -> Self {
        Self::new(what, server, PERSON, message)
    }

    fn found(server: &Server, finding: &Finding) -> Self {
        let exit = if finding.passes { LATER } else { PERSON };
        Self::new(finding.what, Some(server), exit, finding.message.clone()).hint(finding.hint.clone())
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
