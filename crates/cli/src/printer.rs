//! The only writer of stdout and stderr: data to stdout, everything said to stderr. It knows
//! whether to be quiet, to print JSON, and whether colour is welcome.

use crate::env_vars;
use crate::report::Report;
use crate::settings::Settings;
use config::{Diagnostic, Environment, Severity};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Serialize;
use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;
use std::time::Duration;

/// Where output goes and how.
#[derive(Debug, Clone)]
pub(crate) struct Printer {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    color_out: bool,
    color_err: bool,
    /// Whether a person watches stderr.
    watched: bool,
}

/// How often what goes on is drawn again.
const TURN: Duration = Duration::from_millis(120);
const TURNS: [&str; 4] = ["|", "/", "-", "\\"];

/// What a text is painted as.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Paint {
    Error,
    Warning,
    Hint,
    Good,
    Faint,
}

// === impl Printer ===

impl Printer {
    /// A printer for this process.
    pub(crate) fn new(settings: &Settings, environment: &Environment) -> Self {
        let set = |name: &str| environment.vars.get(name).is_some_and(|value| !value.is_empty());
        let dumb = environment.vars.get(env_vars::TERM).is_some_and(|term| term == "dumb");
        let welcome = !set(env_vars::NO_COLOR) && !dumb;
        Self {
            json: settings.json,
            quiet: settings.quiet,
            color_out: welcome && io::stdout().is_terminal(),
            color_err: welcome && io::stderr().is_terminal(),
            watched: !settings.quiet && !settings.json && !dumb && io::stderr().is_terminal(),
        }
    }

