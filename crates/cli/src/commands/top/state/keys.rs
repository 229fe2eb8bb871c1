//! What keys do, in each mode. They are those of k9s and vi; the page of help names them.

use super::super::command::{self, Command, Verb};
use super::super::list::Motion;
use super::super::rows::Sort;
use super::{Effect, Mode, State, Subject, Tone, View};
use crate::commands::turn::Way;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Characters that can be typed into a line.
const LINE_CHARS_MAX: usize = 200;

// === impl State ===

impl State {
    /// Does what a key says.
    pub(super) fn key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        if is_control && key.code == KeyCode::Char('c') {
            return vec![Effect::Quit];
        }
        match self.mode.clone() {
            Mode::Normal if is_control => self.control_key(key.code),
            Mode::Normal => return self.normal_key(key.code),
            Mode::Command(line) => return self.command_key(line, key.code, is_control),
            Mode::Filter(before) => self.filter_key(before, key.code, is_control),
            Mode::Confirm { way, server, on_yes } => return self.confirm_key(way, server, on_yes, key.code),
        }
        Vec::new()
    }

    fn control_key(&mut self, code: KeyCode) {
        match code {
            KeyCode::Char('k' | 'd') => self.confirm(Way::Stop),
            KeyCode::Char('f') => self.shift(Motion::PageDown),
            KeyCode::Char('b') => self.shift(Motion::PageUp),
            // What was asked for is forgotten, and so is asked for again.
            KeyCode::Char('r') => {
                self.page = None;
                self.are_tools_asked = false;
            }
            _ => {}
        }
    }

    fn normal_key(&mut self, code: KeyCode) -> Vec<Effect> {
        match code {
            KeyCode::Char('q') => return vec![Effect::Quit],
            KeyCode::Char(':') => self.mode = Mode::Command(String::new()),
            KeyCode::Char('/') => self.mode = Mode::Filter(std::mem::take(&mut self.layer_mut().filter)),
            KeyCode::Char('?') => self.open(View::Page(Subject::Help)),
            KeyCode::Char(' ') => self.pause(),
            KeyCode::Esc if !self.layer().filter.is_empty() => self.layer_mut().filter.clear(),
            KeyCode::Esc => self.back(),
            KeyCode::Char('1') => self.go(View::Servers),
            KeyCode::Char('2') => self.go(View::Calls(None)),
            KeyCode::Char('3') => self.go(View::Logs(None)),
            KeyCode::Char('4') => self.go(View::Tools(None)),
            KeyCode::Char('s') => self.confirm(Way::Start),
            KeyCode::Char('r') => self.confirm(Way::Restart),
            KeyCode::Char('w') => self.layer_mut().wraps ^= true,
            KeyCode::Enter | KeyCode::Char('d') => self.enter(),
            KeyCode::Char('l') => self.open_of_server(|server| View::Logs(Some(server))),
            KeyCode::Char('c') => self.open_of_server(|server| View::Calls(Some(server))),
            KeyCode::Char('t') => self.open_of_server(|server| View::Tools(Some(server))),
            KeyCode::Char('y') => self.open_of_server(|server| View::Page(Subject::Config(server))),
            code => match motion(code) {
                Some(motion) => self.shift(motion),
                None => self.sort_by(code),
            },
        }
        Vec::new()
    }

    fn sort_by(&mut self, code: KeyCode) {
        let by = Sort::ALL.iter().find(|sort| code == KeyCode::Char(sort.letter()));
        if let Some(sort) = by.filter(|_| self.layer().view == View::Servers) {
            self.sort = *sort;
        }
    }

    fn pause(&mut self) {
        self.frozen = match self.frozen.take() {
            Some(_) => None,
            None => Some(Box::new(self.facts.clone())),
        };
    }

    fn shift(&mut self, motion: Motion) {
        let (keys, height) = (self.table().map(|table| table.keys()), self.height);
        let layer = self.layer_mut();
        match keys {
            Some(keys) => {
                layer.place.shift(motion, &keys, height);
                // New calls come in above: on the first line, it is the newest that is chosen.
                if matches!(layer.view, View::Calls(_)) && layer.place.index(&keys) == 0 {
                    layer.place.let_go();
                }
            }
            None => layer.scroll.shift(motion, matches!(layer.view, View::Logs(_))),
        }
    }

    /// Shows all about the chosen line.
    fn enter(&mut self) {
        let Some(keys) = self.table().map(|table| table.keys()) else { return };
        let Some(key) = self.layer().place.chosen(&keys).map(str::to_owned) else { return };
        // It stays chosen while its page is looked at.
        self.layer_mut().place.choose(&key);
        let subject = match self.layer().view {
            View::Servers => Subject::Server(key),
            View::Calls(_) => Subject::Call(key),
            View::Tools(_) => Subject::Tool(key),
            View::Logs(_) | View::Page(_) => return,
        };
        self.open(View::Page(subject));
    }

    fn open_of_server(&mut self, view: impl FnOnce(String) -> View) {
        match self.chosen_server() {
            Some(server) => self.open(view(server)),
            None => self.tell("no server is chosen: 1 lists them".to_owned(), Tone::Warn),
        }
    }

    /// Asks whether to act on the chosen server.
    fn confirm(&mut self, way: Way) {
        match self.chosen_server() {
            Some(server) => self.mode = Mode::Confirm { way, server, on_yes: false },
            None => self.tell(format!("no server is chosen to {}: 1 lists them", way.word()), Tone::Warn),
        }
    }

    fn confirm_key(&mut self, way: Way, server: String, on_yes: bool, code: KeyCode) -> Vec<Effect> {
        let is_yes = match code {
            KeyCode::Char('y' | 'Y') => true,
            KeyCode::Char('n' | 'N' | 'q') | KeyCode::Esc => false,
            KeyCode::Enter => on_yes,
            KeyCode::Tab | KeyCode::BackTab | KeyCode::Left | KeyCode::Right | KeyCode::Char('h' | 'l') => {
                self.mode = Mode::Confirm { way, server, on_yes: !on_yes };
                return Vec::new();
            }
            _ => return Vec::new(),
        };
        self.mode = Mode::Normal;
        if !is_yes {
            return Vec::new();
        }
        self.tell(format!("{} {server} …", way.ing()), Tone::Plain);
        vec![Effect::Turn { way, server }]
    }

    fn filter_key(&mut self, before: String, code: KeyCode, is_control: bool) {
        match code {
            KeyCode::Enter => self.mode = Mode::Normal,
            KeyCode::Esc => {
                self.layer_mut().filter = before;
                self.mode = Mode::Normal;
            }
            KeyCode::Down => self.shift(Motion::Down),
            KeyCode::Up => self.shift(Motion::Up),
            code => {
                if !typed(&mut self.layer_mut().filter, code, is_control) {
                    self.mode = Mode::Normal;
                }
            }
        }
    }

    fn command_key(&mut self, mut line: String, code: KeyCode, is_control: bool) -> Vec<Effect> {
        self.mode = match code {
            KeyCode::Esc => Mode::Normal,
            KeyCode::Tab | KeyCode::Right => {
                let rest = command::completion(&line, &self.names()).unwrap_or_default();
                line.push_str(rest);
                Mode::Command(line)
            }
            KeyCode::Enter => {
                self.mode = Mode::Normal;
                let chosen = self.chosen_server();
                return match command::read(&line, &self.names(), chosen.as_deref()) {
                    Ok(command) => self.command(command),
                    Err(why) => {
                        self.tell(why, Tone::Bad);
                        Vec::new()
                    }
                };
            }
            code if typed(&mut line, code, is_control) => Mode::Command(line),
            _ => Mode::Normal,
        };
        Vec::new()
    }

    fn command(&mut self, command: Command) -> Vec<Effect> {
        let Command { verb, server } = command;
        match (verb, server) {
            (Verb::Quit, _) => return vec![Effect::Quit],
            (Verb::Servers, _) => self.go(View::Servers),
            (Verb::Calls, server) => self.go(View::Calls(server)),
            (Verb::Logs, server) => self.go(View::Logs(server)),
            (Verb::Tools, server) => self.go(View::Tools(server)),
            (Verb::Describe, Some(server)) => self.open(View::Page(Subject::Server(server))),
            (Verb::Config, Some(server)) => self.open(View::Page(Subject::Config(server))),
            (Verb::Start, Some(server)) => self.mode = Mode::Confirm { way: Way::Start, server, on_yes: false },
            (Verb::Stop, Some(server)) => self.mode = Mode::Confirm { way: Way::Stop, server, on_yes: false },
            (Verb::Restart, Some(server)) => self.mode = Mode::Confirm { way: Way::Restart, server, on_yes: false },
            // These are never read without a server.
            (Verb::Describe | Verb::Config | Verb::Start | Verb::Stop | Verb::Restart, None) => {}
            (Verb::Help, _) => self.open(View::Page(Subject::Help)),
        }
        Vec::new()
    }
}

fn motion(code: KeyCode) -> Option<Motion> {
    Some(match code {
        KeyCode::Char('j') | KeyCode::Down => Motion::Down,
        KeyCode::Char('k') | KeyCode::Up => Motion::Up,
        KeyCode::PageDown => Motion::PageDown,
        KeyCode::PageUp => Motion::PageUp,
        KeyCode::Char('g') | KeyCode::Home => Motion::First,
        KeyCode::Char('G') | KeyCode::End => Motion::Last,
        _ => return None,
    })
}

/// Types into a line. Whether it is still typed: deleting where nothing is leaves it.
fn typed(line: &mut String, code: KeyCode, is_control: bool) -> bool {
    match code {
        KeyCode::Char('u') if is_control => line.clear(),
        KeyCode::Char('w') if is_control => {
            let kept = line.trim_end().rfind(' ').map_or(0, |space| space + 1);
            line.truncate(kept);
        }
        KeyCode::Backspace => return line.pop().is_some(),
        KeyCode::Char(letter) if !is_control && !letter.is_control() && line.chars().count() < LINE_CHARS_MAX => {
            line.push(letter);
        }
        _ => {}
    }
    true
}
