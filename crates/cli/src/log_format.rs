//! How log events look on stderr: one line that reads alone, with a time where nobody watches a
//! terminal, and with its fields only when more was asked for.

use crate::printer::{Paint, Printer};
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

/// The crates of this program; others are heard only from `-vv` on.
const OURS: [&str; 7] = ["switchboard", "config", "supervisor", "outbound", "gateway", "control", "protocol"];

/// Sends log events to stderr from now on. `usual` is the level without `-q` and `-v`.
pub(crate) fn start(printer: &Printer, verbose: u8, usual: Level) {
    let level = match (printer.quiet, verbose) {
        (true, 0) => Level::ERROR,
        (_, 0) => usual,
        (_, 1) => Level::DEBUG,
        _ => Level::TRACE,
    };
    let others = if verbose > 1 { LevelFilter::DEBUG } else { LevelFilter::from_level(level.min(Level::WARN)) };
    let targets = Targets::new().with_default(others).with_targets(OURS.map(|target| (target, level)));
    let format = Format { printer: printer.clone(), time: !std::io::stderr().is_terminal(), fields: verbose > 0 };
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).event_format(format);
    // There is one subscriber in the life of a process; a second start changes nothing.
    let _ = tracing_subscriber::registry().with(targets).with(layer).try_init();
}

struct Format {
    printer: Printer,
    time: bool,
    fields: bool,
}

/// The parts of an event.
#[derive(Default)]
struct Parts {
    message: String,
    /// Why, where the event says so: belongs to the message.
    reason: String,
    fields: String,
}

impl Visit for Parts {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            "reason" => write!(self.reason, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "reason" => self.reason.push_str(value),
            _ => self.record_debug(field, &value),
        }
    }
}

impl<S, N> FormatEvent<S, N> for Format
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut parts = Parts::default();
        event.record(&mut parts);
        if self.time {
            write!(writer, "{} ", supervisor::utc(SystemTime::now()))?;
        }
        let (word, paint) = match *event.metadata().level() {
            Level::ERROR => ("error: ", Paint::Error),
            Level::WARN => ("warning: ", Paint::Warning),
            Level::INFO => ("", Paint::Faint),
            Level::DEBUG => ("debug: ", Paint::Faint),
            Level::TRACE => ("trace: ", Paint::Faint),
        };
        if !word.is_empty() {
            write!(writer, "{}", self.printer.on_err(word, paint))?;
        }
        // What servers say is in here: it must not steer the terminal.
        write!(writer, "{}", crate::printer::harmless(&parts.message))?;
        if !parts.reason.is_empty() {
            write!(writer, ": {}", crate::printer::harmless(&parts.reason))?;
        }
        if self.fields {
            write!(writer, "{}", crate::printer::harmless(&parts.fields))?;
        }
        writeln!(writer)
    }
}
