//! What one frame of the live stream says, as news. Topics and members that are not known are left
//! out: the daemon may be newer.

use crate::commands::top::facts::{Call, News};
use control::said::Server;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A frame of `/api/events`: everything of a topic, or what differs.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Frame {
    #[serde(rename = "type")]
    kind: String,
    topic: String,
    /// Of a snapshot.
    data: Value,
    /// Of a delta.
    changed: Value,
    removed: Vec<String>,
    items: Value,
    missed: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Items {
    items: Vec<Call>,
    missed: u64,
}

// === impl Frame ===

impl Frame {
    /// What is new; nothing where it says nothing that is shown.
    pub(super) fn news(self) -> Option<News> {
        let whole = self.kind == "snapshot";
        if !whole && self.kind != "delta" {
            return None;
        }
        let body = if whole { self.data } else { self.changed };
        Some(match self.topic.as_str() {
            "overview" => News::Overview { whole, members: read::<Map<String, Value>>(body)? },
            "servers" => {
                let changed: BTreeMap<String, Server> = if body.is_null() { BTreeMap::new() } else { read(body)? };
                News::Servers { whole, changed, removed: self.removed }
            }
            "calls" => {
                let Items { items, missed } = match whole {
                    true => read(body)?,
                    false => Items { items: read(self.items)?, missed: self.missed },
                };
                News::Calls { whole, items, missed }
            }
            "catalog" => News::Catalog,
            _ => return None,
        })
    }
}

fn read<T: for<'a> Deserialize<'a>>(value: Value) -> Option<T> {
    serde_json::from_value(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn news(frame: Value) -> Option<News> {
        read::<Frame>(frame)?.news()
    }

    #[test]
    fn frames_are_read() {
        let calls = news(json!({ "type": "snapshot", "seq": 1, "topic": "calls",
            "data": { "items": [{ "id": 7, "outcome": "ok", "later": true }], "missed": 0 } }));
        assert!(matches!(calls, Some(News::Calls { whole: true, items, .. }) if items[0].key() == "7"));
        let calls = news(json!({ "type": "delta", "seq": 2, "topic": "calls", "items": [{ "id": "x" }], "missed": 3 }));
        assert!(matches!(calls, Some(News::Calls { whole: false, items, missed: 3 }) if items.len() == 1));
        let gone = news(json!({ "type": "delta", "seq": 3, "topic": "servers", "removed": ["a"] }));
        assert!(matches!(gone, Some(News::Servers { whole: false, removed, .. }) if removed == ["a"]));
        let figures = news(json!({ "type": "delta", "seq": 4, "topic": "overview", "changed": { "in_flight": 2 } }));
        assert!(matches!(figures, Some(News::Overview { whole: false, members }) if members["in_flight"] == 2));
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        assert!(news(json!({ "type": "pong" })).is_none());
        assert!(news(json!({ "type": "delta", "topic": "weather", "changed": {} })).is_none());
        assert!(news(json!({ "type": "delta", "topic": "calls", "items": 3 })).is_none());
    }
}
