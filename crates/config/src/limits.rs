//! Every limit by name, with its default and range, in one list: the struct, the keys of
//! `[limits]` and the table that `switchboard limits` prints are made from it.
//!
//! Limits are only named here; whoever owns the queue or buffer enforces them.

use std::time::Duration;

use crate::keys::{Key, Shape};
use crate::quantity::{show_bytes, show_duration};
use crate::read::Settings;

/// One line of `switchboard limits`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitRow {
    /// Key under `[limits]`.
    pub name: &'static str,
    /// The value in force, as it would be written in a file.
    pub value: String,
    /// What the value counts: `bytes`, `time` or `count`.
    pub unit: &'static str,
    /// What the limit bounds.
    pub what: &'static str,
}

macro_rules! limits {
    (@type bytes) => { usize };
    (@type count) => { usize };
    (@type duration) => { Duration };
    (@shape bytes $default:expr, $min:expr, $max:expr) => {
        Shape::Bytes { default: $default, min: $min, max: $max }
    };
    (@shape count $default:expr, $min:expr, $max:expr) => {
        Shape::Count { default: $default, min: $min, max: $max }
    };
    (@shape duration $default:expr, $min:expr, $max:expr) => {
        Shape::Duration { default: $default, min: $min, max: $max }
    };
    (@show bytes $value:expr) => { (show_bytes($value as u64), "bytes") };
    (@show count $value:expr) => { ($value.to_string(), "count") };
    (@show duration $value:expr) => { (show_duration($value), "time") };
    ($($name:ident: $kind:ident = $default:expr, $min:expr, $max:expr, $what:literal;)*) => {
        /// The limits of the whole switchboard, each a key under `[limits]`. Sizes are in bytes.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Limits {
            $(#[doc = $what] pub $name: limits!(@type $kind),)*
        }

        /// The keys of `[limits]`.
        pub(crate) const LIMIT_KEYS: &[Key] = &[$(Key {
            name: stringify!($name),
            shape: limits!(@shape $kind $default, $min, $max),
            what: $what,
        },)*];

        impl Limits {
            pub(crate) fn resolve(settings: &Settings) -> Limits {
                Limits { $($name: settings.$kind("limits", LIMIT_KEYS, stringify!($name)),)* }
            }

            /// Every limit with its value, in the order of the documentation.
            pub fn table(&self) -> Vec<LimitRow> {
                vec![$({
                    let (value, unit) = limits!(@show $kind self.$name);
                    LimitRow { name: stringify!($name), value, unit, what: $what }
                },)*]
            }
        }
    };
}

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const MINUTE: u64 = 60 * 1000;

limits! {
    body_bytes_max: bytes = 4 * MIB, KIB, 1024 * MIB, "The largest HTTP request body of a client.";
    frame_bytes_max: bytes = 16 * MIB, KIB, 1024 * MIB, "The largest message on a pipe or socket, and the largest event of a stream.";
    response_bytes_max: bytes = 16 * MIB, KIB, 1024 * MIB, "The largest HTTP answer that is read from a server.";
    depth_max: count = 128, 8, 512, "How deep JSON from a client may nest.";
    sessions_max: count = 1024, 1, 1_000_000, "How many sessions of legacy clients live at once; the one idle longest makes room.";
    session_idle_timeout: duration = 30 * MINUTE, 1000, 7 * 24 * 60 * MINUTE, "How long a session of a legacy client lives without a request.";
    connections_max: count = 1024, 1, 1_000_000, "How many client connections are open at once.";
    session_queue_max: count = 256, 1, 65_536, "How many messages wait for a legacy client that does not read.";
    session_calls_max: count = 256, 1, 65_536, "How many requests of one legacy client are in flight at once.";
    session_subscriptions_max: count = 1024, 1, 65_536, "How many resources one legacy client, or one subscription stream, is subscribed to.";
    session_events_max: count = 256, 1, 65_536, "How many events of a legacy client's streams are kept for it to come back to.";
    session_event_bytes_max: bytes = MIB, KIB, 1024 * MIB, "The size of the events kept of one legacy client's streams; the newest is always kept.";
    rounds_max: count = 16, 1, 1000, "How often one call may ask a legacy client for input before it is given up.";
    answer_timeout: duration = 10 * MINUTE, 1000, 24 * 60 * MINUTE, "How long a question to a client, or to the person behind it, waits for its answer.";
    batch_max: count = 64, 1, 4096, "How many messages a batch of a client of 2025-03-26 or older may have.";
    list_pages_max: count = 100, 1, 10_000, "How many pages of one list are read from a server.";
    list_items_max: count = 10_000, 1, 1_000_000, "How many items of one list are kept of a server.";
    calls_per_server_max: count = 256, 1, 65_536, "How many calls are in flight to one server.";
    instances_max: count = 64, 1, 65_536, "How many instances of one server there are besides the first (see `isolation`), sessions with a legacy server included.";
    startup_concurrency: count = 3, 1, 1024, "How many local programs are starting at once; one that takes longer than a second gives its place to the next.";
    calls_waiting_max: count = 256, 0, 65_536, "How many calls wait for one server that is starting or full.";
    parked_calls_max: count = 1024, 1, 1_000_000, "How many calls to legacy servers wait for the answer of a person at once.";
    parked_calls_per_principal_max: count = 256, 1, 1_000_000, "How many of them one principal has.";
    listens_max: count = 256, 1, 65_536, "How many subscription streams are open at once; what a session of a legacy client hears is not counted.";
    live_clients_max: count = 512, 1, 65_536, "How many readers of live events, such as dashboards, there are at once.";
    probes_max: count = 5, 1, 1000, "How many checks of the health of servers run at once.";
    log_file_bytes_max: bytes = 10_000_000, 64 * KIB, 1024 * MIB, "The size at which a log file is rotated.";
    log_files_max: count = 5, 1, 100, "How many log files are kept of a server.";
    results_kept_bytes_max: bytes = 64 * MIB, 0, 64 * 1024 * MIB, "The size of what is kept of results that were cut (`result_tokens_max`), for read_result; the oldest makes room.";
    results_kept_per_principal_bytes_max: bytes = 16 * MIB, 0, 64 * 1024 * MIB, "The same of one principal.";
    results_kept_time: duration = 10 * MINUTE, 1000, 24 * 60 * MINUTE, "How long what is kept of a result that was cut can be read, counted from the last time.";
    records_queue_max: count = 8192, 16, 1_000_000, "How many records of calls wait for the writer before new ones are dropped and counted.";
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::resolve(&Settings::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_stand_in_the_table_once_each() {
        let limits = Limits::default();
        assert_eq!(limits.body_bytes_max, 4 * 1024 * 1024);
        assert_eq!(limits.session_idle_timeout, Duration::from_secs(1800));
        let rows = limits.table();
        assert_eq!(rows.len(), LIMIT_KEYS.len());
        let row = &rows[0];
        assert_eq!((row.name, row.value.as_str()), ("body_bytes_max", "4MiB"));
    }
}
