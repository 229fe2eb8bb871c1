//! `switchboard aliases`: links with the names of the programs that Switchboard replaces.

use crate::context::Context;
use crate::daemon;
use crate::env_vars;
use crate::old_names::{PROGRAMS, Program};
use crate::report::Report;
use serde::Serialize;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// Make this program answer to the names of those that it replaces
///
/// Under such a name the old verbs and flags work, and the new ones are said.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make the links; a file that is none of ours is left alone
    Install(Place),
    /// Remove the links
    Uninstall(Place),
    /// Show the names, and which are there
    List(Place),
}

#[derive(Debug, clap::Args)]
struct Place {
    /// The folder of the links [default: ~/.local/bin]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// A name and how it stands.
#[derive(Debug, Serialize)]
struct Alias {
    name: &'static str,
    path: PathBuf,
    /// `installed`, `absent`, `taken` (by something else) or `removed`.
    is: &'static str,
    /// What the program was.
    was: &'static str,
    /// Why nothing of it works yet.
    later: Option<&'static str>,
}

/// Does what was asked.
///
/// # Errors
/// When a link cannot be made or removed.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    match &args.command {
        Command::Install(place) => install(place, context),
        Command::Uninstall(place) => uninstall(place, context),
        Command::List(place) => {
            let folder = place.folder(context)?;
            show(&PROGRAMS.iter().map(|program| Alias::look(program, &folder)).collect::<Vec<_>>(), context);
            Ok(())
        }
    }
}

fn install(place: &Place, context: &Context) -> Result<(), Report> {
    let folder = place.folder(context)?;
    let failed = |path: &Path, error: io::Error| {
        Report::failed(format!("{} cannot be made", path.display())).cause(error).hint("name another folder: --dir DIR")
    };
    let exe = daemon::program().map_err(|error| failed(&folder, error))?;
    std::fs::create_dir_all(&folder).map_err(|error| failed(&folder, error))?;
    let mut aliases = Vec::new();
    for program in PROGRAMS {
        let mut alias = Alias::look(program, &folder);
        if alias.is == "installed" {
            // It may lead to an older place of this program.
            std::fs::remove_file(&alias.path).map_err(|error| failed(&alias.path, error))?;
        }
        if alias.is != "taken" {
            symlink(&exe, &alias.path).map_err(|error| failed(&alias.path, error))?;
            alias.is = "installed";
        }
        aliases.push(alias);
    }
    show(&aliases, context);
    let path = context.environment.vars.get(env_vars::PATH).cloned().unwrap_or_default();
    if !std::env::split_paths(&path).any(|place| place == folder) {
        let hint = format!("put it there: export PATH=\"{}:$PATH\"", folder.display());
        context.printer.warn(&format!("{} is not in PATH", folder.display()), Some(&hint));
    }
    Ok(())
}

fn uninstall(place: &Place, context: &Context) -> Result<(), Report> {
    let folder = place.folder(context)?;
    let mut aliases = Vec::new();
    for program in PROGRAMS {
        let mut alias = Alias::look(program, &folder);
        if alias.is == "installed" {
            std::fs::remove_file(&alias.path)
                .map_err(|error| Report::failed(format!("{} cannot be removed", alias.path.display())).cause(error))?;
            alias.is = "removed";
        }
        aliases.push(alias);
    }
    show(&aliases, context);
    Ok(())
}

fn show(aliases: &[Alias], context: &Context) {
    if context.printer.json {
        context.printer.document(&serde_json::json!({ "aliases": aliases }));
        return;
    }
    let rows = aliases.iter().map(|alias| {
        let works = alias.later.unwrap_or("its verbs and flags work");
        vec![alias.name.to_owned(), alias.is.to_owned(), alias.was.to_owned(), works.to_owned()]
    });
    context.printer.table(&["NAME", "IS", "WAS", "NOW"], &rows.collect::<Vec<_>>());
}

// === impl Place ===

impl Place {
    fn folder(&self, context: &Context) -> Result<PathBuf, Report> {
        let named = self.dir.as_ref().map(|dir| context.environment.cwd.join(dir));
        let own = || Some(context.environment.home.as_ref()?.join(".local/bin"));
        named
            .or_else(own)
            .ok_or_else(|| Report::usage("there is no home folder for the links").hint("name one: --dir DIR"))
    }
}

// === impl Alias ===

impl Alias {
    fn look(program: &Program, folder: &Path) -> Self {
        let path = folder.join(program.name);
        let is = match std::fs::read_link(&path) {
            Ok(target) if target.file_name().is_some_and(|name| name == "switchboard") => "installed",
            Ok(_) => "taken",
            Err(error) if error.kind() == io::ErrorKind::NotFound => "absent",
            Err(_) => "taken",
        };
        Self { name: program.name, path, is, was: program.was, later: program.later }
    }
}
