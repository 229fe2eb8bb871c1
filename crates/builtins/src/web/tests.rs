//! The six tools as a client calls them, over a network that is made up.

use super::{Options, over};
use futures_util::future::BoxFuture;
use outbound::relay::{RelayError, Target};
use outbound::web::{Network, Pipe};
use protocol::{Call, CallContext, Object, Principal, Raw, Service, Text};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// What a host of the made-up network is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct Asked {
    pub(in crate::web) authority: String,
    pub(in crate::web) method: String,
    pub(in crate::web) path: String,
    pub(in crate::web) headers: HashMap<String, String>,
    pub(in crate::web) body: String,
}

type Answer = dyn Fn(&Asked) -> String + Send + Sync;

/// Hosts that answer what a function says; every name is public.
#[derive(Clone)]
pub(in crate::web) struct World {
    answer: Arc<Answer>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl fmt::Debug for World {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("World")
    }
}

impl World {
    pub(in crate::web) fn new(answer: impl Fn(&Asked) -> String + Send + Sync + 'static) -> Self {
        Self { answer: Arc::new(answer), asked: Arc::default() }
    }

    /// What was asked so far, but for robots.txt.
    pub(in crate::web) fn asked(&self) -> Vec<Asked> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|asked| asked.path != "/robots.txt").cloned().collect()
    }

    fn robots_asked(&self) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| asked.path == "/robots.txt").count()
    }

    /// The server over this world, with these variables.
    pub(in crate::web) fn server(&self, options: Value, env: &[(&str, &str)]) -> protocol::ToolServer {
        let mut options: Options = serde_json::from_value(options).unwrap();
        options.host_pause_ms = 0;
        let env: HashMap<String, String> =
            env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        over(Arc::new(self.clone()), options, &|name| env.get(name).cloned().map(SecretString::from)).unwrap()
    }
}

impl Network for World {
    fn resolve<'a>(&'a self, _host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(std::future::ready(Ok(vec![SocketAddr::new([93, 184, 216, 34].into(), port)])))
    }

    fn open<'a>(&'a self, _: SocketAddr, target: &'a Target) -> BoxFuture<'a, Result<Box<dyn Pipe>, RelayError>> {
        let (ours, theirs) = tokio::io::duplex(1024 * 1024);
        tokio::spawn(serve(self.clone(), theirs, target.authority().to_owned()));
        Box::pin(std::future::ready(Ok(Box::new(ours) as Box<dyn Pipe>)))
    }
}

