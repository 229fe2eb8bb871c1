//! How many values a second are kept through a running switchboard, by a client on one connection and
//! by eight, in this process and in Redis.

use super::count;
use e2e::{Client, Home, LINE, Line, Modern, Redis, tell};
use serde_json::json;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Instant;

/// Calls that all clients have in flight together.
const IN_FLIGHT: usize = 64;

/// Keys of a client.
const KEYS: usize = 1000;

/// Makes so many calls of `cache_set` on one connection; each must say that it was kept.
fn keep(address: SocketAddr, client: usize, clients: usize, calls: usize) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    let answers = BufReader::new(stream.try_clone().unwrap());
    let (asked, places) = sync_channel::<()>(IN_FLIGHT / clients);
    let listener = thread::spawn(move || {
        for line in answers.lines().take(calls) {
            let line = line.unwrap();
            assert!(line.contains("\"success\":true"), "expected it to be kept: {line}");
            places.recv().unwrap();
        }
    });
    for number in 0..calls {
        let arguments = json!({"key": format!("{client}:{}", number % KEYS), "value": "a value of thirty characters..", "ttl": 3600});
        let params = json!({"name": "cache_set", "arguments": arguments});
        let message = Modern::message(json!(number), "tools/call", params);
        asked.send(()).unwrap();
        stream.write_all(format!("{message}\n").as_bytes()).unwrap();
    }
    listener.join().unwrap();
}

fn figure(place: &str, url: Option<&str>, clients: usize, calls: usize) {
    let url = url.map(|url| format!("[cache]\nurl = \"{url}\"\n")).unwrap_or_default();
    let board = Home::new(&(url + LINE)).offering("cache").start();
    board.server_in("cache", "ready");
    board.modern().request("tools/list", json!({}));
    let address = Line::address(&board);
    keep(address, 0, 1, KEYS);
    let begun = Instant::now();
    thread::scope(|scope| {
        for client in 0..clients {
            scope.spawn(move || keep(address, client, clients, calls / clients));
        }
    });
    let rate = (calls / clients * clients) as f64 / begun.elapsed().as_secs_f64();
    // A client over TCP and one over HTTP without a token are the same principal.
    let keys = board.modern().call("cache_keys", json!({"limit": 10_000}))["structuredContent"].clone();
    assert_eq!(keys["count"], json!(KEYS.min(calls / clients) * clients), "expected what was kept");
    tell(&format!(
        "cache-speed: {place}, {clients} client{}: {rate:.0} cache_set/s",
        if clients == 1 { "" } else { "s" }
    ));
}

#[test]
fn cache_speed() {
    let calls = count("SWITCHBOARD_LAB_CACHE", 8_000);
    let redis = Redis::start();
    for clients in [1, 8] {
        figure("embedded", None, clients, calls);
        if let Some(redis) = &redis {
            redis.say(&["FLUSHALL"]);
            figure("Redis", Some(&redis.url()), clients, calls);
        }
    }
}
