//! What the same servers cost in tokens of definitions behind ours, in each exposure, and behind gateways
//! of others; and what a search there answers. The lists go into files: who counts the tokens is
//! `cargo xtask lab tokens`, which also installs the others.

use super::count;
use e2e::{Agent, Home, Many, Peers, SOON, Walked, await_some, command, require_peers, send, tell};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// How many prompts are searched for at most.
const QUESTIONS_MAX: usize = 108;

/// What all contenders are given.
struct Field {
    peers: Peers,
    many: Many,
    list: PathBuf,
    folder: PathBuf,
}

/// One that stands before the servers: how it is reached, and how it is searched, if it can be.
struct Contender {
    name: &'static str,
    agent: Agent,
    target: Vec<String>,
    search: Option<&'static str>,
    /// A call whose result has this text when it knows its servers.
    until: Option<Value>,
}

/// A gateway of others that listens; it ends with the value.
struct Listener(Child);

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

// === impl Field ===

impl Field {
    fn new(peers: Peers, many: Many, folder: &Path) -> Self {
        let list = folder.join("tools.jsonl");
        many.write(&list);
        Self { peers, many, list, folder: folder.to_owned() }
    }

    /// The servers as most clients have them in a file.
    fn servers(&self) -> BTreeMap<String, Value> {
        let entry = |name: String| {
            let [program, list, server] = Many::words(&self.list, &name);
            (name, json!({"command": program, "args": [list, server]}))
        };
        self.many.servers().into_iter().map(entry).collect()
    }

    /// Writes a file that a contender reads.
    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// The words that run a program in a home of its own.
    fn at_home(&self, words: &[&str]) -> Vec<String> {
        let folder = self.folder.display();
        let own = ["env".to_owned(), "-C".to_owned(), folder.to_string(), format!("HOME={folder}")];
        own.into_iter().chain(words.iter().map(|&word| word.to_owned())).collect()
    }

    /// Starts one that listens and waits until `path` is answered with `text`.
    fn listen(&self, mut start: Command, at: SocketAddr, path: &str, text: &str) -> Listener {
        start.env("HOME", &self.folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let listener = Listener(start.spawn().unwrap());
        await_some(SOON * 2, "a gateway of others that knows its servers", || {
            std::net::TcpStream::connect(at).ok()?;
            send(at, "GET", path, &[], b"").text().contains(text).then_some(())
        });
        listener
    }

    /// Lets one list and search, files what it said, and says so in a line.
    fn measure(&self, contender: &Contender) -> Walked {
        let questions = &self.many.questions()[..self.many.questions().len().min(QUESTIONS_MAX)];
        let asked: Vec<(String, &[String])> = questions
            .iter()
            .map(|(prompt, fits)| (prompt.clone(), &fits[..]))
            .chain(questions.iter().map(|(_, fits)| (words(&fits[0]), &fits[..1])))
            .collect();
        let mut plan = json!({});
        if let Some(tool) = contender.search {
            plan["calls"] = asked.iter().map(|(text, _)| json!({"tool": tool, "arguments": {"query": text}})).collect();
        }
        if let Some(until) = &contender.until {
            plan["until"] = until.clone();
        }
        let walked = contender.agent.walk(&self.peers, &contender.target, plan);
        let texts: Vec<String> = walked.calls.iter().map(all_text).collect();
        let found: Vec<bool> =
            asked.iter().zip(&texts).map(|((_, fits), text)| fits.iter().any(|id| names(text, id))).collect();
        let (by_prompt, by_words) = found.split_at(found.len() / 2);
        let count = |found: &[bool]| found.iter().filter(|&&found| found).count();
        let said = json!({
            "name": contender.name, "tools": walked.definitions(), "instructions": walked.instructions,
            "answers": texts.get(questions.len()..).unwrap_or_default(),
            "found_by_prompt": count(by_prompt), "found_by_words": count(by_words),
        });
        let file = self.file(&format!("said/{}.json", contender.name.replace([' ', ',', '/'], "_")), &said.to_string());
        tell(&format!("tokens: {file}"));
        walked
    }
}

/// Every text of a result.
fn all_text(result: &Value) -> String {
    let blocks = result["content"].as_array().map(Vec::as_slice).unwrap_or_default();
    blocks.iter().filter_map(|block| block["text"].as_str()).collect::<Vec<_>>().join("\n")
}

/// Whether a text names the tool `server:tool`, as a whole word, behind whatever prefix.
fn names(text: &str, id: &str) -> bool {
    let tool = id.split_once(':').map_or(id, |(_, tool)| tool);
    let inside = |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '-');
    text.match_indices(tool).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + tool.len()..]);
        let prefix = before.ends_with("__") || !(inside(before.chars().last()) || before.ends_with('_'));
        prefix && !inside(after.chars().next()) && !after.starts_with('_')
    })
}

