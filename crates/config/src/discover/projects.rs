//! What a project says about servers in files that are not about servers: `pyproject.toml`,
//! `package.json`, programs in `scripts/mcp/`. Each becomes an entry as `.mcp.json` would have it.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::approval::SCRIPT;
use crate::tree::{Entry, Kind, Node, entry};

/// Words that say that a script is a server.
const WORDS: &[&str] = &["mcp", "model context protocol", "fastmcp", "mcp.server"];
/// The lines of a script in which they are looked for.
const SCRIPT_LINES: usize = 20;
/// The most bytes of a script that are read for them.
const SCRIPT_BYTES_MAX: u64 = 16 * 1024;

/// Whether a path is a program below `scripts/mcp/`.
pub(super) fn is_script(path: &Path) -> bool {
    let parts: Vec<_> = path.parent().into_iter().flat_map(Path::components).map(|part| part.as_os_str()).collect();
    let below = parts.windows(2).any(|pair| pair[0] == "scripts" && pair[1] == "mcp");
    let metadata = below.then(|| std::fs::metadata(path).ok()).flatten();
    metadata.is_some_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// The servers of a `pyproject.toml`: those under `tool.mcp.servers`, and scripts that say MCP.
pub(super) fn python(tree: &Node, folder: &Path) -> Vec<Entry> {
    let mut servers = declared(under(tree, &["tool", "mcp", "servers"]), "python3");
    for script in under(tree, &["project", "scripts"]) {
        let target = script.value.text().unwrap_or_default();
        if !says_mcp(&script.key) && !says_mcp(target) || entry(&servers, &script.key).is_some() {
            continue;
        }
        // The program that an installation has made, or the one that makes it when asked.
        let made = folder.join(".venv/bin").join(&script.key);
        let words = match made.is_file() {
            true => vec![made.display().to_string()],
            false => vec!["uv".to_owned(), "run".to_owned(), script.key.clone()],
        };
        servers.push(running(script, server(script, &words)));
    }
    servers
}

/// The servers of a `package.json`: those under `mcp.servers`, and scripts whose name says MCP.
pub(super) fn node(tree: &Node) -> Vec<Entry> {
    let mut servers = declared(under(tree, &["mcp", "servers"]), "node");
    for script in under(tree, &["scripts"]) {
        if says_mcp(&script.key) && entry(&servers, &script.key).is_none() {
            let words = ["npm", "run", "--silent", &script.key].map(str::to_owned);
            servers.push(running(script, server(script, &words)));
        }
    }
    servers
}

/// The server that a program in `scripts/mcp/` is, if its first lines say so.
pub(super) fn script(path: &Path) -> Option<Entry> {
    let mut text = Vec::new();
    std::fs::File::open(path).ok()?.take(SCRIPT_BYTES_MAX).read_to_end(&mut text).ok()?;
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().take(SCRIPT_LINES).collect();
    let command = lines.iter().any(|line| line.trim_start().starts_with("MCP_COMMAND="));
    let wrapper = command && path.parent().is_some_and(|folder| folder.ends_with("wrappers"));
    let head = lines.join("\n").to_ascii_lowercase();
    if !wrapper && !WORDS.iter().any(|word| head.contains(word)) {
        return None;
    }
    let name = path.file_stem()?.to_string_lossy().into_owned();
    let place = Entry { key: name, key_span: Default::default(), value: empty() };
    let mut found = server(&place, &[path.display().to_string()]);
    let comment = lines.iter().filter(|line| !line.starts_with("#!")).find_map(|line| line.strip_prefix('#'));
    if let (Some(comment), Kind::Table(fields)) = (comment.map(str::trim), &mut found.value.kind) {
        fields.push(field(&place, "description", Kind::Text(comment.to_owned())));
    }
    Some(found)
}

fn under<'a>(tree: &'a Node, path: &[&str]) -> &'a [Entry] {
    let inner = path.iter().try_fold(tree, |node, key| Some(&entry(node.entries(), key)?.value));
    inner.map_or(&[], Node::entries)
}

/// Entries as they stand, with the command that goes without saying.
fn declared(entries: &[Entry], command: &str) -> Vec<Entry> {
    let mut servers = Vec::new();
    for one in entries {
        let mut one = one.clone();
        let place = Entry { value: empty(), ..one.clone() };
        if let Kind::Table(fields) = &mut one.value.kind
            && entry(fields, "command").is_none()
            && entry(fields, "url").is_none()
        {
            fields.push(field(&place, "command", Kind::Text(command.to_owned())));
        }
        servers.push(one);
    }
    servers
}

fn server(place: &Entry, words: &[String]) -> Entry {
    let text = |word: &String| Node { span: place.value.span, kind: Kind::Text(word.clone()) };
    let mut fields = Vec::new();
    if let Some((program, args)) = words.split_first() {
        fields.push(field(place, "command", Kind::Text(program.clone())));
        fields.push(field(place, "args", Kind::List(args.iter().map(text).collect())));
    }
    Entry { value: Node { span: place.value.span, kind: Kind::Table(fields) }, ..place.clone() }
}

/// With what the file says that the name runs: it is approved with the command.
fn running(script: &Entry, mut found: Entry) -> Entry {
    if let (Some(line), Kind::Table(fields)) = (script.value.text(), &mut found.value.kind) {
        fields.push(field(script, SCRIPT, Kind::Text(line.to_owned())));
    }
    found
}

fn field(place: &Entry, key: &str, kind: Kind) -> Entry {
    Entry { key: key.to_owned(), key_span: place.key_span, value: Node { span: place.value.span, kind } }
}

fn empty() -> Node {
    Node { span: Default::default(), kind: Kind::Null }
}

fn says_mcp(text: &str) -> bool {
    text.to_ascii_lowercase().contains("mcp")
}
