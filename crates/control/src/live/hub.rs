//! The one who tells: wakes on facts while somebody reads, finds what differs, writes each text once for
//! everybody who sees the same. It waits for no reader. While nobody reads it waits for the first one,
//! and costs nothing.

use super::active::{Active, Batch, VERSIONED, Woken};
use super::frame::{Frame, json, object};
use super::history::now_ms;
use super::topic::{Sight, Topic, Topics};
use super::view::{Interest, LINGER, View};
use crate::Parts;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::Instant;

/// Readers that wait for their first snapshot.
const ASKS_MAX: usize = 64;

/// How a reader comes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Coming {
    /// With nothing.
    New,
    /// It missed something.
    Resync,
    /// It has everything up to this frame.
    After(u64),
}

/// A place among the readers.
#[derive(Debug)]
pub(crate) struct Joined {
    /// To be sent first.
    pub(crate) frames: Vec<Frame>,
    /// What comes then, none lost in between.
    pub(crate) live: broadcast::Receiver<Frame>,
    pub(crate) topics: Topics,
    _interest: Interest,
}

/// A reader asks for a place.
struct Ask {
    topics: Topics,
    sight: Sight,
    coming: Coming,
    reply: oneshot::Sender<Joined>,
}

/// Where readers ask.
#[derive(Debug, Clone)]
pub(crate) struct Places(mpsc::Sender<Ask>);

struct Hub {
    parts: Arc<Parts>,
    asks: mpsc::Receiver<Ask>,
    /// Of the last frame. It begins with the time, so that those of an earlier run are all smaller.
    seq: u64,
    views: BTreeMap<Sight, View>,
    active: Option<Active>,
    /// When somebody read last.
    read: Instant,
}

// === impl Places ===

impl Places {
    /// Starts the hub. Must be called inside a runtime.
    pub(crate) fn start(parts: &Arc<Parts>) -> Self {
        let (sender, asks) = mpsc::channel(ASKS_MAX);
        let seq = u64::try_from(now_ms()).unwrap_or_default();
        let parts = parts.clone();
        let hub = Hub { parts, asks, seq, views: BTreeMap::new(), active: None, read: Instant::now() };
        tokio::spawn(hub.run());
        Self(sender)
    }

    /// A place; none when the daemon ends.
    pub(crate) async fn join(&self, topics: Topics, sight: Sight, coming: Coming) -> Option<Joined> {
        let (reply, joined) = oneshot::channel();
        self.0.send(Ask { topics, sight, coming, reply }).await.ok()?;
        joined.await.ok()
    }
}

// === impl Hub ===

