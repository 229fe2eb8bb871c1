//! What is sent: one JSON text for each change of a topic, written once and shared by all who see the
//! same. What the texts mean to a page is said in `docs/api.md`; who gets them is not known here.

use super::topic::Topic;
use bytes::Bytes;
use serde::Serialize;
use std::fmt::Write as _;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// A text to send. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) seq: u64,
    pub(crate) topic: Topic,
    pub(crate) is_snapshot: bool,
    pub(crate) text: Utf8Bytes,
}

// === impl Frame ===

impl Frame {
    /// All of a topic; `resync` where the reader missed something.
    pub(crate) fn snapshot(seq: u64, topic: Topic, data: &str, resync: bool) -> Self {
        let resync = if resync { "\"resync\":true," } else { "" };
        let name = topic.as_str();
        let text = format!(r#"{{"type":"snapshot","seq":{seq},"topic":"{name}",{resync}"data":{data}}}"#);
        Self { seq, topic, is_snapshot: true, text: text.into() }
    }

    /// What is different; `body` is members with their names.
    pub(crate) fn delta(seq: u64, topic: Topic, body: &str) -> Self {
        let text = format!(r#"{{"type":"delta","seq":{seq},"topic":"{}",{body}}}"#, topic.as_str());
        Self { seq, topic, is_snapshot: false, text: text.into() }
    }

    /// As an event of a stream (HTML, section 9.2: server-sent events).
    pub(crate) fn event(&self) -> Bytes {
        let kind = if self.is_snapshot { "snapshot" } else { "delta" };
        format!("event: {kind}\nid: {}\ndata: {}\n\n", self.seq, self.text).into()
    }
}

/// A value as JSON; ours can be written.
pub(crate) fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}

/// A list of texts that are JSON.
pub(crate) fn list<'a>(items: impl Iterator<Item = &'a str>) -> String {
    let mut out = String::from("[");
    for (number, item) in items.enumerate() {
        if number > 0 {
            out.push(',');
        }
        out.push_str(item);
    }
    out.push(']');
    out
}

/// An object of members that are JSON.
pub(crate) fn object<'a>(members: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::from("{");
    for (number, (name, value)) in members.enumerate() {
        let comma = if number > 0 { "," } else { "" };
        // Writing to a string cannot fail.
        let _ = write!(out, "{comma}{}:{value}", json(&name));
    }
    out.push('}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_one_line_of_json_and_one_event() {
        let body = format!(r#""changed":{}"#, object([("a\n", "1"), ("b", "[2]")].into_iter()));
        let frame = Frame::delta(7, Topic::Servers, &body);
        let value: serde_json::Value = serde_json::from_str(&frame.text).unwrap();
        assert_eq!((&value["seq"], &value["changed"]["a\n"]), (&7.into(), &1.into()));
        assert_eq!(frame.event(), format!("event: delta\nid: 7\ndata: {}\n\n", frame.text));
        let frame = Frame::snapshot(8, Topic::Calls, &list(["1", "2"].into_iter()), true);
        assert!(frame.text.contains(r#""resync":true,"data":[1,2]"#), "{}", frame.text);
    }
}
