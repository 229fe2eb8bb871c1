//! `switchboard service`: the daemon as a service of the person's session, so that it is there after
//! each login. systemd is driven; for launchd and Windows the files are made, untested.

mod unit;

use crate::context::Context;
use crate::daemon;
use crate::report::Report;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};
use unit::{Kind, Start};

/// Run the daemon as a service of your session
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Write the service file, enable and start it
    ///
    /// The service runs this program with the --data, --config and --listen that are given here.
    /// For systemd it is a user unit: ready when it listens, restarted when it fails, watched. For
    /// launchd and Windows the file is printed, to be installed by hand; those are untested.
    Install(How),
    /// Stop and disable the service and remove its file
    Uninstall(How),
    /// Show whether it is installed and runs
    Status(How),
}

#[derive(Debug, clap::Args)]
struct How {
    /// Only show what would be written and run
    #[arg(long)]
    dry_run: bool,

    /// Which kind of service
    #[arg(long = "for", value_enum, default_value_t = Kind::Systemd)]
    kind: Kind,
}

/// The name of the unit.
const UNIT: &str = "switchboard.service";

/// Does what was asked.
///
/// # Errors
/// When a file cannot be written, or systemd refuses.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    match &args.command {
        Command::Install(how) => install(how, context),
        Command::Uninstall(how) => uninstall(how, context),
        Command::Status(how) => status(how, context),
    }
}

fn install(how: &How, context: &Context) -> Result<(), Report> {
    let text = unit::text(how.kind, &start(context)?);
    if how.kind != Kind::Systemd {
        context.printer.say(&format!("{}; this file is not tested", how.kind.advice()));
        match context.printer.json {
            true => context.printer.document(&serde_json::json!({ "text": text, "installed": false })),
            false => context.printer.data(&text),
        }
        return Ok(());
    }
    let path = unit_path(context)?;
    let steps = [&["daemon-reload"][..], &["enable", "--now", UNIT]];
    if how.dry_run {
        return shown(&path, &text, &steps, context);
    }
    let failed = |error: std::io::Error| Report::failed(format!("{} cannot be written", path.display())).cause(error);
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(failed)?;
    crate::store_files::replace(&path, text.as_bytes()).map_err(failed)?;
    context.printer.say(&format!("written: {}", path.display()));
    let ran = steps.iter().try_for_each(|step| systemctl(step));
    match (ran, context.printer.json) {
        (Ok(()), true) => context.printer.document(&serde_json::json!({ "unit": path, "installed": true })),
        (Ok(()), false) => context.printer.say("enabled and started; how it is: switchboard service status"),
        (Err(report), _) => {
            let by_hand = "do it where systemd runs for you: systemctl --user daemon-reload, \
                           systemctl --user enable --now switchboard.service";
            return Err(report.hint(by_hand));
        }
    }
    Ok(())
}

fn uninstall(how: &How, context: &Context) -> Result<(), Report> {
    systemd_only(how)?;
    let path = unit_path(context)?;
    let steps = [&["disable", "--now", UNIT][..], &["daemon-reload"]];
    if how.dry_run {
        return shown(&path, "", &steps, context);
    }
    if !path.exists() {
        context.printer.say("the service is not installed");
        return Ok(());
    }
    let disabled = systemctl(steps[0]);
    std::fs::remove_file(&path)
        .map_err(|error| Report::failed(format!("{} cannot be removed", path.display())).cause(error))?;
    match context.printer.json {
        true => context.printer.document(&serde_json::json!({ "unit": path, "installed": false })),
        false => context.printer.say(&format!("removed: {}", path.display())),
    }
    // The file is gone in any case; what still runs must be said.
    disabled.and_then(|()| systemctl(steps[1])).map_err(|report| report.hint("end the daemon: switchboard stop"))
}

fn status(how: &How, context: &Context) -> Result<(), Report> {
    systemd_only(how)?;
    let path = unit_path(context)?;
    let installed = path.exists();
    let state = asked(&["is-active", UNIT]);
    let known = match &state {
        Ok(state) => state.clone(),
        Err(report) => report.message.clone(),
    };
    match context.printer.json {
        true => {
            let document = serde_json::json!({ "unit": path, "installed": installed, "state": state.ok() });
            context.printer.document(&document);
        }
        false => {
            let installed = if installed { "installed" } else { "not installed" };
            context.printer.line(&format!("{installed}: {}\nstate: {known}", path.display()));
        }
    }
    Ok(())
}

fn systemd_only(how: &How) -> Result<(), Report> {
    match how.kind {
        Kind::Systemd => Ok(()),
        kind => Err(Report::usage(format!("only services of systemd are known here; {}", kind.advice()))),
    }
}

fn shown(path: &Path, text: &str, steps: &[&[&str]], context: &Context) -> Result<(), Report> {
    let steps: Vec<String> = steps.iter().map(|step| format!("systemctl --user {}", step.join(" "))).collect();
    match context.printer.json {
        true => {
            context
                .printer
                .document(&serde_json::json!({ "unit": path, "text": text, "steps": steps, "dry_run": true }));
        }
        false => {
            context.printer.line(&format!("# {}", path.display()));
            context.printer.data(text);
            steps.iter().for_each(|step| context.printer.line(&format!("# then: {step}")));
        }
    }
    Ok(())
}

fn unit_path(context: &Context) -> Result<PathBuf, Report> {
    let folder = context.environment.config_folder();
    let folder = folder.ok_or_else(|| Report::usage("there is no home folder for the service file"))?;
    Ok(folder.join("systemd/user").join(UNIT))
}

/// What the service runs, with every path whole.
fn start(context: &Context) -> Result<Start, Report> {
    let exe =
        daemon::program().map_err(|error| Report::failed("the path of this program is not known").cause(error))?;
    let cwd = &context.environment.cwd;
    let mut words = vec![exe.display().to_string(), "run".to_owned()];
    if let Some(data) = &context.settings.data {
        words.extend(["--data".to_owned(), cwd.join(data).display().to_string()]);
    }
    for file in &context.settings.config {
        words.extend(["--config".to_owned(), cwd.join(file).display().to_string()]);
    }
    if let Some(listen) = &context.settings.listen {
        words.extend(["--listen".to_owned(), listen.clone()]);
    }
    let path = context.environment.vars.get(crate::env_vars::PATH).cloned().unwrap_or_default();
    Ok(Start { words, path })
}

fn systemctl(words: &[&str]) -> Result<(), Report> {
    let output = call(words)?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let said = crate::printer::one_line(&String::from_utf8_lossy(&output.stderr), 200);
            Err(Report::failed(format!("`systemctl --user {}` failed", words.join(" "))).cause(said))
        }
    }
}

/// The first line of what it answers.
fn asked(words: &[&str]) -> Result<String, Report> {
    let output = call(words)?;
    let said = crate::printer::one_line(&String::from_utf8_lossy(&output.stdout), 100);
    if said.is_empty() { Err(Report::failed("not known: systemd does not run for you here")) } else { Ok(said) }
}

fn call(words: &[&str]) -> Result<std::process::Output, Report> {
    #[expect(clippy::disallowed_methods, reason = "systemctl is no server: it is asked once and waited for")]
    let mut command = Process::new("systemctl");
    command.arg("--user").args(words).stdin(Stdio::null());
    command.output().map_err(|error| Report::failed("there is no systemctl here").cause(error))
}
