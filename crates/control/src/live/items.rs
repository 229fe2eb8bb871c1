//! The items of the two topics that are streams: finished calls, and lines of logs. The last of them are
//! kept for who comes later; more than fit between two frames are counted and not sent.

use super::frame::{json, list};
use super::topic::Sight;
use crate::LogLevel;
use gateway::record::{Record, RecordId, Told};
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::Arc;
use supervisor::Line;

/// Items that are kept, and of one frame, at most.
pub(crate) const ITEMS_MAX: usize = 200;
/// Items of a snapshot: what was before is asked of REST. A socket keeps a buffer of the size of the
/// greatest frame that it sent, so this is what a reader costs in memory.
const SNAPSHOT_ITEMS_MAX: usize = 50;

/// Something that happened once.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// Who made the call; empty for a line.
    principal: Arc<str>,
    server: Option<Arc<str>>,
    /// How bad a line looks.
    level: Option<LogLevel>,
    /// Which call it was.
    pub(crate) id: Option<RecordId>,
    json: Arc<str>,
}

/// The last items, and those that were not sent yet.
#[derive(Debug, Default)]
pub(crate) struct Items {
    last: VecDeque<Item>,
    fresh: VecDeque<Item>,
    missed: u64,
}

#[derive(Serialize)]
struct LogItem<'a> {
    at: String,
    server: &'a str,
    stream: String,
    level: &'a str,
    text: String,
}

// === impl Item ===

impl Item {
    /// A finished call: never what it was about.
    pub(crate) fn call(record: &Record) -> Self {
        Self {
            principal: record.principal.as_str().into(),
            server: record.server.clone(),
            level: None,
            id: Some(record.id),
            json: json(&Told::of(record)).into(),
        }
    }

    /// A line of a server's log.
    pub(crate) fn line(server: &Arc<str>, line: &Line) -> Self {
        let level = LogLevel::of(&line.text);
        let item = LogItem {
            at: supervisor::utc(line.at),
            server,
            stream: line.stream.to_string(),
            level: level.as_str(),
            text: line.shown(),
        };
        let json = json(&item).into();
        Self { principal: "".into(), server: Some(server.clone()), level: Some(level), id: None, json }
    }

    fn is_seen(&self, sight: &Sight) -> bool {
        match (self.level, &self.server) {
            (Some(level), Some(server)) => sight.sees_line(server, level),
            _ => sight.sees_call(&self.principal, self.server.as_deref()),
        }
    }
}

// === impl Items ===

impl Items {
    /// Those that were there before anybody looked.
    pub(crate) fn of(last: impl IntoIterator<Item = Item>) -> Self {
        let mut items = Self::default();
        for item in last {
            push(&mut items.last, item);
        }
        items
    }

    pub(crate) fn add(&mut self, item: Item) {
        let is_known = |known: &Item| known.id == item.id;
        // At the beginning a call may be told of and read back, too.
        if item.id.is_some() && (self.last.iter().any(is_known) || self.fresh.iter().any(is_known)) {
            return;
        }
        self.missed += u64::from(push(&mut self.fresh, item));
    }

    /// More came than was kept.
    pub(crate) fn miss(&mut self, count: u64) {
        self.missed += count;
    }

    #[cfg(test)]
    fn has_news(&self) -> bool {
        !self.fresh.is_empty() || self.missed > 0
    }

    /// The members of a delta for this sight, if there is anything for it.
    pub(crate) fn delta(&self, sight: &Sight) -> Option<String> {
        let mut seen = self.fresh.iter().filter(|item| item.is_seen(sight)).map(|item| &*item.json).peekable();
        // Of what was missed it is not known who would have seen it: whoever sees all is told.
        let missed = if sight.principal.is_none() { self.missed } else { 0 };
        (seen.peek().is_some() || missed > 0).then(|| format!(r#""items":{},"missed":{missed}"#, list(seen)))
    }

    /// What was fresh has been sent.
    pub(crate) fn sent(&mut self) {
        self.missed = 0;
        for item in self.fresh.drain(..) {
            push(&mut self.last, item);
        }
    }

    /// The data of a snapshot for this sight.
    pub(crate) fn snapshot(&self, sight: &Sight) -> String {
        let seen = self.last.iter().rev().filter(|item| item.is_seen(sight)).map(|item| &*item.json);
        let newest: Vec<&str> = seen.take(SNAPSHOT_ITEMS_MAX).collect();
        format!(r#"{{"items":{},"missed":0}}"#, list(newest.into_iter().rev()))
    }
}

/// Keeps an item; whether one had to go for it.
fn push(items: &mut VecDeque<Item>, item: Item) -> bool {
    items.push_back(item);
    items.len() > ITEMS_MAX && items.pop_front().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::topic::Subscription;
    use gateway::record::Records;
    use protocol::{Principal, Raw, Text};
    use std::time::SystemTime;

    fn called(records: &Arc<Records>, principal: &str) -> Record {
        let mut open = records.open(&Text::from_static("tools/call"), &Principal::new(principal), "modern", 1);
        open.note(|record| record.arguments = Some(Raw::from_static("{\"key\":\"hunter2\"}")));
        open.ended("ok", 1);
        drop(open);
        records.take_now().remove(0)
    }

    #[test]
    fn a_call_is_told_once_to_who_may_see_it_and_never_what_it_was_about() {
        let records = Records::new(1);
        let (mine, theirs) = (called(&records, "b"), called(&records, "a"));
        let mut items = Items::of([Item::call(&mine)]);
        items.add(Item::call(&mine));
        assert!(!items.has_news());
        items.add(Item::call(&theirs));
        let own = Subscription::default().read(Some("b".into())).unwrap().1;
        let owner = Subscription::default().read(None).unwrap().1;
        assert_eq!(items.delta(&own), None);
        let all = items.delta(&owner).unwrap();
        assert!(all.contains(&theirs.id.to_string()) && !all.contains("hunter2"), "{all}");
        items.sent();
        assert!(!items.has_news() && items.snapshot(&owner).contains(&mine.id.to_string()));
        assert!(!items.snapshot(&own).contains(&theirs.id.to_string()));
    }

    #[test]
    fn too_many_lines_are_counted() {
        let mut items = Items::default();
        let line =
            Line { at: SystemTime::now(), stream: supervisor::Stream::Stderr, text: "x\u{1b}".into(), cut: false };
        for _ in 0..ITEMS_MAX + 5 {
            items.add(Item::line(&"a".into(), &line));
        }
        let all = items.delta(&Subscription::default().read(None).unwrap().1).unwrap();
        assert!(all.ends_with(r#""missed":5"#) && !all.contains('\u{1b}'), "{all}");
        items.sent();
        assert_eq!(items.last.len(), ITEMS_MAX);
    }
}