    /// Prints data.
    pub(crate) fn data(&self, text: &str) {
        let mut out = io::stdout().lock();
        // Who reads us may have left (a broken pipe): that is no failure of ours.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// Prints a line of data.
    pub(crate) fn line(&self, text: &str) {
        self.data(&format!("{text}\n"));
    }

    /// Prints the one JSON document: for people on a terminal, in one line otherwise.
    pub(crate) fn document<T: Serialize>(&self, document: &T) {
        let text = match io::stdout().is_terminal() {
            true => serde_json::to_string_pretty(document),
            false => serde_json::to_string(document),
        };
        self.line(&text.unwrap_or_default());
    }

    /// Says something that is not data; silent with `-q`.
    pub(crate) fn say(&self, text: &str) {
        if !self.quiet {
            self.complain(text);
        }
    }

    /// Waits for `work` and shows that it goes on, where a person watches.
    pub(crate) async fn progress<T>(&self, what: &str, work: impl Future<Output = T>) -> T {
        if !self.watched {
            return work.await;
        }
        tokio::pin!(work);
        let mut turn = tokio::time::interval(TURN);
        let mut shown = 0;
        loop {
            tokio::select! {
                done = &mut work => {
                    if shown > 0 {
                        let _ = write!(io::stderr().lock(), "\r\u{1b}[K");
                    }
                    return done;
                }
                _ = turn.tick() => {
                    let _ = write!(io::stderr().lock(), "\r{} {what}", TURNS[shown % TURNS.len()]);
                    shown += 1;
                }
            }
        }
    }

    /// Whether somebody may still read stdout: not, when the other end of the pipe is closed.
    pub(crate) fn is_read(&self) -> bool {
        let out = io::stdout();
        let mut looked = [PollFd::new(&out, PollFlags::empty())];
        // What cannot be asked is taken to be read.
        let _ = poll(&mut looked, Some(&Timespec::default()));
        !looked[0].revents().intersects(PollFlags::ERR)
    }

    /// Whether stdout is a screen that can be drawn again and again.
    pub(crate) fn is_screen(&self) -> bool {
        !self.json && io::stdout().is_terminal()
    }

    /// Whether colour is welcome on stdout.
    pub(crate) fn is_colored(&self) -> bool {
        self.color_out
    }

    /// Says what a person should know even with `-q`.
    pub(crate) fn complain(&self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Says a warning with what to do about it; silent with `-q`.
    pub(crate) fn warn(&self, message: &str, hint: Option<&str>) {
        let mut text = format!("{} {message}", self.on_err("warning:", Paint::Warning));
        if let Some(hint) = hint {
            text.push_str(&format!("\n{} {hint}", self.on_err("hint:", Paint::Hint)));
        }
        self.say(&text);
    }

    /// Shows what was found in configuration files: errors always, the rest unless quiet.
    pub(crate) fn diagnostics(&self, diagnostics: &[Diagnostic]) {
        let shown = diagnostics.iter().filter(|found| !self.quiet || found.severity == Severity::Error);
        let shown: Vec<String> = shown.map(|found| found.render(self.color_err)).collect();
        if !shown.is_empty() {
            self.complain(&format!("{}\n", shown.join("\n\n")));
        }
    }

    /// Shows a failure and gives the exit code.
    pub(crate) fn report(&self, report: &Report) -> ExitCode {
        if report.is_said {
            return ExitCode::from(report.exit);
        }
        if self.json {
            self.document(&serde_json::json!({ "error": report }));
        } else {
            self.failure(report);
        }
        ExitCode::from(report.exit)
    }

    /// Says a failure on stderr. What servers said is in it, and must not steer the terminal.
    pub(crate) fn failure(&self, report: &Report) {
        let mut text = format!("{} {}", self.on_err("error:", Paint::Error), harmless(&report.message));
        if let Some(cause) = &report.cause {
            text.push_str(&format!("\n  because: {}", harmless(cause)));
        }
        for hint in &report.hints {
            text.push_str(&format!("\n{} {}", self.on_err("hint:", Paint::Hint), harmless(hint)));
        }
        self.complain(&text);
    }

    /// Shows what the command line parser says: help and version are data, the rest is a failure.
    pub(crate) fn refuse(&self, refusal: &clap::Error) -> ExitCode {
        if !refusal.use_stderr() {
            self.data(&refusal.render().to_string());
            return ExitCode::SUCCESS;
        }
        self.report(&crate::commands::refusal(refusal))
    }

    /// Prints rows in columns under a header. A cell is one line and steers no terminal.
    pub(crate) fn table(&self, header: &[&str], rows: &[Vec<String>]) {
        let plain = |cell: &String| cell.chars().filter(|letter| !letter.is_control()).collect::<String>();
        let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(plain).collect()).collect();
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.chain([header[column].len()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..header.len()).map(width).collect();
        let line = |cells: &[&str]| {
            let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        self.line(&self.on_out(&line(header), Paint::Faint));
        for row in &rows {
            let cells: Vec<&str> = row.iter().map(String::as_str).collect();
            self.line(&line(&cells));
        }
    }

    /// `text` painted for stdout, where colour is welcome.
    pub(crate) fn on_out(&self, text: &str, paint: Paint) -> String {
        painted(text, paint, self.color_out)
    }

    /// `text` painted for stderr, where colour is welcome.
    pub(crate) fn on_err(&self, text: &str, paint: Paint) -> String {
        painted(text, paint, self.color_err)
    }
}

fn painted(text: &str, paint: Paint, color: bool) -> String {
    let code = match paint {
        Paint::Error => "1;31",
        Paint::Warning => "33",
        Paint::Hint => "36",
        Paint::Good => "32",
        Paint::Faint => "2",
    };
    if color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// `1 server`, `2 servers`.
pub(crate) fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// A stranger's text on one line of at most `chars_max` characters, without control characters.
pub(crate) fn one_line(text: &str, chars_max: usize) -> String {
    let first = text.trim().lines().next().unwrap_or_default();
    let mut shown: String = first.chars().filter(|character| !character.is_control()).take(chars_max).collect();
    if first.chars().count() > chars_max {
        shown.pop();
        shown.push('…');
    }
    shown
}

/// A stranger's text of several lines, without what controls a terminal.
pub(crate) fn harmless(text: &str) -> String {
    let keep = |character: &char| matches!(character, '\n' | '\t') || !character.is_control();
    text.chars().filter(keep).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_strangers_cannot_steer_the_terminal() {
        assert_eq!(one_line("a\u{1b}[31mb\nsecond", 20), "a[31mb");
        assert_eq!(one_line("abcdef", 4), "abc…");
        assert_eq!(harmless("a\u{7}\n\u{1b}b"), "a\nb");
    }
}
