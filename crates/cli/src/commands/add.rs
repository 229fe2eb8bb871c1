//! `switchboard add`: a new entry in a file of the person's own. Writing it is approving it.

use super::change::{Draft, tell_daemon};
use crate::context::Context;
use crate::report::Report;
use config::edit::{NewServer, added};

/// Add a server to your configuration
///
/// Writes into your switchboard.toml, or into the file named with --config; everything else in the
/// file stays as it is. The result is checked before it is written: if it would have an error,
/// nothing changes. A running daemon starts the server at once.
///
///     switchboard add time -- uvx mcp-server-time
///     switchboard add tickets --url https://tickets.example.com/mcp
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Its name
    name: String,

    /// The program and its arguments, behind `--`
    #[arg(last = true, value_name = "COMMAND", required_unless_present = "url")]
    command: Vec<String>,

    /// URL of a remote server
    #[arg(long, value_name = "URL", conflicts_with = "command")]
    url: Option<String>,

    /// Variable for the program; take secrets from elsewhere: KEY='${env:KEY}'
    #[arg(long, value_name = "KEY=VALUE", conflicts_with = "url")]
    env: Vec<String>,

    /// Header for a remote server
    #[arg(long, value_name = "NAME: VALUE", requires = "url")]
    header: Vec<String>,

    /// Working folder of the program
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    cwd: Option<String>,

    /// How it is reached, where that does not follow from the rest: http, sse, websocket
    #[arg(long, value_name = "TYPE")]
    transport: Option<String>,

    /// Replace a server of that name
    #[arg(long)]
    force: bool,

    /// Show what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// Adds it and tells the daemon.
///
/// # Errors
/// When the name is taken or the result would be wrong.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    let new = NewServer {
        name: args.name.clone(),
        command: args.command.clone(),
        url: args.url.clone(),
        transport: args.transport.clone(),
        env: pairs(&args.env, '=', "--env")?,
        headers: pairs(&args.header, ':', "--header")?,
        // The shell's folder is meant, not that of the file.
        cwd: args.cwd.as_ref().map(|cwd| match cwd.starts_with('~') || cwd.contains("${") {
            true => cwd.clone(),
            false => context.environment.cwd.join(cwd).display().to_string(),
        }),
    };
    for (name, value) in new.env.iter().chain(&new.headers) {
        if config::looks_secret(name, value) {
            let message =
                format!("the value of {name} looks like a secret and stands in the file for all who can read it");
            let better = format!("set it in the environment and write {name}='${{env:{name}}}', or ${{file:path}}");
            context.printer.warn(&message, Some(&better));
        }
    }
    let draft = Draft::of_own_file(context)?;
    let already = draft.declares(&args.name);
    if let Some(origin) = already.filter(|_| !args.force) {
        return Err(
            Report::usage(format!("`{}` is declared already, at {origin}", args.name)).hint("replace it: --force")
        );
    }
    let text = added(&draft.old, &new, args.force).map_err(|error| draft.refused(&error))?;
    let draft = draft.with(text);
    draft.check()?;
    if args.dry_run {
        return draft.show(context);
    }
    draft.write(context, &format!("added {}", args.name))?;
    crate::audit::note(vec![control::Deed::new("local", control::Act::Added, &args.name)], context);
    tell_daemon(std::slice::from_ref(&args.name), context)
}

fn pairs(texts: &[String], between: char, flag: &str) -> Result<Vec<(String, String)>, Report> {
    let split = |text: &String| {
        let (name, value) = text.split_once(between).filter(|(name, _)| !name.trim().is_empty()).ok_or_else(|| {
            Report::usage(format!("{flag} `{text}` has no `{between}`"))
                .hint(format!("such as {flag} NAME{between}VALUE"))
        })?;
        Ok((name.trim().to_owned(), value.trim_start().to_owned()))
    };
    texts.iter().map(split).collect()
}
