//! Entries of other tools, brought into our words: Codex, VS Code, Cursor, Windsurf, Gemini and
//! the Inspector name some things differently. Pure rewriting of the tree; the reader comes after.
//!
//! What has no counterpart stays as it is and is kept beside the entry.

use crate::tree::{Entry, Kind, Node, entry};

/// How a key of another tool becomes one of ours.
enum Becomes {
    /// The same value under another name.
    Key(&'static str),
    /// A number of milliseconds.
    Milliseconds(&'static str),
    /// A list under `tools`.
    Tools(&'static str),
    /// The name of a variable that holds the bearer token.
    BearerVariable,
    /// A table of headers whose values are names of variables.
    HeaderVariables,
}

fn meaning(key: &str) -> Option<Becomes> {
    Some(match key {
        "serverUrl" | "httpUrl" => Becomes::Key("url"),
        "envFile" => Becomes::Key("env_file"),
        "http_headers" => Becomes::Key("headers"),
        "env_vars" => Becomes::Key("inherit_env"),
        "protocolEra" => Becomes::Key("era"),
        "startup_timeout_sec" => Becomes::Key("startup_timeout"),
        "startup_timeout_ms" => Becomes::Milliseconds("startup_timeout"),
        "tool_timeout_sec" => Becomes::Key("request_timeout"),
        "enabled_tools" | "includeTools" => Becomes::Tools("allow"),
        "disabled_tools" | "disabledTools" | "excludeTools" => Becomes::Tools("deny"),
        "bearer_token_env_var" => Becomes::BearerVariable,
        "env_http_headers" => Becomes::HeaderVariables,
        _ => return None,
    })
}

/// The entries of one server of another tool, in our words where we have them.
pub(crate) fn normalise(entries: &[Entry]) -> Vec<Entry> {
    let mut ours: Vec<Entry> = Vec::with_capacity(entries.len());
    // Codex and Copilot have a `tools` of their own form; ours is a table of lists.
    let own_tools = |one: &Entry| {
        let lists = one.value.entries().iter();
        let all_lists = lists.clone().all(|each| matches!(each.value.kind, Kind::List(_)));
        matches!(one.value.kind, Kind::Table(_)) && all_lists
    };
    let own_oauth = |one: &Entry| {
        let known = |key: &str| crate::keys::find(crate::keys::OAUTH_KEYS, key).is_some();
        one.key == "oauth" && one.value.entries().iter().all(|inner| known(&inner.key))
    };
    for one in entries {
        if meaning(&one.key).is_none() {
            let mut kept = one.clone();
            let other = match one.key.as_str() {
                "tools" => !own_tools(one),
                // Our `auth` is a word, and `oauth` has names of our own.
                "auth" | "oauth" => matches!(one.value.kind, Kind::Table(_)) && !own_oauth(one),
                _ => crate::guards::is_of_another_tool(one),
            };
            if other {
                kept.key = format!("{} (of another tool)", one.key);
            }
            ours.push(kept);
        }
    }
    // Whole values first: what is added to a table must find the table.
    let adds = |one: &&Entry| !matches!(meaning(&one.key), Some(Becomes::Key(_) | Becomes::Milliseconds(_)));
    let mut ordered: Vec<&Entry> = entries.iter().collect();
    ordered.sort_by_key(adds);
    for one in ordered {
        let value = &one.value;
        match (meaning(&one.key), &value.kind) {
            (Some(Becomes::Key(name)), _) if entry(&ours, name).is_none() => {
                ours.push(renamed(one, name, value.kind.clone()));
            }
            (Some(Becomes::Milliseconds(name)), Kind::Integer(number)) if entry(&ours, name).is_none() => {
                ours.push(renamed(one, name, Kind::Text(format!("{number}ms"))));
            }
            (Some(Becomes::Tools(name)), Kind::List(_)) => {
                let inner = renamed(one, name, value.kind.clone());
                add_to_table(&mut ours, "tools", inner);
            }
            (Some(Becomes::BearerVariable), Kind::Text(variable)) => {
                let text = Kind::Text(format!("Bearer ${{{variable}}}"));
                let inner = renamed(one, "Authorization", text);
                add_to_table(&mut ours, "headers", inner);
            }
            (Some(Becomes::HeaderVariables), Kind::Table(headers)) => {
                for header in headers {
                    let variable = header.value.text().unwrap_or_default();
                    let text = Kind::Text(format!("${{{variable}}}"));
                    let inner = renamed(header, &header.key, text);
                    add_to_table(&mut ours, "headers", inner);
                }
            }
            (Some(_), _) => ours.push(one.clone()),
            (None, _) => {}
        }
    }
    ours
}

fn renamed(from: &Entry, key: &str, kind: Kind) -> Entry {
    Entry { key: key.to_owned(), key_span: from.key_span, value: Node { span: from.value.span, kind } }
}

fn add_to_table(entries: &mut Vec<Entry>, table: &str, inner: Entry) {
    let at = entries.iter().position(|one| one.key == table);
    match at.map(|at| &mut entries[at].value.kind) {
        Some(Kind::Table(inside)) => {
            if entry(inside, &inner.key).is_none() {
                inside.push(inner);
            }
        }
        Some(_) => {}
        None => {
            let outer = renamed(&inner, table, Kind::Null);
            entries.push(Entry { value: Node { span: inner.value.span, kind: Kind::Table(vec![inner]) }, ..outer });
        }
    }
}
