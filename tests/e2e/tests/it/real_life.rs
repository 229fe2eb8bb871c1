//! The reference servers, three from npm, three from PyPI and Playwright with a browser, through their
//! whole life while clients of both eras call them: listed from disk, slept, woken, killed, started anew
//! and reconfigured. Every call has exactly one answer, and those that may be made twice succeed.

use e2e::{
    Client, Home, LINE, Legacy, Line, Load, Modern, Page, Peers, Switchboard, await_some, command, entry_of,
    eventually, kill, require_peers, require_program, tell, text_of,
};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// How long the slowest of them may take to start beside the others.
const STARTED: Duration = Duration::from_secs(60);
/// Between the calls of a client: the machine is there for the servers.
const PACE: Duration = Duration::from_millis(15);

/// One of the servers, with a call of it that is right.
struct Row {
    server: &'static str,
    tool: &'static str,
    arguments: Value,
    /// What the answer has in it.
    says: &'static str,
    /// Whether it may be called twice.
    safe: bool,
    /// The only client that may call it; anybody without one.
    only: Option<usize>,
}

/// Where all of it lies.
struct World {
    peers: Peers,
    folder: TempDir,
    page: Page,
    chromium: Option<std::path::PathBuf>,
}

// === impl World ===

impl World {
    fn new(peers: Peers) -> Self {
        let folder = TempDir::with_prefix("e2e-life-").unwrap();
        fs::create_dir(folder.path().join("files")).unwrap();
        fs::write(folder.path().join("files/note.txt"), "a note in a file").unwrap();
        let repository = folder.path().join("repo");
        fs::create_dir(&repository).unwrap();
        let identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com"];
        for args in [&["init", "--quiet"][..], &["commit", "--quiet", "--allow-empty", "-m", "first"]] {
            let status = command("git").args(identity).args(args).current_dir(&repository).status().unwrap();
            assert!(status.success(), "git {args:?}");
        }
        let page = Page::serve("<html><head><title>Home</title></head><body><p>A page on loopback.</p></body></html>");
        Self { peers, folder, page, chromium: require_program("chromium") }
    }

    fn below(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// What is called, in the order of the servers' numbers.
    fn rows(&self) -> Vec<Row> {
        let row = |server, tool, arguments, says| Row { server, tool, arguments, says, safe: true, only: None };
        let mut rows = vec![
            row("everything", "everything__echo", json!({"message": "hi"}), "Echo: hi"),
            row(
                "filesystem",
                "filesystem__read_text_file",
                json!({"path": self.below("files/note.txt")}),
                "a note in a file",
            ),
            row("memory", "memory__read_graph", json!({}), "entities"),
            row("time", "time__get_current_time", json!({"timezone": "UTC"}), "UTC"),
            row("git", "git_status", json!({"repo_path": self.below("repo")}), "nothing to commit"),
            row("fetch", "fetch__fetch", json!({"url": self.page.url, "raw": true}), "A page on loopback"),
        ];
        // Neither of these is known to be harmless. A browser has one page, which is for one client.
        let open = row("playwright", "playwright__browser_navigate", json!({"url": self.page.url}), "Home");
        rows.extend(self.chromium.is_some().then_some(Row { safe: false, only: Some(0), ..open }));
        let sum = row("everything", "everything__get-sum", json!({"a": 20, "b": 22}), "42");
        rows.push(Row { safe: false, ..sum });
        rows
    }

    /// All seven; `round` is in the environment of `time`, so that its entry can change.
    fn config(&self, round: &str) -> String {
        let package = |name: &str| self.peers.package(name).display().to_string();
        let venv = |name: &str| self.peers.python(name).display().to_string();
        let entries = [
            ("everything", "node".into(), vec![package("server-everything"), "stdio".into()], "echo"),
            ("filesystem", "node".into(), vec![package("server-filesystem"), self.below("files")], "read_text_file"),
            ("memory", "node".into(), vec![package("server-memory")], "read_graph"),
            ("time", venv("mcp-server-time"), vec!["--local-timezone".into(), "UTC".into()], "get_current_time"),
            ("git", venv("mcp-server-git"), vec!["--repository".into(), self.below("repo")], "git_status"),
            (
                "fetch",
                venv("mcp-server-fetch"),
                vec!["--ignore-robots-txt".into(), "--allow-private-ips".into()],
                "fetch",
            ),
        ];
        let mut text = LINE.to_owned();
        for (name, program, args, safe) in entries {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            text += &entry_of(name, Path::new(&program), &args);
            text += &format!("start = \"lazy\"\nidle_timeout = \"3s\"\ntools.safe = [\"{safe}\"]\n");
            if name == "time" {
                text += &format!("env = {{ ROUND = {round:?} }}\n");
            }
            if name == "memory" {
                text += &format!("env = {{ MEMORY_FILE_PATH = {:?} }}\n", self.below("memory.json"));
            }
        }
        text + &self.playwright()
    }

    fn playwright(&self) -> String {
        // Its sandbox wants a user of its own; the page is ours.
        let mut launch =
            json!({"headless": true, "chromiumSandbox": false, "args": ["--no-first-run", "--disable-gpu"]});
        if let Some(chromium) = &self.chromium {
            launch["executablePath"] = json!(chromium);
        }
        let browser = json!({"browserName": "chromium", "isolated": true, "launchOptions": launch});
        let config = self.below("playwright.json");
        fs::write(&config, json!({"browser": browser, "outputDir": self.below("out")}).to_string()).unwrap();
        let script = self.peers.playwright().display().to_string();
        let entry = entry_of("playwright", &self.peers.node22(), &[&script, "--config", &config]);
        entry + "start = \"lazy\"\nidle_timeout = \"3s\"\n"
    }
}

/// What is called now, by the numbers of its rows, and what each was answered how often.
struct Plan {
    rows: Vec<Row>,
    wanted: AtomicU32,
    answered: Vec<AtomicU64>,
    lost: AtomicU64,
}

// === impl Plan ===

impl Plan {
    /// From now on these servers are called, and no others.
    fn call_only(&self, servers: &[&str]) {
        let bits = self.rows.iter().enumerate().filter(|(_, row)| servers.contains(&row.server));
        self.wanted.store(bits.map(|(at, _)| 1_u32 << at).sum(), Ordering::SeqCst);
    }

