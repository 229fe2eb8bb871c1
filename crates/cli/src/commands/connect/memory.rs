//! What the wire of a stdio client remembers of the conversation, and what follows from that when
//! the daemon goes away: which requests are sent again, which are answered with an error, and what
//! the next daemon must be told first. Values only: nothing here reads or writes.

use bytes::Bytes;
use protocol::ErrorKind;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::VecDeque;

/// Lines of the client that wait for the next daemon.
const HELD_MAX: usize = 64;
/// How many subscriptions are repeated.
const KEPT_MAX: usize = 1024;
/// Ids of requests that we send ourselves begin so.
const OUR_ID: &str = "switchboard-again-";

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// Everything that was written was read.
    AllRead,
    /// The end of what was written was not read, so the last line was not either.
    Reset,
}

/// Whom a line of the daemon is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Client,
    /// An answer to a request of ours.
    Us,
    /// Nobody: the request is sent again to the next daemon.
    Nobody,
}

/// A request that has no answer yet.
#[derive(Debug)]
struct Flight {
    /// As written.
    id: String,
    method: String,
    /// The request, unless it came in a batch.
    line: Option<Bytes>,
}

/// What is remembered.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The `initialize` of a legacy client.
    hello: Option<Bytes>,
    /// What it said after that.
    initialized: Option<Bytes>,
    /// Requests whose effect belongs to the session, by what they are about.
    kept: Vec<(String, Bytes)>,
    flights: Vec<Flight>,
    /// Lines for the next daemon.
    held: VecDeque<Bytes>,
    /// The line that was written last, and whether all of it was.
    last: Option<(Bytes, bool)>,
    numbered: u64,
}

/// The envelope of a message.
#[derive(Deserialize)]
struct Peek<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(default)]
    method: Option<String>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

