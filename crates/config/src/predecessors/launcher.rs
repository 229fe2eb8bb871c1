//! `~/.mcp-servers.json` of the universal launcher: an object of servers, each with a line for a
//! shell, a folder and a port. The line is split into words; no shell ever sees it.

use super::{Effect, FieldRow, Translated, as_text, set, texts};
use crate::diagnostic::Source;
use crate::shell_words::{Line, split};
use crate::tree::{Entry, Kind, Node, entry};

/// Every field of an entry, and what becomes of it.
pub const FIELDS: &[FieldRow] = &[
    FieldRow { field: "name", effect: Effect::Key("description") },
    FieldRow { field: "path", effect: Effect::Key("cwd") },
    FieldRow {
        field: "command",
        effect: Effect::Together(
            "split into `command` and `args`, `NAME=value` in front goes to `env`; what needs a shell is refused",
        ),
    },
    FieldRow { field: "port", effect: Effect::Together("`port`, and `url` on it") },
    FieldRow { field: "env_file", effect: Effect::Together("`env_file`, stronger than `env` as it was there") },
    FieldRow { field: "env", effect: Effect::Together("`env`, with `$NAME` and `${NAME}` expanded") },
    FieldRow {
        field: "dependencies",
        effect: Effect::Together(
            "`services` and `depends_on`; another service of the same name gets the server's name in front",
        ),
    },
    FieldRow { field: "install", effect: Effect::Key("install") },
    FieldRow { field: "health_check", effect: Effect::Together("`health_check`: a URL is asked, a command is run") },
];

/// Whether a file is one of the launcher: by its name, or entries with a path or port at the top.
pub(super) fn is_launcher(source: &Source, tree: &Node) -> bool {
    let entries = tree.entries();
    if entries.iter().any(|one| matches!(one.key.as_str(), "mcpServers" | "mcp_servers" | "servers")) {
        return false;
    }
    if source.path.file_name().is_some_and(|name| name == ".mcp-servers.json") {
        return true;
    }
    let shaped = |one: &Entry| {
        let fields = one.value.entries();
        let has = |key| entry(fields, key).is_some();
        entry(fields, "command").is_some_and(|command| command.value.text().is_some()) && (has("path") || has("port"))
    };
    !entries.is_empty() && entries.iter().all(shaped)
}

pub(super) fn translate(tree: &Node) -> Translated {
    let mut translated = Translated { env_file_wins: true, ..Translated::default() };
    for one in tree.entries() {
        let fields = match &one.value.kind {
            Kind::Table(fields) => server(&one.key, fields, tree.entries(), &mut translated).map(Kind::Table),
            other => Some(other.clone()),
        };
        if let Some(kind) = fields {
            let value = Node { span: one.value.span, kind };
            translated.servers.push(Entry { value, ..one.clone() });
        }
    }
    translated
}

/// The keys of one entry. `taken` are the names of all.
fn server(name: &str, fields: &[Entry], taken: &[Entry], translated: &mut Translated) -> Option<Vec<Entry>> {
    let mut ours = Vec::new();
    let mut needs = Vec::new();
    let line = match entry(fields, "command") {
        Some(from) => Some((from, words(name, from, translated)?)),
        None => None,
    };
    if let Some((from, line)) = &line {
        let mut words = line.words.iter().cloned();
        set(&mut ours, "command", from, Kind::Text(words.next().unwrap_or_default()));
        set(&mut ours, "args", from, texts(from, words));
        for (variable, value) in &line.assignments {
            set(&mut ours, "env", from, Kind::Table(Vec::new()));
            add_variable(&mut ours, from, variable, value.clone());
        }
    }
    for one in fields {
        match one.key.as_str() {
            "command" => {}
            "name" => set(&mut ours, "description", one, one.value.kind.clone()),
            "path" => set(&mut ours, "cwd", one, one.value.kind.clone()),
            "env_file" => set(&mut ours, "env_file", one, one.value.kind.clone()),
            "env" => environment(&mut ours, one),
            "port" => port(name, one, &mut ours, translated),
            "install" => translated.put(&mut ours, "install", one, one.value.kind.clone(), name),
            "health_check" => health_check(name, one, &mut ours, translated),
            "dependencies" => needs.extend(dependencies(name, one, taken, translated)),
            // Keys of ours may stand beside those of the launcher.
            _ => ours.push(one.clone()),
        }
    }
    if let Some(from) = entry(fields, "dependencies") {
        set(&mut ours, "depends_on", from, texts(from, needs));
    }
    Some(ours)
}

fn words(name: &str, from: &Entry, translated: &mut Translated) -> Option<Line> {
    match split(from.value.text().unwrap_or_default()) {
        Ok(line) => Some(line),
        Err(why) => {
            let message = format!("server `{name}`: `{}` cannot be run without a shell: {why}", from.key);
            let hint = "put the line into a script that can be executed, and name the script here";
            translated.refused.push((from.value.span, message, hint.to_owned()));
            None
        }
    }
}

fn environment(ours: &mut Vec<Entry>, from: &Entry) {
    set(ours, "env", from, Kind::Table(Vec::new()));
    for variable in from.value.entries() {
        let Some(value) = as_text(&variable.value) else {
            continue;
        };
        add_variable(ours, variable, &variable.key, braced(&value));
    }
}

