//! The binary `switchboard`: reads what was asked, does it, says how it went.
//!
//! It holds the only wiring of the program; what a command does stands in `commands/`, what the
//! daemon is made of in `daemon.rs`.

mod env_vars;
mod settings;

mod context;
mod printer;
mod report;

mod commands;
mod old_names;

mod client;
mod data_folder;
mod state;
mod store_files;
mod vault;
mod watching;

mod audit;
mod background;
mod backup;
mod browser;
mod daemon;
mod daemon_logs;
mod doctor;
mod inside;
mod log_format;
mod log_output;
mod preflight;
mod programs;
mod records;
mod tools_inside;
mod traces;

mod reference;

use crate::commands::Cli;
use crate::context::Context;
use crate::old_names::Translated;
use crate::printer::Printer;
use crate::report::Report;
use crate::settings::Settings;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    // The guard must be small and have one thread: nothing else may happen before.
    if arguments.nth(1).is_some_and(|first| first == "__guard") {
        return supervisor::guard::main();
    }
    let environment = config::Environment::from_process();
    let plain = |report: &Report| Printer::new(&Settings::default(), &environment).report(report);
    let translated = match old_names::translated(std::env::args_os().collect()) {
        Ok(translated) => translated,
        Err(report) => return plain(&report),
    };
    let (cli, context) = match read(&translated, &environment) {
        Ok(read) => read,
        Err(refusal) => return Printer::new(&Settings::default(), &environment).refuse(&refusal),
    };
    if let Some(note) = &translated.note {
        context.printer.say(note);
    }
    let command = match translated.prefix {
        None => Ok(cli.command),
        // The name that was meant is known only now: it is read once more.
        Some(_) => translated.resolved(&context).and_then(|translated| {
            read(&translated, &environment).map(|(cli, _)| cli.command).map_err(|refusal| commands::refusal(&refusal))
        }),
    };
    match command.and_then(|command| commands::run(command, &context)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(report) => context.printer.report(&report),
    }
}

/// Reads a command line, and what it and the environment say about how everything is done.
fn read(translated: &Translated, environment: &config::Environment) -> Result<(Cli, Context), clap::Error> {
    let cli = Cli::read(translated.arguments.iter().cloned())?;
    let settings = Settings::resolve(&cli.global, environment);
    let printer = Printer::new(&settings, environment);
    Ok((cli, Context::new(environment.clone(), settings, printer)))
}