impl Hub {
    async fn run(mut self) {
        let shutdown = self.parts.shutdown.clone();
        loop {
            let is_read = self.views.values().any(View::is_read);
            let active = async {
                match &mut self.active {
                    Some(active) => active.woken(is_read).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                ask = self.asks.recv() => match ask {
                    Some(ask) => self.join(ask).await,
                    None => return,
                },
                woken = active => self.woken(woken),
            }
        }
    }

    fn woken(&mut self, woken: Woken) {
        let Some(active) = &mut self.active else { return };
        if !active.note(woken) {
            return;
        }
        let now = Instant::now();
        if self.views.values().any(View::is_read) {
            self.read = now;
        } else if now.saturating_duration_since(self.read) >= LINGER {
            // Facts are not gathered any more either.
            self.active = None;
            self.views.clear();
            return;
        }
        let wanted = self.wanted(now);
        self.tell(wanted);
    }

    /// What somebody wants, of all views; those that nobody has any more are gone.
    fn wanted(&mut self, now: Instant) -> Topics {
        self.views.retain(|_, view| view.is_read() || view.wanted(now) != Topics::default());
        self.views.values_mut().fold(Topics::default(), |all, view| all.and(view.wanted(now)))
    }

    async fn join(&mut self, ask: Ask) {
        let now = Instant::now();
        self.read = now;
        if self.active.is_none() {
            // Nobody else watches this gateway.
            let Some(watching) = self.parts.gateway.changes().watch() else { return };
            self.active = Some(Active::start(&self.parts, watching, self.seq).await);
        }
        // What happened so far goes to those who were there; the snapshot stands on it.
        let wanted = self.wanted(now).and(ask.topics);
        self.tell(wanted);
        let Some(active) = &self.active else { return };
        let seq = self.seq;
        let view = self.views.entry(ask.sight.clone()).or_insert_with(|| View::new(ask.sight, seq));
        let missed = match ask.coming {
            Coming::After(after) => view.since(ask.topics, after),
            Coming::New | Coming::Resync => None,
        };
        let resync = !matches!(ask.coming, Coming::New);
        let frames = missed.unwrap_or_else(|| {
            let frames = ask.topics.iter().map(|topic| {
                self.seq += 1;
                Frame::snapshot(self.seq, topic, &data(active, topic, &view.sight), resync)
            });
            frames.collect()
        });
        let (live, interest) = view.join(ask.topics, self.seq, now);
        // Who has left meanwhile leaves its place with the answer.
        let _ = ask.reply.send(Joined { frames, live, topics: ask.topics, _interest: interest });
    }

    /// Tells every view what differs for it.
    fn tell(&mut self, wanted: Topics) {
        let Some(active) = &mut self.active else { return };
        active.want(wanted);
        let batch = active.batch();
        let now = Instant::now();
        for view in self.views.values_mut() {
            let wanted = view.wanted(now);
            for topic in wanted.iter() {
                if let Some(body) = delta(active, &batch, topic, &view.sight) {
                    self.seq += 1;
                    view.send(Frame::delta(self.seq, topic, &body));
                }
            }
        }
        active.calls.sent();
        active.logs.items.sent();
    }
}

/// All of a topic, as one sees it.
fn data(active: &Active, topic: Topic, sight: &Sight) -> String {
    match topic {
        Topic::Overview => active.picture.all_overview(),
        Topic::Servers => object(active.picture.all_servers().filter(|(name, _)| sight.sees(Some(name)))),
        Topic::Calls => active.calls.snapshot(sight),
        Topic::Logs => active.logs.items.snapshot(sight),
        Topic::History => "{}".to_owned(),
        Topic::Goals | Topic::Memory | Topic::Cache | Topic::Catalog => {
            let at = VERSIONED.iter().position(|versioned| *versioned == topic).unwrap_or_default();
            format!(r#"{{"version":{}}}"#, active.versions[at])
        }
    }
}

/// What differs of a topic, as one sees it.
fn delta(active: &Active, batch: &Batch, topic: Topic, sight: &Sight) -> Option<String> {
    match topic {
        Topic::Overview => (!batch.overview.is_empty()).then(|| format!(r#""changed":{}"#, json(&batch.overview))),
        Topic::Servers => {
            let seen = batch.servers.changed.iter().map(|(name, json)| (name.as_str(), &**json));
            let mut seen = seen.filter(|(name, _)| sight.sees(Some(name))).peekable();
            let removed: Vec<&String> = batch.servers.removed.iter().filter(|name| sight.sees(Some(name))).collect();
            let any = seen.peek().is_some() || !removed.is_empty();
            any.then(|| format!(r#""changed":{},"removed":{}"#, object(seen), json(&removed)))
        }
        Topic::Calls => active.calls.delta(sight),
        Topic::Logs => active.logs.items.delta(sight),
        Topic::History => batch.point.as_ref().map(|point| format!(r#""changed":{{"point":{}}}"#, json(point))),
        Topic::Goals | Topic::Memory | Topic::Cache | Topic::Catalog => {
            let (_, version) = batch.versions.iter().find(|(changed, _)| *changed == topic)?;
            Some(format!(r#""changed":{{"version":{version}}}"#))
        }
    }
}
