//! `switchboard connect --write CLIENT`: shows or makes the change of a client's configuration.

use crate::context::Context;
use crate::report::Report;
use config::client_files::{Client, ClientFileError};
use serde_json::json;
use std::path::PathBuf;
use std::time::SystemTime;

/// Writes our entry into the configuration of the client `name`.
///
/// # Errors
/// When the file is broken or cannot be written.
pub(super) fn run(name: &str, dry_run: bool, context: &Context) -> Result<(), Report> {
    let client = Client::ALL.iter().find(|client| client.name() == name);
    let client = client.ok_or_else(|| Report::usage(format!("`{name}` is not a client that is known")))?;
    let exe = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("switchboard"));
    let edit = client.plan(&context.environment, &exe.to_string_lossy()).map_err(refused)?;
    let printer = &context.printer;
    let file = edit.file.display().to_string();
    if context.settings.data.is_some() || !context.settings.config.is_empty() {
        let message = "the entry names neither --data nor --config";
        printer.warn(message, Some("add SWITCHBOARD_DATA or SWITCHBOARD_CONFIG to the entry's `env`"));
    }
    if dry_run || edit.is_done() {
        let changes = changed_lines(edit.old.as_deref().unwrap_or_default(), &edit.new);
        match printer.json {
            true => printer.document(&json!({ "file": file, "done": edit.is_done(), "new": edit.new })),
            false if edit.is_done() => printer.say(&format!("{file} has the entry already")),
            false => printer.line(&format!("would write {file}:\n{changes}")),
        }
        return Ok(());
    }
    let written = edit.write(SystemTime::now()).map_err(refused)?;
    if printer.json {
        printer.document(&json!({ "file": file, "backup": written.backup, "undo": written.undo }));
        return Ok(());
    }
    printer.line(&format!("wrote {file}"));
    if let Some(backup) = &written.backup {
        printer.line(&format!("backup: {}", backup.display()));
    }
    printer.line(&format!("undo: {}", written.undo));
    printer.say(&format!("restart {name} to use it"));
    Ok(())
}

fn refused(error: ClientFileError) -> Report {
    match &error {
        ClientFileError::Broken { .. } => Report::usage(error.to_string()).hint("mend the file, then try again"),
        _ => Report::failed(error.to_string()),
    }
}

/// The lines that differ, without those before and after that are the same.
pub(crate) fn changed_lines(old: &str, new: &str) -> String {
    let old: Vec<&str> = old.lines().collect();
    let new: Vec<&str> = new.lines().collect();
    let before = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let pairs = old[before..].iter().rev().zip(new[before..].iter().rev());
    let after = pairs.take_while(|(old, new)| old == new).count();
    let removed = old[before..old.len() - after].iter().map(|line| format!("- {line}"));
    let added = new[before..new.len() - after].iter().map(|line| format!("+ {line}"));
    removed.chain(added).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_shown() {
        assert_eq!(changed_lines("a\nb\nc", "a\nx\ny\nc"), "- b\n+ x\n+ y");
        assert_eq!(changed_lines("", "a"), "+ a");
        assert_eq!(changed_lines("a\na", "a\na\na"), "+ a");
    }
}
