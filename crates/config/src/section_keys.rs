//! Keys of the smaller sections of `switchboard.toml`: what is kept and where, and what is searched.
//!
//! What a key is says `keys`.

use crate::keys::{HOUR, Key, SECOND, Shape, flag, key, time};

pub(crate) const STATE_KEYS: &[Key] = &[key(
    "url",
    Shape::Secret,
    "postgres://user:password@host/database. Without it: a SQLite file in the data folder.",
)];

pub(crate) const CACHE_STORE_KEYS: &[Key] = &[
    key("url", Shape::Secret, "redis://host:port/0. Without it: the memory of this process."),
    key(
        "entries_max",
        Shape::Count { default: 100_000, min: 1, max: 100_000_000 },
        "The most entries of one namespace of the server cache.",
    ),
    key(
        "bytes_max",
        Shape::Bytes { default: 64 * 1024 * 1024, min: 1024, max: 1 << 40 },
        "The most bytes of one namespace of the server cache.",
    ),
    time("timeout", [250, 10, 10 * SECOND], "How long Redis may take before it counts as gone."),
];

pub(crate) const RECORDS_KEYS: &[Key] = &[
    flag("arguments", Some(false), "Whether records of calls keep the arguments, for servers that do not say."),
    flag("results", Some(false), "Whether records of calls keep the results, for servers that do not say."),
    time("keep", [30 * 24 * HOUR, SECOND, 3650 * 24 * HOUR], "How long records of calls are kept."),
    key(
        "bytes_max",
        Shape::Bytes { default: 64 << 20, min: 64 << 10, max: 64 << 30 },
        "How much room records of calls may take; the oldest go first.",
    ),
];

pub(crate) const DISCOVERY_KEYS: &[Key] = &[
    key(
        "folders",
        Shape::Texts,
        "Folders that are searched for declared servers, with what is below them; relative to this file.",
    ),
    time("interval", [60 * SECOND, SECOND, 24 * HOUR], "How often the daemon searches again."),
    flag(
        "auto",
        Some(false),
        "Whether what is found is listed with the servers, as pending. Nothing of it runs before a person approves it.",
    ),
];
