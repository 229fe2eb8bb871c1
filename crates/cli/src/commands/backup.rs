//! `switchboard backup`: one file with everything that cannot be learnt again, and whether such a file
//! is whole.

use crate::backup::{self, LeftOut, Reader};
use crate::context::Context;
use crate::printer::count;
use crate::report::Report;
use crate::state;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Write everything that lasts into one file
///
/// Goals, memories, approvals, records and the audit, as they are at one moment, whether a daemon
/// runs or not, from SQLite or PostgreSQL; and the configuration. Keys, what was signed in to, and
/// configuration files that hold secrets are sealed with a passphrase, which stands in a file or in
/// SWITCHBOARD_BACKUP_PASSPHRASE; without one they are left out, and that is said.
///
/// With --with-data also the folders that servers declare as `data`, as they are while it is read.
///
/// With --verify nothing is written: a backup is looked at, or, without a FILE, the state itself.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file to write, or to look at
    #[arg(required_unless_present_any = ["to", "verify"], conflicts_with = "to")]
    file: Option<PathBuf>,

    /// Write into this folder, under a name with the time
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,

    /// Look whether it is whole, and write nothing
    #[arg(long, conflicts_with_all = ["to", "with_data", "force"])]
    verify: bool,

    /// Take along what servers declare as `data`
    #[arg(long)]
    with_data: bool,

    /// The passphrase stands in this file
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,

    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
}

/// Writes a backup, or looks at one.
///
/// # Errors
/// State that cannot be read, a place that cannot be written to, a backup that is not whole.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    let here = |path: &Path| context.environment.cwd.join(path);
    match (&args.file, &args.to) {
        (Some(file), _) if args.verify => verify(&here(file), args, context),
        (None, _) if args.verify => verify_state(context),
        (Some(file), _) => write(&here(file), args, context),
        (None, Some(folder)) => write(&backup::name_for_now(&here(folder)), args, context),
        (None, None) => Err(Report::usage("a FILE, or --to DIR, is missing")),
    }
}

fn write(target: &Path, args: &Args, context: &Context) -> Result<(), Report> {
    if target.exists() && !args.force {
        return Err(Report::usage(format!("{} is there already", target.display()))
            .hint("name another file, or replace it: --force")
            .hint("a folder gets a file with the time in its name: --to DIR"));
    }
    let passphrase = backup::passphrase(args.passphrase_file.as_deref(), context)?;
    let (manifest, bytes) = backup::gather(target, passphrase.as_ref(), args.with_data, context)?;
    let printer = &context.printer;
    say_left_out(&manifest.left_out, passphrase.is_none(), context);
    let (file, members) = (target.display().to_string(), manifest.members.len());
    if printer.json {
        let names: Vec<&String> = manifest.members.iter().map(|member| &member.name).collect();
        let left_out = &manifest.left_out;
        printer.document(&json!({ "file": file, "bytes": bytes, "members": names, "left_out": left_out }));
    } else {
        printer.line(&format!("{file}: {} in {bytes} bytes", count(members, "file")));
    }
    Ok(())
}

/// Says what is not in a backup, or was not restored.
pub(super) fn say_left_out(left_out: &[LeftOut], without_passphrase: bool, context: &Context) {
    for LeftOut { what, why } in left_out {
        context.printer.warn(&format!("left out: {what}: {why}"), None);
    }
    if without_passphrase && left_out.iter().any(|left| left.why.contains("passphrase")) {
        let hint = "give one: --passphrase-file FILE, or SWITCHBOARD_BACKUP_PASSPHRASE in the environment";
        context.printer.warn("secrets are left out without a passphrase", Some(hint));
    }
}

fn verify(file: &Path, args: &Args, context: &Context) -> Result<(), Report> {
    let passphrase = backup::passphrase(args.passphrase_file.as_deref(), context)?;
    let reader = Reader::open(file, passphrase.as_ref())?;
    backup::verify(&reader, context)?;
    let manifest = &reader.manifest;
    if context.printer.json {
        context.printer.document(manifest);
    } else {
        let (members, sealed) = (manifest.members.len(), manifest.members.iter().filter(|one| one.sealed).count());
        context.printer.line(&format!(
            "it is whole: {} ({sealed} sealed), made at {} on {} of {} by version {}",
            count(members, "file"),
            manifest.at,
            manifest.host,
            manifest.data.display(),
            manifest.version
        ));
    }
    Ok(())
}

/// Whether the state that is in use is whole.
fn verify_state(context: &Context) -> Result<(), Report> {
    let findings = state::with(context, async |state| {
        let failed = |error: store::Error| state::failed(&error);
        let mut findings = vec![(state.local.place().to_owned(), state.local.verify().await.map_err(failed)?)];
        if state.shared.place() != state.local.place() {
            findings.push((state.shared.place().to_owned(), state.shared.verify().await.map_err(failed)?));
        }
        Ok(findings)
    })?;
    let problems: Vec<String> = findings
        .iter()
        .flat_map(|(place, found)| found.problems.iter().map(move |problem| format!("{place}: {problem}")))
        .collect();
    if !problems.is_empty() {
        return Err(Report::failed(format!("the state is not whole:\n{}", problems.join("\n")))
            .hint("bring back the last backup: switchboard restore FILE"));
    }
    let events: i64 = findings.iter().map(|(_, found)| found.events).sum();
    let places: Vec<&String> = findings.iter().map(|(place, _)| place).collect();
    match context.printer.json {
        true => context.printer.document(&json!({ "whole": true, "places": places, "events": events })),
        false => context.printer.line(&format!("the state is whole ({events} events)")),
    }
    Ok(())
}
