//! The server `web` in the built binary: real pages over real sockets, and a real search engine.
//!
//! Pages come from this machine, which is open only because the entry says so. What is done with answers
//! that no server here gives is tested in `builtins`, over a made-up network.

use e2e::{Client, Listening, Switchboard, command, require_program};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;

/// The settings that Debian's package brings as an example.
const SEARX_EXAMPLE: &str = "/usr/share/doc/searx/examples/settings.yml";

/// A site on this machine: whole answers by path, and a list for the engine under `/engine`.
fn site(answers: HashMap<&'static str, String>) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let answers = Arc::new(answers);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let answers = answers.clone();
            thread::spawn(move || answer(stream, &answers));
        }
    });
    address
}

fn answer(mut stream: TcpStream, answers: &HashMap<&'static str, String>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut first = String::new();
    let _ = reader.read_line(&mut first);
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
        line.clear();
    }
    let path = first.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
    let missing = http("404 Not Found", "text/plain", "nothing here");
    let _ = stream.write_all(answers.get(path).unwrap_or(&missing).as_bytes());
}

fn http(status: &str, kind: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn article() -> String {
    let text = "<p>The words of the article, which are many, and more of them.</p>".repeat(40);
    format!(
        "<html><head><title>A page</title></head><body><nav>menu</nav><article><h2>Head</h2>{text}</article></body></html>"
    )
}

fn structured(client: &impl Client, tool: &str, arguments: Value) -> Value {
    let result = client.call(tool, arguments);
    assert_ne!(result["isError"], true, "{result}");
    let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(text, result["structuredContent"]);
    text
}

#[test]
fn pages_are_read_through_both_eras_and_only_where_it_is_open() {
    let address = site(HashMap::from([
        ("/article", http("200 OK", "text/html; charset=utf-8", &article())),
        ("/to", "HTTP/1.1 302 Found\r\nlocation: /article\r\ncontent-length: 0\r\n\r\n".to_owned()),
        ("/inside", "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.2/\r\ncontent-length: 0\r\n\r\n".to_owned()),
        ("/picture", http("200 OK", "image/png", "PNG")),
        ("/robots.txt", http("200 OK", "text/plain", "User-agent: *\nDisallow: /private\n")),
    ]));
    let port = address.port();
    let options = "{ allow = [\"127.0.0.1/32\"], host_pause_ms = 0, content_chars_max = 500 }";
    let board = Switchboard::start(&format!("[servers.web]\nbuiltin = \"web\"\noptions = {options}\n"));
    let at = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let modern = board.modern();
    let page = structured(&modern, "web_fetch", json!({ "url": at("/to") }));
    assert_eq!((&page["status_code"], &page["title"]), (&json!(200), &json!("A page")));
    assert_eq!(page["final_url"], at("/article"));
    assert!(page["content"].as_str().unwrap().starts_with("## Head\n\nThe words"), "{page}");
    assert_eq!((&page["truncated"], &page["next_start"]), (&json!(true), &json!(500)));
    let legacy = board.legacy();
    let further = structured(&legacy, "web_fetch", json!({ "url": at("/article"), "start": 500 }));
    assert!(!further["content"].as_str().unwrap().contains("Head"));
    let urls = json!([at("/article"), at("/private/x"), at("/inside"), at("/picture"), at("/none")]);
    let batch = structured(&modern, "web__batch_fetch_urls", json!({ "urls": urls, "timeout": 10 }));
    assert_eq!((&batch["total"], batch["successful"].as_array().unwrap().len()), (&json!(5), 1));
    let kinds: Vec<_> = batch["failed"].as_array().unwrap().iter().map(|failed| failed["type"].clone()).collect();
    assert_eq!(kinds, ["denied", "denied", "validation", "http_error"]);
    for (url, word) in
        [("http://127.0.0.2/", "this machine"), ("http://169.254.169.254/", "not open"), ("ftp://x/", "ftp")]
    {
        assert!(modern.failure("web_fetch", json!({ "url": url })).contains(word), "{url}");
    }
    let nobody = modern.failure("web_search", json!({ "query": "x" }));
    assert!(nobody.contains("SEARXNG_URL"), "{nobody}");
}

/// An engine of searx that reads JSON, as its settings have it.
fn engine(name: &str, shortcut: &str, address: SocketAddr) -> String {
    let keys = [
        format!("name : {name}"),
        "engine : json_engine".to_owned(),
        "enable_http : True".to_owned(),
        format!("search_url : http://{address}/engine?q={{query}}"),
        "results_query : results".to_owned(),
        "url_query : url".to_owned(),
        "title_query : title".to_owned(),
        "content_query : text".to_owned(),
        "categories : general".to_owned(),
        format!("shortcut : {shortcut}"),
    ];
    format!("  - {}\n", keys.join("\n    "))
}

/// The packaged searx with its example's settings, but for its port and its engines: one that is at
/// `address`, and one that is nowhere.
fn searx(folder: &Path, address: SocketAddr) -> Option<Listening> {
    let program = require_program("searx-run")?;
    let example = std::fs::read_to_string(SEARX_EXAMPLE).unwrap();
    // The second is let go again: who asks there is refused.
    let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let (own, gone) = (free(), free());
    let (before, rest) = example.split_once("\nengines:").unwrap();
    let after = &rest[rest.find("\nlocales:").unwrap()..];
    let before = before.replacen("port : 8888", &format!("port : {}", own.port()), 1);
    let before = before.replacen("ultrasecretkey", "a key of the test's own", 1);
    // Newer examples have the formats already.
    let before = if before.contains("- json") {
        before
    } else {
        before.replacen("\nsearch:", "\nsearch:\n    formats:\n        - html\n        - json", 1)
    };
    let engines = [engine("local", "lo", address), engine("broken", "br", gone)].concat();
    let settings = folder.join("settings.yml");
    std::fs::write(&settings, format!("{before}\nengines:\n{engines}{after}")).unwrap();
    let mut command = command(&program);
    command.env("SEARX_SETTINGS_PATH", &settings).current_dir(folder);
    Some(Listening::start_at(command, own.port()))
}

#[test]
fn a_real_search_engine_answers_and_its_silent_engines_are_told() {
    let hits = json!({ "results": [
        { "url": "http://127.0.0.1:1/one", "title": "One & only", "text": "words <b>of</b> the first" },
        { "url": "https://example.org/two", "title": "Two", "text": "" },
    ] });
    let address = site(HashMap::from([("/engine", http("200 OK", "application/json", &hits.to_string()))]));
    let folder = tempfile::TempDir::with_prefix("searx-").unwrap();
    let Some(searx) = searx(folder.path(), address) else { return };
    let config =
        format!("[servers.web]\nbuiltin = \"web\"\nenv = {{ SEARXNG_URL = \"http://{}\" }}\n", searx.address());
    let board = Switchboard::start(&config);
    let found = structured(&board.modern(), "web_search", json!({ "query": "only words", "max_results": 5 }));
    assert_eq!((&found["query"], &found["provider"]), (&json!("only words"), &json!("searxng")));
    let item = &found["items"][0];
    assert_eq!((&item["title"], &item["link"]), (&json!("One & only"), &json!("http://127.0.0.1:1/one")));
    assert_eq!((&item["snippet"], &item["displayLink"]), (&json!("words of the first"), &json!("127.0.0.1")));
    assert_eq!(found["items"].as_array().unwrap().len(), 2);
    let notes = found["notes"].to_string();
    assert!(notes.contains("the engine broken did not answer"), "{notes}");
    // What it found is judged like any other address when it is read.
    let read = structured(&board.modern(), "web__search_and_fetch", json!({ "query": "only words", "max_results": 1 }));
    assert!(read["items"][0]["fetch_failed"].as_str().unwrap().contains("not open"), "{read}");
    assert_eq!(read["fetch_summary"], json!({ "attempted": 1, "successful": 0, "failed": 1 }));
}
