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

mod client;
mod data_folder;
mod store_files;
mod vault;
mod watching;

mod daemon;
mod doctor;
mod log_format;
mod preflight;
mod records;

mod reference;

use crate::commands::Cli;
use crate::context::Context;
use crate::printer::Printer;
use crate::settings::Settings;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    // The guard must be small and have one thread: nothing else may happen before.
    if arguments.nth(1).is_some_and(|first| first == "__guard") {
        return supervisor::guard::main();
    }
    let environment = config::Environment::from_process();
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err(refusal) => return Printer::new(&Settings::default(), &environment).refuse(&refusal),
    };
    let settings = Settings::resolve(&cli.global, &environment);
    let printer = Printer::new(&settings, &environment);
    let context = Context { environment, settings, printer };
    match commands::run(cli.command, &context) {
        Ok(()) => ExitCode::SUCCESS,
        Err(report) => context.printer.report(&report),
    }
}
