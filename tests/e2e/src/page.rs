//! A web page on loopback, for the server that fetches pages.

use std::io::{Read, Write};
use std::net::TcpListener;

/// A page that is served until the test process ends.
#[derive(Debug)]
pub struct Page {
    /// `http://127.0.0.1:PORT/`.
    pub url: String,
}

impl Page {
    /// Serves this HTML at every path but `/robots.txt`.
    ///
    /// # Panics
    /// No port is free.
    pub fn serve(html: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|why| panic!("no port: {why}"));
        let address = listener.local_addr().unwrap_or_else(|why| panic!("no address: {why}"));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut request = [0; 4096];
                let length = stream.read(&mut request).unwrap_or(0);
                let wants_rules = request.get(..length).is_some_and(|bytes| bytes.starts_with(b"GET /robots.txt"));
                let (status, body) = if wants_rules { ("404 Not Found", "") } else { ("200 OK", html) };
                let kind = format!("Content-Type: text/html\r\nContent-Length: {}", body.len());
                let answer = format!("HTTP/1.1 {status}\r\n{kind}\r\nConnection: close\r\n\r\n{body}");
                drop(stream.write_all(answer.as_bytes()));
            }
        });
        Self { url: format!("http://{address}/") }
    }
}