/// The line of the command was there first, and what it sets is what the program sees.
fn add_variable(ours: &mut [Entry], from: &Entry, name: &str, value: String) {
    if let Some(Kind::Table(inside)) = ours.iter_mut().find(|one| one.key == "env").map(|one| &mut one.value.kind)
        && entry(inside, name).is_none()
    {
        let value = Node { span: from.value.span, kind: Kind::Text(value) };
        inside.push(Entry { key: name.to_owned(), key_span: from.key_span, value });
    }
}

/// `$NAME` as `${NAME}`.
fn braced(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, behind) = (&rest[..at], &rest[at + 1..]);
        shown.push_str(before);
        let starts = behind.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        let end = behind.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(behind.len());
        match starts {
            true => shown.push_str(&format!("${{{}}}", &behind[..end])),
            false => shown.push('$'),
        }
        rest = if starts { &behind[end..] } else { behind };
    }
    shown.push_str(rest);
    shown
}

/// The launcher's servers serve HTTP on their port; its own clients spoke to `/sse`.
fn port(name: &str, from: &Entry, ours: &mut Vec<Entry>, translated: &mut Translated) {
    translated.put(ours, "port", from, from.value.kind.clone(), name);
    if let (Some(_), Kind::Integer(number)) = (entry(ours, "port"), &from.value.kind) {
        set(ours, "url", from, Kind::Text(format!("http://127.0.0.1:{number}/sse")));
    }
}

fn health_check(name: &str, from: &Entry, ours: &mut Vec<Entry>, translated: &mut Translated) {
    let text = from.value.text().unwrap_or_default();
    if text.starts_with("http://") || text.starts_with("https://") {
        translated.put(ours, "health_check.http", from, Kind::Text(text.to_owned()), name);
    } else if let Some(line) = words(name, from, translated) {
        translated.put(ours, "health_check.command", from, texts(from, line.words), name);
    }
}

/// Each dependency as a service of ours; the names that they got.
fn dependencies(server: &str, from: &Entry, taken: &[Entry], translated: &mut Translated) -> Vec<String> {
    let mut names = Vec::new();
    for one in from.value.entries() {
        let service = Kind::Table(dependency(server, one, translated));
        // Two servers may have meant two things by one name; what they agree on is started once.
        let declared = entry(&translated.settings, "services").map(|services| services.value.entries());
        let other = declared.and_then(|services| entry(services, &one.key));
        let shared = other
            .is_none_or(|other| other.value.to_json() == Node { kind: service.clone(), ..one.value.clone() }.to_json());
        let name = match shared && entry(taken, &one.key).is_none() {
            true => one.key.clone(),
            false => format!("{server}-{}", one.key),
        };
        set(&mut translated.settings, "services", from, Kind::Table(Vec::new()));
        let services = translated.settings.iter_mut().find(|section| section.key == "services");
        if let Some(Kind::Table(services)) = services.map(|section| &mut section.value.kind) {
            set_whole(services, &name, one, service);
        }
        names.push(name);
    }
    names
}

/// A key that may hold dots.
fn set_whole(entries: &mut Vec<Entry>, key: &str, from: &Entry, kind: Kind) {
    if entry(entries, key).is_none() {
        let value = Node { span: from.value.span, kind };
        entries.push(Entry { key: key.to_owned(), key_span: from.key_span, value });
    }
}

/// The keys of a service.
fn dependency(server: &str, one: &Entry, translated: &mut Translated) -> Vec<Entry> {
    let mut service = Vec::new();
    let whose = format!("{server}.{}", one.key);
    for field in one.value.entries() {
        match field.key.as_str() {
            // It follows from what stands beside it.
            "type" => {}
            "image" | "name" => set(&mut service, &field.key, field, field.value.kind.clone()),
            "env" => environment(&mut service, field),
            "ports" => set(&mut service, "ports", field, ports(field)),
            "check_url" => set(&mut service, "ready.http", field, field.value.kind.clone()),
            "command" => {
                if let Some(line) = words(&whose, field, translated) {
                    let mut words = line.words.iter().cloned();
                    set(&mut service, "command", field, Kind::Text(words.next().unwrap_or_default()));
                    set(&mut service, "args", field, texts(field, words));
                    for (variable, value) in line.assignments {
                        set(&mut service, "env", field, Kind::Table(Vec::new()));
                        add_variable(&mut service, field, &variable, value);
                    }
                }
            }
            other => {
                translated.unused(field, &format!("dependencies.{other}"), server, "it is not a key that is known")
            }
        }
    }
    service
}

/// `{"5432": "5432"}` as `HOST:CONTAINER`.
fn ports(from: &Entry) -> Kind {
    match &from.value.kind {
        Kind::Table(pairs) => {
            texts(from, pairs.iter().filter_map(|pair| Some(format!("{}:{}", pair.key, as_text(&pair.value)?))))
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_get_braces() {
        for (text, expected) in
            [("$A/b", "${A}/b"), ("${A}$B", "${A}${B}"), ("a$", "a$"), ("$5 $_x", "$5 ${_x}"), ("plain", "plain")]
        {
            assert_eq!(braced(text), expected);
        }
    }
}
