//! `switchboard config`: what is declared, checked and resolved.

mod explain;

use crate::context::Context;
use crate::printer::count as counted;
use crate::report::Report;
use config::Severity;
use serde_json::json;

/// Check and show the configuration
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Read the configuration and say everything that is wrong with it
    ///
    /// Ends with 2 if there is an error. Starts nothing.
    Check,
    /// Show the configuration in force, where each value comes from, and no secrets
    Show,
    /// Say what a key does, what may stand there, what is in force and where that was said
    ///
    /// Such as `limits.depth_max`, `restart` (for servers in general) or `servers.NAME.restart`.
    Explain {
        /// The key, with a dot for each section
        key: String,
    },
    /// Print the JSON Schema of switchboard.toml
    Schema,
}

/// Does what was asked.
///
/// # Errors
/// When the configuration is wrong.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    match &args.command {
        Command::Explain { key } => explain::run(key, context),
        Command::Check => check(context),
        Command::Show => show(context),
        Command::Schema => {
            let schema = config::json_schema();
            match context.printer.json {
                true => context.printer.document(&schema),
                false => context.printer.line(&serde_json::to_string_pretty(&schema).unwrap_or_default()),
            }
            Ok(())
        }
    }
}

fn check(context: &Context) -> Result<(), Report> {
    let loaded = config::load(&context.sources());
    let count = |severity| loaded.diagnostics.iter().filter(|found| found.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    if context.printer.json {
        let servers: Vec<&String> = loaded.config.servers.keys().collect();
        let diagnostics = &loaded.diagnostics;
        context.printer.document(&json!({ "ok": errors == 0, "diagnostics": diagnostics, "servers": servers }));
    } else {
        context.printer.diagnostics(&loaded.diagnostics);
    }
    if errors > 0 {
        let message =
            format!("the configuration has {} and {}", counted(errors, "error"), counted(warnings, "warning"));
        // With --json everything was said in the document.
        return Err(Report::usage(message).said(context.printer.json));
    }
    if !context.printer.json {
        let (servers, files) = (loaded.config.servers.len(), loaded.files.iter().filter(|file| file.exists()).count());
        let (servers, files) = (counted(servers, "server"), counted(files, "file"));
        context.printer.say(&format!("ok: {servers} in {files}, {}", counted(warnings, "warning")));
    }
    Ok(())
}

fn show(context: &Context) -> Result<(), Report> {
    let loaded = context.load()?;
    match context.printer.json {
        true => context.printer.document(&config::to_json(&loaded.config)),
        false => context.printer.data(&config::show(&loaded.config)),
    }
    Ok(())
}