/// The words of the name in `server:tool`, for whoever searches by keywords.
fn words(id: &str) -> String {
    let tool = id.split_once(':').map_or(id, |(_, tool)| tool);
    let mut words = String::new();
    let mut before = ' ';
    for letter in tool.chars() {
        if letter.is_uppercase() && before.is_lowercase() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase().map(|letter| if letter.is_alphanumeric() { letter } else { ' ' }));
        before = letter;
    }
    words
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap()
}

/// Ours, in each exposure; gives the sizes of the lists.
fn ours(field: &Field, url: &str) -> [usize; 3] {
    let profiles = [
        ("switchboard, all", "all", None),
        ("switchboard, search", "search", Some("search_tools")),
        ("switchboard, auto", "auto", None),
    ];
    profiles.map(|(name, profile, search)| {
        let target = vec![format!("{url}/p/{profile}")];
        let agent = Agent::OVER_HTTP[2].clone();
        field.measure(&Contender { name, agent, target, search, until: None }).raw.len()
    })
}

/// Gateways of others that their clients start, from the folder where the lab has put them.
fn over_stdio(field: &Field, others: &Path) {
    let program = |name: &str| others.join(name).display().to_string();
    let servers = field.servers();
    let common = field.file("mcp.json", &json!({"mcpServers": servers}).to_string());
    let lazy: Vec<Value> = servers
        .iter()
        .map(|(name, entry)| {
            let words: Vec<Value> =
                [entry["command"].clone()].into_iter().chain(entry["args"].as_array().unwrap().clone()).collect();
            json!({"name": name, "description": field.many.about(name), "command": words})
        })
        .collect();
    let lazy = field.file("lazy.json", &json!({"servers": lazy}).to_string());
    field.file(".slm-mcp-hub/config.json", &json!({"mcpServers": servers}).to_string());
    let slop = servers.iter().map(|(name, entry)| {
        format!(
            "mcp {name:?} {{\n    command {}\n    args {} {}\n}}\n",
            entry["command"], entry["args"][0], entry["args"][1]
        )
    });
    field.file(".slop-mcp.kdl", &slop.collect::<String>());
    let (compress, hub) = (program("mcp-compressor/bin/mcp-compressor"), program("slm-mcp-hub/bin/slm-hub"));
    let slop = program("node_modules/@standardbeagle/slop-mcp/binaries/slop-mcp-linux-amd64");
    let all = format!("\"total\\\":{}", field.many.count());
    let contenders = [
        ("mcp-compressor, medium", field.at_home(&[&compress, "--config", &common]), None, None),
        ("mcp-compressor, max", field.at_home(&[&compress, "--config", &common, "-c", "max"]), None, None),
        ("lazy-mcp", field.at_home(&[&program("lazy-mcp/bin/lazy-mcp"), "--config", &lazy]), None, None),
        (
            "slm-mcp-hub",
            field.at_home(&[&hub, "mcp"]),
            Some("search_tools"),
            Some(json!({"tool": "list_servers", "text": format!("\"server_count\\\": {}", servers.len())})),
        ),
        (
            "slop-mcp",
            field.at_home(&[&slop, "serve"]),
            Some("search_tools"),
            Some(json!({"tool": "search_tools", "arguments": {"query": "", "limit": 1}, "text": all})),
        ),
    ];
    for (name, target, search, until) in contenders {
        field.measure(&Contender { name, agent: Agent::OVER_STDIO[2].clone(), target, search, until });
    }
}

