//! A client on one TCP connection with many calls in flight, which keeps account of them: each that
//! was asked must be answered once, and nothing else may come. What an answer says is for the test.

use crate::client::Modern;
use crate::switchboard::Switchboard;
use crate::waiting::SOON;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// What a configuration needs for a [`Line`].
pub const LINE: &str = "[listen]\ntcp = \"127.0.0.1:0\"\n";

/// A modern client whose messages are lines on a TCP connection.
#[derive(Debug)]
pub struct Line {
    stream: Mutex<TcpStream>,
    account: Arc<Account>,
}

#[derive(Debug, Default)]
struct Account {
    book: Mutex<Book>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Book {
    asked: u64,
    cancelled: BTreeSet<u64>,
    answers: BTreeMap<u64, Vec<Value>>,
    /// Answers under ids that were never asked.
    strays: Vec<Value>,
    ended: bool,
}

impl Account {
    fn with<T>(&self, act: impl FnOnce(&mut Book) -> T) -> T {
        let done = act(&mut self.book.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
        done
    }

    fn take(&self, message: Value) {
        if message.get("method").is_some() {
            return;
        }
        self.with(|book| match message["id"].as_u64().filter(|id| (1..=book.asked).contains(id)) {
            Some(id) => book.answers.entry(id).or_default().push(message),
            None => book.strays.push(message),
        });
    }
}

impl Line {
    /// Connects to where this switchboard listens for lines.
    ///
    /// # Panics
    /// When it does not.
    #[must_use]
    #[track_caller]
    pub fn of(board: &Switchboard) -> Self {
        Self::at(Self::address(board))
    }

    /// Where this switchboard listens for lines.
    ///
    /// # Panics
    /// When it does not.
    #[must_use]
    #[track_caller]
    pub fn address(board: &Switchboard) -> SocketAddr {
        let note = fs::read(board.data().join("listen.json")).expect("expected listen.json");
        let note: Value = serde_json::from_slice(&note).expect("expected JSON in listen.json");
        let address = note["tcp"].as_str().and_then(|address| address.parse().ok());
        address.unwrap_or_else(|| panic!("expected a TCP listener in {note}"))
    }

    /// Connects to this address.
    ///
    /// # Panics
    /// When nobody listens there.
    #[must_use]
    #[track_caller]
    pub fn at(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("expected a connection for lines");
        stream.set_nodelay(true).expect("expected a socket that can be set up");
        let account = Arc::new(Account::default());
        let (reader, heard) = (stream.try_clone().expect("expected a second handle"), account.clone());
        thread::spawn(move || {
            for line in BufReader::new(reader).lines().map_while(Result::ok) {
                heard.take(serde_json::from_str(&line).unwrap_or(Value::String(line)));
            }
            heard.with(|book| book.ended = true);
        });
        Self { stream: Mutex::new(stream), account }
    }

    /// Calls a tool; gives the id under which the answer comes. A connection that has ended takes nothing:
    /// such a call counts as never asked, and 0 is given.
    pub fn send(&self, tool: &str, arguments: Value) -> u64 {
        self.ask("tools/call", json!({"name": tool, "arguments": arguments}))
    }

    /// As [`Line::send`], for any method.
    pub fn ask(&self, method: &str, params: Value) -> u64 {
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        // Before it is written, since the answer may be there at once.
        let id = self.account.with(|book| {
            book.asked += 1;
            book.asked
        });
        let line = format!("{}\n", Modern::message(json!(id), method, params));
        if stream.write_all(line.as_bytes()).is_err() {
            self.account.with(|book| book.cancelled.insert(id));
            return 0;
        }
        id
    }

    /// Takes a call back.
    pub fn cancel(&self, id: u64) {
        self.account.with(|book| book.cancelled.insert(id));
        let message =
            json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}).to_string();
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        // Where the connection is gone, the call is too.
        let _ = stream.write_all(format!("{message}\n").as_bytes());
    }

    /// The answer to a call, unless none comes in time or the connection ends.
    #[must_use]
    pub fn answer_within(&self, id: u64, limit: Duration) -> Option<Value> {
        let end = Instant::now() + limit;
        let mut book = self.account.book.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(answer) = book.answers.get(&id).and_then(|answers| answers.first()) {
                return Some(answer.clone());
            }
            let left = end.saturating_duration_since(Instant::now());
            if book.ended || left.is_zero() {
                return None;
            }
            book = self.account.changed.wait_timeout(book, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The answer to a call.
    ///
    /// # Panics
    /// When none comes soon.
    #[track_caller]
    pub fn answer(&self, id: u64) -> Value {
        self.answer_within(id, SOON).unwrap_or_else(|| panic!("expected an answer to call {id}"))
    }

    /// Calls a tool and waits for its answer.
    ///
    /// # Panics
    /// When none comes soon.
    #[track_caller]
    pub fn call(&self, tool: &str, arguments: Value) -> Value {
        self.answer(self.send(tool, arguments))
    }

    /// The text of a tool that works.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn text(&self, tool: &str, arguments: Value) -> String {
        let answer = self.call(tool, arguments);
        text_of(&answer).unwrap_or_else(|| panic!("expected {tool} to succeed: {answer}"))
    }

    /// Why a tool failed.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn failure(&self, tool: &str, arguments: Value) -> String {
        failure_of(&self.call(tool, arguments))
    }

    /// Whether the other side has ended the connection.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.account.with(|book| book.ended)
    }

    /// Every call has exactly one answer by now, a cancelled one none or one, and nothing else came.
    ///
    /// # Panics
    /// When it is not so.
    #[track_caller]
    pub fn check(&self) {
        self.audit(false);
    }

    /// As [`Line::check`], where the other side was killed: what was not answered never will be.
    ///
    /// # Panics
    /// When a call was answered twice, or something else came.
    #[track_caller]
    pub fn check_broken(&self) {
        self.audit(true);
    }

    #[track_caller]
    fn audit(&self, broken: bool) {
        self.account.with(|book| {
            assert!(book.strays.is_empty(), "expected answers to calls alone, got {:?}", book.strays);
            for id in 1..=book.asked {
                let count = book.answers.get(&id).map_or(0, Vec::len);
                let right = count == 1 || (count == 0 && (broken || book.cancelled.contains(&id)));
                assert!(right, "expected one answer to call {id}, got {:?}", book.answers.get(&id));
            }
        });
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // The thread that reads ends with the connection.
        let _ = self.stream.get_mut().unwrap_or_else(PoisonError::into_inner).shutdown(Shutdown::Both);
    }
}

/// The text of a tool's answer, when it is a success.
#[must_use]
pub fn text_of(answer: &Value) -> Option<String> {
    let result = answer.get("result").filter(|result| result["isError"] != true)?;
    Some(result["content"][0]["text"].as_str().unwrap_or_default().to_owned())
}

/// What an answer says about a failure, as a result of a tool or as an error.
///
/// # Panics
/// When it is a success.
#[must_use]
#[track_caller]
pub fn failure_of(answer: &Value) -> String {
    assert!(text_of(answer).is_none(), "expected a failure: {answer}");
    let (said, error) = (&answer["result"]["content"][0]["text"], &answer["error"]["message"]);
    said.as_str().or(error.as_str()).unwrap_or_default().to_owned()
}
