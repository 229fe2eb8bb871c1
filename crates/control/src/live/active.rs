//! What is known and awaited while somebody looks: facts of the gateway, lines of logs, figures that are
//! measured now and then; and when the next frames are due. It decides what differs; who gets it is the
//! hub's business.
//!
//! Facts are told a few milliseconds after the first of them, together. Figures that follow calls are told
//! once a second at most, and again until they rest.

use super::differ::Members;
use super::figures::{Look, look};
use super::history::Point;
use super::items::{Item, Items};
use super::logs::{Heard, Logs};
use super::picture::{Picture, Servers, Which};
use super::topic::{Topic, Topics, inside};
use crate::{Parts, said};
use gateway::changes::{News, Watching};
use gateway::record::Record;
use std::collections::BTreeSet;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// How long facts gather before they are told.
const GATHER: Duration = Duration::from_millis(15);
/// The least time between two tellings.
const PAUSE: Duration = Duration::from_millis(50);
/// The least time between two tellings of figures that follow calls.
const FIGURES_PAUSE: Duration = Duration::from_secs(1);
/// How soon figures are looked at again while they still change by themselves.
const DECAY: Duration = Duration::from_secs(5);
/// The time between two measurements.
const LOOK_PAUSE: Duration = Duration::from_secs(5);
/// How far the memory and the processor time of a point move before it is told, in bytes and percent.
const POINT_STEPS: (u64, f64) = (1024 * 1024, 1.0);

/// Topics that are a number which rises when there is something new to fetch.
pub(crate) const VERSIONED: [Topic; 4] = [Topic::Goals, Topic::Memory, Topic::Cache, Topic::Catalog];

/// What is known while somebody looks.
pub(crate) struct Active {
    parts: Arc<Parts>,
    watching: Watching,
    pub(crate) picture: Picture,
    pub(crate) calls: Items,
    pub(crate) logs: Logs,
    /// Of [`VERSIONED`].
    pub(crate) versions: [u64; VERSIONED.len()],
    point: Option<Point>,
    wanted: Topics,
    todo: Todo,
    /// Servers that were called since figures were told.
    touched: BTreeSet<Arc<str>>,
    due: Option<Instant>,
    told: Instant,
    figures_told: Instant,
    again: Option<Instant>,
    look_at: Instant,
    looking: Option<JoinHandle<Look>>,
    found: watch::Receiver<Vec<said::Found>>,
    refused: watch::Receiver<Option<String>>,
}

/// What is to be looked at.
#[derive(Debug, Default)]
struct Todo {
    all: bool,
    servers: BTreeSet<Arc<str>>,
    own: bool,
    figures: bool,
}

/// What differs.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) overview: Members,
    pub(crate) servers: Servers,
    pub(crate) versions: Vec<(Topic, u64)>,
    pub(crate) point: Option<Point>,
}

/// Why it woke.
pub(crate) enum Woken {
    Facts,
    Settings,
    Heard(Heard),
    Looked(Option<Look>),
    LookDue,
    Due,
}

// === impl Active ===

impl Active {
    /// Begins to watch. Versions begin at `seq`, so that none is that of an earlier time.
    pub(crate) async fn start(parts: &Arc<Parts>, watching: Watching, seq: u64) -> Self {
        let now = Instant::now();
        let mut picture = Picture::default();
        let process = picture.figures.process();
        picture.measured(look(parts.clone(), process).await);
        Self {
            parts: parts.clone(),
            watching,
            picture,
            calls: Items::default(),
            logs: Logs::default(),
            versions: [seq; VERSIONED.len()],
            point: None,
            wanted: Topics::default(),
            todo: Todo::default(),
            touched: BTreeSet::new(),
            due: None,
            told: now,
            figures_told: now,
            again: None,
            look_at: now + LOOK_PAUSE,
            looking: None,
            found: parts.found.clone(),
            refused: parts.refused.clone(),
        }
    }

    /// These topics are to be kept up from now on, and no others.
    pub(crate) fn want(&mut self, wanted: Topics) {
        let is_new = |topic| wanted.has(topic) && !self.wanted.has(topic);
        let (calls, logs) = (is_new(Topic::Calls), is_new(Topic::Logs));
        self.todo.all |= is_new(Topic::Overview) || is_new(Topic::Servers);
        if calls {
            // Those that were counted, and those that are about to be.
            let (recent, waiting) = (self.parts.history.recent(), self.parts.gateway.records.waiting());
            self.calls = Items::of(recent.iter().chain(&waiting).map(Item::call));
        }
        if logs {
            self.logs = Logs::start(&self.parts);
        } else if !wanted.has(Topic::Logs) {
            self.logs = Logs::default();
        }
        self.wanted = wanted;
    }

    /// Waits for something. Nothing is lost when the future is dropped.
    pub(crate) async fn woken(&mut self, is_read: bool) -> Woken {
        let due = async {
            match [self.due, self.again].into_iter().flatten().min() {
                Some(due) => sleep_until(due).await,
                None => pending().await,
            }
        };
        let measures = is_read && self.looking.is_none() && self.wanted.has_any(&[Topic::Overview, Topic::Servers]);
        let looked = async {
            match &mut self.looking {
                Some(looking) => looking.await.ok(),
                None => pending().await,
            }
        };
        tokio::select! {
            () = due => Woken::Due,
            // What is due will take all there is.
            () = self.watching.changed(), if self.due.is_none() => Woken::Facts,
            Some(heard) = self.logs.next(), if !self.logs.is_empty() => Woken::Heard(heard),
            looked = looked => Woken::Looked(looked),
            () = sleep_until(self.look_at), if measures => Woken::LookDue,
            Ok(()) = self.found.changed() => Woken::Settings,
            Ok(()) = self.refused.changed() => Woken::Settings,
        }
    }