impl Memory {
    /// A line of the client is about to be written.
    pub(super) fn sending(&mut self, line: &Bytes) {
        self.last = Some((line.clone(), false));
        if line.first() == Some(&b'[') {
            for peek in serde_json::from_slice::<Vec<Peek<'_>>>(line).unwrap_or_default() {
                self.asked(&peek, None);
            }
            return;
        }
        let Ok(peek) = serde_json::from_slice::<Peek<'_>>(line) else { return };
        match peek.method.as_deref() {
            Some("initialize") => self.hello = Some(line.clone()),
            Some("notifications/initialized") => self.initialized = Some(line.clone()),
            Some("logging/setLevel") => self.keep("level".to_owned(), line),
            Some("resources/subscribe") => self.keep(about(&peek), line),
            Some("resources/unsubscribe") => {
                let key = about(&peek);
                self.kept.retain(|(kept, _)| *kept != key);
            }
            _ => {}
        }
        self.asked(&peek, Some(line));
    }

    /// All of it was.
    pub(super) fn sent(&mut self) {
        if let Some((_, whole)) = &mut self.last {
            *whole = true;
        }
    }

    fn asked(&mut self, peek: &Peek<'_>, line: Option<&Bytes>) {
        if let (Some(id), Some(method)) = (peek.id, &peek.method) {
            self.flights.push(Flight { id: id.get().to_owned(), method: method.clone(), line: line.cloned() });
        }
    }

    fn keep(&mut self, key: String, line: &Bytes) {
        self.kept.retain(|(kept, _)| *kept != key);
        if self.kept.len() < KEPT_MAX {
            self.kept.push((key, line.clone()));
        }
    }

    /// A line of the daemon.
    pub(super) fn heard(&mut self, line: &Bytes) -> Said {
        if line.first() == Some(&b'[') {
            for peek in serde_json::from_slice::<Vec<Peek<'_>>>(line).unwrap_or_default() {
                self.landed(&peek);
            }
            return Said::Client;
        }
        let Ok(peek) = serde_json::from_slice::<Peek<'_>>(line) else { return Said::Client };
        if peek.method.is_none() && peek.id.is_some_and(|id| id.get().trim_matches('"').starts_with(OUR_ID)) {
            return Said::Us;
        }
        let flight = self.landed(&peek);
        // A daemon that ends refuses what it has not begun.
        match flight.and_then(|flight| flight.line).filter(|_| peek.error.is_some_and(is_draining)) {
            Some(again) => {
                self.held.push_back(again);
                Said::Nobody
            }
            None => Said::Client,
        }
    }

    fn landed(&mut self, peek: &Peek<'_>) -> Option<Flight> {
        let id = peek.id.filter(|_| peek.method.is_none())?.get();
        let at = self.flights.iter().position(|flight| flight.id == id)?;
        Some(self.flights.remove(at))
    }

    /// The daemon is gone: what it may have begun is answered with these lines, the rest is kept for
    /// the next one.
    pub(super) fn lost(&mut self, how: Lost) -> Vec<Bytes> {
        let last = self.last.take();
        let unread = |line: &Bytes| {
            last.as_ref().is_some_and(|(last, whole)| last.as_ptr() == line.as_ptr() && (!whole || how == Lost::Reset))
        };
        let mut answers = Vec::new();
        let mut again = VecDeque::new();
        for flight in std::mem::take(&mut self.flights) {
            match flight.line {
                Some(line) if unread(&line) || is_harmless(&flight.method) => again.push_back(line),
                _ => answers.push(refusal(
                    &flight.id,
                    "the switchboard ended while it worked on this; whether it was done is not known",
                    "see whether it was done, then try again",
                )),
            }
        }
        // They were said before what is held already.
        again.append(&mut self.held);
        self.held = again;
        answers
    }

    /// No daemon comes: everything is answered.
    pub(super) fn given_up(&mut self) -> Vec<Bytes> {
        let held: Vec<Bytes> = self.held.drain(..).collect();
        held.iter().for_each(|line| self.sending(line));
        let hint = "start the daemon: switchboard start";
        let flights = std::mem::take(&mut self.flights);
        flights.iter().map(|flight| refusal(&flight.id, "the switchboard ended, and did not come back", hint)).collect()
    }

    /// The `initialize` for the next daemon, under an id of ours; none where the client has made none,
    /// or where its own is sent again.
    pub(super) fn handshake(&mut self) -> Option<Bytes> {
        let hello = self.hello.clone()?;
        let is_held = self.held.iter().any(|line| line.as_ptr() == hello.as_ptr());
        if is_held { None } else { self.ours(&hello) }
    }

    /// What follows the handshake: lines for the daemon, and lines for the client, since the lists
    /// may be others now.
    pub(super) fn again(&mut self) -> (Vec<Bytes>, Vec<Bytes>) {
        let Some(initialized) = self.initialized.clone() else { return (Vec::new(), Vec::new()) };
        let kept: Vec<Bytes> = self.kept.iter().map(|(_, line)| line.clone()).collect();
        let mut lines = vec![initialized];
        for line in kept {
            // One that is held is sent by itself.
            if !self.held.iter().any(|held| held.as_ptr() == line.as_ptr()) {
                lines.extend(self.ours(&line));
            }
        }
        let changed = |kind: &str| {
            Bytes::from(json!({ "jsonrpc": "2.0", "method": format!("notifications/{kind}/list_changed") }).to_string())
        };
        (lines, ["tools", "prompts", "resources"].map(changed).to_vec())
    }

    /// The same request under an id of ours.
    fn ours(&mut self, line: &Bytes) -> Option<Bytes> {
        let mut message: Value = serde_json::from_slice(line).ok()?;
        self.numbered += 1;
        *message.get_mut("id")? = format!("{OUR_ID}{}", self.numbered).into();
        Some(Bytes::from(message.to_string()))
    }

    /// Keeps a line for the next daemon. Answers to questions of the old one are of no use.
    pub(super) fn hold(&mut self, line: Bytes) {
        let is_answer = serde_json::from_slice::<Peek<'_>>(&line).is_ok_and(|peek| peek.method.is_none());
        if !is_answer {
            self.held.push_back(line);
        }
    }

    /// The first line that is kept.
    pub(super) fn next_held(&mut self) -> Option<Bytes> {
        self.held.pop_front()
    }

    /// Whether more can be kept.
    pub(super) fn has_place(&self) -> bool {
        self.held.len() < HELD_MAX
    }

    /// Whether the client waits for nothing.
    pub(super) fn is_idle(&self) -> bool {
        self.flights.is_empty() && self.held.is_empty()
    }
}

/// What a subscription is about.
fn about(peek: &Peek<'_>) -> String {
    format!("resource {}", peek.params.map_or("", RawValue::get))
}

fn is_draining(error: &RawValue) -> bool {
    let error: Value = serde_json::from_str(error.get()).unwrap_or_default();
    error["data"]["kind"] == ErrorKind::Draining.row().name
}

/// Whether doing it twice is as good as once, whatever server it goes to.
fn is_harmless(method: &str) -> bool {
    const ALSO: [&str; 11] = [
        "initialize",
        "ping",
        "server/discover",
        "resources/read",
        "resources/subscribe",
        "resources/unsubscribe",
        "subscriptions/listen",
        "prompts/get",
        "completion/complete",
        "logging/setLevel",
        "tasks/get",
    ];
    method.ends_with("/list") || ALSO.contains(&method)
}

