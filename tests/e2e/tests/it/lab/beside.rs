//! The servers inside beside those that people use for the same today, each on its own stdin and
//! stdout: what their definitions hold, how soon they answer, what they take, how fast they are, and
//! what becomes of two processes that write at once.

use super::{count, ms};
use e2e::{Burden, Home, Page, Peers, Redis, Talk, Tree, command, require_peers, tell};
use serde_json::{Value, json};
use std::process::Command;
use std::time::Instant;

/// A call: tool and arguments.
type Asked = (&'static str, Value);

/// A contender: how it is started, and its words for writing and reading one thing.
struct Contender<'a> {
    name: &'static str,
    start: Box<dyn Fn() -> Command + 'a>,
    write: Option<fn(usize) -> Asked>,
    read: fn(&str) -> Asked,
}

/// One that runs.
struct Running {
    talk: Talk,
    calls: u64,
}

// === impl Running ===

impl Running {
    /// Starts it and waits for its list; says how long that took.
    fn start(command: Command) -> (Self, Value, u64) {
        let begun = Instant::now();
        let mut talk = Talk::start(command);
        let hello =
            json!({"protocolVersion": e2e::LEGACY, "capabilities": {}, "clientInfo": {"name": "lab", "version": "1"}});
        talk.ask(&json!({"jsonrpc": "2.0", "id": "hello", "method": "initialize", "params": hello}));
        talk.say(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        let list = talk.ask(&json!({"jsonrpc": "2.0", "id": "list", "method": "tools/list", "params": {}}));
        let micros = u64::try_from(begun.elapsed().as_micros()).unwrap();
        (Self { talk, calls: 0 }, list["result"]["tools"].clone(), micros)
    }

    fn ask(&mut self, (tool, arguments): (&str, Value)) -> u64 {
        self.calls += 1;
        let params = json!({"name": tool, "arguments": arguments});
        let request = json!({"jsonrpc": "2.0", "id": self.calls, "method": "tools/call", "params": params});
        self.talk.say(&request.to_string());
        self.calls
    }

    fn answer(&self, id: u64) -> Value {
        self.talk.hear("an answer to a call", |message| message["id"] == id)["result"].clone()
    }

    fn call(&mut self, call: (&str, Value)) -> Value {
        let id = self.ask(call);
        let result = self.answer(id);
        assert_ne!(result["isError"], true, "{result}");
        result
    }

    /// The middle of the times of these calls, in microseconds.
    fn middle(&mut self, calls: usize, call: impl Fn(usize) -> Asked) -> u64 {
        let mut times: Vec<u64> = (0..calls)
            .map(|number| {
                let begun = Instant::now();
                self.call(call(number));
                u64::try_from(begun.elapsed().as_micros()).unwrap()
            })
            .collect();
        times.sort_unstable();
        times[times.len() / 2]
    }

    fn resident_kib(&self) -> u64 {
        let below: u64 =
            Tree::of(self.talk.pid()).processes().iter().map(|process| Burden::of(process.pid).resident_kib).sum();
        Burden::of(self.talk.pid()).resident_kib + below
    }
}

/// Measures one; `page` is what servers that read pages read.
fn measure(contender: &Contender<'_>, page: &str, calls: usize) {
    let mut starts = Vec::new();
    for _ in 0..2 {
        starts.push(Running::start((contender.start)()).2);
    }
    let (mut running, tools, start) = Running::start((contender.start)());
    starts.push(start);
    starts.sort_unstable();
    tell(&format!("beside-tools: {}\t{tools}", contender.name));
    let written = contender.write.map(|write| running.middle(calls, write));
    let read = running.middle(calls, |_| (contender.read)(page));
    let written = written.map_or("–".to_owned(), ms);
    let (start, resident) = (ms(starts[starts.len() / 2]), running.resident_kib() / 1024);
    let both = contender.write.map_or("–".to_owned(), |write| two(contender, write, calls));
    tell(&format!(
        "beside: {}\tstart {start}\t{resident} MiB\twrite p50 {written}\tread p50 {}\t{both}",
        contender.name,
        ms(read)
    ));
}

/// Two processes write different things at once; how many are there afterwards, as a third sees it.
fn two(contender: &Contender<'_>, write: fn(usize) -> Asked, calls: usize) -> String {
    let mut pair = [0, 1].map(|_| Running::start((contender.start)()).0);
    let mut refused = 0;
    for number in 0..calls {
        let asked = [0, 1].map(|side| pair[side].ask(write(10_000 * (side + 1) + number)));
        for (side, id) in asked.into_iter().enumerate() {
            refused += usize::from(pair[side].answer(id)["isError"] == true);
        }
    }
    let mut third = Running::start((contender.start)()).0;
    let found = |side: usize, number: usize| format!("thing-{}-", 10_000 * (side + 1) + number);
    let mut kept = 0;
    for side in [0, 1] {
        for number in 0..calls {
            let mark = found(side, number);
            let call = third.ask((contender.read)(&mark));
            kept += usize::from(third.answer(call).to_string().contains(&mark));
        }
    }
    format!("two writers: {kept} of {} kept, {refused} refused", 2 * calls)
}

/// What is written, so that it can be found again.
fn thing(number: usize) -> String {
    format!("thing-{number}- likes the colour of the sea")
}

fn memory(peers: &Peers, home: &Home, calls: usize) {
    let file = home.place("memory.json");
    measure(
        &Contender {
            name: "server-memory",
            start: Box::new(|| {
                let mut start = command("node");
                start.arg(peers.package("server-memory")).env("MEMORY_FILE_PATH", &file);
                start
            }),
            write: Some(|number| {
                let entity =
                    json!({"name": format!("thing-{number}-"), "entityType": "thing", "observations": [thing(number)]});
                ("create_entities", json!({"entities": [entity]}))
            }),
            read: |what| ("search_nodes", json!({"query": what})),
        },
        "thing-7-",
        calls,
    );
    measure(
        &Contender {
            name: "our memory",
            start: Box::new(|| served(home, "memory")),
            write: Some(|number| ("save_memory", json!({"text": thing(number)}))),
            read: |what| ("search_memories", json!({"query": what, "limit": 5})),
        },
        "thing-7-",
        calls,
    );
}

fn served(home: &Home, server: &str) -> Command {
    let mut start = home.command();
    start.arg("--config").arg(home.config()).args(["serve", server]);
    start
}

fn cache(program: &str, home: &Home, redis: &Redis, calls: usize) {
    let url = redis.url();
    measure(
        &Contender {
            name: "redis-mcp-server",
            start: Box::new(|| {
                let mut start = command(program);
                start.args(["--url", &url]);
                start
            }),
            write: Some(|number| ("set", json!({"key": format!("thing-{number}-"), "value": thing(number)}))),
            read: |what| ("get", json!({"key": what})),
        },
        "thing-7-",
        calls,
    );
    measure(
        &Contender {
            name: "our cache on Redis",
            start: Box::new(|| served(home, "cache")),
            write: Some(|number| ("cache_set", json!({"key": format!("thing-{number}-"), "value": thing(number)}))),
            read: |what| ("cache_get", json!({"key": what})),
        },
        "thing-7-",
        calls,
    );
}

fn fetch(peers: &Peers, home: &Home, calls: usize) {
    let page = Page::serve("<html><body><article><h1>Sea</h1><p>The colour of the sea.</p></article></body></html>");
    measure(
        &Contender {
            name: "mcp-server-fetch",
            start: Box::new(|| {
                let mut start = command(peers.python("mcp-server-fetch"));
                start.args(["--ignore-robots-txt", "--allow-private-ips"]);
                start
            }),
            write: None,
            read: |url| ("fetch", json!({"url": url})),
        },
        &page.url,
        calls,
    );
    measure(
        &Contender {
            name: "our web",
            start: Box::new(|| served(home, "web")),
            write: None,
            read: |url| ("web_fetch", json!({"url": url})),
        },
        &page.url,
        calls,
    );
}

#[test]
fn the_servers_inside_beside_others() {
    let Some(peers) = require_peers() else { return };
    let calls = count("SWITCHBOARD_LAB_BESIDE", 5);
    memory(&peers, &Home::new(""), calls);
    let web = "[servers.web]\nbuiltin = \"web\"\noptions = { allow = [\"127.0.0.1\"], ignore_robots = true, host_pause_ms = 0 }\n";
    fetch(&peers, &Home::new(web), calls);
    // Its packages are installed by the lab alone.
    let Ok(program) = std::env::var("SWITCHBOARD_LAB_REDIS_MCP") else { return };
    let Some(redis) = Redis::start() else { return };
    let home = Home::new(&format!("[cache]\nurl = \"{}\"\n", redis.url()));
    cache(&program, &home, &redis, calls);
}