/// Gateways of others that listen. One takes no programs, only URLs: it gets ours, a server each.
fn over_http(field: &Field, others: &Path, url: &str) {
    let common = field.file("mcp.json", &json!({"mcpServers": field.servers()}).to_string());
    let at = free_address();
    let mut hub = command(field.peers.node22());
    hub.arg(others.join("node_modules/mcp-hub/dist/cli.js")).args(["--port", &at.port().to_string()]);
    hub.args(["--config", &common]);
    let listener = field.listen(hub, at, "/api/health", "\"state\":\"ready\"");
    let target = vec![format!("http://{at}/mcp")];
    let agent = Agent::OVER_SSE;
    field.measure(&Contender { name: "mcp-hub", agent, target, search: None, until: None });
    drop(listener);

    let at = free_address();
    let urls: BTreeMap<String, String> =
        field.many.servers().into_iter().map(|name| (name.clone(), format!("{url}/{name}"))).collect();
    let mut gateway = command(others.join("fastmcp-gateway/bin/fastmcp-gateway"));
    gateway.env("GATEWAY_HOST", "127.0.0.1").env("GATEWAY_PORT", at.port().to_string());
    gateway.env("GATEWAY_UPSTREAMS", json!(urls).to_string());
    let _listener = field.listen(gateway, at, "/healthz", "");
    let target = vec![format!("http://{at}/mcp")];
    let agent = Agent::OVER_HTTP[2].clone();
    field.measure(&Contender { name: "fastmcp-gateway", agent, target, search: Some("discover_tools"), until: None });
}

#[test]
fn the_same_servers_behind_ours_and_others() {
    let Some(peers) = require_peers() else { return };
    let servers = count("SWITCHBOARD_LAB_TOKENS", 12);
    let many = Many::real().unwrap_or_else(|| Many::made(servers)).of_first(servers);
    let kept = std::env::var_os("SWITCHBOARD_LAB_TOKENS_OUT").map(PathBuf::from);
    let folder = tempfile::tempdir().unwrap();
    let field = Field::new(peers, many, kept.as_deref().unwrap_or(folder.path()));
    let profiles = "[profiles.all]\n[profiles.search]\nexposure = \"search\"\n[profiles.auto]\nexposure = \"auto\"\n";
    let board = Home::new(&(profiles.to_owned() + &field.many.entries(&field.list, &[]))).start();
    await_some(SOON, "every tool of every server", || {
        (e2e::Client::tools(&board.modern()).len() == field.many.count()).then_some(())
    });
    let [all, search, _] = ours(&field, &board.url());
    assert!(search * 10 < all, "expected `search` to list far less than `all`: {search} bytes, {all} bytes");
    // They are installed by the lab alone.
    let Some(others) = std::env::var_os("SWITCHBOARD_LAB_TOKENS_OTHERS").map(PathBuf::from) else { return };
    over_stdio(&field, &others);
    over_http(&field, &others, &board.url());
}

#[test]
fn a_tool_is_named_as_a_whole_word() {
    assert!(names("\"tool\": \"github__create_issue\"", "github:create_issue"));
    assert!(names("create_issue(title: str)", "github:create_issue"));
    assert!(!names("create_issue_comment", "github:create_issue"));
    assert!(!names("re_create_issue", "github:create_issue"));
    assert_eq!(words("aws:KendraListIndexes-now"), "kendra list indexes now");
}
