//! `switchboard remove`, `enable`, `disable`: one entry of a file is changed. A change is a draft
//! first: it is loaded as if it were written, and written only if nothing is wrong with it.

use crate::client::{Client, encoded};
use crate::commands::connect::changed_lines;
use crate::context::Context;
use crate::report::{Kind, Report};
use crate::{audit, state};
use bytes::Bytes;
use config::client_files::replace;
use config::edit::{Change, EditError, changed};
use config::{Layer, Origin, Sources};
use control::said::{Reloaded, Server};
use control::{Act, Deed};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

/// How long a server is waited for after a change.
const WAIT_MAX: Duration = Duration::from_secs(15);
/// How often it is looked at meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Take a server out of the configuration
///
/// It is taken out of the file that declares it; everything else in the file stays. Of a server that
/// was found in the file of another tool, the approval is taken back and the file stays as it is.
#[derive(Debug, clap::Args)]
pub(crate) struct RemoveArgs {
    /// Its name
    name: String,

    /// Show what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// Use a server again that was disabled
#[derive(Debug, clap::Args)]
pub(crate) struct EnableArgs {
    /// Its name
    name: String,
}

/// Keep a server in the configuration without using it
#[derive(Debug, clap::Args)]
pub(crate) struct DisableArgs {
    /// Its name
    name: String,
}

/// Takes a server out.
///
/// # Errors
/// When it is not declared, or the file cannot be changed.
pub(crate) fn remove(args: &RemoveArgs, context: &Context) -> Result<(), Report> {
    edit(&args.name, Change::Remove, args.dry_run, context)
}

/// Switches a server on.
///
/// # Errors
/// When it is not declared, or the file cannot be changed.
pub(crate) fn enable(args: &EnableArgs, context: &Context) -> Result<(), Report> {
    edit(&args.name, Change::Enable, false, context)
}

/// Switches a server off.
///
/// # Errors
/// When it is not declared, or the file cannot be changed.
pub(crate) fn disable(args: &DisableArgs, context: &Context) -> Result<(), Report> {
    edit(&args.name, Change::Disable, false, context)
}

fn edit(name: &str, change: Change, dry_run: bool, context: &Context) -> Result<(), Report> {
    let sources = context.sources();
    let loaded = config::load(&sources);
    let Some(server) = loaded.config.servers.get(name) else {
        let mut report = Report::usage(format!("there is no server `{name}`"));
        let names: Vec<&str> = loaded.config.servers.keys().map(String::as_str).collect();
        if !names.is_empty() {
            report = report.hint(format!("declared: {}", names.join(", ")));
        }
        return Err(report.hint(format!("what is wrong with the files: {}", context.command("config check"))));
    };
    let (is_on, origin) = (server.enabled, server.origin.clone());
    let (done, act) = match change {
        Change::Remove => ("removed", Act::Removed),
        Change::Enable => ("enabled", Act::Enabled),
        Change::Disable => ("disabled", Act::Disabled),
    };
    let unchanged = (change == Change::Enable && is_on) || (change == Change::Disable && !is_on);
    if unchanged {
        return say(name, done, &origin.to_string(), false, context);
    }
    if origin.layer == Layer::Found {
        return of_another_tool(name, change, &origin, context);
    }
    let file = origin.file.clone().unwrap_or_default();
    let draft = Draft::of(file.clone(), sources)?;
    let is_json = matches!(file.extension().and_then(|kind| kind.to_str()), Some("json" | "jsonc"));
    if matches!(file.extension().and_then(|kind| kind.to_str()), Some("yaml" | "yml")) {
        return Err(Report::usage(format!("`{name}` stands in YAML, which is not edited here"))
            .hint(format!("change it by hand at {origin}, such as: enabled: false")));
    }
    let text = changed(&draft.old, is_json, name, change).map_err(|error| draft.refused(&error))?;
    let draft = draft.with(text);
    draft.check()?;
    if dry_run {
        return draft.show(context);
    }
    draft.write(context, &format!("{done} {name}"))?;
    audit::note(vec![Deed::new("local", act, name).with(json!({ "file": file }))], context);
    match change {
        Change::Remove => tell_daemon(&[], context),
        Change::Enable | Change::Disable => tell_daemon(&[name.to_owned()], context),
    }
}

/// Switches a server on or off for a daemon: in its file, and nowhere else. Nothing is done where it is
/// so already.
///
/// # Errors
/// When it is not declared in a file of a person's that can be edited, or the result would be wrong.
pub(crate) fn switch(name: &str, on: bool, sources: Sources) -> Result<(), Report> {
    let loaded = config::load(&sources);
    let server = loaded.config.servers.get(name);
    let server = server.ok_or_else(|| Report::usage(format!("the files declare no server `{name}`")))?;
    if server.enabled == on {
        return Ok(());
    }
    let (origin, change) = (server.origin.clone(), if on { Change::Enable } else { Change::Disable });
    let Some(file) = origin.file.clone().filter(|_| !matches!(origin.layer, Layer::Found | Layer::Inside)) else {
        return Err(Report::usage(format!("`{name}` stands in no file of yours, but at {origin}"))
            .hint("change it there; of servers inside, `builtins` in switchboard.toml says which are offered"));
    };
    let extension = file.extension().and_then(|kind| kind.to_str()).map(str::to_owned);
    if matches!(extension.as_deref(), Some("yaml" | "yml")) {
        return Err(Report::usage(format!("`{name}` stands in YAML, which is not edited here"))
            .hint(format!("change it by hand at {origin}, such as: enabled: {on}")));
    }
    let draft = Draft::of(file, sources)?;
    let is_json = matches!(extension.as_deref(), Some("json" | "jsonc"));
    let text = changed(&draft.old, is_json, name, change).map_err(|error| draft.refused(&error))?;
    let draft = draft.with(text);
    draft.check()?;
    draft.replace()
}

/// The file belongs to another tool: only our own approval is changed.
fn of_another_tool(name: &str, change: Change, origin: &Origin, context: &Context) -> Result<(), Report> {
    if change != Change::Remove {
        return Err(Report::usage(format!("`{name}` stands in the file of another tool, at {origin}"))
            .hint(format!("take its approval back: {}", context.command(&format!("remove {name}"))))
            .hint(format!("or change it by hand at {origin}")));
    }
    let (of, file) = (name.to_owned(), origin.file.clone());
    let withdrawn = state::change(context, move |approvals| {
        let before = approvals.entries.len();
        approvals.entries.retain(|record| record.name != of || Some(&record.file) != file.as_ref());
        approvals.entries.len() < before
    })?;
    if withdrawn {
        audit::note(vec![Deed::new("local", Act::Unapproved, name).with(json!({ "file": origin.file }))], context);
    }
    say(name, "no longer approved", &origin.to_string(), true, context)?;
    tell_daemon(&[], context)
}

fn say(name: &str, done: &str, place: &str, changed: bool, context: &Context) -> Result<(), Report> {
    match context.printer.json {
        true => context.printer.document(&json!({ "name": name, "changed": changed, "file": place })),
        false if changed => context.printer.line(&format!("{name} is {done} ({place})")),
        false => context.printer.line(&format!("{name} is {done} already ({place})")),
    }
    Ok(())
}

/// A change of a file that is not written yet.
pub(super) struct Draft {
    /// As it is shown.
    file: PathBuf,
    pub(super) old: String,
    new: String,
    sources: Sources,
}

// === impl Draft ===

impl Draft {
    /// The file that a person's own entries go to: the last one named, or the user's.
    pub(super) fn of_own_file(context: &Context) -> Result<Self, Report> {
        let user = || Some(context.environment.config_folder()?.join("switchboard").join("switchboard.toml"));
        let file = context.settings.config.last().cloned().or_else(user);
        let file = file
            .ok_or_else(|| Report::usage("there is no home folder to write to").hint("name a file: --config FILE"))?;
        if file.extension().is_none_or(|kind| kind != "toml") {
            return Err(Report::usage(format!("{} is not TOML; servers are added to files of ours", file.display()))
                .hint("name a switchboard.toml: --config FILE"));
        }
        let mut sources = context.sources();
        // Everything that the daemon reads: a name must be free there, too.
        if !sources.files.is_empty() && !sources.files.contains(&file) {
            sources.files.push(file.clone());
        }
        Self::of(file, sources)
    }

