//! How log events look: one line that reads alone, with a time where nobody watches a terminal, and with
//! its fields only when more was asked for; or one JSON object on a line (threats.md S-43).

use crate::printer::{Paint, Printer};
use config::{LogDirectives, Verbosity};
use serde_json::{Map, Value, json};
use std::fmt::{self, Write as _};
use std::io::IsTerminal as _;
use std::time::SystemTime;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The crates of this program; others are heard only from `-vv` on, or where a filter names them.
const OURS: [&str; 9] =
    ["switchboard", "config", "supervisor", "outbound", "gateway", "control", "protocol", "store", "builtins"];

/// Sends log events to stderr from now on. `usual` is the level without `-q` and `-v`.
pub(crate) fn start(printer: &Printer, verbose: u8, usual: Level) {
    let level = match (printer.quiet, verbose) {
        (true, 0) => Verbosity::Error,
        (_, 0) if usual == Level::WARN => Verbosity::Warn,
        (_, 0) => Verbosity::Info,
        (_, 1) => Verbosity::Debug,
        _ => Verbosity::Trace,
    };
    let time = !std::io::stderr().is_terminal();
    let look = Look { printer: Some(printer.clone()), time, fields: verbose > 0, json: false };
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).event_format(look);
    let filter = filter(&LogDirectives { level, targets: Vec::new() }, verbose);
    // There is one subscriber in the life of a process; a second start changes nothing.
    let _ = tracing_subscriber::registry().with(filter).with(layer).try_init();
}

/// Which events are said: ours from the level on, those of others only when they warn.
pub(crate) fn filter(directives: &LogDirectives, verbose: u8) -> Targets {
    let level = level(directives.level);
    let others = if verbose > 1 { LevelFilter::DEBUG } else { level.min(LevelFilter::WARN) };
    let named = directives.targets.iter().map(|(target, of_target)| (target.clone(), self::level(*of_target)));
    Targets::new().with_default(others).with_targets(OURS.map(|target| (target, level))).with_targets(named)
}

fn level(level: Verbosity) -> LevelFilter {
    match level {
        Verbosity::Off => LevelFilter::OFF,
        Verbosity::Error => LevelFilter::ERROR,
        Verbosity::Warn => LevelFilter::WARN,
        Verbosity::Info => LevelFilter::INFO,
        Verbosity::Debug => LevelFilter::DEBUG,
        Verbosity::Trace => LevelFilter::TRACE,
    }
}

/// How an event is written.
#[derive(Debug)]
pub(crate) struct Look {
    /// Paints words; none in a file.
    pub(crate) printer: Option<Printer>,
    /// Whether the line begins with the time.
    pub(crate) time: bool,
    /// Whether fields are shown.
    pub(crate) fields: bool,
    /// One JSON object on a line, with everything.
    pub(crate) json: bool,
}

/// The parts of an event.
#[derive(Default)]
struct Parts {
    message: String,
    /// Why, where the event says so: belongs to the message.
    reason: String,
    fields: Map<String, Value>,
}

impl Visit for Parts {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            "reason" => write!(self.reason, "{value:?}"),
            name => {
                self.fields.insert(name.to_owned(), format!("{value:?}").into());
                Ok(())
            }
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "reason" => self.reason.push_str(value),
            "message" => self.message.push_str(value),
            name => {
                self.fields.insert(name.to_owned(), value.into());
            }
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.fields.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.fields.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.fields.insert(field.name().to_owned(), value.into());
    }
}

impl<S, N> FormatEvent<S, N> for Look
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut parts = Parts::default();
        event.record(&mut parts);
        let (level, target) = (*event.metadata().level(), event.metadata().target());
        match self.json {
            true => writeln!(writer, "{}", parts.json(level, target, SystemTime::now())),
            false => self.line(&parts, level, writer),
        }
    }
}

impl Look {
    fn line(&self, parts: &Parts, level: Level, mut writer: Writer<'_>) -> fmt::Result {
        if self.time {
            write!(writer, "{} ", supervisor::utc(SystemTime::now()))?;
        }
        let (word, paint) = match level {
            Level::ERROR => ("error: ", Paint::Error),
            Level::WARN => ("warning: ", Paint::Warning),
            Level::INFO => ("", Paint::Faint),
            Level::DEBUG => ("debug: ", Paint::Faint),
            Level::TRACE => ("trace: ", Paint::Faint),
        };
        match &self.printer {
            Some(printer) if !word.is_empty() => write!(writer, "{}", printer.on_err(word, paint))?,
            _ => writer.write_str(word)?,
        }
        // What servers say is in here: it must not steer the terminal.
        write!(writer, "{}", crate::printer::harmless(&parts.message))?;
        if !parts.reason.is_empty() {
            write!(writer, ": {}", crate::printer::harmless(&parts.reason))?;
        }
        if self.fields {
            for (name, value) in &parts.fields {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                write!(writer, " {name}={}", crate::printer::harmless(&text))?;
            }
        }
        writeln!(writer)
    }
}

impl Parts {
    /// Whatever is in an event, it stays one line: JSON has no line break outside its texts, and escapes
    /// those within.
    fn json(&self, level: Level, target: &str, at: SystemTime) -> Value {
        let mut event = json!({
            "at": supervisor::utc(at),
            "level": level.as_str().to_ascii_lowercase(),
            "target": target,
            "message": self.message,
        });
        if !self.reason.is_empty() {
            event["reason"] = self.reason.as_str().into();
        }
        if !self.fields.is_empty() {
            event["fields"] = Value::Object(self.fields.clone());
        }
        event
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_an_event_says_it_is_one_line_of_json() {
        let hostile = "a\nerror: forged\r\n{\"level\":\"error\"}\u{1b}[31m\u{2028}\"}";
        let mut parts = Parts { message: hostile.to_owned(), reason: hostile.to_owned(), ..Parts::default() };
        parts.fields.insert(hostile.to_owned(), hostile.into());
        let line = parts.json(Level::INFO, "gateway", SystemTime::UNIX_EPOCH).to_string();
        assert!(!line.contains(['\n', '\r', '\u{1b}']), "{line:?}");
        let read: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&read["message"], &read["level"]), (&hostile.into(), &"info".into()));
        assert_eq!(read["fields"][hostile], hostile);
    }

    #[test]
    fn parts_that_are_named_are_heard_as_they_are_named() {
        let filter = filter(&LogDirectives::parse("info,gateway=debug,hyper=trace,store=off").unwrap(), 0);
        for (target, level, heard) in [
            ("gateway::server", Level::DEBUG, true),
            ("control", Level::DEBUG, false),
            ("control", Level::INFO, true),
            ("hyper::proto", Level::TRACE, true),
            ("store", Level::ERROR, false),
            ("rustls", Level::INFO, false),
            ("rustls", Level::WARN, true),
        ] {
            assert_eq!(filter.would_enable(target, &level), heard, "{target} {level}");
        }
    }
}