async fn serve(world: World, mut stream: DuplexStream, authority: String) {
    let mut bytes = Vec::new();
    loop {
        if let Some(asked) = read(&bytes, &authority) {
            let answer = (world.answer)(&asked);
            world.asked.lock().unwrap().push(asked);
            let _ = stream.write_all(answer.as_bytes()).await;
            return;
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
    }
}

fn read(bytes: &[u8], authority: &str) -> Option<Asked> {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let mut start = lines.next().unwrap().split(' ');
    let (method, path) = (start.next().unwrap().to_owned(), start.next().unwrap().to_owned());
    let pairs = lines.filter_map(|line| line.split_once(": "));
    let headers: HashMap<_, _> = pairs.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    let length = headers.get("content-length").map_or(0, |length| length.parse::<usize>().unwrap());
    let whole = body.len() >= length;
    whole.then(|| Asked { authority: authority.to_owned(), method, path, headers, body: body.to_owned() })
}

/// An answer of HTTP.
pub(in crate::web) fn http(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

pub(in crate::web) fn page(body: &str) -> String {
    http(200, "content-type: text/html; charset=utf-8\r\n", body)
}

/// What a tool answers: its structured result, or the failure.
pub(in crate::web) async fn call(server: &protocol::ToolServer, name: &str, arguments: Value) -> Result<Value, Value> {
    let params = Object::of(&Raw::of(&json!({ "name": name, "arguments": arguments }))).unwrap();
    let context = CallContext::internal(Principal::new("test"));
    let result = server.call(Call { method: Text::from_static("tools/call"), params, context }).await.unwrap();
    let result: Value = serde_json::from_slice(result.to_raw().as_bytes()).unwrap();
    if result["isError"] == json!(true) {
        return Err(serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap());
    }
    Ok(result["structuredContent"].clone())
}

fn members(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn article(title: &str, words: usize) -> String {
    let text = format!("<p>{}</p>", "Some words, and more of them. ".repeat(words));
    format!("<html><head><title>{title}</title></head><body><article>{text}</article></body></html>")
}

#[test]
fn the_definitions_are_small() {
    let server = World::new(|_| String::new()).server(json!({}), &[]);
    let bytes = server.definitions().as_bytes().len();
    // Below 2 500 tokens whatever the tokenizer: JSON has more than 3 bytes for each.
    assert!(bytes < 6000, "{bytes} bytes");
}

#[tokio::test]
async fn a_page_is_fetched_with_every_field_of_the_predecessor() {
    let world = World::new(|asked| match asked.path.as_str() {
        "/start" => http(302, "location: /end?x#part\r\n", ""),
        _ => page(&article("Title", 50)),
    });
    let server = world.server(json!({}), &[]);
    let page = call(&server, "web_fetch", json!({ "url": "https://a.example/start", "timeout": 5 })).await.unwrap();
    let fields =
        ["url", "final_url", "status_code", "content_type", "content", "content_length", "truncated", "encoding"];
    assert_eq!(members(&page)[..8], fields);
    assert_eq!(page["url"], "https://a.example/start");
    assert_eq!(page["final_url"], "https://a.example/end?x#part");
    assert_eq!((&page["status_code"], &page["truncated"]), (&json!(200), &json!(false)));
    assert_eq!((&page["encoding"], &page["title"]), (&json!("utf-8"), &json!("Title")));
    assert!(page["content"].as_str().unwrap().starts_with("Some words"));
    let agent = &world.asked()[0].headers["user-agent"];
    assert!(agent.starts_with("switchboard/"), "{agent}");
}

#[tokio::test]
async fn a_long_page_is_read_on_where_it_ended_without_asking_again() {
    let world = World::new(|_| page(&article("Long", 200)));
    let server = world.server(json!({ "content_chars_max": 1000 }), &[]);
    let (mut whole, mut start) = (String::new(), Some(0));
    while let Some(from) = start {
        let part = call(&server, "web_fetch", json!({ "url": "http://a.example/", "start": from })).await.unwrap();
        whole.push_str(part["content"].as_str().unwrap());
        assert_eq!(part["truncated"], json!(!part["next_start"].is_null()));
        start = part["next_start"].as_u64();
    }
    assert_eq!(whole.matches("Some words").count(), 200);
    assert_eq!(world.asked().len(), 1);
    let beyond = call(&server, "web_fetch", json!({ "url": "http://a.example/", "start": 100_000 })).await.unwrap_err();
    assert_eq!(beyond["type"], "validation");
}

#[tokio::test]
async fn a_page_that_did_not_change_is_not_sent_again() {
    let world = World::new(|asked| match (asked.path.as_str(), asked.headers.get("if-none-match")) {
        ("/robots.txt", _) => http(404, "", ""),
        ("/fresh", _) => http(200, "content-type: text/plain\r\ncache-control: max-age=60\r\n", "fresh"),
        (_, Some(tag)) if tag == "\"v1\"" => http(304, "etag: \"v1\"\r\n", ""),
        _ => http(200, "content-type: text/plain\r\netag: \"v1\"\r\n", "text"),
    });
    let server = world.server(json!({}), &[]);
    for _ in 0..2 {
        let page = call(&server, "web_fetch", json!({ "url": "http://a.example/x" })).await.unwrap();
        assert_eq!((&page["content"], &page["status_code"]), (&json!("text"), &json!(200)));
        let page = call(&server, "web_fetch", json!({ "url": "http://a.example/fresh" })).await.unwrap();
        assert_eq!(page["content"], "fresh");
    }
    let asked = world.asked();
    assert_eq!(asked.iter().filter(|asked| asked.path == "/fresh").count(), 1);
    assert_eq!(asked.iter().filter(|asked| asked.headers.contains_key("if-none-match")).count(), 1);
    assert_eq!(world.robots_asked(), 1);
}

#[tokio::test]
async fn robots_txt_is_kept_to_on_every_step_unless_told_otherwise() {
    let answer = |asked: &Asked| match (asked.authority.as_str(), asked.path.as_str()) {
        ("closed.example:80", "/robots.txt") => http(200, "", "User-agent: *\nDisallow: /private"),
        ("broken.example:80", "/robots.txt") => http(500, "", ""),
        (_, "/robots.txt") => http(404, "", ""),
        (_, "/to-private") => http(302, "location: http://closed.example/private\r\n", ""),
        _ => http(200, "content-type: text/plain\r\n", "text"),
    };
    let world = World::new(answer);
    let server = world.server(json!({}), &[]);
    for (url, allowed) in [
        ("http://closed.example/public", true),
        ("http://closed.example/private/x", false),
        ("http://open.example/to-private", false),
        ("http://broken.example/", false),
    ] {
        let done = call(&server, "web_fetch", json!({ "url": url })).await;
        assert_eq!(done.is_ok(), allowed, "{url}: {done:?}");
        assert!(allowed || done.unwrap_err()["error"].as_str().unwrap().contains("robots.txt"));
    }
    assert!(!world.asked().iter().any(|asked| asked.path.starts_with("/private")));
    let server = world.server(json!({ "ignore_robots": true }), &[]);
    assert!(call(&server, "web_fetch", json!({ "url": "http://closed.example/private" })).await.is_ok());
}

#[tokio::test]
async fn failures_say_what_happened_and_what_to_do() {
    let world = World::new(|asked| match asked.path.as_str() {
        "/robots.txt" => http(404, "", ""),
        "/gone" => http(404, "content-type: text/html\r\n", "<p>It is <b>gone</b>."),
        "/busy" => http(429, "retry-after: 7\r\n", ""),
        "/picture" => http(200, "content-type: image/png\r\n", "PNG"),
        "/packed" => http(200, "content-encoding: zstd\r\n", "x"),
        _ => String::new(),
    });
    let server = world.server(json!({}), &[]);
    for (url, kind, words) in [
        ("http://a.example/gone", "http_error", "404"),
        ("http://a.example/busy", "http_error", "429"),
        ("http://a.example/picture", "validation", "image/png (3 bytes)"),
        ("http://a.example/packed", "connection", "unpacked"),
        ("http://a.example/hangs-up", "connection", "connection"),
        ("http://127.0.0.1/", "denied", "this machine itself"),
        ("http://user:pass@a.example/", "validation", "password"),
        ("file:///etc/passwd", "validation", "file"),
        ("not a url", "validation", "URL"),
    ] {
        let failure = call(&server, "web_fetch", json!({ "url": url })).await.unwrap_err();
        assert_eq!(failure["type"], kind, "{failure}");
        assert!(failure["error"].as_str().unwrap().contains(words), "{failure}");
        assert!(failure["next"].as_str().is_some_and(|next| !next.is_empty()), "{failure}");
    }
    let busy = call(&server, "web_fetch", json!({ "url": "http://a.example/busy" })).await.unwrap_err();
    assert_eq!((&busy["status_code"], &busy["next"]), (&json!(429), &json!("try again after 7")));
    for timeout in [json!(0), json!(-1), json!(1e9)] {
        let wrong = json!({ "url": "http://a.example/", "timeout": timeout });
        assert_eq!(call(&server, "web_fetch", wrong).await.unwrap_err()["type"], "validation");
    }
}

#[tokio::test]
async fn each_url_of_a_batch_is_answered_in_its_place() {
    let world = World::new(|asked| match asked.path.as_str() {
        "/robots.txt" => http(404, "", ""),
        "/bad" => http(500, "", ""),
        path => http(200, "content-type: text/plain\r\n", path),
    });
    let server = world.server(json!({ "batch_max": 4 }), &[]);
    let urls = ["http://a.example/1", "http://a.example/bad", "http://10.0.0.1/", "http://b.example/2"];
    for urls in [json!(urls), json!(json!(urls).to_string())] {
        let done = call(&server, "batch_fetch_urls", json!({ "urls": urls, "timeout": 5 })).await.unwrap();
        assert_eq!(members(&done), ["successful", "failed", "total"]);
        let texts: Vec<_> = done["successful"].as_array().unwrap().iter().map(|page| &page["content"]).collect();
        assert_eq!(texts, ["/1", "/2"]);
        let failed: Vec<_> =
            done["failed"].as_array().unwrap().iter().map(|failed| (&failed["url"], &failed["type"])).collect();
        assert_eq!(failed, [(&json!(urls_at(1)), &json!("http_error")), (&json!(urls_at(2)), &json!("denied"))]);
        assert_eq!(done["total"], 4);
    }
    for urls in [json!([]), json!(vec!["http://a.example/"; 5])] {
        let failure = call(&server, "batch_fetch_urls", json!({ "urls": urls })).await.unwrap_err();
        assert_eq!(failure["type"], "validation");
    }
}

fn urls_at(index: usize) -> &'static str {
    ["http://a.example/1", "http://a.example/bad", "http://10.0.0.1/"][index]
}

#[test]
fn options_are_checked() {
    let make = |options: Value| {
        let options: Options = serde_json::from_value(options).map_err(|error| error.to_string())?;
        super::server(options, &|_| None).map(|_| ())
    };
    assert!(
        make(json!({ "providers": ["searxng", "google"], "quotas": { "google": 100 }, "allow": ["wiki.corp"] }))
            .is_ok()
    );
    for (options, words) in [
        (json!({ "provider": [] }), "unknown field"),
        (json!({ "providers": ["bing"] }), "bing"),
        (json!({ "allow": ["10.0.0.0/99"] }), "10.0.0.0/99"),
        (json!({ "concurrency": 0 }), "`concurrency` is 0"),
        (json!({ "timeout_seconds": 900 }), "timeout_seconds"),
    ] {
        let error = make(options).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
}