    fn call_all(&self) {
        self.wanted.store(u32::MAX, Ordering::SeqCst);
    }

    /// Waits until each that is called was answered so many times more.
    #[track_caller]
    fn wait_for(&self, more: u64) {
        let wanted = self.wanted.load(Ordering::SeqCst);
        let goals: Vec<u64> = self.answered.iter().map(|count| count.load(Ordering::SeqCst) + more).collect();
        for (at, (row, goal)) in self.rows.iter().zip(goals).enumerate().filter(|(at, _)| wanted & (1 << at) != 0) {
            let reached = || self.answered[at].load(Ordering::SeqCst) >= goal;
            eventually(STARTED, &format!("{more} more answers of {}", row.tool), reached);
        }
    }

    /// What went wrong with an answer. Calls that must not be made twice may be lost with the process
    /// that had them.
    fn judge(&self, at: usize, answer: &Value) -> Result<(), String> {
        let row = &self.rows[at];
        let text = text_of(answer);
        if text.as_deref().is_some_and(|text| text.contains(row.says)) {
            self.answered[at].fetch_add(1, Ordering::SeqCst);
            return Ok(());
        }
        let killed = text.is_none() && answer.to_string().contains("signal 9");
        if killed && !row.safe {
            self.lost.fetch_add(1, Ordering::SeqCst);
            return Ok(());
        }
        Err(format!("{}: {answer}", row.tool))
    }
}

/// Two clients on lines, one of each era over HTTP.
enum Caller {
    Line(Line),
    Modern(Modern),
    Legacy(Legacy),
}

// === impl Caller ===

impl Caller {
    fn of(board: &Switchboard, number: usize) -> Self {
        match number {
            0 | 1 => Self::Line(Line::of(board)),
            2 => Self::Modern(board.modern()),
            _ => Self::Legacy(board.legacy()),
        }
    }

