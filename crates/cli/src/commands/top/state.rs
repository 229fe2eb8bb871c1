//! What is shown, as a value: views upon each other, what is typed, what is asked. An event makes
//! another state of it and says what is to be done; nothing here touches a terminal or the daemon.

mod keys;

#[cfg(test)]
mod tests;

use super::facts::{Facts, Link, News};
use super::list::{Place, Scroll};
use super::pages::{self, Line};
use super::rows::{self, Sort, Table};
use crate::commands::turn::Way;
use ratatui::crossterm::event::KeyEvent;
use std::time::Duration;

/// Something that happened.
#[derive(Debug)]
pub(super) enum Event {
    /// A key was pressed.
    Key(KeyEvent),
    /// The terminal has another size.
    Resize,
    /// Time went on.
    Tick,
    /// The daemon, or what is known of it.
    News(News),
    /// A page that was asked for.
    Page(Subject, Made),
    /// What came of something that was done.
    Done(Result<String, String>),
    /// Nothing can be typed any more.
    Gone,
}

/// Something to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Effect {
    Quit,
    /// Read this log under this number from now on, and no other; of all servers without a name.
    Follow {
        number: u64,
        server: Option<String>,
    },
    /// Read no log any more.
    FollowNothing,
    /// Make a page.
    Ask(Subject),
    /// See which tools there are.
    AskTools,
    /// Act on a server.
    Turn {
        way: Way,
        server: String,
    },
}

/// What a page is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    Server(String),
    Config(String),
    Call(String),
    Tool(String),
    Help,
}

/// What fills the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum View {
    Servers,
    /// Of one server, or of all.
    Calls(Option<String>),
    Logs(Option<String>),
    Tools(Option<String>),
    Page(Subject),
}

/// A view with where in it somebody is.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    pub(super) view: View,
    pub(super) filter: String,
    pub(super) place: Place,
    pub(super) scroll: Scroll,
    pub(super) wraps: bool,
}

/// What keys mean now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mode {
    Normal,
    /// A command is typed.
    Command(String),
    /// A filter is typed; what it was before stands here.
    Filter(String),
    /// Something is to be confirmed.
    Confirm {
        way: Way,
        server: String,
        on_yes: bool,
    },
}

/// How something is to be taken; what it looks like is for whoever draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Tone {
    #[default]
    Plain,
    Title,
    Good,
    Warn,
    Bad,
    Faint,
}

/// A line about what happened, until it is old.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flash {
    pub(super) text: String,
    pub(super) tone: Tone,
    until: Duration,
}

/// Everything that is shown.
#[derive(Debug)]
pub(super) struct State {
    facts: Facts,
    /// What was known when somebody paused.
    frozen: Option<Box<Facts>>,
    pub(super) now: Duration,
    /// The views that were opened upon each other; never none.
    layers: Vec<Layer>,
    pub(super) mode: Mode,
    pub(super) flash: Option<Flash>,
    pub(super) sort: Sort,
    /// The page that was asked for and what came, if it came.
    page: Option<(Subject, Option<Made>)>,
    /// Which log is read, under which number.
    followed: Option<Followed>,
    log: u64,
    are_tools_asked: bool,
    /// Lines of a list that fit, when it was drawn last.
    pub(super) height: usize,
}

/// A page, or why there is none.
type Made = Result<Vec<Line>, String>;
/// A log that is read: of one server, or of these.
type Followed = (Option<String>, Vec<String>);

/// How long is shown what happened.
const FLASH: Duration = Duration::from_secs(10);
/// Views upon each other; the lowest ones are forgotten.
const LAYERS_MAX: usize = 20;

// === impl Event ===

impl Event {
    /// Whether somebody waits to see what comes of it.
    pub(super) fn is_urgent(&self) -> bool {
        matches!(self, Self::Key(_) | Self::Resize | Self::Page(..) | Self::Done(_))
    }
}

// === impl View ===

impl View {
    /// The server that it is all about.
    pub(super) fn server(&self) -> Option<&str> {
        match self {
            Self::Calls(server) | Self::Logs(server) | Self::Tools(server) => server.as_deref(),
            Self::Page(Subject::Server(server) | Subject::Config(server)) => Some(server),
            Self::Servers | Self::Page(_) => None,
        }
    }
}

// === impl Layer ===

