//! The terminal: taken when it is opened, given back as it was however this process goes on, and
//! keys read from it by a thread of their own. What is drawn is not decided here.

use super::draw::{self, Theme};
use super::state::{Event, State};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event as Input, KeyEventKind};
use std::io;
use std::thread;
use tokio::sync::mpsc::Sender;

/// The terminal while it is ours.
pub(super) struct Screen {
    terminal: DefaultTerminal,
    theme: Theme,
}

// === impl Screen ===

impl Screen {
    /// Takes the terminal, and tells what is typed. It is given back on drop and when something
    /// panics.
    ///
    /// # Errors
    /// When the terminal does not want to.
    pub(super) fn open(has_color: bool, told: Sender<Event>) -> io::Result<Self> {
        let terminal = ratatui::try_init().inspect_err(|_| ratatui::restore())?;
        let screen = Self { terminal, theme: Theme { has_color } };
        // It ends with the process, or when nobody is told any more: reading cannot be interrupted.
        thread::Builder::new().name("keys".to_owned()).spawn(move || read_keys(&told))?;
        Ok(screen)
    }

    /// Draws everything; what is on the screen already is not sent again.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub(super) fn draw(&mut self, state: &mut State) -> io::Result<()> {
        self.terminal.draw(|frame| draw::frame(frame, state, self.theme)).map(|_| ())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = self.terminal.show_cursor();
        let _ = ratatui::try_restore();
    }
}

fn read_keys(told: &Sender<Event>) {
    loop {
        let event = match event::read() {
            Ok(Input::Key(key)) if key.kind != KeyEventKind::Release => Event::Key(key),
            Ok(Input::Resize(..)) => Event::Resize,
            Ok(_) => continue,
            Err(_) => Event::Gone,
        };
        let is_gone = matches!(event, Event::Gone);
        if told.blocking_send(event).is_err() || is_gone {
            return;
        }
    }
}
