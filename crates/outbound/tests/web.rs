//! Pages through the guard: every URL of the attack data is judged before a connection exists.
//!
//! Names and sockets are ours here, so that what was opened is known and nothing real is reached.

// Always true here; it tells clippy that all of this is a test.
#![cfg(test)]

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header;
use outbound::relay::{RelayError, Target};
use outbound::web::{Ask, Bounds, Network, Open, Page, Pipe, Rules, Web, WebError};
use serde_json::Value;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

const BOUNDS: Bounds = Bounds { body_bytes_max: 64 * 1024, time: Duration::from_secs(5), redirects_max: 5 };

/// A world of names, and what each host answers; it notes what it was asked for.
#[derive(Debug, Default)]
struct World {
    /// Answers of a name, one for each time that it is asked; the last stays.
    names: HashMap<String, Vec<Vec<IpAddr>>>,
    /// What every other name has.
    elsewhere: Vec<IpAddr>,
    /// Whole answers by `scheme://host:port/path`.
    answers: HashMap<String, Vec<u8>>,
    asked: Mutex<HashMap<String, usize>>,
    opened: Mutex<Vec<SocketAddr>>,
    heard: Mutex<Vec<String>>,
}

/// The world as a network.
#[derive(Debug, Clone)]
struct Shared(Arc<World>);

impl Network for Shared {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        let mut asked = self.0.asked.lock().unwrap();
        let times = asked.entry(host.to_owned()).or_default();
        let found = match self.0.names.get(host) {
            Some(answers) => answers[(*times).min(answers.len() - 1)].clone(),
            None => self.0.elsewhere.clone(),
        };
        *times += 1;
        let found = found.into_iter().map(|address| SocketAddr::new(address, port)).collect();
        Box::pin(std::future::ready(Ok(found)))
    }

    fn open<'a>(&'a self, address: SocketAddr, target: &'a Target) -> BoxFuture<'a, Result<Box<dyn Pipe>, RelayError>> {
        self.0.opened.lock().unwrap().push(address);
        let (ours, theirs) = tokio::io::duplex(16 * 1024);
        tokio::spawn(serve(self.0.clone(), theirs, target.authority().to_owned()));
        Box::pin(std::future::ready(Ok(Box::new(ours) as Box<dyn Pipe>)))
    }
}

async fn serve(world: Arc<World>, mut stream: DuplexStream, authority: String) {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap();
    let answer = world.answers.get(&format!("{authority}{path}")).cloned();
    let answer = answer.unwrap_or_else(|| b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec());
    world.heard.lock().unwrap().push(head);
    // Whoever has read enough hangs up.
    let _ = stream.write_all(&answer).await;
}

impl World {
    fn public() -> Self {
        Self { elsewhere: vec!["93.184.216.34".parse().unwrap()], ..Self::default() }
    }

    fn answer(mut self, place: &str, answer: impl Into<Vec<u8>>) -> Self {
        self.answers.insert(place.to_owned(), answer.into());
        self
    }

    fn redirect(self, from: &str, status: &str, to: Option<&str>) -> Self {
        let location = to.map(|to| format!("location: {to}\r\n")).unwrap_or_default();
        self.answer(from, format!("HTTP/1.1 {status} Moved\r\n{location}content-length: 0\r\n\r\n"))
    }
}

async fn get(world: &Arc<World>, allow: &[&str], url: &str) -> Result<Page, WebError> {
    let web = Web::new(Rules::new(allow.iter().copied()).unwrap(), Arc::new(Shared(world.clone())));
    let ask = Ask::get(web.url(url)?, BOUNDS)
        .header(header::AUTHORIZATION, "Bearer of-a")
        .header(header::ACCEPT, "text/html");
    web.get(ask, &Open).await
}

fn attack_data() -> Option<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/attack-data/ssrf_urls.jsonl");
    let nested = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../../shared/attack-data/ssrf_urls.jsonl");
    std::fs::read_to_string(path).or_else(|_| std::fs::read_to_string(nested)).ok()
}

fn addresses(answers: &Value) -> Vec<IpAddr> {
    answers.as_array().unwrap().iter().map(|address| address.as_str().unwrap().parse().unwrap()).collect()
}

