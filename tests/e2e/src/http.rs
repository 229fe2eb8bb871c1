//! The smallest HTTP client that can say wrong things on purpose: one request per connection, over
//! a plain socket, nothing added that the test did not ask for.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);

/// An HTTP answer, read to its end.
#[derive(Debug)]
pub struct Reply {
    /// Status code; 0 if the peer closed without an answer.
    pub status: u16,
    /// Names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// The body, with chunks put together.
    pub body: String,
}

impl Reply {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All JSON values of the body: the body itself, or the data of each event of a stream.
    pub fn messages(&self) -> Vec<serde_json::Value> {
        if self.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream")) {
            let data = self.body.lines().filter_map(|line| line.strip_prefix("data:"));
            return data.filter_map(|data| serde_json::from_str(data.trim()).ok()).collect();
        }
        serde_json::from_str(&self.body).into_iter().collect()
    }

    /// The JSON-RPC answer: the last message.
    ///
    /// # Panics
    /// There is none; the message shows the whole reply.
    pub fn answer(&self) -> serde_json::Value {
        self.messages().pop().unwrap_or_else(|| panic!("no answer in {self:?}"))
    }
}

/// Sends one request and reads the answer until the peer closes.
///
/// `Host`, `Content-Length` and `Connection: close` are added unless `headers` has them.
///
/// # Panics
/// No connection, or no end of the answer within 30 s.
pub fn exchange(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(address).unwrap_or_else(|why| panic!("connect to {address}: {why}"));
    stream.set_read_timeout(Some(LIMIT)).unwrap_or_else(|why| panic!("timeout: {why}"));
    let mut head = format!("{method} {path} HTTP/1.1\r\n");
    let length = body.len().to_string();
    for (name, value) in [("Host", address), ("Content-Length", length.as_str()), ("Connection", "close")] {
        if !headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let sent = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    // A server may answer and close before it has read a body that is too long: read on.
    drop(sent);
    let mut bytes = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(piece.get(..count).unwrap_or_default()),
            Err(why) if why.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(why) => panic!("{method} {path}: {why}; so far {:?}", String::from_utf8_lossy(&bytes)),
        }
    }
    parse(&bytes)
}

fn parse(bytes: &[u8]) -> Reply {
    let split = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(bytes.len());
    let (head, rest) = bytes.split_at(split);
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let rest = rest.get(4..).unwrap_or_default();
    let chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    let body = if chunked { unchunk(rest) } else { rest.to_vec() };
    Reply { status: status.unwrap_or(0), headers, body: String::from_utf8_lossy(&body).into_owned() }
}

fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let (size, after) = rest.split_at(end);
        let size = usize::from_str_radix(String::from_utf8_lossy(size).trim(), 16).unwrap_or(0);
        let after = after.get(2..).unwrap_or_default();
        if size == 0 {
            break;
        }
        body.extend_from_slice(after.get(..size).unwrap_or(after));
        rest = after.get(size + 2..).unwrap_or_default();
    }
    body
}
