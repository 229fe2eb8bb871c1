//! A person at a terminal: a program on a pseudo-terminal of its own, what is typed, and what its
//! screen shows. What should stand there is for the test.

use crate::waiting::{SOON, await_some};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, SlavePty, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};
use std::fmt;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use vt100::{Color, Parser};

/// What stands on the screen before the program draws on it.
const BEFORE: &str = "what was there before";

/// A program that runs on a terminal.
pub struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    /// Kept open, so that the terminal can be looked at after the program has ended.
    _slave: Box<dyn SlavePty + Send>,
    keys: Box<dyn Write + Send>,
    seen: Arc<Mutex<Seen>>,
    /// The settings of the terminal before the program changed them.
    settings: String,
}

struct Seen {
    parser: Parser,
    /// Everything that was written to it.
    raw: Vec<u8>,
}

impl fmt::Debug for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terminal").field("child", &self.child).field("text", &self.text()).finish_non_exhaustive()
    }
}

impl Terminal {
    /// Runs `command` on a terminal of 80 columns and 24 lines.
    ///
    /// # Panics
    /// When there is no terminal for it.
    #[must_use]
    #[track_caller]
    pub fn run(command: &Command) -> Self {
        let pair = native_pty_system().openpty(size(80, 24)).expect("expected a pseudo-terminal");
        let mut built = CommandBuilder::new("sh");
        // The program replaces the shell, so that signals reach it.
        built.args(["-c", &format!("echo {BEFORE}; exec \"$0\" \"$@\"")]);
        built.arg(command.get_program());
        built.args(command.get_args());
        built.env_clear();
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                built.env(name, value);
            }
        }
        built.env("TERM", "xterm-256color");
        if let Some(folder) = command.get_current_dir() {
            built.cwd(folder);
        }
        let settings = settings(pair.master.as_ref());
        let mut reader = pair.master.try_clone_reader().expect("expected to read the terminal");
        let keys = pair.master.take_writer().expect("expected to type on the terminal");
        let child = pair.slave.spawn_command(built).expect("expected to start the program on the terminal");
        let seen = Arc::new(Mutex::new(Seen { parser: Parser::new(cells(24), cells(80), 0), raw: Vec::new() }));
        let drawn = seen.clone();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                let mut seen = drawn.lock().unwrap_or_else(PoisonError::into_inner);
                let written = bytes.get(..count).unwrap_or_default();
                seen.parser.process(written);
                seen.raw.extend_from_slice(written);
            }
        });
        Self { child, master: pair.master, _slave: pair.slave, keys, seen, settings }
    }

    /// Types a text, or keys as terminals send them.
    ///
    /// # Panics
    /// When the terminal is gone.
    #[track_caller]
    pub fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).and_then(|()| self.keys.flush()).expect("expected to type");
    }

    /// Makes the terminal as large as this.
    ///
    /// # Panics
    /// When it does not want to.
    pub fn resize(&self, columns: u16, lines: u16) {
        self.with(|seen| seen.parser.set_size(cells(lines), cells(columns)));
        self.master.resize(size(columns, lines)).expect("expected a terminal of another size");
    }

    /// What stands on the screen now.
    #[must_use]
    pub fn text(&self) -> String {
        self.with(|seen| seen.parser.screen().contents())
    }

    /// Everything that was written to it, escape sequences and all.
    #[must_use]
    pub fn raw(&self) -> String {
        self.with(|seen| String::from_utf8_lossy(&seen.raw).into_owned())
    }

    /// Whether anything on the screen has a colour.
    #[must_use]
    pub fn has_color(&self) -> bool {
        self.with(|seen| {
            let screen = seen.parser.screen();
            let (rows, columns) = screen.size();
            let mut places = (0..rows.get()).flat_map(|row| (0..columns.get()).map(move |column| (row, column)));
            let colored = |cell: &vt100::Cell| (cell.fgcolor(), cell.bgcolor()) != (Color::Default, Color::Default);
            places.any(|(row, column)| screen.cell(row, column).is_some_and(colored))
        })
    }

    /// Waits until the screen is as it is wanted; gives its text.
    ///
    /// # Panics
    /// When it is not soon.
    #[track_caller]
    pub fn until(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let looked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            await_some(SOON, what, || Some(self.text()).filter(|text| wanted(text)))
        }));
        looked.unwrap_or_else(|_| panic!("expected on the screen: {what}; it shows:\n{}", self.text()))
    }

    /// Waits until the screen shows all of these; gives its text.
    ///
    /// # Panics
    /// When it does not soon.
    #[track_caller]
    pub fn shows(&self, texts: &[&str]) -> String {
        self.until(&format!("{texts:?}"), |screen| texts.iter().all(|text| screen.contains(text)))
    }

    /// Waits until the screen does not show this; gives its text.
    ///
    /// # Panics
    /// When it still does.
    #[track_caller]
    pub fn hides(&self, text: &str) -> String {
        self.until(&format!("no {text:?}"), |screen| !screen.contains(text))
    }

    /// Sends the program a signal.
    ///
    /// # Panics
    /// When it cannot be reached.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        let pid = self.child.process_id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        kill_process(pid.expect("expected a process id"), signal).expect("expected to reach it with a signal");
    }

    /// Waits until the program has ended and the terminal is as it was; gives the exit code.
    ///
    /// # Panics
    /// When it goes on, or leaves the terminal in another state.
    #[track_caller]
    pub fn ended(&mut self) -> u32 {
        let status = await_some(SOON, "the end of the program on the terminal", || {
            self.child.try_wait().expect("expected to ask for the exit status")
        });
        let is_back = |seen: &mut Seen| !seen.parser.screen().alternate_screen() && !seen.parser.screen().hide_cursor();
        await_some(SOON, "the screen and the cursor given back", || self.with(is_back).then_some(()));
        assert!(self.text().contains(BEFORE), "expected the screen as it was before: {}", self.text());
        assert_eq!(settings(self.master.as_ref()), self.settings, "expected the terminal's settings as before");
        status.exit_code()
    }

    fn with<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // One that has ended needs no killing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn settings(master: &dyn MasterPty) -> String {
    format!(
        "{:?}",
        master.get_termios().map(|settings| (settings.input_flags, settings.output_flags, settings.local_flags))
    )
}

fn size(columns: u16, lines: u16) -> PtySize {
    PtySize { rows: lines, cols: columns, pixel_width: 0, pixel_height: 0 }
}

fn cells(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).expect("expected a terminal with cells")
}
