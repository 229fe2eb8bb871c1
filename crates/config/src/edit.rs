//! Edits of configuration files as a person would make them: one entry added, removed, switched on
//! or off; comments, order and everything else stay. It edits text: reading, checking and writing
//! it is the caller's.

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstObject, CstRootNode};
use toml_edit::{Array, DocumentMut, Item, Table, TableLike, value};

/// An entry to be added.
#[derive(Debug, Clone, Default)]
pub struct NewServer {
    /// Its name.
    pub name: String,
    /// Program and arguments; empty for a remote server.
    pub command: Vec<String>,
    /// URL of a remote server.
    pub url: Option<String>,
    /// `type`, where it does not follow from the rest.
    pub transport: Option<String>,
    /// Environment variables of the program.
    pub env: Vec<(String, String)>,
    /// Headers of a remote server.
    pub headers: Vec<(String, String)>,
    /// Working folder of the program.
    pub cwd: Option<String>,
}

/// Why a text was not edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The text is broken already.
    #[error("it cannot be edited: {0}")]
    Broken(String),
    /// The name is taken.
    #[error("it declares `{0}` already")]
    Exists(String),
    /// There is no such entry.
    #[error("it declares no server `{0}`")]
    Absent(String),
}

/// What is done to an entry that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is taken out.
    Remove,
    /// It is switched on.
    Enable,
    /// It is switched off.
    Disable,
}

/// Tables of servers in TOML, ours first.
const TABLES: [&str; 3] = ["servers", "mcp_servers", "mcpServers"];
/// Tables of servers in JSON.
const JSON_TABLES: [&str; 3] = ["mcpServers", "servers", "mcp_servers"];

/// The text of a `switchboard.toml` with an entry more; with `replace` also in place of one of that
/// name.
///
/// # Errors
/// When the text is broken or has the name already.
pub fn added(text: &str, new: &NewServer, replace: bool) -> Result<String, EditError> {
    let mut document = parsed(text)?;
    for table in TABLES {
        let servers = document.get_mut(table).and_then(Item::as_table_like_mut);
        if servers.is_some_and(|servers| servers.contains_key(&new.name)) && !replace {
            return Err(EditError::Exists(new.name.clone()));
        }
    }
    if replace {
        remove_everywhere(&mut document, &new.name);
    }
    let implicit = || {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    };
    let servers = document.entry("servers").or_insert_with(implicit);
    let servers = servers.as_table_like_mut();
    let servers = servers.ok_or_else(|| EditError::Broken("`servers` in it is not a table".to_owned()))?;
    servers.insert(&new.name, Item::Table(entry(new)));
    Ok(document.to_string())
}

fn entry(new: &NewServer) -> Table {
    let mut entry = Table::new();
    entry.decor_mut().set_prefix("\n");
    if let Some(transport) = &new.transport {
        entry.insert("type", value(transport));
    }
    if let Some((program, args)) = new.command.split_first() {
        entry.insert("command", value(program));
        if !args.is_empty() {
            entry.insert("args", value(args.iter().collect::<Array>()));
        }
    }
    let texts = [("url", &new.url), ("cwd", &new.cwd)];
    for (key, text) in texts {
        if let Some(text) = text {
            entry.insert(key, value(text));
        }
    }
    for (key, pairs) in [("env", &new.env), ("headers", &new.headers)] {
        if !pairs.is_empty() {
            let mut table = toml_edit::InlineTable::new();
            table.extend(pairs.iter().map(|(name, text)| (name.as_str(), text.as_str())));
            entry.insert(key, value(table));
        }
    }
    entry
}

/// The text with the change of the entry `name`. Files ending in `.json` are JSON with comments,
/// others TOML.
///
/// # Errors
/// When the text is broken or has no such entry.
pub fn changed(text: &str, is_json: bool, name: &str, change: Change) -> Result<String, EditError> {
    match is_json {
        true => changed_json(text, name, change),
        false => changed_toml(text, name, change),
    }
}

fn parsed(text: &str) -> Result<DocumentMut, EditError> {
    text.parse().map_err(|error: toml_edit::TomlError| EditError::Broken(error.message().to_owned()))
}

fn remove_everywhere(document: &mut DocumentMut, name: &str) -> bool {
    let mut removed = false;
    for table in TABLES {
        let servers = document.get_mut(table).and_then(Item::as_table_like_mut);
        removed |= servers.is_some_and(|servers| servers.remove(name).is_some());
    }
    removed
}

fn changed_toml(text: &str, name: &str, change: Change) -> Result<String, EditError> {
    let mut document = parsed(text)?;
    if change == Change::Remove {
        return match remove_everywhere(&mut document, name) {
            true => Ok(document.to_string()),
            false => Err(EditError::Absent(name.to_owned())),
        };
    }
    let table = TABLES.into_iter().find(|table| {
        let servers = document.get(table).and_then(Item::as_table_like);
        servers.is_some_and(|servers| servers.contains_key(name))
    });
    let servers = table.and_then(|table| document.get_mut(table)).and_then(Item::as_table_like_mut);
    let entry = servers.and_then(|servers| servers.get_mut(name)).and_then(Item::as_table_like_mut);
    let entry = entry.ok_or_else(|| EditError::Absent(name.to_owned()))?;
    switch(entry, change == Change::Enable);
    Ok(document.to_string())
}

