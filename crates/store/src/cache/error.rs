//! Why a command of the cache was not done, in fields; what is made of it is said by whoever asked.

use super::{ANSWER_BYTES_MAX, KEY_BYTES_MAX, KEYS_MAX};
use std::time::Duration;

/// A command that was not done, or of which nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CacheError {
    /// A key or pattern with this many bytes.
    #[error("a key has 1 to {KEY_BYTES_MAX} bytes, this one has {0}")]
    Key(usize),
    /// A value with too many bytes.
    #[error("a value has at most {bytes_max} bytes, this one has {bytes}")]
    Value {
        /// How many it has.
        bytes: usize,
        /// How many it may have.
        bytes_max: usize,
    },
    /// So many keys in one command, or none.
    #[error("one command takes 1 to {KEYS_MAX} keys, this one has {0}")]
    Keys(usize),
    /// Values of so many bytes in one command.
    #[error("the values of one command have at most {ANSWER_BYTES_MAX} bytes, these have {0}")]
    Answer(usize),
    /// A time to live that is none.
    #[error("a time to live is longer than nothing and at most ten years")]
    Ttl,
    /// What is to be counted up is no number.
    #[error("the value is no whole number of 64 bits")]
    NotANumber,
    /// Counting would leave the range of numbers.
    #[error("the result would not fit into a whole number of 64 bits")]
    Overflow,
    /// Something else put this there: another type, too large, no text.
    #[error("what Redis has under this key was not put there by this cache")]
    Foreign,
    /// Redis has reached its `maxmemory` and may evict nothing.
    #[error("Redis has no memory left")]
    Full,
    /// Redis could not be asked.
    #[error("Redis cannot be reached: {0}")]
    Unreachable(String),
    /// Redis was asked and did not answer in time. Whether it did the command is unknown.
    #[error("Redis did not answer within {} ms; whether it did the command is unknown", .0.as_millis())]
    Timeout(Duration),
    /// What has many steps took too long and was done in part.
    #[error("Redis has too many keys to look through in {} s; a part is done", .0.as_secs())]
    Sweep(Duration),
    /// Redis said no, or something that makes no sense.
    #[error("Redis refused: {0}")]
    Refused(String),
    /// The URL is none that can be used. It is not repeated, since it may hold a password.
    #[error("the URL of Redis cannot be used: {0}")]
    Url(String),
}

// === impl CacheError ===

impl CacheError {
    /// Whether Redis is to blame, and not what was asked.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Timeout(_) | Self::Sweep(_) | Self::Refused(_) | Self::Full)
    }
}
