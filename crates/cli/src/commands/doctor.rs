//! `switchboard doctor`: what is wrong with the host, the files and the clients, each with its fix.

use crate::context::Context;
use crate::doctor::{self, Finding, Level};
use crate::printer::{Paint, count, harmless};
use crate::report::Report;

/// Look for what is wrong on this machine, with the fix for each
///
/// Checks the configuration, the programs and folders of servers and of what they need, the container
/// engine, ports, the data folder, the limits that the host can enforce, the configuration files of AI
/// clients, and the running daemon. Changes nothing.
/// Ends with 1 when something must be mended.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Prints the findings.
///
/// # Errors
/// When something must be mended.
pub(crate) fn run(_args: &Args, context: &Context) -> Result<(), Report> {
    let findings = doctor::examine(context);
    let printer = &context.printer;
    if printer.json {
        printer.document(&serde_json::json!({ "findings": findings }));
    } else {
        for Finding { check, level, message, fix } in &findings {
            let (word, paint) = match level {
                Level::Error => ("error", Paint::Error),
                Level::Warning => ("warning", Paint::Warning),
                Level::Note => ("note", Paint::Faint),
            };
            printer.line(&format!("{} [{check}] {}", printer.on_out(word, paint), harmless(message)));
            if let Some(fix) = fix {
                printer.line(&format!("  fix: {}", harmless(fix)));
            }
        }
        let of = |level| findings.iter().filter(|finding| finding.level == level).count();
        let (errors, warnings) = (count(of(Level::Error), "error"), count(of(Level::Warning), "warning"));
        printer.line(&format!("{errors}, {warnings}"));
    }
    match findings.iter().any(|finding| finding.level == Level::Error) {
        true => Err(Report::failed("something must be mended").said(true)),
        false => Ok(()),
    }
}
