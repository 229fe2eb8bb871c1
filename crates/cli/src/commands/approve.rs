//! `switchboard approve`: a person looks at exactly what would run, and says yes or no. The one
//! place where something that others declared becomes something that runs.

use super::approve_tools;
use super::change::tell_daemon;
use crate::context::Context;
use crate::report::Report;
use crate::{audit, state};
use config::{Found, Standing, visible};
use control::{Act, Deed};
use serde_json::json;
use std::io::{BufRead as _, IsTerminal as _};
use std::path::PathBuf;

/// Allow a server that a project or another tool declares to run
///
/// Shows the exact command, arguments, folder, names of variables, and the hashes of the program
/// and of files of the project among the arguments; then asks. What is approved is kept in the data
/// folder. If anything of it changes, the server waits again, and the difference is shown; a
/// program of the system that changed is a warning.
///
/// Servers of your own files need no approval.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The servers
    #[arg(value_name = "NAME", required_unless_present_any = ["all", "tools"])]
    names: Vec<String>,

    /// Everything that waits, one after the other
    #[arg(long, conflicts_with = "names")]
    all: bool,

    /// The tools of this running server as they are now, as `approve-tools` does
    #[arg(long, value_name = "SERVER", conflicts_with_all = ["names", "all", "yes", "folders"])]
    tools: Option<String>,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,

    /// Search this folder, too [default: those of `discovery.folders`, or this one]
    #[arg(long = "in", value_name = "FOLDER")]
    folders: Vec<PathBuf>,
}

/// Asks, keeps what is approved and tells the daemon.
///
/// # Errors
/// For an unknown name, or when nobody can be asked.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    if let Some(server) = &args.tools {
        return approve_tools::approve(server, context);
    }
    let printer = &context.printer;
    let asked = wanted(args, config::approvable(&context.sources(), &args.folders), context)?;
    if asked.is_empty() {
        match printer.json {
            true => printer.document(&json!({ "approved": [] })),
            false => printer.say("nothing waits for approval"),
        }
        return Ok(());
    }
    if !args.yes && !std::io::stdin().is_terminal() {
        asked.iter().for_each(|found| printer.complain(&described(found)));
        let names: Vec<&str> = asked.iter().map(|found| found.name.as_str()).collect();
        let again = context.command(&format!("approve --yes {}", names.join(" ")));
        return Err(Report::usage("there is nobody to ask: stdin is no terminal")
            .hint(format!("run it in a terminal, or look at what is shown above and then: {again}")));
    }
    let (mut approved, mut deeds) = (Vec::new(), Vec::new());
    for found in &asked {
        if !args.yes || !printer.json {
            printer.complain(&described(found));
        }
        let agreed = args.yes || agrees(found, context)?;
        let Some(record) = found.record().filter(|_| agreed) else {
            printer.say(&format!("{} stays as it is", found.name));
            continue;
        };
        let details = json!({ "file": found.file, "sha256": record.subject.files.iter().map(|file| &file.sha256).collect::<Vec<_>>() });
        state::change(context, move |approvals| approvals.put(record.clone()))?;
        deeds.push(Deed::new("local", Act::Approved, &found.name).with(details));
        approved.push(found.name.clone());
    }
    if approved.is_empty() {
        return Ok(());
    }
    audit::note(deeds, context);
    if printer.json {
        printer.document(&json!({ "approved": approved }));
    } else {
        printer.line(&format!("approved: {}", approved.join(", ")));
    }
    tell_daemon(&approved, context)
}

fn wanted(args: &Args, all: Vec<Found>, context: &Context) -> Result<Vec<Found>, Report> {
    if args.all {
        return Ok(all.into_iter().filter(|found| found.standing.is_open()).collect());
    }
    let mut wanted = Vec::new();
    let mut all = all;
    for name in &args.names {
        let Some(at) = all.iter().position(|found| found.name == *name) else {
            let own = config::load(&context.sources()).config.servers.contains_key(name);
            let report = match own {
                true => Report::usage(format!("`{name}` needs no approval: it stands in a file of your own")),
                false => Report::usage(format!("no server `{name}` was found")),
            };
            return Err(report.hint(format!("see what was found: {}", context.command("discover"))));
        };
        wanted.push(all.remove(at));
    }
    Ok(wanted)
}

/// Everything that a person must see, whole: what is cut off is where harm would be.
fn described(found: &Found) -> String {
    let place = format!("{}:{}", found.file.display(), found.line);
    let mut lines = vec![format!("{}  ({})", visible(&found.name), visible(&place))];
    let subject = found.subject.iter().flat_map(|subject| subject.lines());
    lines.extend(subject.map(|line| format!("  {}", visible(&line))));
    if found.standing == Standing::Pending {
        lines.push("  it is not what was approved:".to_owned());
    }
    lines.extend(found.lines.iter().map(|line| format!("    {}", visible(line))));
    lines.join("\n")
}

fn agrees(found: &Found, context: &Context) -> Result<bool, Report> {
    context.printer.complain(&format!("approve `{}`? [y/N] ", visible(&found.name)));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.map_err(|error| Report::failed("the answer cannot be read").cause(error))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
