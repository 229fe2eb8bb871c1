//! `[telemetry]` and `[log]`: what the switchboard tells of itself, to whom and how.
//!
//! Nothing is sent or written here: the owner of a queue or a file reads what stands here.

use secrecy::SecretString;

use crate::keys::{Key, Shape, key, text};
use crate::read::{Settings, text_of};

pub(crate) const TELEMETRY_KEYS: &[Key] = &[
    text(
        "otlp_url",
        None,
        "Where traces of calls go: the base URL of a collector that speaks OTLP over HTTP, such as \"http://127.0.0.1:4318\". Without it, OTEL_EXPORTER_OTLP_ENDPOINT; without both, or empty, nothing is traced.",
    ),
    key(
        "otlp_headers",
        Shape::Secret,
        "Headers for the collector, such as \"authorization=Bearer%20TOKEN,x-scope=a\". Without it, OTEL_EXPORTER_OTLP_HEADERS.",
    ),
    key(
        "sample",
        Shape::Count { default: 100, min: 0, max: 100 },
        "How many of a hundred calls are traced that bring no trace of their own; with one, the client decides.",
    ),
    text(
        "service_name",
        None,
        "The name of this service in traces. Without it, OTEL_SERVICE_NAME, or \"switchboard\".",
    ),
];

pub(crate) const LOG_KEYS: &[Key] = &[
    key(
        "format",
        Shape::Word { words: &["text", "json"], default: Some("text") },
        "How the daemon says what it does: lines for people, or one JSON object for each event.",
    ),
    text(
        "level",
        Some("info"),
        "From which level on: error, warn, info, debug, trace or off; for single parts too, such as \"info,gateway=debug\". -v is stronger, -q is not.",
    ),
    key(
        "file",
        Shape::Word { words: &["auto", "on", "off"], default: Some("auto") },
        "Whether it is written to logs/daemon.log of the data folder: `auto` does so where it runs in the background.",
    ),
    key(
        "file_bytes_max",
        Shape::Bytes { default: 10_000_000, min: 4096, max: 1 << 30 },
        "The size at which that file is put aside and a new one begun.",
    ),
    key("files_max", Shape::Count { default: 5, min: 1, max: 100 }, "How many of these files are kept."),
];

/// `[telemetry]`: traces of calls.
#[derive(Debug, Clone)]
pub struct Telemetry {
    /// Base URL of the collector; nothing is traced if absent.
    pub otlp_url: Option<String>,
    /// `name=value,name=value`, values percent-encoded.
    pub otlp_headers: Option<SecretString>,
    /// How many of a hundred calls without a trace of their own are traced.
    pub sample: usize,
    /// `service.name`.
    pub service_name: String,
}

/// `[log]`: what the daemon says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// How.
    pub format: LogFormat,
    /// What, where somebody says so; `info` where nobody does.
    pub level: Option<LogDirectives>,
    /// Whether to a file; none: where it runs in the background.
    pub file: Option<bool>,
    /// Bytes at which the file is rotated.
    pub file_bytes_max: usize,
    /// How many files are kept.
    pub files_max: usize,
}

/// How log events look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object on a line.
    Json,
}

/// From which level on events are said, of everything and of single parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogDirectives {
    /// For every part that is not named.
    pub level: Verbosity,
    /// By the first part of an event's target, such as `gateway`.
    pub targets: Vec<(String, Verbosity)>,
}

/// A level of log events, the quietest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the usual words")]
pub enum Verbosity {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// The most parts that a filter names: it is looked at for each event.
const TARGETS_MAX: usize = 32;
/// The longest name of a part, in bytes.
const TARGET_BYTES_MAX: usize = 128;

// === impl Telemetry ===

impl Telemetry {
    /// How many of a hundred calls are traced that bring no trace; none when nothing is traced.
    #[must_use]
    pub fn traced_percent(&self) -> Option<u32> {
        self.otlp_url.as_ref().map(|_| u32::try_from(self.sample).unwrap_or(100))
    }
}

// === impl Log ===

impl Log {
    pub(crate) fn of(settings: &Settings, level: Option<LogDirectives>) -> Self {
        let word = |name| settings.get("log", name).and_then(|(_, field)| text_of(Some(field)));
        Self {
            format: match word("format").is_some_and(|word| word.text == "json") {
                true => LogFormat::Json,
                false => LogFormat::Text,
            },
            level,
            file: match word("file").map(|word| word.text.as_str()) {
                Some("on") => Some(true),
                Some("off") => Some(false),
                _ => None,
            },
            file_bytes_max: settings.bytes("log", LOG_KEYS, "file_bytes_max"),
            files_max: settings.count("log", LOG_KEYS, "files_max"),
        }
    }
}

impl LogFormat {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

// === impl LogDirectives ===

impl Default for LogDirectives {
    fn default() -> Self {
        Self { level: Verbosity::Info, targets: Vec::new() }
    }
}

impl LogDirectives {
    /// Reads `LEVEL`, `PART=LEVEL` and several of these with commas between them.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut read = Self::default();
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let level = |text: &str| {
                Verbosity::parse(text).ok_or_else(|| {
                    let shown: String = text.chars().filter(|character| !character.is_control()).take(40).collect();
                    format!("`{shown}` is no level; there are off, error, warn, info, debug and trace")
                })
            };
            let Some((target, word)) = word.split_once('=') else {
                read.level = level(word)?;
                continue;
            };
            let target = target.trim();
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_:-".contains(&byte);
            if target.is_empty() || target.len() > TARGET_BYTES_MAX || !target.bytes().all(plain) {
                return Err(
                    "the name of a part has letters, digits, `_`, `-` and `:`, such as gateway=debug".to_owned()
                );
            }
            if read.targets.len() == TARGETS_MAX {
                return Err(format!("more than {TARGETS_MAX} parts are named"));
            }
            read.targets.push((target.to_owned(), level(word.trim())?));
        }
        Ok(read)
    }
}

impl std::fmt::Display for LogDirectives {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.level.as_str())?;
        self.targets.iter().try_for_each(|(target, level)| write!(formatter, ",{target}={}", level.as_str()))
    }
}

// === impl Verbosity ===

impl Verbosity {
    fn parse(text: &str) -> Option<Self> {
        let word = text.to_ascii_lowercase();
        [Self::Off, Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace]
            .into_iter()
            .find(|level| level.as_str() == word || (*level == Self::Warn && word == "warning"))
    }

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_read_as_they_are_written() {
        for text in ["info", "off", "warn,gateway=debug,hyper=off", "info,gateway::server=trace"] {
            assert_eq!(LogDirectives::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(LogDirectives::parse(" Warning , gateway = DEBUG ").unwrap().to_string(), "warn,gateway=debug");
        assert_eq!(LogDirectives::parse("").unwrap(), LogDirectives::default());
    }

    #[test]
    fn what_is_no_filter_is_said() {
        let many = (0..=TARGETS_MAX).map(|at| format!("t{at}=info,")).collect::<String>();
        for (text, says) in [
            ("loud", "`loud` is no level"),
            ("=info", "name of a part"),
            ("a b=info", "name of a part"),
            (&many, "more than"),
        ] {
            assert!(LogDirectives::parse(text).unwrap_err().contains(says), "{text}");
        }
    }
}