    /// Takes note; whether frames are due.
    pub(crate) fn note(&mut self, woken: Woken) -> bool {
        let now = Instant::now();
        match woken {
            Woken::Due => return true,
            Woken::Facts => {}
            Woken::Settings => self.todo.own = true,
            Woken::Heard(heard) => self.logs.take(heard),
            Woken::LookDue => {
                self.looking = Some(tokio::spawn(look(self.parts.clone(), self.picture.figures.process())));
                return false;
            }
            Woken::Looked(looked) => {
                self.looking = None;
                self.look_at = now + LOOK_PAUSE;
                let Some(looked) = looked else { return false };
                let (servers, own) = self.picture.measured(looked);
                if servers.is_empty() && !own {
                    return false;
                }
                self.todo.servers.extend(servers);
                self.todo.own |= own;
            }
        }
        self.due.get_or_insert((now + GATHER).max(self.told + PAUSE));
        false
    }

    /// What differs now from what was told.
    pub(crate) fn batch(&mut self) -> Batch {
        let now = Instant::now();
        let again = self.again.take_if(|again| *again <= now).is_some();
        (self.due, self.told) = (None, now);
        let mut batch = Batch::default();
        let news = self.watching.take();
        self.take(news, &mut batch);
        let figures = again || (self.todo.figures && now >= self.figures_told + FIGURES_PAUSE);
        let mut todo = std::mem::take(&mut self.todo);
        let shows = self.wanted.has_any(&[Topic::Overview, Topic::Servers]);
        if figures {
            self.figures_told = now;
            todo.servers.append(&mut self.touched);
            todo.servers.extend(self.picture.busy(&self.parts));
        } else {
            self.todo.figures = todo.figures;
            todo.servers.extend(self.picture.broken(&self.parts, &self.touched));
        }
        if shows && (todo.all || !todo.servers.is_empty()) {
            let which = if todo.all { Which::All } else { Which::These(todo.servers) };
            batch.servers = self.picture.servers(&self.parts, &which);
        }
        let differs = !batch.servers.changed.is_empty() || !batch.servers.removed.is_empty();
        if self.wanted.has(Topic::Overview) && (todo.all || todo.own || figures || differs) {
            batch.overview = self.picture.overview(&self.parts);
        }
        if figures && self.wanted.has(Topic::History) {
            batch.point = self.point();
        }
        if todo.all && self.wanted.has(Topic::Logs) {
            self.logs.refresh(&self.parts);
        }
        self.plan(now, figures && !again);
        batch
    }

    /// When figures are told next. Those who count calls do so a moment later: they are asked again.
    fn plan(&mut self, now: Instant, by_calls: bool) {
        if self.todo.figures {
            // Facts are not held up by that.
            let next = self.figures_told + FIGURES_PAUSE;
            self.again = Some(self.again.map_or(next, |again| again.min(next)));
        } else if by_calls {
            self.again = Some(now + FIGURES_PAUSE);
        } else if self.again.is_none() && self.wanted.has(Topic::Overview) && self.picture.decays() {
            self.again = Some(now + DECAY);
        }
    }

    fn take(&mut self, news: News, batch: &mut Batch) {
        self.todo.all |= news.catalog;
        self.todo.own |= news.own;
        self.todo.servers.extend(news.servers);
        self.todo.figures |= news.opened || !news.records.is_empty();
        let mut changed = [news.goals, news.memory, news.cache, news.catalog];
        for record in &news.records {
            if self.wanted.has(Topic::Calls) {
                self.calls.add(Item::call(record));
            }
            if let Some(name) = &record.server {
                if let Some(at) = self.wrote(record, name) {
                    changed[at] = true;
                }
                if !self.touched.contains(name) {
                    self.touched.insert(name.clone());
                }
            }
        }
        self.calls.miss(if self.wanted.has(Topic::Calls) { news.missed } else { 0 });
        for (at, topic) in VERSIONED.into_iter().enumerate().filter(|(at, _)| changed[*at]) {
            self.versions[at] += 1;
            batch.versions.push((topic, self.versions[at]));
        }
    }

    /// Which of [`VERSIONED`] a call may have changed: a tool of one of the servers inside that is not
    /// known to read only.
    fn wrote(&self, record: &Record, name: &Arc<str>) -> Option<usize> {
        let snapshot = self.parts.gateway.snapshot();
        let server = snapshot.servers.get(name)?;
        let kind = inside(server)?;
        let at = VERSIONED.iter().position(|topic| topic.as_str() == kind)?;
        let reads = record.own.as_ref().is_none_or(|own| server.guards.is_read_only(own));
        (record.method == *"tools/call" && !reads).then_some(at)
    }

    /// The newest point of the history, if it says anything new.
    fn point(&mut self) -> Option<Point> {
        let now = self.parts.history.latest()?;
        let told = self.point.as_ref().is_some_and(|told| {
            let is_near = |one: Option<u64>, other: Option<u64>| match (one, other) {
                (Some(one), Some(other)) => one.abs_diff(other) < POINT_STEPS.0,
                (one, other) => one == other,
            };
            let cpu = (told.cpu_percent.unwrap_or_default() - now.cpu_percent.unwrap_or_default()).abs();
            (told.at_ms == now.at_ms || now.calls == 0)
                && (told.calls, told.errors) == (now.calls, now.errors)
                && is_near(told.memory_bytes, now.memory_bytes)
                && cpu < POINT_STEPS.1
        });
        if told {
            return None;
        }
        self.point = Some(now.clone());
        Some(now)
    }
}
