//! The logs of all servers as one stream, for as long as somebody wants it. Servers that a reload brings
//! are followed too; those that it takes away end by themselves. It reads no file.

use super::items::{ITEMS_MAX, Item, Items};
use crate::Parts;
use futures_util::stream::{BoxStream, SelectAll, StreamExt as _, unfold};
use gateway::server::Core;
use std::collections::BTreeMap;
use std::sync::Arc;
use supervisor::Line;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// What comes of a log.
pub(crate) enum Heard {
    /// A line.
    Line(Arc<str>, Arc<Line>),
    /// So many lines came too fast.
    Missed(u64),
}

/// All logs.
#[derive(Default)]
pub(crate) struct Logs {
    pub(crate) items: Items,
    lines: SelectAll<BoxStream<'static, Heard>>,
    /// Which run of a server is followed, by name.
    followed: BTreeMap<Arc<str>, usize>,
}

// === impl Logs ===

impl Logs {
    /// Begins to follow every server, with the last lines that there are.
    pub(crate) fn start(parts: &Parts) -> Self {
        let mut logs = Self::default();
        let mut past = logs.follow_new(parts);
        // The sort is stable: lines of one moment stay in the order of their server.
        past.sort_by_key(|(_, line)| line.at);
        let past = past.split_off(past.len().saturating_sub(ITEMS_MAX));
        logs.items = Items::of(past.iter().map(|(server, line)| Item::line(server, line)));
        logs
    }

    /// Follows servers that are new; their lines so far are news.
    pub(crate) fn refresh(&mut self, parts: &Parts) {
        for (server, line) in self.follow_new(parts) {
            self.items.add(Item::line(&server, &line));
        }
    }

    fn follow_new(&mut self, parts: &Parts) -> Vec<(Arc<str>, Arc<Line>)> {
        let snapshot = parts.gateway.snapshot();
        let mut past = Vec::new();
        self.followed.retain(|name, _| snapshot.servers.contains_key(name));
        for (name, server) in &snapshot.servers {
            // An adjusted entry keeps what runs, and its log.
            let core: &Core = server;
            let run = std::ptr::from_ref(core).addr();
            if self.followed.insert(name.clone(), run) != Some(run) {
                let (tail, receiver) = server.log.follow(ITEMS_MAX);
                past.extend(tail.into_iter().map(|line| (name.clone(), line)));
                self.lines.push(lines(name.clone(), receiver));
            }
        }
        past
    }

    /// Whether there is anything to wait for.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Waits for a line. Nothing is lost when the future is dropped.
    pub(crate) async fn next(&mut self) -> Option<Heard> {
        self.lines.next().await
    }

    /// Takes what was heard.
    pub(crate) fn take(&mut self, heard: Heard) {
        match heard {
            Heard::Line(server, line) => self.items.add(Item::line(&server, &line)),
            Heard::Missed(count) => self.items.miss(count),
        }
    }
}

fn lines(server: Arc<str>, receiver: Receiver<Arc<Line>>) -> BoxStream<'static, Heard> {
    let heard = unfold((server, receiver), |(server, mut receiver)| async move {
        let heard = match receiver.recv().await {
            Ok(line) => Heard::Line(server.clone(), line),
            Err(RecvError::Lagged(count)) => Heard::Missed(count),
            Err(RecvError::Closed) => return None,
        };
        Some((heard, (server, receiver)))
    });
    heard.boxed()
}
