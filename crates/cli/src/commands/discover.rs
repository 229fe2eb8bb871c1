//! `switchboard discover`: servers that are declared elsewhere, and how they stand to ours.

use crate::context::Context;
use crate::printer::{count, one_line};
use crate::report::Report;
use bytes::Bytes;
use config::{Found, Standing, visible};
use control::said::Reloaded;
use std::path::PathBuf;

/// Look for servers that are declared elsewhere
///
/// Searches the configuration files of AI clients, ~/.mcp-servers.json, and projects: .mcp.json and
/// *.mcp.json, files of editors, pyproject.toml, package.json, mcp-servers.yaml, programs in
/// scripts/mcp. Each is compared with what is configured: new, same, changed (another command under
/// a configured name), approved, pending (approved once, and not what was approved), unusable.
///
/// Nothing that is found runs: `switchboard approve NAME` decides. Everything is read anew each
/// time.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Search these folders, with what is below them [default: those of `discovery.folders`, or this one]
    #[arg(value_name = "FOLDER")]
    folders: Vec<PathBuf>,

    /// Tell the daemon to search again as well
    #[arg(long)]
    rescan: bool,
}

/// Prints what was found.
///
/// # Errors
/// With --rescan without a daemon, or when its configuration is wrong.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    if args.rescan {
        let client = context.client()?;
        let _reloaded: Reloaded = context.block_on(client.post("/api/reload", Bytes::new()))?;
    }
    let search = config::discover(&context.sources(), &args.folders);
    let printer = &context.printer;
    if printer.json {
        printer.document(&search);
        return Ok(());
    }
    search.remarks.iter().for_each(|remark| printer.warn(&one_line(remark, 300), None));
    if search.found.is_empty() {
        printer.say("no servers were found");
        return Ok(());
    }
    let row = |found: &Found| {
        let place = visible(&format!("{}:{}", found.file.display(), found.line));
        vec![visible(&found.name), found.standing.as_str().to_owned(), one_line(&visible(&found.target), 60), place]
    };
    let rows: Vec<Vec<String>> = search.found.iter().map(row).collect();
    printer.table(&["NAME", "IS", "COMMAND OR URL", "DECLARED AT"], &rows);
    for found in &search.found {
        found.lines.iter().for_each(|line| printer.line(&format!("{}: {}", visible(&found.name), one_line(line, 300))));
        if !found.also.is_empty() {
            let (name, also) = (visible(&found.name), visible(&found.also.join(", ")));
            printer.line(&format!("{name}: the first one counts; also at {also}"));
        }
    }
    let open = search.found.iter().filter(|found| found.standing.is_open()).count();
    let changed = search.found.iter().filter(|found| found.standing == Standing::Changed).count();
    if open > 0 {
        let mut text =
            format!("{} not approved; look at one and decide: switchboard approve NAME", count(open, "server"));
        if changed > 0 {
            text.push_str("; one whose name is configured here stays out until it has another name");
        }
        printer.say(&text);
    }
    Ok(())
}
