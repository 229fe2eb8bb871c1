//! The commands, a file each: the arguments, whose documentation is the manual page, and `run`.

pub(crate) mod run;

mod turn;

mod start;

mod restart;

mod wait;

mod list;

mod status;

mod health;

mod capabilities;

mod tools;

mod approve_tools;

mod cache;

mod call;

mod search;

mod route;

mod memory;

mod goal;

mod logs;

mod top;

mod connect;

pub(crate) mod dashboard;

pub(crate) mod serve;

mod auth;

mod discover;

mod approve;

mod audit;

mod add;

pub(crate) mod change;

mod config;

mod limits;

mod log_level;

mod why;

mod doctor;

pub(crate) mod reload;

mod stop;

mod preflight;

mod backup;

mod restore;

mod service;

mod aliases;

mod completions;

use crate::context::Context;
use crate::report::Report;
use crate::settings::GlobalArgs;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Parser, Subcommand};
use std::ffi::OsString;

/// Runs all your MCP servers and serves them to every AI client at one endpoint.
///
/// Without a command it is `run`. The daemon keeps its state in one data folder; every other
/// command talks to the daemon of the same folder.
#[derive(Debug, Parser)]
#[command(name = "switchboard", version, max_term_width = 100, args_conflicts_with_subcommands = false)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// The commands, in the order of the documentation.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(run::Args),
    Start(start::Args),
    Stop(stop::Args),
    Restart(restart::Args),
    Wait(wait::Args),
    List(list::Args),
    Status(status::Args),
    Health(health::Args),
    Capabilities(capabilities::Args),
    Tools(tools::Args),
    Call(call::Args),
    Search(search::Args),
    Route(route::Args),
    ApproveTools(approve_tools::Args),
    Cache(cache::Args),
    Memory(memory::Args),
    Goal(goal::Args),
    Logs(logs::Args),
    Top(top::Args),
    Dashboard(dashboard::Args),
    Connect(connect::Args),
    Serve(serve::Args),
    Auth(auth::Args),
    Discover(discover::Args),
    Approve(approve::Args),
    Audit(audit::Args),
    Add(add::Args),
    Remove(change::RemoveArgs),
    Enable(change::EnableArgs),
    Disable(change::DisableArgs),
    Config(config::Args),
    Limits(limits::Args),
    LogLevel(log_level::Args),
    Why(why::Args),
    Doctor(doctor::Args),
    Reload(reload::Args),
    Preflight(preflight::Args),
    Backup(backup::Args),
    Restore(restore::Args),
    Service(service::Args),
    Aliases(aliases::Args),
    Completions(completions::Args),
    #[command(name = "__docs", hide = true)]
    Docs(crate::reference::Args),
}

// === impl Cli ===

impl Cli {
    /// Reads the command line.
    ///
    /// # Errors
    /// What the parser refuses; also help and version, which are no failures.
    pub(crate) fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        Self::try_parse_from(route::with_data(arguments))
    }
}

/// Does what was asked.
///
/// # Errors
/// Why it could not be done.
pub(crate) fn run(command: Option<Command>, context: &Context) -> Result<(), Report> {
    match command.unwrap_or_else(|| Command::Run(run::Args::default())) {
        Command::Run(args) => run::run(&args, context),
        Command::Start(args) => start::run(&args, context),
        Command::Restart(args) => restart::run(&args, context),
        Command::Wait(args) => wait::run(&args, context),
        Command::Preflight(args) => preflight::run(&args, context),
        Command::Backup(args) => backup::run(&args, context),
        Command::Restore(args) => restore::run(&args, context),
        Command::Service(args) => service::run(&args, context),
        Command::Aliases(args) => aliases::run(&args, context),
        Command::List(args) => list::run(&args, context),
        Command::Status(args) => status::run(&args, context),
        Command::Serve(args) => serve::run(&args, context),
        Command::Health(args) => health::run(&args, context),
        Command::Capabilities(args) => capabilities::run(&args, context),
        Command::Tools(args) => tools::run(&args, context),
        Command::Call(args) => call::run(&args, context),
        Command::Search(args) => search::run(&args, context),
        Command::Route(args) => route::run(&args, context),
        Command::ApproveTools(args) => approve_tools::run(&args, context),
        Command::Cache(args) => cache::run(&args, context),
        Command::Memory(args) => memory::run(&args, context),
        Command::Goal(args) => goal::run(&args, context),
        Command::Logs(args) => logs::run(&args, context),
        Command::Top(args) => top::run(&args, context),
        Command::Dashboard(args) => dashboard::run(&args, context),
        Command::Connect(args) => connect::run(&args, context),
        Command::Auth(args) => auth::run(&args, context),
        Command::Discover(args) => discover::run(&args, context),
        Command::Approve(args) => approve::run(&args, context),
        Command::Audit(args) => audit::run(&args, context),
        Command::Add(args) => add::run(&args, context),
        Command::Remove(args) => change::remove(&args, context),
        Command::Enable(args) => change::enable(&args, context),
        Command::Disable(args) => change::disable(&args, context),
        Command::Config(args) => config::run(&args, context),
        Command::Limits(args) => limits::run(&args, context),
        Command::LogLevel(args) => log_level::run(&args, context),
        Command::Why(args) => why::run(&args, context),
        Command::Doctor(args) => doctor::run(&args, context),
        Command::Reload(args) => reload::run(&args, context),
        Command::Stop(args) => stop::run(&args, context),
        Command::Completions(args) => completions::run(&args, context),
        Command::Docs(args) => crate::reference::run(&args, context),
    }
}

/// What the parser refused, as a report.
pub(crate) fn refusal(error: &clap::Error) -> Report {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Report::usage("a command is missing").hint("see what there is: the same with --help");
    }
    let text = error.render().to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let message = first.strip_prefix("error: ").unwrap_or(first).trim();
    let mut report = Report::usage(message);
    for kind in [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue] {
        match error.get(kind) {
            Some(ContextValue::String(near)) => report = report.hint(format!("did you mean `{near}`?")),
            Some(ContextValue::Strings(near)) if !near.is_empty() => {
                report = report.hint(format!("did you mean `{}`?", near.join("` or `")));
            }
            _ => {}
        }
    }
    if error.kind() == ErrorKind::MissingRequiredArgument
        && let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage)
    {
        report = report.hint(usage.to_string().replace("Usage: ", "usage: "));
    }
    report.hint("every command and flag: switchboard --help")
}
