//! The configuration files of AI clients: where they are, and how one entry, `switchboard`, is put
//! into them without touching comments, order or other keys.
//!
//! It edits text and writes files; it neither reads what else is declared there nor starts clients.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstRootNode};

use crate::environment::Environment;

/// The name of our entry.
const ENTRY: &str = "switchboard";

/// A client whose configuration we can write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// Claude Desktop.
    Claude,
    /// Claude Code, for the user.
    ClaudeCode,
    /// Cursor, for the user.
    Cursor,
    /// Visual Studio Code, for the user.
    VsCode,
    /// Codex.
    Codex,
}

/// Why a client's file was left as it is.
#[derive(Debug, thiserror::Error)]
pub enum ClientFileError {
    /// The person has no home folder.
    #[error("there is no home folder to look for the client's configuration in")]
    NoHome,
    /// The file is broken; writing would make it worse.
    #[error("{} is left as it is: {cause}", file.display())]
    Broken {
        /// The client's file.
        file: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// Reading or writing failed.
    #[error("{} cannot be {action}: {cause}", file.display())]
    Io {
        /// The file concerned.
        file: PathBuf,
        /// `read` or `written`.
        action: &'static str,
        /// What the system said.
        cause: std::io::Error,
    },
}

/// What is to be written, or was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The client's file.
    pub file: PathBuf,
    /// Its text so far; `None` if there was no file.
    pub old: Option<String>,
    /// Its text with our entry.
    pub new: String,
}

/// What [`Edit::write`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The copy of the former file.
    pub backup: Option<PathBuf>,
    /// A shell line that takes the change back.
    pub undo: String,
}

// === impl Client ===

impl Client {
    /// Every client, in the order of the documentation.
    pub const ALL: &[Client] = &[Client::Claude, Client::ClaudeCode, Client::Cursor, Client::VsCode, Client::Codex];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Client::Claude => "claude",
            Client::ClaudeCode => "claude-code",
            Client::Cursor => "cursor",
            Client::VsCode => "vscode",
            Client::Codex => "codex",
        }
    }

    /// The file of the client for this user. `None` without a home folder.
    pub fn file(self, environment: &Environment) -> Option<PathBuf> {
        let home = environment.home.as_ref()?;
        let applications = if cfg!(target_os = "macos") {
            home.join("Library/Application Support")
        } else if cfg!(windows) {
            PathBuf::from(environment.vars.get("APPDATA")?)
        } else {
            environment.config_folder()?
        };
        Some(match self {
            Client::Claude => applications.join("Claude/claude_desktop_config.json"),
            Client::ClaudeCode => home.join(".claude.json"),
            Client::Cursor => home.join(".cursor/mcp.json"),
            Client::VsCode => applications.join("Code/User/mcp.json"),
            Client::Codex => match environment.vars.get("CODEX_HOME") {
                Some(folder) => Path::new(folder).join("config.toml"),
                None => home.join(".codex/config.toml"),
            },
        })
    }

    /// The text of the client's file with our entry added or replaced: a program that serves the
    /// client's stdin and stdout. Everything else stays as it is. Fails with what is wrong if the
    /// text is broken.
    pub fn edited(self, text: &str, executable: &str) -> Result<String, String> {
        match self {
            Client::Codex => edited_toml(text, executable),
            Client::VsCode => edited_json(text, "servers", executable),
            Client::Claude | Client::ClaudeCode | Client::Cursor => edited_json(text, "mcpServers", executable),
        }
    }

    /// Reads the client's file and says what would be written. Writes nothing.
    pub fn plan(self, environment: &Environment, executable: &str) -> Result<Edit, ClientFileError> {
        let file = self.file(environment).ok_or(ClientFileError::NoHome)?;
        let old = match std::fs::read_to_string(&file) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(cause) => return Err(failed(&file, "read", cause)),
        };
        match self.edited(old.as_deref().unwrap_or_default(), executable) {
            Ok(new) => Ok(Edit { file, old, new }),
            Err(cause) => Err(ClientFileError::Broken { file, cause }),
        }
    }
}

// === impl Edit ===

impl Edit {
    /// Whether the entry already stands there as it should.
    pub fn is_done(&self) -> bool {
        self.old.as_deref() == Some(self.new.as_str())
    }

    /// Copies the file to a backup beside it, named after `now`, and replaces it in one step with
    /// the same permissions. A link stays a link: what it points at is replaced.
    pub fn write(&self, now: SystemTime) -> Result<Written, ClientFileError> {
        let file = self.file.canonicalize().unwrap_or_else(|_| self.file.clone());
        let failed = |cause: std::io::Error| failed(&file, "written", cause);
        let folder = file.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(failed)?;
        let backup = match self.old {
            Some(_) => Some(back_up(&file, now).map_err(failed)?),
            None => None,
        };
        replace(&file, &self.new).map_err(failed)?;
        let undo = match &backup {
            Some(backup) => format!("mv {} {}", quoted(backup), quoted(&file)),
            None => format!("rm {}", quoted(&file)),
        };
        Ok(Written { backup, undo })
    }
}

