//! `switchboard completions`: what a shell needs to complete our commands.

use super::Cli;
use crate::context::Context;
use crate::report::Report;
use clap::CommandFactory as _;
use clap_complete::Shell;

/// Print the completion script of a shell
///
/// Such as: switchboard completions bash > ~/.local/share/bash-completion/completions/switchboard
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

/// Prints the script.
///
/// # Errors
/// None.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "switchboard", &mut script);
    let script = String::from_utf8_lossy(&script);
    match context.printer.json {
        true => context.printer.document(&serde_json::json!({ "shell": args.shell.to_string(), "script": script })),
        false => context.printer.data(&script),
    }
    Ok(())
}
