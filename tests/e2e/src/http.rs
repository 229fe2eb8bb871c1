//! A small blocking HTTP/1.1 client: one connection per request, no redirects, no TLS. It sends
//! exactly what it is given, also what no proper client would send, and reads event streams while
//! they come in.

use crate::waiting::SOON;
use serde_json::Value;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// An answer whose body is read on demand. Dropping it hangs up.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    headers: Vec<(String, String)>,
    body: BufReader<Body>,
}

/// How the body ends.
#[derive(Debug)]
enum Length {
    Left(u64),
    Chunks(u64),
    Ended,
    UntilClosed,
}

#[derive(Debug)]
struct Body {
    stream: BufReader<TcpStream>,
    length: Length,
}

/// Sends a request with a body of known length and waits for the head of the answer.
///
/// # Panics
/// When there is no answer that is HTTP.
#[track_caller]
pub fn send(address: SocketAddr, method: &str, path: &str, headers: &[(String, String)], body: &[u8]) -> Answer {
    let mut head = format!("{method} {path} HTTP/1.1\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        head.push_str(&format!("Host: {address}\r\n"));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() || method == "POST" {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("Connection: close\r\n\r\n");
    exchange(address, &[head.as_bytes(), body].concat())
}

/// Sends bytes as they are and waits for the head of an answer.
///
/// # Panics
/// When there is no answer that is HTTP.
#[track_caller]
pub fn exchange(address: SocketAddr, bytes: &[u8]) -> Answer {
    match try_exchange(address, bytes) {
        Ok(answer) => answer,
        Err(error) => panic!("expected an HTTP answer from {address}: {error}"),
    }
}

/// As [`exchange`], for tests where no answer is an outcome.
///
/// # Errors
/// Those of the connection, and what is no HTTP.
pub fn try_exchange(address: SocketAddr, bytes: &[u8]) -> io::Result<Answer> {
    exchange_over(TcpStream::connect(address)?, bytes)
}

/// The same over a connection that is open.
///
/// # Errors
/// As [`try_exchange`].
pub(crate) fn exchange_over(mut stream: TcpStream, bytes: &[u8]) -> io::Result<Answer> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(SOON))?;
    stream.write_all(bytes)?;
    read_head(BufReader::new(stream))
}

fn read_head(mut stream: BufReader<TcpStream>) -> io::Result<Answer> {
    let line = read_line(&mut stream)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("no HTTP status in {line:?}")))?;
    let mut headers = Vec::new();
    loop {
        let line = read_line(&mut stream)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or_else(|| io::Error::other(format!("no header: {line:?}")))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let find = |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let length = match (find("transfer-encoding"), find("content-length")) {
        (Some(coding), _) if coding.eq_ignore_ascii_case("chunked") => Length::Chunks(0),
        (_, Some(bytes)) => Length::Left(bytes.parse().map_err(io::Error::other)?),
        _ if matches!(status, 202 | 204) => Length::Ended,
        _ => Length::UntilClosed,
    };
    Ok(Answer { status, headers, body: BufReader::new(Body { stream, length }) })
}

fn read_line(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Length::Chunks(0) = self.length {
            let size = read_line(&mut self.stream)?;
            let size = size.split(';').next().unwrap_or_default();
            let size = u64::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
            self.length = if size == 0 { Length::Ended } else { Length::Chunks(size) };
        }
        let left = match self.length {
            Length::Left(left) | Length::Chunks(left) => left,
            Length::Ended => 0,
            Length::UntilClosed => u64::MAX,
        };
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let Some(buffer) = buffer.get_mut(..wanted).filter(|buffer| !buffer.is_empty()) else { return Ok(0) };
        let read = self.stream.read(buffer)?;
        if read == 0 && !matches!(self.length, Length::UntilClosed) {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the body ended too early"));
        }
        match &mut self.length {
            Length::Left(left) => *left -= read as u64,
            Length::Chunks(left) => {
                *left -= read as u64;
                if *left == 0 {
                    read_line(&mut self.stream)?;
                }
            }
            Length::Ended | Length::UntilClosed => {}
        }
        Ok(read)
    }
}

impl Answer {
    /// The connection, which is no HTTP any more.
    pub(crate) fn into_stream(self) -> BufReader<TcpStream> {
        self.body.into_inner().stream
    }

    /// A header of the answer, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether the body is an event stream.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        self.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"))
    }

    /// The whole body.
    ///
    /// # Panics
    /// When it breaks off.
    #[track_caller]
    pub fn text(mut self) -> String {
        let mut text = String::new();
        match self.body.read_to_string(&mut text) {
            Ok(_) => text,
            Err(error) => panic!("expected the rest of a body after {text:?}: {error}"),
        }
    }

    /// The next message of an event stream; `None` when the stream is over.
    ///
    /// # Panics
    /// When the stream breaks off, or an event is not JSON.
    #[track_caller]
    pub fn next_event(&mut self) -> Option<Value> {
        let data = self.next_data()?;
        Some(serde_json::from_str(&data).expect("expected JSON in an event"))
    }

    /// The data of the next event of an event stream; `None` when the stream is over.
    ///
    /// # Panics
    /// When the stream breaks off.
    #[track_caller]
    pub fn next_data(&mut self) -> Option<String> {
        let mut data = String::new();
        loop {
            let mut line = String::new();
            let read = self.body.read_line(&mut line).expect("expected a line of an event stream");
            let line = line.trim_end_matches(['\r', '\n']);
            if let Some(rest) = line.strip_prefix("data:") {
                data.push_str(rest.trim_start());
            } else if line.is_empty() && !data.is_empty() {
                return Some(data);
            }
            if read == 0 {
                return None;
            }
        }
    }

    /// The first message of the stream for which `fits` holds.
    ///
    /// # Panics
    /// When the stream is over before.
    #[track_caller]
    pub fn event_that(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let mut seen = Vec::new();
        while let Some(event) = self.next_event() {
            if fits(&event) {
                return event;
            }
            seen.push(event);
        }
        panic!("expected {what} in the stream, which ended after {seen:?}");
    }

    /// The messages of the body: of an event stream all of them, else the one.
    ///
    /// # Panics
    /// When the body is no JSON.
    #[track_caller]
    pub fn messages(mut self) -> Vec<Value> {
        if self.is_stream() {
            return std::iter::from_fn(|| self.next_event()).collect();
        }
        let text = self.text();
        match serde_json::from_str(&text) {
            Ok(message) => vec![message],
            Err(error) => panic!("expected JSON, got {text:?}: {error}"),
        }
    }

    /// Status and final message; `null` for an empty body.
    ///
    /// # Panics
    /// When the body is neither JSON nor empty.
    #[track_caller]
    pub fn last(self) -> (u16, Value) {
        let status = self.status;
        if self.header("content-length") == Some("0") || matches!(status, 202 | 204) {
            return (status, Value::Null);
        }
        (status, self.messages().pop().unwrap_or_default())
    }
}