fn failed(file: &Path, action: &'static str, cause: std::io::Error) -> ClientFileError {
    ClientFileError::Io { file: file.to_path_buf(), action, cause }
}

/// Replaces a file in one step with the same permissions; a new one is its owner's only. A link
/// stays a link.
///
/// # Errors
/// Those of the system.
pub fn replace(file: &Path, text: &str) -> std::io::Result<()> {
    let file = file.canonicalize().unwrap_or_else(|_| file.to_path_buf());
    let folder = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    new.write_all(text.as_bytes())?;
    if let Ok(metadata) = std::fs::metadata(&file) {
        new.as_file().set_permissions(metadata.permissions())?;
    }
    new.as_file().sync_all()?;
    new.persist(&file).map_err(|error| error.error)?;
    Ok(())
}

fn back_up(file: &Path, now: SystemTime) -> std::io::Result<PathBuf> {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".backup-{}", timestamp(seconds)));
    let backup = file.with_file_name(name);
    std::fs::copy(file, &backup)?;
    Ok(backup)
}

/// Seconds since 1970 as `YYYYMMDD-HHMMSS` in UTC.
fn timestamp(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Years are counted from March, so that the leap day is the last one of its year.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let leaps = day_of_era / 1460 + day_of_era / 146_096;
    let year_of_era = (day_of_era + day_of_era / 36_524 - leaps) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}")
}

/// A path as one word of a shell line.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', r"'\''"))
}

fn edited_json(text: &str, table: &str, executable: &str) -> Result<String, String> {
    let mark = text.strip_prefix('\u{feff}');
    let body = mark.unwrap_or(text);
    let root =
        CstRootNode::parse(body, &ParseOptions::default()).map_err(|error| format!("it is not valid JSON: {error}"))?;
    let root_object = match body.trim().is_empty() {
        true => Some(root.object_value_or_set()),
        false => root.object_value_or_create(),
    };
    let object = root_object.ok_or("it does not hold an object")?;
    let servers = object.object_value_or_create(table).ok_or_else(|| format!("`{table}` in it is not an object"))?;
    let args = CstInputValue::Array(vec!["connect".into()]);
    let entry = CstInputValue::Object(vec![("command".to_owned(), executable.into()), ("args".to_owned(), args)]);
    match servers.get(ENTRY) {
        Some(property) => property.set_value(entry),
        None => {
            servers.append(ENTRY, entry);
        }
    }
    let mut edited = root.to_string();
    if !edited.ends_with('\n') && body.trim().is_empty() {
        edited.push('\n');
    }
    Ok(match mark {
        Some(_) => format!("\u{feff}{edited}"),
        None => edited,
    })
}

fn edited_toml(text: &str, executable: &str) -> Result<String, String> {
    let mut document: toml_edit::DocumentMut =
        text.parse().map_err(|error| format!("it is not valid TOML: {error}"))?;
    let implicit = || {
        let mut table = toml_edit::Table::new();
        table.set_implicit(true);
        toml_edit::Item::Table(table)
    };
    let servers = document.entry("mcp_servers").or_insert_with(implicit);
    let servers = servers.as_table_like_mut().ok_or("`mcp_servers` in it is not a table")?;
    let mut entry = toml_edit::Table::new();
    entry.insert("command", toml_edit::value(executable));
    let args: toml_edit::Array = ["connect"].into_iter().collect();
    entry.insert("args", toml_edit::value(args));
    match servers.get_mut(ENTRY).and_then(toml_edit::Item::as_table_mut) {
        // The comment above the header belongs to the person.
        Some(former) => {
            *entry.decor_mut() = former.decor().clone();
            entry.set_position(former.position());
            *former = entry;
        }
        None => {
            servers.insert(ENTRY, toml_edit::Item::Table(entry));
        }
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_dates() {
        assert_eq!(timestamp(0), "19700101-000000");
        assert_eq!(timestamp(951_782_399), "20000228-235959");
        assert_eq!(timestamp(951_782_400), "20000229-000000");
        assert_eq!(timestamp(1_795_219_200), "20261121-000000");
    }

    #[test]
    fn a_path_is_one_word_of_a_shell() {
        assert_eq!(quoted(Path::new("/a b/c'd")), r"'/a b/c'\''d'");
    }
}