    fn of(file: PathBuf, sources: Sources) -> Result<Self, Report> {
        let path = sources.environment.cwd.join(&file);
        let old = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Report::failed(format!("{} cannot be read", file.display())).cause(error)),
        };
        Ok(Self { file, new: old.clone(), old, sources })
    }

    pub(super) fn with(self, new: String) -> Self {
        Self { new, ..self }
    }

    /// Where a server of this name is declared by a person.
    pub(super) fn declares(&self, name: &str) -> Option<String> {
        let loaded = config::load(&Sources { drafts: self.drafts(&self.old), ..self.sources.clone() });
        let server = loaded.config.servers.get(name).filter(|server| server.subject.is_none())?;
        Some(server.origin.to_string())
    }

    fn drafts(&self, text: &str) -> std::collections::BTreeMap<PathBuf, String> {
        [(self.path(), text.to_owned())].into()
    }

    fn path(&self) -> PathBuf {
        self.sources.environment.cwd.join(&self.file)
    }

    pub(super) fn refused(&self, error: &EditError) -> Report {
        Report::usage(format!("{} is left as it is: {error}", self.file.display()))
    }

    /// Loads everything as if the change were written.
    pub(super) fn check(&self) -> Result<(), Report> {
        let loaded = config::load(&Sources { drafts: self.drafts(&self.new), ..self.sources.clone() });
        if !loaded.has_errors() {
            return Ok(());
        }
        let errors = loaded.diagnostics.iter().filter(|found| found.severity == config::Severity::Error);
        let errors: Vec<String> = errors.map(|found| found.render(false)).collect();
        let message = format!("nothing was changed: the configuration would be wrong\n\n{}", errors.join("\n\n"));
        Err(Report::usage(message))
    }

    pub(super) fn show(&self, context: &Context) -> Result<(), Report> {
        let changes = changed_lines(&self.old, &self.new);
        let file = self.file.display().to_string();
        match context.printer.json {
            true => context.printer.document(&json!({ "file": file, "new": self.new })),
            false => context.printer.line(&format!("would write {file}:\n{changes}")),
        }
        Ok(())
    }

    fn replace(&self) -> Result<(), Report> {
        let path: &Path = &self.path();
        replace(path, &self.new)
            .map_err(|error| Report::failed(format!("{} cannot be written", self.file.display())).cause(error))
    }

    pub(super) fn write(&self, context: &Context, done: &str) -> Result<(), Report> {
        self.replace()?;
        match context.printer.json {
            true => context.printer.document(&json!({ "done": done, "file": self.file })),
            false => context.printer.line(&format!("{done} ({})", self.file.display())),
        }
        Ok(())
    }
}