fn refusal(id: &str, message: &str, hint: &str) -> Bytes {
    let row = ErrorKind::Draining.row();
    let data = json!({ "kind": row.name, "retryable": row.retryable, "hint": hint });
    let error = json!({ "code": row.code, "message": message, "data": data });
    Bytes::from(format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{error}}}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(id: u32, method: &str) -> Bytes {
        Bytes::from(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": { "uri": "a:b" } }).to_string())
    }

    fn sent(memory: &mut Memory, line: &Bytes) {
        memory.sending(line);
        memory.sent();
    }

    fn held(memory: &mut Memory) -> Vec<Bytes> {
        std::iter::from_fn(|| memory.next_held()).collect()
    }

    #[test]
    fn what_was_begun_is_refused_and_what_does_no_harm_is_sent_again() {
        let mut memory = Memory::default();
        let (list, call, done) = (request(1, "tools/list"), request(2, "tools/call"), request(3, "tools/call"));
        [&list, &call, &done].iter().for_each(|line| sent(&mut memory, line));
        assert_eq!(memory.heard(&Bytes::from(r#"{"jsonrpc":"2.0","id":3,"result":{}}"#)), Said::Client);
        let answers = memory.lost(Lost::AllRead);
        assert_eq!(answers.len(), 1);
        let answer: Value = serde_json::from_slice(&answers[0]).unwrap();
        assert_eq!((&answer["id"], &answer["error"]["data"]["retryable"]), (&json!(2), &json!(true)));
        assert_eq!(held(&mut memory), [list]);
        assert!(memory.is_idle());
    }

    #[test]
    fn the_last_line_of_a_broken_connection_was_not_read() {
        let mut memory = Memory::default();
        let (first, last) = (request(1, "tools/call"), request(2, "tools/call"));
        [&first, &last].iter().for_each(|line| sent(&mut memory, line));
        assert_eq!(memory.lost(Lost::Reset).len(), 1);
        assert_eq!(held(&mut memory), std::slice::from_ref(&last));
        // Not all of it was written: how the connection ended says nothing more.
        memory.sending(&last);
        assert_eq!(memory.lost(Lost::AllRead).len(), 0);
        assert_eq!(held(&mut memory), [last]);
    }

    #[test]
    fn a_refusal_of_a_daemon_that_ends_is_not_shown() {
        let mut memory = Memory::default();
        let call = request(7, "tools/call");
        sent(&mut memory, &call);
        let refused = r#"{"jsonrpc":"2.0","id":7,"error":{"code":-31018,"message":"x","data":{"kind":"draining"}}}"#;
        assert_eq!(memory.heard(&Bytes::from(refused)), Said::Nobody);
        assert!(memory.lost(Lost::AllRead).is_empty());
        assert_eq!(held(&mut memory), [call]);
    }

    #[test]
    fn the_next_daemon_is_told_what_belongs_to_the_session() {
        let mut memory = Memory::default();
        assert_eq!((memory.handshake(), memory.again()), (None, (Vec::new(), Vec::new())));
        let ready = Bytes::from(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        let hello = request(1, "initialize");
        sent(&mut memory, &hello);
        memory.heard(&Bytes::from(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#));
        sent(&mut memory, &ready);
        for (id, method) in [(2, "resources/subscribe"), (3, "logging/setLevel"), (4, "logging/setLevel")] {
            sent(&mut memory, &request(id, method));
            memory.heard(&Bytes::from(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#)));
        }
        assert!(memory.lost(Lost::AllRead).is_empty());
        let repeated = memory.handshake().unwrap();
        let repeated: Value = serde_json::from_slice(&repeated).unwrap();
        assert_eq!((&repeated["method"], &repeated["id"]), (&json!("initialize"), &json!("switchboard-again-1")));
        assert_eq!(memory.heard(&Bytes::from(r#"{"id":"switchboard-again-1","result":{}}"#)), Said::Us);
        let (again, news) = memory.again();
        assert_eq!((again.len(), &again[0], news.len()), (3, &ready, 3));
        sent(&mut memory, &request(5, "resources/unsubscribe"));
        assert_eq!(memory.again().0.len(), 2);
    }

    #[test]
    fn everything_is_answered_when_no_daemon_comes() {
        let mut memory = Memory::default();
        memory.hold(request(1, "tools/call"));
        memory.hold(Bytes::from(r#"{"jsonrpc":"2.0","id":9,"result":{}}"#));
        sent(&mut memory, &request(2, "tools/list"));
        assert!(memory.lost(Lost::AllRead).is_empty());
        assert_eq!(memory.given_up().len(), 2);
        assert!(memory.is_idle());
    }
}