/// The place in `scheme://host/path`, as the world knows it.
fn place(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    format!("{host}:{}/{path}", if scheme == "https" { 443 } else { 80 })
}

fn world_of(record: &Value) -> World {
    let mut world = World::public();
    match &record["dns"] {
        Value::Object(names) => {
            for (name, answers) in names {
                world.names.insert(name.clone(), vec![addresses(answers)]);
            }
        }
        Value::Array(answers) => {
            let url = url::Url::parse(record["url"].as_str().unwrap()).unwrap();
            let answers = answers.iter().map(addresses).collect();
            world.names.insert(url.host_str().unwrap().to_owned(), answers);
        }
        _ => {}
    }
    for redirect in record["redirects"].as_array().into_iter().flatten() {
        let (from, rest) = redirect.as_str().unwrap().split_once(" -> ").unwrap();
        let (status, to) = rest.split_once(' ').unwrap();
        let to = Some(to.split(' ').next().unwrap()).filter(|to| !to.starts_with('('));
        world = world.redirect(&place(from), status, to);
    }
    world
}

#[tokio::test]
async fn the_attack_urls_open_no_socket_to_a_place_that_is_not_public() {
    let Some(data) = attack_data() else {
        eprintln!("skipped: ../shared/attack-data/ssrf_urls.jsonl is not here");
        return;
    };
    let mut judged = HashMap::<String, usize>::new();
    for line in data.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let (url, expected) = (record["url"].as_str().unwrap(), record["expect"].as_str().unwrap());
        let world = Arc::new(world_of(&record));
        let result = get(&world, &[], url).await;
        let opened = world.opened.lock().unwrap().clone();
        for address in &opened {
            let public = ["93.184.216.34", "2606:4700:4700::1111", "100.128.0.1", "169.253.1.1"];
            assert!(public.contains(&address.ip().to_string().as_str()), "{record}: opened {address}");
        }
        match expected {
            "allow" => assert!(result.is_ok_and(|page| page.body == "ok"), "{record}"),
            "block" if record["redirects"].is_null() => {
                assert!(result.is_err() && opened.is_empty(), "{record}: {result:?}, {opened:?}");
            }
            "block" | "error" => assert!(result.is_err(), "{record}: {result:?}"),
            // Either way is right, as long as nothing private was opened.
            "allow-or-block-but-never-reach-private" | "block-or-flag" => {}
            other => panic!("{other}"),
        }
        *judged.entry(expected.to_owned()).or_default() += 1;
    }
    assert!(judged["block"] > 200 && judged["allow"] > 5, "{judged:?}");
}

#[tokio::test]
async fn a_name_that_changes_its_address_is_judged_each_time_and_connected_as_judged() {
    let mut world = World::public();
    let rebinding = vec![vec!["93.184.216.34".parse().unwrap()], vec!["127.0.0.1".parse().unwrap()]];
    world.names.insert("rebind.test".to_owned(), rebinding);
    let world = Arc::new(world.redirect("rebind.test:80/", "302", Some("/again")));
    let refused = get(&world, &[], "http://rebind.test/").await;
    assert!(matches!(refused, Err(WebError::Blocked { .. })), "{refused:?}");
    assert_eq!(*world.opened.lock().unwrap(), ["93.184.216.34:80".parse().unwrap()]);
    // Asked once for each connection: what was judged is what is connected to.
    assert_eq!(world.asked.lock().unwrap()["rebind.test"], 2);
}

