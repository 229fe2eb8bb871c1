//! Which lines of a log are shown: how bad they look, and which text they hold. Servers write their
//! logs as they like, so the level is guessed from the words of a line; nothing here reads a log.

use std::fmt;
use std::str::FromStr;

/// How bad a line looks, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Of interest to who looks for a mistake, step by step.
    Trace,
    /// Of interest to who looks for a mistake.
    Debug,
    /// Everything that says nothing of its level.
    Info,
    /// Something is not as it should be.
    Warn,
    /// Something failed.
    Error,
}

/// The words by which a level is known, as whole words in any case.
const WORDS: &[(LogLevel, &[&str])] = &[
    (
        LogLevel::Error,
        &["error", "err", "fatal", "critical", "panic", "panicked", "exception", "traceback", "failed", "crash_loop"],
    ),
    (LogLevel::Warn, &["warn", "warning", "backoff", "degraded"]),
    (LogLevel::Debug, &["debug"]),
    (LogLevel::Trace, &["trace"]),
];

/// What a line must be like to be shown. The default shows everything.
#[derive(Debug, Clone, Default)]
pub struct LogFilter {
    /// At least this bad.
    pub level: Option<LogLevel>,
    /// Holds this text, in any case.
    pub text: Option<String>,
}

impl LogLevel {
    /// Every level, the worst last.
    pub const ALL: [Self; 5] = [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    /// The level that a line seems to have.
    #[must_use]
    pub fn of(line: &str) -> Self {
        let words = || line.split(|character: char| !character.is_alphanumeric() && character != '_');
        let names = |known: &[&str]| words().any(|word| known.iter().any(|known| word.eq_ignore_ascii_case(known)));
        WORDS.iter().find(|(_, known)| names(known)).map_or(Self::Info, |(level, _)| *level)
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for LogLevel {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|level| level.as_str() == word);
        found.ok_or_else(|| format!("`{word}` is no level; there are trace, debug, info, warn and error"))
    }
}

impl LogFilter {
    /// Whether a line is to be shown.
    #[must_use]
    pub fn fits(&self, line: &str) -> bool {
        self.level.is_none_or(|least| LogLevel::of(line) >= least)
            && self.text.as_ref().is_none_or(|text| line.to_lowercase().contains(&text.to_lowercase()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_is_guessed_from_whole_words() {
        let lines = [
            ("2026-01-01 ERROR cannot open", LogLevel::Error),
            ("{\"level\":\"warn\",\"msg\":\"slow\"}", LogLevel::Warn),
            ("[debug] terror is no error word here", LogLevel::Error),
            ("terrors and warnings", LogLevel::Info),
            ("crash_loop: ended 6 times", LogLevel::Error),
            ("TRACE x", LogLevel::Trace),
            ("listening on 8080", LogLevel::Info),
        ];
        for (line, level) in lines {
            assert_eq!(LogLevel::of(line), level, "{line}");
        }
    }

    #[test]
    fn what_is_shown_is_bad_enough_and_holds_the_text() {
        let filter = LogFilter { level: Some(LogLevel::Warn), text: Some("Disk".to_owned()) };
        assert!(filter.fits("WARNING: disk full"));
        assert!(!filter.fits("disk is fine") && !filter.fits("WARNING: net"));
        assert!(LogFilter::default().fits(""));
        assert!("loud".parse::<LogLevel>().is_err() && "info".parse() == Ok(LogLevel::Info));
    }
}
