//! The ten real servers behind one gateway, and what each can show.

use e2e::{Listening, Page, Peers, Step, Switchboard, command, entry_at, entry_of};
use serde_json::json;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// What a step must have brought.
pub(crate) enum Expect {
    /// A result that is not an error and has this text somewhere.
    Text(&'static str),
    /// At least so many progress notifications, strictly increasing, and a result.
    Progress(usize),
    /// The call was given up.
    Cancelled,
    /// The tool came or went, and the client was told.
    Changed,
}

/// A server of the fleet with what every client must see of it.
pub(crate) struct Cell {
    /// Name in the configuration.
    pub(crate) server: &'static str,
    /// Public names that the catalog must list.
    pub(crate) names: &'static [&'static str],
    /// Steps that a scripted client plays.
    pub(crate) steps: Vec<(Step, Expect)>,
    /// A tool with its arguments and a text of its result, for clients that can only call.
    pub(crate) plain_call: (&'static str, Vec<(&'static str, String)>, &'static str),
    /// What this server cannot show, and why.
    pub(crate) cannot: &'static [(&'static str, &'static str)],
}

const STATIC: &[(&str, &str)] = &[
    ("progress", "no tool of it reports progress"),
    ("cancellation", "every tool of it answers at once"),
    ("list changes", "its list never changes"),
];

/// The running fleet.
pub(crate) struct Fleet {
    pub(crate) board: Switchboard,
    page: Page,
    folder: TempDir,
    _servers: Vec<Listening>,
}

impl Fleet {
    /// Starts all servers and one gateway before them.
    pub(crate) fn start(peers: &Peers) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let page = Page::serve("<html><body><p>A page on loopback.</p></body></html>");
        fs::create_dir(folder.path().join("files")).unwrap();
        fs::write(folder.path().join("files/note.txt"), "a note in a file").unwrap();
        make_repository(&folder.path().join("repo"));
        let modern = Listening::start(with_arg(peers, "ts_modern_server.mjs", &["0"]));
        let python = Listening::start(with_arg(peers, "py_server.py", &["http", "0"]));
        let port = free_port();
        let mut everything = command("node");
        everything.arg(peers.package("server-everything")).arg("streamableHttp").env("PORT", port.to_string());
        let everything = Listening::start_at(everything, port);
        let board = Switchboard::start(&config(peers, folder.path(), &modern, &python, &everything));
        Self { board, page, folder, _servers: vec![modern, python, everything] }
    }

    /// What every client must see; `client` makes the ids of its slow calls its own.
    pub(crate) fn cells(&self, client: &str) -> Vec<Cell> {
        let mut cells = vec![
            everything("everything", ["everything__echo", "everything__get-sum"]),
            everything("every-http", ["every-http__echo", "every-http__get-sum"]),
        ];
        cells.extend(self.static_cells());
        cells.push(peer("ts", ["ts__add", "ts__echo", "ts__slow", "ts__toggle"], client));
        cells.push(peer("py", ["py__add", "py__echo", "py__slow", "py__toggle"], client));
        cells.push(peer("py-http", ["py-http__add", "py-http__echo", "py-http__slow", "py-http__toggle"], client));
        cells
    }

    fn static_cells(&self) -> Vec<Cell> {
        let file = self.folder.path().join("files/note.txt").display().to_string();
        let repository = self.folder.path().join("repo").display().to_string();
        let entities = json!([{"name": "switchboard", "entityType": "gateway", "observations": ["fast"]}]);
        let mut cells = vec![
            simple(
                "filesystem",
                &["filesystem__list_directory", "filesystem__read_text_file"],
                "a note in a file",
                &[("path", file)],
            ),
            simple("memory", &["memory__create_entities", "memory__read_graph"], "entities", &[]),
            simple("time", &["time__convert_time", "time__get_current_time"], "UTC", &[("timezone", "UTC".into())]),
            simple("git", &["git_log", "git_status"], "nothing to commit", &[("repo_path", repository)]),
            simple(
                "fetch",
                &["fetch__fetch"],
                "A page on loopback",
                &[("url", self.page.url.clone()), ("raw", "true".into())],
            ),
        ];
        for cell in &mut cells {
            if cell.server == "memory" {
                let create = Step::call("memory__create_entities", json!({"entities": entities}));
                cell.steps.insert(0, (create, Expect::Text("")));
            }
        }
        cells
    }
}

fn with_arg(peers: &Peers, script: &str, args: &[&str]) -> std::process::Command {
    let mut command = peers.script_command(script);
    command.args(args);
    command
}

pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn make_repository(path: &Path) {
    fs::create_dir(path).unwrap();
    let identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com"];
    for args in [&["init", "--quiet"][..], &["commit", "--quiet", "--allow-empty", "-m", "first"]] {
        let status = command("git").args(identity).args(args).current_dir(path).status().unwrap();
        assert!(status.success(), "git {args:?}");
    }
}

fn config(peers: &Peers, folder: &Path, modern: &Listening, python: &Listening, everything: &Listening) -> String {
    let package = |name: &str| peers.package(name).display().to_string();
    let venv = |name: &str| peers.python(name).display().to_string();
    let below = |name: &str| folder.join(name).display().to_string();
    let script = peers.script("py_server.py").display().to_string();
    let mut text = String::new();
    for (name, program, args) in [
        ("everything", "node".to_owned(), vec![package("server-everything"), "stdio".into()]),
        ("filesystem", "node".to_owned(), vec![package("server-filesystem"), below("files")]),
        ("memory", "node".to_owned(), vec![package("server-memory")]),
        ("time", venv("mcp-server-time"), vec!["--local-timezone".into(), "UTC".into()]),
        ("git", venv("mcp-server-git"), vec!["--repository".into(), below("repo")]),
        ("fetch", venv("mcp-server-fetch"), vec!["--ignore-robots-txt".into(), "--allow-private-ips".into()]),
        ("py", venv("python"), vec![script, "stdio".into()]),
    ] {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        text.push_str(&entry_of(name, Path::new(&program), &args));
        if name == "memory" {
            text.push_str(&format!("env = {{ MEMORY_FILE_PATH = {:?} }}\n", below("memory.json")));
        }
    }
    for (name, server) in [("every-http", everything), ("ts", modern), ("py-http", python)] {
        text.push_str(&entry_at(name, &server.url()));
    }
    text
}

fn everything(server: &'static str, names: [&'static str; 2]) -> Cell {
    let leaked: &'static [&'static str] = Box::leak(Box::new(names));
    let tool = |name: &str| format!("{server}__{name}");
    let long = tool("trigger-long-running-operation");
    Cell {
        server,
        names: leaked,
        steps: vec![
            (Step::call(&tool("echo"), json!({"message": "hi"})), Expect::Text("Echo: hi")),
            (Step::progress(&long, json!({"duration": 1, "steps": 4})), Expect::Progress(3)),
            (Step::cancel(&long, json!({"duration": 25, "steps": 5}), 300), Expect::Cancelled),
            (Step::call(&tool("get-sum"), json!({"a": 20, "b": 22})), Expect::Text("42")),
            (Step::prompt(&tool("simple-prompt"), json!({})), Expect::Text("simple prompt")),
            (Step::read("demo://resource/static/document/architecture.md"), Expect::Text("Architecture")),
        ],
        plain_call: (names[0], vec![("message", "hi".into())], "Echo: hi"),
        cannot: &[("list changes", "its list never changes")],
    }
}

/// A server of one tool call: the last of its names.
fn simple(
    server: &'static str,
    names: &'static [&'static str],
    text: &'static str,
    args: &[(&'static str, String)],
) -> Cell {
    let tool = names.last().copied().unwrap_or_default();
    let mut object = serde_json::Map::new();
    for (name, value) in args {
        let value = if value == "true" { json!(true) } else { json!(value) };
        object.insert((*name).to_owned(), value);
    }
    Cell {
        server,
        names,
        steps: vec![(Step::call(tool, object.into()), Expect::Text(text))],
        plain_call: (tool, args.to_vec(), text),
        cannot: STATIC,
    }
}

/// A peer of our own making, with a tool for everything.
fn peer(server: &'static str, names: [&'static str; 4], client: &str) -> Cell {
    let leaked: &'static [&'static str] = Box::leak(Box::new(names));
    let tool = |name: &str| format!("{server}__{name}");
    let id = format!("{client}-{server}");
    let endless = json!({"id": id, "steps": 250, "ms": 100});
    Cell {
        server,
        names: leaked,
        steps: vec![
            (Step::call(&tool("add"), json!({"a": 40, "b": 2})), Expect::Text("42")),
            (Step::progress(&tool("slow"), json!({"id": "p", "steps": 3, "ms": 30})), Expect::Progress(3)),
            (Step::cancel(&tool("slow"), endless, 500), Expect::Cancelled),
            (Step::until(&tool("was_cancelled"), json!({"id": id}), "true"), Expect::Text("true")),
            (Step::change(&tool("toggle"), &tool("extra")), Expect::Changed),
        ],
        plain_call: (names[1], vec![("message", "hello".into())], "hello"),
        cannot: &[],
    }
}