/// Other tools write `disabled`; where it stands it is what is changed.
fn switch(entry: &mut dyn TableLike, on: bool) {
    let disabled = entry.contains_key("disabled");
    if disabled {
        put(entry, "disabled", !on);
    }
    if !disabled || entry.contains_key("enabled") {
        put(entry, "enabled", on);
    }
}

/// Sets a flag; the comment behind it stays.
fn put(entry: &mut dyn TableLike, key: &str, flag: bool) {
    let mut new = toml_edit::Value::from(flag);
    if let Some(old) = entry.get(key).and_then(Item::as_value) {
        *new.decor_mut() = old.decor().clone();
    }
    entry.insert(key, Item::Value(new));
}

fn changed_json(text: &str, name: &str, change: Change) -> Result<String, EditError> {
    let broken = |what: String| EditError::Broken(what);
    let mark = text.strip_prefix('\u{feff}');
    let root = CstRootNode::parse(mark.unwrap_or(text), &ParseOptions::default())
        .map_err(|error| broken(error.to_string()))?;
    let object = root.object_value().ok_or_else(|| broken("it does not hold an object".to_owned()))?;
    let tables = JSON_TABLES.into_iter().filter_map(|table| object.object_value(table));
    // The files of a predecessor have the servers at the top.
    let all: Vec<CstObject> = tables.chain([object.clone()]).collect();
    let property = all.iter().find_map(|servers| servers.get(name));
    let property = property.ok_or_else(|| EditError::Absent(name.to_owned()))?;
    match change {
        Change::Remove => property.remove(),
        Change::Enable | Change::Disable => {
            let on = change == Change::Enable;
            let entry = property.object_value().ok_or_else(|| broken(format!("`{name}` in it is not an object")))?;
            let put = |key: &str, flag: bool| match entry.get(key) {
                Some(property) => property.set_value(CstInputValue::Bool(flag)),
                None => {
                    entry.append(key, CstInputValue::Bool(flag));
                }
            };
            let enabled = entry.get("enabled").is_some();
            if enabled {
                put("enabled", on);
            }
            if !enabled || entry.get("disabled").is_some() {
                put("disabled", !on);
            }
        }
    }
    Ok(match mark {
        Some(_) => format!("\u{feff}{root}"),
        None => root.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(name: &str) -> NewServer {
        let command = ["node", "s.js", "--x"].map(str::to_owned).to_vec();
        NewServer { name: name.to_owned(), command, ..NewServer::default() }
    }

    const TEXT: &str = "# mine\n[servers.a]\ncommand = \"x\" # why\n\n# the second\n[servers.b]\nurl = \"http://h/\"\ndisabled = true\n";

    #[test]
    fn an_entry_is_added_and_everything_else_stays() {
        let text = added(TEXT, &new("c.d"), false).unwrap();
        assert!(text.starts_with(TEXT), "{text}");
        assert!(text.ends_with("\n[servers.\"c.d\"]\ncommand = \"node\"\nargs = [\"s.js\", \"--x\"]\n"), "{text}");
        assert_eq!(added(TEXT, &new("a"), false), Err(EditError::Exists("a".to_owned())));
        let replaced = added(TEXT, &new("a"), true).unwrap();
        assert!(replaced.contains("node") && !replaced.contains("# why"), "{replaced}");
        assert!(added("a =", &new("a"), false).is_err());
        assert!(added("", &new("a"), false).unwrap().contains("[servers.a]"));
    }

    #[test]
    fn an_entry_is_switched_and_removed() {
        let off = changed(TEXT, false, "a", Change::Disable).unwrap();
        assert!(off.contains("command = \"x\" # why\nenabled = false\n"), "{off}");
        let on = changed(&off, false, "a", Change::Enable).unwrap();
        assert!(on.contains("enabled = true\n") && !on.contains("false"), "{on}");
        let on = changed(TEXT, false, "b", Change::Enable).unwrap();
        assert!(on.contains("disabled = false\n"), "{on}");
        let gone = changed(TEXT, false, "a", Change::Remove).unwrap();
        assert!(!gone.contains("servers.a") && gone.contains("# the second"), "{gone}");
        assert!(changed(TEXT, false, "z", Change::Remove).is_err());
    }

    #[test]
    fn json_keeps_its_comments() {
        let text = "{ // mine\n  \"mcpServers\": {\n    \"a\": { \"command\": \"x\" },\n    \"b\": { \"command\": \"y\" }\n  }\n}\n";
        let off = changed(text, true, "a", Change::Disable).unwrap();
        assert!(off.contains("// mine") && off.contains("\"disabled\": true"), "{off}");
        assert!(changed(&off, true, "a", Change::Enable).unwrap().contains("\"disabled\": false"));
        let gone = changed(text, true, "a", Change::Remove).unwrap();
        assert!(!gone.contains("\"a\"") && gone.contains("\"b\""), "{gone}");
        assert!(changed(text, true, "z", Change::Enable).is_err());
    }
}
