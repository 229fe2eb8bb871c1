//! Which lines of a log are shown: how bad they are, and which text they hold. A line that says its level
//! has that one; of others it is guessed from their words, since servers write their logs as they like.
//! Nothing here reads a log.

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

/// Members of a line of JSON, and keys of `key=value`, that hold its level.
const KEYS: [&str; 5] = ["level", "severity", "levelname", "lvl", "log_level"];
/// Words at the beginning of a line among which its level may stand: behind a date, a time and a name.
const FIRST_WORDS: usize = 4;

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

    /// The level that a line has, or seems to have.
    #[must_use]
    pub fn of(line: &str) -> Self {
        Self::stated(line).unwrap_or_else(|| Self::guessed(line))
    }

    /// The level that a line says it has: as a member of JSON, as `level=…`, or as a word of its own near
    /// its beginning, in brackets, in capitals or before a colon.
    fn stated(line: &str) -> Option<Self> {
        if line.starts_with('{') {
            let line: serde_json::Value = serde_json::from_str(line).ok()?;
            let stated = KEYS.iter().find_map(|key| line.get(key))?;
            return match stated.as_f64() {
                Some(number) => Some(Self::of_number(number)),
                None => Self::named(stated.as_str()?),
            };
        }
        let words = || line.split_whitespace();
        let of_key = |word: &str| {
            let (key, value) = word.split_once('=')?;
            KEYS.contains(&key).then(|| Self::named(value.trim_matches('"')))?
        };
        words().find_map(of_key).or_else(|| {
            words().take(FIRST_WORDS).find_map(|word| {
                let bare = word.trim_matches(|character: char| "[](){}<>|:,".contains(character));
                let capitals = bare.len() > 2 && bare.chars().all(char::is_uppercase);
                if capitals || bare.len() < word.len() { Self::named(bare) } else { None }
            })
        })
    }

    /// The numbers of pino and bunyan.
    fn of_number(number: f64) -> Self {
        match number {
            ..20.0 => Self::Trace,
            ..30.0 => Self::Debug,
            ..40.0 => Self::Info,
            ..50.0 => Self::Warn,
            _ => Self::Error,
        }
    }

    /// The level of a word that loggers use.
    fn named(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "trace" => Self::Trace,
            "debug" => Self::Debug,
            "info" | "information" | "notice" => Self::Info,
            "warn" | "warning" => Self::Warn,
            "error" | "err" | "fatal" | "critical" | "panic" | "alert" | "emergency" => Self::Error,
            _ => return None,
        })
    }

    /// The level that the words of a line look like.
    fn guessed(line: &str) -> Self {
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
    fn a_line_that_says_its_level_has_that_one() {
        let lines = [
            ("{\"level\":\"info\",\"msg\":\"no error\"}", LogLevel::Info),
            ("{\"level\":50,\"msg\":\"x\"}", LogLevel::Error),
            ("{\"severity\":\"WARNING\"}", LogLevel::Warn),
            ("time=1 level=debug msg=\"it failed\"", LogLevel::Debug),
            ("2026-01-01 12:00:00 INFO 0 errors, nothing failed", LogLevel::Info),
            ("[debug] terror is no error word here", LogLevel::Debug),
            ("INFO:     Uvicorn running; error handlers on", LogLevel::Info),
            ("it said INFO and failed", LogLevel::Info),
            ("{\"msg\":\"failed\"}", LogLevel::Error),
            ("{ no JSON, failed", LogLevel::Error),
            ("info and error", LogLevel::Error),
        ];
        for (line, level) in lines {
            assert_eq!(LogLevel::of(line), level, "{line}");
        }
    }

    #[test]
    fn else_the_level_is_guessed_from_whole_words() {
        let lines = [
            ("2026-01-01 ERROR cannot open", LogLevel::Error),
            ("{\"level\":\"warn\",\"msg\":\"slow\"}", LogLevel::Warn),
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