/// Lets a running daemon read its files again and says how the servers are then.
pub(super) fn tell_daemon(names: &[String], context: &Context) -> Result<(), Report> {
    let client = context.client()?;
    context.block_on(async {
        let reloaded: Result<Reloaded, Report> = client.post("/api/reload", Bytes::new()).await;
        match reloaded {
            // It is read when a daemon starts.
            Err(report) if report.exit == Report::new(Kind::NoDaemon, "").exit => return Ok(()),
            Err(report) => return Err(report),
            Ok(_) => {}
        }
        for name in names {
            context.printer.say(&outcome(name, &client, context).await?);
        }
        Ok(())
    })
}

/// How a server is, once it is not starting any more.
async fn outcome(name: &str, client: &Client, context: &Context) -> Result<String, Report> {
    let until = Instant::now() + WAIT_MAX;
    loop {
        let server: Server = match client.get(&format!("/api/servers/{}", encoded(name))).await {
            Ok(server) => server,
            Err(report) if report.exit == Report::new(Kind::NoDaemon, "").exit => return Err(report),
            Err(_) => return Ok(format!("{name}: the running daemon does not have it")),
        };
        if server.state != "starting" || Instant::now() >= until {
            let reason = server.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
            return Ok(match server.state.as_str() {
                "ready" => format!("{name}: ready with {}", crate::printer::count(server.tools, "tool")),
                "starting" => format!("{name}: still starting; see: {}", context.command("status")),
                state => format!("{name}: {state}{reason}"),
            });
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
