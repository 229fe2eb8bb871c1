//! What an entry may say about the server `web`.

use super::search::Provider;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// `options` of the entry; every key may be left out.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Search providers in the order that they are tried: `google`, `brave`, `tavily`, `searxng`. All with
    /// keys by default, in this order.
    pub providers: Vec<Provider>,
    /// Searches a day for each provider, such as `{ google = 100 }`; counted in memory since the start of this
    /// server, by days of UTC. No bound where nothing is said.
    pub quotas: BTreeMap<Provider, u32>,
    /// How long answers of search providers are kept, in seconds.
    pub search_kept_seconds: u64,
    /// What is open besides the public web: hosts (`wiki.corp`, `*.corp`, `localhost:8080`), addresses and
    /// networks (`10.1.0.0/16`).
    pub allow: Vec<String>,
    /// Fetch what `robots.txt` asks machines to leave alone.
    pub ignore_robots: bool,
    /// How we introduce ourselves to servers. `robots.txt` is read for `switchboard` whatever this says.
    pub user_agent: String,
    /// How long a page or a search may take where the call does not say, in seconds.
    pub timeout_seconds: u64,
    /// The longest time that a call may ask for, in seconds.
    pub timeout_seconds_max: u64,
    /// How much of a body is read, unpacked, in bytes.
    pub body_bytes_max: usize,
    /// How many characters one call returns at most; a batch shares them.
    pub content_chars_max: usize,
    /// How many pages or queries one batch may have.
    pub batch_max: usize,
    /// How many of a batch are worked on at once.
    pub concurrency: usize,
    /// The pause between two requests to one host, in milliseconds.
    pub host_pause_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            providers: Vec::new(),
            quotas: BTreeMap::new(),
            search_kept_seconds: 600,
            allow: Vec::new(),
            ignore_robots: false,
            user_agent: concat!("switchboard/", env!("CARGO_PKG_VERSION"), " (reads pages for people who ask)")
                .to_owned(),
            timeout_seconds: 15,
            timeout_seconds_max: 120,
            body_bytes_max: 10 * 1024 * 1024,
            content_chars_max: 50_000,
            batch_max: 20,
            concurrency: 5,
            host_pause_ms: 200,
        }
    }
}

impl Options {
    /// What no value may be.
    ///
    /// # Errors
    /// The key, and what it may be.
    pub(super) fn check(&self) -> Result<(), String> {
        let rows = [
            ("timeout_seconds", self.timeout_seconds, 1, self.timeout_seconds_max),
            ("timeout_seconds_max", self.timeout_seconds_max, 1, 600),
            ("body_bytes_max", self.body_bytes_max as u64, 1024, 100 * 1024 * 1024),
            ("content_chars_max", self.content_chars_max as u64, 100, 5_000_000),
            ("batch_max", self.batch_max as u64, 1, 200),
            ("concurrency", self.concurrency as u64, 1, 50),
            ("host_pause_ms", self.host_pause_ms, 0, 60_000),
            ("search_kept_seconds", self.search_kept_seconds, 0, 86_400),
        ];
        match rows.iter().find(|(_, value, least, most)| !(least..=most).contains(&value)) {
            Some((key, value, least, most)) => Err(format!("`{key}` is {value}; it must be from {least} to {most}")),
            None => Ok(()),
        }
    }
}