    fn call(&self, row: &Row) -> Value {
        let params = || json!({"name": row.tool, "arguments": row.arguments});
        match self {
            Self::Line(line) => {
                let id = line.send(row.tool, row.arguments.clone());
                line.answer_within(id, STARTED).unwrap_or_else(|| panic!("expected an answer of {}", row.tool))
            }
            Self::Modern(client) => client.request("tools/call", params()).1,
            Self::Legacy(client) => client.request("tools/call", params()).1,
        }
    }
}

/// Each line has exactly one answer to each of its calls when its caller ends.
struct Checked(Caller);

impl Drop for Checked {
    fn drop(&mut self) {
        if let (Caller::Line(line), false) = (&self.0, thread::panicking()) {
            line.check();
        }
    }
}

fn callers(board: &Switchboard, plan: &Arc<Plan>) -> Load {
    Load::start(4, |number| {
        let (caller, plan) = (Checked(Caller::of(board, number)), plan.clone());
        move |turn| {
            thread::park_timeout(PACE);
            // Not all at the same one, so that those who must be woken are woken together.
            let at = (turn + number * 2) % plan.rows.len();
            let row = &plan.rows[at];
            let meant = plan.wanted.load(Ordering::SeqCst) & (1 << at) != 0;
            if !meant || row.only.is_some_and(|only| only != number) {
                return Ok(());
            }
            plan.judge(at, &caller.0.call(row))
        }
    })
}

const ALL: [&str; 7] = ["everything", "filesystem", "memory", "time", "git", "fetch", "playwright"];

fn pid_of(board: &Switchboard, name: &str) -> Option<u32> {
    board.server(name)["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok())
}

/// Starts it once so that everything is known, then again: everything is listed, nothing runs.
fn listed_asleep(home: Home) -> Switchboard {
    let board = home.start();
    let servers = |tools: &[String]| ALL.iter().filter(|name| tools.iter().any(|tool| tool.starts_with(*name))).count();
    eventually(STARTED, "the tools of all seven", || servers(&board.modern().tools()) == ALL.len());
    let tools = board.modern().tools();
    let board = board.restart();
    assert_eq!(board.modern().tools(), tools, "expected the whole list at once");
    for name in ALL {
        let server = board.server(name);
        assert_eq!((&server["state"], &server["pid"]), (&json!("asleep"), &Value::Null), "{server}");
    }
    board
}

#[test]
fn the_servers_that_people_use_sleep_wake_die_and_change_under_calls() {
    let Some(peers) = require_peers() else { return };
    let world = World::new(peers);
    if world.chromium.is_none() {
        tell("no chromium: playwright is listed and not called");
    }
    let board = listed_asleep(Home::new(&world.config("first")));
    let rows = world.rows();
    let answered = rows.iter().map(|_| AtomicU64::new(0)).collect();
    let plan = Arc::new(Plan { rows, wanted: AtomicU32::new(u32::MAX), answered, lost: AtomicU64::new(0) });
    let called: Vec<&str> = ALL.into_iter().filter(|name| plan.rows.iter().any(|row| row.server == *name)).collect();
    let load = callers(&board, &plan);
    plan.wait_for(2);

    // Those that nobody calls fall asleep, the others do not; then a call wakes them.
    let (busy, idle) = called.split_at(2);
    plan.call_only(busy);
    for name in idle {
        board.server_in(name, "asleep");
    }
    assert!(busy.iter().all(|name| board.server(name)["state"] == "ready"), "expected who is called to stay");
    plan.call_all();
    plan.wait_for(2);

    let killed: Vec<(&str, u32)> = called
        .iter()
        .map(|name| {
            let pid = await_some(STARTED, &format!("a process of {name}"), || pid_of(&board, name));
            kill(pid);
            (*name, pid)
        })
        .collect();
    for (name, pid) in killed {
        eventually(STARTED, &format!("another process of {name}"), || {
            let server = board.server(name);
            server["state"] == "ready" && server["pid"].as_u64().is_some_and(|now| now != u64::from(pid))
        });
    }
    plan.wait_for(2);

    for name in ["filesystem", "fetch"] {
        let ended = board.cli(&["restart", name]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
    plan.wait_for(2);

    // One entry changes: nobody else gets another process, unless he sleeps at this very moment.
    let servers = || board.cli_json(&["status"])["servers"].as_array().cloned().unwrap_or_default();
    let before = servers();
    board.rewrite_config(&world.config("second"));
    let said = board.cli_json(&["reload"]);
    for (before, now) in before.iter().zip(servers()) {
        let ready = before["state"] == "ready" && now["state"] == "ready";
        let stayed = !ready || before["pid"] == now["pid"];
        assert!(stayed || now["name"] == "time", "expected it to stay as it was after {said}: {before} {now}");
    }
    plan.wait_for(2);
    let was = before.iter().find(|server| server["name"] == "time").map(|server| server["pid"].clone());
    eventually(STARTED, "another process of the changed entry", || {
        let server = board.server("time");
        server["state"] == "ready" && Some(&server["pid"]) != was.as_ref()
    });

    let (calls, failures) = load.stop();
    assert!(
        failures.is_empty(),
        "expected 0 of {calls} calls to fail, {} did: {:?}",
        failures.len(),
        &failures[..failures.len().min(4)]
    );
    let lost = plan.lost.load(Ordering::SeqCst);
    tell(&format!("real servers: {calls} turns of 4 clients, 0 failed; {lost} that must not be made twice were lost"));
    // What is left of them would be seen when the switchboard is dropped.
}