#[tokio::test]
async fn a_mixed_answer_spoils_the_name() {
    for answer in [["93.184.216.34", "10.0.0.1"], ["10.0.0.1", "93.184.216.34"], ["::ffff:10.0.0.1", "93.184.216.34"]] {
        let mut world = World::public();
        world.names.insert("mixed.test".to_owned(), vec![answer.map(|one| one.parse().unwrap()).to_vec()]);
        let world = Arc::new(world);
        assert!(get(&world, &[], "http://mixed.test/").await.is_err());
        assert!(world.opened.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn what_was_meant_for_one_origin_does_not_go_to_another() {
    let world = World::public().redirect("a.test:80/", "302", Some("http://a.test/b"));
    let world = Arc::new(world.redirect("a.test:80/b", "307", Some("http://b.test/")));
    assert_eq!(get(&world, &[], "http://a.test/").await.unwrap().url.as_str(), "http://b.test/");
    let heard = world.heard.lock().unwrap().clone();
    assert_eq!(heard.len(), 3);
    assert!(heard[0].contains("Bearer of-a") && heard[1].contains("Bearer of-a"), "{heard:?}");
    assert!(!heard[2].contains("authorization") && heard[2].contains("text/html"), "{}", heard[2]);
}

#[tokio::test]
async fn redirects_end_and_do_not_leave_tls() {
    let mut world = World::public();
    for step in 0..9 {
        world = world.redirect(&format!("a.test:443/{step}"), "301", Some(&format!("/{}", step + 1)));
    }
    let world = Arc::new(world.redirect("s.test:443/", "302", Some("http://s.test/plain")));
    assert!(matches!(get(&world, &[], "https://a.test/0").await, Err(WebError::Redirects { count: 5 })));
    assert_eq!(get(&world, &[], "https://a.test/4").await.unwrap().url.path(), "/9");
    assert!(matches!(get(&world, &[], "https://s.test/").await, Err(WebError::Downgrade { .. })));
}

#[tokio::test]
async fn a_private_place_is_open_to_whom_a_person_opened_it() {
    let mut world = World::public();
    world.names.insert("wiki.corp".to_owned(), vec![vec!["10.0.0.7".parse().unwrap()]]);
    let world = Arc::new(world.redirect("wiki.corp:80/out", "302", Some("http://10.0.0.8/")));
    assert!(get(&world, &[], "http://wiki.corp/").await.is_err());
    assert!(get(&world, &["wiki.corp"], "http://wiki.corp/").await.is_ok());
    assert!(get(&world, &["10.0.0.0/29"], "http://10.0.0.7:8080/").await.is_ok());
    let beyond = get(&world, &["wiki.corp"], "http://wiki.corp/out").await;
    assert!(matches!(beyond, Err(WebError::Blocked { .. })), "{beyond:?}");
}

#[tokio::test]
async fn a_body_is_read_to_its_limit_and_no_further() {
    let endless = [b"HTTP/1.1 200 OK\r\ncontent-length: 900000\r\n\r\n".as_slice(), &vec![b'x'; 900_000]].concat();
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf".to_vec();
    let headers = format!("HTTP/1.1 200 OK\r\nx: {}\r\ncontent-length: 0\r\n\r\n", "y".repeat(200_000));
    let world = World::public().answer("a.test:80/long", endless).answer("a.test:80/half", half);
    let world = Arc::new(world.answer("a.test:80/head", headers));
    let long = get(&world, &[], "http://a.test/long").await.unwrap();
    assert_eq!((long.body.len(), long.cut), (BOUNDS.body_bytes_max, true));
    let half = get(&world, &[], "http://a.test/half").await.unwrap();
    assert_eq!((half.body, half.cut), (Bytes::from_static(b"half"), true));
    assert!(get(&world, &[], "http://a.test/head").await.is_err());
    assert!(!get(&world, &[], "http://a.test/").await.unwrap().cut);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_ends_is_left_in_time() {
    #[derive(Debug)]
    struct Silent;
    impl Network for Silent {
        fn resolve<'a>(&'a self, _: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
            Box::pin(async move { Ok(vec![SocketAddr::new([93, 184, 216, 34].into(), port)]) })
        }
        fn open<'a>(&'a self, _: SocketAddr, _: &'a Target) -> BoxFuture<'a, Result<Box<dyn Pipe>, RelayError>> {
            let (ours, theirs) = tokio::io::duplex(64);
            tokio::spawn(async move {
                let _held = theirs;
                std::future::pending::<()>().await;
            });
            Box::pin(std::future::ready(Ok(Box::new(ours) as Box<dyn Pipe>)))
        }
    }
    let web = Web::new(Rules::default(), Arc::new(Silent));
    let ask = Ask::get(web.url("http://a.test/").unwrap(), BOUNDS);
    assert!(matches!(web.get(ask, &Open).await, Err(WebError::Time { .. })));
}
