//! The servers inside, from outside: every tool in a table, the predecessors' scenarios through real
//! clients with the daemon killed in between, and many processes at once on the same state.

mod crowd;

mod import;

mod memory_command;

mod offered;

mod scenarios;

mod table;

mod tables {
    pub(super) mod cache;
    pub(super) mod files;
    pub(super) mod goals;
    pub(super) mod memory;
    pub(super) mod runner;
    pub(super) mod shell;
    pub(super) mod web;
}

use e2e::{Client as _, Home, Postgres, Redis, Switchboard, require_peers};
use serde_json::json;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

/// Where a switchboard keeps what must last.
#[derive(Debug)]
enum State {
    File,
    Database(Postgres),
}

// === impl State ===

impl State {
    /// Each that there is here.
    fn each() -> Vec<Self> {
        [Some(Self::File), Postgres::database().map(Self::Database)].into_iter().flatten().collect()
    }

    /// The section of the configuration that says so.
    fn config(&self) -> String {
        match self {
            Self::File => String::new(),
            Self::Database(database) => format!("[state]\nurl = \"{}\"\n", database.url()),
        }
    }

    /// A home of a switchboard that keeps its state here.
    fn home(&self, builtins: &str) -> Home {
        Home::new(&self.config()).offering(builtins)
    }
}

fn started(home: Home) -> Switchboard {
    let board = home.start();
    board.modern().request("tools/list", json!({}));
    board
}

#[test]
fn every_tool_of_cache_answers_as_the_predecessors_did() {
    let Some(peers) = require_peers() else { return };
    let board = started(Home::new("").offering("cache"));
    table::holds(&peers, &board, "cache", &tables::cache::rows("embedded"), tables::cache::KNOWN);
    let Some(redis) = Redis::start() else { return };
    let board = started(Home::new(&format!("[cache]\nurl = \"{}\"\n", redis.url())).offering("cache"));
    table::holds(&peers, &board, "cache", &tables::cache::rows("redis"), tables::cache::KNOWN);
}

#[test]
fn every_tool_of_memory_answers_as_it_says() {
    let Some(peers) = require_peers() else { return };
    for state in State::each() {
        let board = started(state.home("memory"));
        table::holds(&peers, &board, "memory", &tables::memory::rows(), tables::memory::KNOWN);
    }
}

#[test]
fn every_tool_of_files_and_shell_answers_as_the_predecessors_did() {
    let Some(peers) = require_peers() else { return };
    let home = Home::new("");
    let work = home.place("work");
    fs::create_dir(&work).unwrap();
    home.write_config(&format!(
        "[servers.files]\nbuiltin = \"files\"\noptions = {{ writable = [\"{0}\"] }}\n\
         [servers.shell]\nbuiltin = \"shell\"\noptions = {{ roots = [\"{0}/shell\"], env = [\"GREETING\"], \
         allow = [\"echo\", \"false\", \"printenv\", \"sleep\"] }}\n",
        work.display()
    ));
    let shell = work.join("shell");
    fs::create_dir(&shell).unwrap();
    fs::write(shell.join("a.txt"), "hello").unwrap();
    let board = started(home);
    table::holds(&peers, &board, "shell", &tables::shell::rows(), tables::shell::KNOWN);
    fs::remove_dir_all(&shell).unwrap();
    table::holds(&peers, &board, "files", &tables::files::rows(), tables::files::KNOWN);
}

#[test]
fn every_tool_of_runner_answers_and_really_runs() {
    let Some(peers) = require_peers() else { return };
    let home = Home::new("");
    let base = home.place("base");
    fs::create_dir_all(base.join("slow")).unwrap();
    fs::write(base.join("list.txt"), "# a comment\ncommand: echo one\ncommand: echo two\n").unwrap();
    fs::write(base.join("slow/a.md"), "```sh\necho first\n```\n\n```sh\nsleep 60\n```\n").unwrap();
    home.write_config(&format!(
        "[servers.runner]\nbuiltin = \"runner\"\n\
         options = {{ base_dirs = [\"{}\"], allow = [\"echo\", \"sleep\"] }}\n",
        base.display()
    ));
    let board = started(home);
    table::holds(&peers, &board, "runner", &tables::runner::rows(), tables::runner::KNOWN);
}

#[test]
fn every_tool_of_web_answers_as_the_predecessors_did() {
    let Some(peers) = require_peers() else { return };
    let place = format!("http://{}", web_place());
    let board = started(Home::new(&format!(
        "[servers.web]\nbuiltin = \"web\"\nenv = {{ SEARXNG_URL = \"{place}\" }}\n\
         options = {{ allow = [\"127.0.0.1\"], host_pause_ms = 0 }}\n"
    )));
    table::holds(&peers, &board, "web", &tables::web::rows(&place), tables::web::KNOWN);
}

#[test]
fn every_tool_of_goals_answers_as_the_predecessors_did() {
    let Some(peers) = require_peers() else { return };
    for state in State::each() {
        let board = started(state.home("goals"));
        table::answers(&peers, &board, "goals", &tables::goals::rows(), tables::goals::KNOWN);
    }
}

/// A web of one page with a search engine that finds it, until the test process ends.
fn web_place() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut request = [0; 4096];
                let length = stream.read(&mut request).unwrap_or(0);
                let request = String::from_utf8_lossy(&request[..length]).into_owned();
                let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
                if path == "/slow" {
                    // Whoever asks gives up long before.
                    std::thread::park_timeout(Duration::from_secs(20));
                }
                drop(stream.write_all(page(&path, &format!("http://{address}")).as_bytes()));
            });
        }
    });
    address
}

fn page(path: &str, place: &str) -> String {
    let found = |name: &str| json!({"title": "A page", "url": format!("{place}/{name}"), "content": "About engines"});
    let text = "<html><head><title>Engines</title></head><body><article><h1>Engines</h1>\
                <p>The difference engine is a machine for computing tables.</p></article></body></html>";
    let (status, kind, body) = match path {
        "/page" => ("200 OK", "text/html; charset=utf-8", text.to_owned()),
        "/moved" => ("302 Found\r\nLocation: /page", "text/plain", String::new()),
        path if path.starts_with("/search?") => {
            let hits = json!({"results": [found("page"), found("gone")], "number_of_results": 2});
            ("200 OK", "application/json", hits.to_string())
        }
        _ => ("404 Not Found", "text/plain", String::new()),
    };
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}
