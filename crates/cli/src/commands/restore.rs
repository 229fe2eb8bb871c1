//! `switchboard restore`: everything as it was in a backup.

use super::backup::say_left_out;
use crate::audit;
use crate::backup::{self, Reader};
use crate::context::Context;
use crate::report::Report;
use control::{Act, Deed};
use serde_json::json;
use std::path::PathBuf;

/// Bring back what is in a backup
///
/// The backup is read whole and checked before anything is changed. State goes into SQLite or
/// PostgreSQL, as the configuration says now, whatever it came from. Configuration files go only to
/// places that are read here (name them with --config), and what servers kept only to folders that
/// their entries declare as `data`. What was there before stays beside it as *.before-restore.
///
/// No daemon may run on the data folder.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The backup
    file: PathBuf,

    /// Say what would be restored, and change nothing
    #[arg(long)]
    dry_run: bool,

    /// The passphrase stands in this file
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

/// Restores.
///
/// # Errors
/// A daemon that runs, a backup that is not whole or does not open, state that cannot be written.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    let passphrase = backup::passphrase(args.passphrase_file.as_deref(), context)?;
    let file = context.environment.cwd.join(&args.file);
    let reader = Reader::open(&file, passphrase.as_ref())?;
    let brought = backup::bring(&reader, args.dry_run, context)?;
    if !args.dry_run {
        let details = json!({ "file": file, "made_at": reader.manifest.at, "restored": brought.restored });
        audit::note(vec![Deed::new("local", Act::Restored, "state").with(details)], context);
    }
    let printer = &context.printer;
    say_left_out(&brought.left_out, passphrase.is_none(), context);
    let backup::Brought { restored, kept, left_out } = &brought;
    if printer.json {
        let dry_run = args.dry_run;
        printer.document(&json!({ "dry_run": dry_run, "restored": restored, "kept": kept, "left_out": left_out }));
    } else {
        let verb = if args.dry_run { "would restore" } else { "restored" };
        restored.iter().for_each(|place| printer.line(&format!("{verb} {place}")));
        kept.iter().for_each(|place| printer.say(&format!("what was there before: {place}")));
    }
    Ok(())
}