impl Layer {
    fn new(view: View) -> Self {
        let scroll = if matches!(view, View::Logs(_)) { Scroll::following() } else { Scroll::default() };
        Self { view, filter: String::new(), place: Place::default(), scroll, wraps: true }
    }
}

// === impl State ===

impl State {
    /// Begins with the view of this name.
    pub(super) fn new(view: &str) -> Self {
        let view = match view {
            "calls" => View::Calls(None),
            "logs" => View::Logs(None),
            "tools" => View::Tools(None),
            _ => View::Servers,
        };
        Self {
            facts: Facts::default(),
            frozen: None,
            now: Duration::ZERO,
            layers: vec![Layer::new(view)],
            mode: Mode::Normal,
            flash: None,
            sort: Sort::Name,
            page: None,
            followed: None,
            log: 0,
            are_tools_asked: false,
            height: 1,
        }
    }

    /// What is to be done before anything happens.
    pub(super) fn begin(&mut self) -> Vec<Effect> {
        self.settle()
    }

    /// Takes in what happened at the time `now`; gives what is to be done.
    pub(super) fn update(&mut self, event: Event, now: Duration) -> Vec<Effect> {
        self.now = now;
        if self.flash.as_ref().is_some_and(|flash| flash.until <= now) {
            self.flash = None;
        }
        let mut effects = match event {
            Event::Key(key) => self.key(key),
            Event::Resize | Event::Tick => Vec::new(),
            Event::News(news) => self.take(news),
            Event::Page(subject, page) => {
                if let Some((wanted, shown)) = &mut self.page
                    && *wanted == subject
                {
                    *shown = Some(page);
                }
                Vec::new()
            }
            Event::Done(done) => {
                match done {
                    Ok(text) => self.tell(text, Tone::Good),
                    Err(text) => self.tell(text, Tone::Bad),
                }
                Vec::new()
            }
            Event::Gone => vec![Effect::Quit],
        };
        effects.extend(self.settle());
        effects
    }

    /// What is shown: what is known, or what was known when somebody paused.
    pub(super) fn shown(&self) -> &Facts {
        self.frozen.as_deref().unwrap_or(&self.facts)
    }

    /// Whether the daemon is there, paused or not.
    pub(super) fn link(&self) -> &Link {
        &self.facts.link
    }

    pub(super) fn is_paused(&self) -> bool {
        self.frozen.is_some()
    }

    /// The view on top.
    pub(super) fn layer(&self) -> &Layer {
        // There is always one: the last is never popped.
        &self.layers[self.layers.len() - 1]
    }

    pub(super) fn layer_mut(&mut self) -> &mut Layer {
        let top = self.layers.len() - 1;
        &mut self.layers[top]
    }

    /// How many views lie below the one on top.
    pub(super) fn depth(&self) -> usize {
        self.layers.len() - 1
    }

    /// The rows of the list on top, filtered; none where a text is.
    pub(super) fn table(&self) -> Option<Table> {
        let facts = self.shown();
        let mut table = match &self.layer().view {
            View::Servers => rows::servers(facts, self.sort, self.now),
            View::Calls(server) => rows::calls(facts, server.as_deref()),
            View::Tools(server) => rows::tools(facts, server.as_deref()),
            View::Logs(_) | View::Page(_) => return None,
        };
        table.retain(&self.layer().filter);
        Some(table)
    }

    /// The lines of the text on top, filtered; none where a list is, and while a page is made.
    pub(super) fn text(&self) -> Option<Vec<Line>> {
        let layer = self.layer();
        let lines = match &layer.view {
            View::Logs(server) => pages::log(&self.shown().lines, server.is_none()),
            View::Page(Subject::Help) => pages::help(),
            View::Page(Subject::Call(key)) => pages::call(self.shown().calls.iter().find(|call| call.key() == *key)),
            View::Page(Subject::Tool(name)) => {
                let mut tools = self.shown().tools.iter().flatten();
                pages::tool(tools.find(|tool| rows::tool_name(tool) == *name))
            }
            View::Page(_) => match &self.page {
                Some((_, Some(Ok(lines)))) => lines.clone(),
                Some((_, Some(Err(why)))) => vec![Line::new(Tone::Bad, why.clone())],
                _ => return None,
            },
            _ => return None,
        };
        Some(lines.into_iter().filter(|line| rows::fits(&layer.filter, [line.text.as_str()])).collect())
    }

    /// The names of all servers.
    pub(super) fn names(&self) -> Vec<&str> {
        self.facts.servers.keys().map(String::as_str).collect()
    }

    /// The server that keys act on: the chosen one, or the one that the view is about.
    pub(super) fn chosen_server(&self) -> Option<String> {
        let layer = self.layer();
        if let Some(server) = layer.view.server() {
            return Some(server.to_owned());
        }
        let keys = self.table()?.keys();
        let key = layer.place.chosen(&keys)?;
        let facts = self.shown();
        match layer.view {
            View::Servers => Some(key.to_owned()),
            View::Calls(_) => facts.calls.iter().find(|call| call.key() == key)?.server.clone(),
            View::Tools(_) => {
                let tool = facts.tools.iter().flatten().find(|tool| rows::tool_name(tool) == key)?;
                Some(tool.server.clone())
            }
            View::Logs(_) | View::Page(_) => None,
        }
    }

    fn take(&mut self, news: News) -> Vec<Effect> {
        let was_live = self.facts.link == Link::Live;
        if matches!(news, News::Catalog) {
            self.are_tools_asked = false;
        }
        let asks_again = match (&news, &self.page) {
            (News::Servers { changed, .. }, Some((Subject::Server(name), _))) => {
                let before = self.facts.servers.get(name).map(|known| &known.server);
                let looks = |server: &control::said::Server| {
                    (server.state.clone(), server.health.clone(), server.reason.clone(), server.tools)
                };
                changed.get(name).is_some_and(|server| before.map(looks) != Some(looks(server)))
            }
            _ => false,
        };
        let log = self.log;
        self.facts.take(news, log, self.now);
        if !was_live && self.facts.link == Link::Live {
            // It may be another daemon by now: what is not pushed is asked for again.
            self.are_tools_asked = false;
        }
        match &self.page {
            Some((subject, Some(_))) if asks_again => vec![Effect::Ask(subject.clone())],
            _ => Vec::new(),
        }
    }

    /// Says something until it is old.
    fn tell(&mut self, text: String, tone: Tone) {
        self.flash = Some(Flash { text, tone, until: self.now + FLASH });
    }

    /// Opens a view upon the others.
    fn open(&mut self, view: View) {
        if self.layer().view == view {
            return;
        }
        self.layers.push(Layer::new(view));
        self.layers.drain(..self.layers.len().saturating_sub(LAYERS_MAX));
    }

    /// Leaves all views for this one.
    fn go(&mut self, view: View) {
        self.layers = vec![Layer::new(view)];
    }

    /// Goes back to the view below, if there is one.
    fn back(&mut self) {
        if self.layers.len() > 1 {
            self.layers.pop();
        }
    }

    /// What must be asked for so that the view on top has what it shows, and what needs no asking any more.
    fn settle(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        let wanted = self.wanted_log();
        if wanted != self.followed {
            self.log += 1;
            effects.push(match &wanted {
                Some((server, _)) => Effect::Follow { number: self.log, server: server.clone() },
                None => Effect::FollowNothing,
            });
            if wanted.as_ref().map(|(server, _)| server) != self.followed.as_ref().map(|(server, _)| server) {
                self.facts.lines.clear();
            }
            self.followed = wanted;
        }
        match &self.layer().view {
            View::Page(subject @ (Subject::Server(_) | Subject::Config(_))) => {
                if self.page.as_ref().map(|(asked, _)| asked) != Some(subject) {
                    let subject = subject.clone();
                    effects.push(Effect::Ask(subject.clone()));
                    self.page = Some((subject, None));
                }
            }
            _ => self.page = None,
        }
        if matches!(self.layer().view, View::Tools(_)) && !self.are_tools_asked {
            self.are_tools_asked = true;
            effects.push(Effect::AskTools);
        }
        effects
    }

    /// The log of the uppermost view that shows one. That of all servers begins anew when there are others,
    /// since the daemon follows those that it has when it is asked.
    fn wanted_log(&self) -> Option<Followed> {
        let scope = self.layers.iter().rev().find_map(|layer| match &layer.view {
            View::Logs(server) => Some(server.clone()),
            _ => None,
        })?;
        let all = || self.facts.servers.keys().cloned().collect();
        let servers = if scope.is_none() { all() } else { Vec::new() };
        Some((scope, servers))
    }
}
