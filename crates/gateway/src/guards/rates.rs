//! How often a server may be called: token buckets for the server, for each client and for each
//! tool. Where no rate is declared there are none, and nothing is looked at.
//!
//! A [`Bucket`] decides, told what time it is; [`Rates`] keeps those of one server, bounded.

use config::RateLimit;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How many clients, or tools, are told apart at once; the fullest bucket makes room, since it says
/// the least.
const BUCKETS_MAX: usize = 4096;

/// How much may still come, as of a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

/// So many a second, and so many at once.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rate {
    per_second: f64,
    burst: f64,
}

/// A limit that is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exceeded {
    /// The key in the entry.
    pub(crate) key: &'static str,
    /// Its value.
    pub(crate) per_second: u64,
    /// When the next call may come.
    pub(crate) after: Duration,
}

/// The rates of one server.
#[derive(Debug)]
pub(crate) struct Rates {
    settings: RateLimit,
    buckets: Mutex<Buckets>,
}

#[derive(Debug, Default)]
struct Buckets {
    server: Option<Bucket>,
    clients: HashMap<String, Bucket>,
    tools: HashMap<String, Bucket>,
}

// === impl Bucket ===

impl Bucket {
    fn full(rate: Rate, now: Instant) -> Self {
        Self { tokens: rate.burst, at: now }
    }

    /// What has come in since, as of `now`.
    fn filled(self, rate: Rate, now: Instant) -> Self {
        let came = now.saturating_duration_since(self.at).as_secs_f64() * rate.per_second;
        Self { tokens: (self.tokens + came).min(rate.burst), at: now }
    }

    /// How long until there is a token; nothing when there is one.
    fn short(self, rate: Rate) -> Option<Duration> {
        (self.tokens < 1.0).then(|| Duration::from_secs_f64((1.0 - self.tokens) / rate.per_second))
    }
}

// === impl Rates ===

impl Rates {
    /// The rates of `settings`; none where nothing is limited.
    pub(crate) fn new(settings: RateLimit) -> Option<Self> {
        let any = settings.calls_per_second + settings.calls_per_second_per_client + settings.calls_per_second_per_tool;
        (any > 0).then(|| Self { settings, buckets: Mutex::default() })
    }

    pub(crate) fn settings(&self) -> RateLimit {
        self.settings
    }

    /// May `client` call `tool` now? A refused call takes from no bucket.
    pub(crate) fn admit(&self, client: &str, tool: &str, now: Instant) -> Result<(), Exceeded> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let filled = self.taken(&buckets, client, tool, now)?;
        buckets.server = filled[0].or(buckets.server);
        if let Some(bucket) = filled[1] {
            put(&mut buckets.clients, client, bucket);
        }
        if let Some(bucket) = filled[2] {
            put(&mut buckets.tools, tool, bucket);
        }
        Ok(())
    }

    /// The same question, of somebody who does not call: nothing is taken.
    pub(crate) fn look(&self, client: &str, tool: &str, now: Instant) -> Result<(), Exceeded> {
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        self.taken(&buckets, client, tool, now).map(drop)
    }

    /// What is left of the server, the client and the tool after one call more.
    fn taken(
        &self,
        buckets: &Buckets,
        client: &str,
        tool: &str,
        now: Instant,
    ) -> Result<[Option<Bucket>; 3], Exceeded> {
        let RateLimit { calls_per_second, burst, calls_per_second_per_client, calls_per_second_per_tool } =
            self.settings;
        let rows = [
            ("calls_per_second", calls_per_second, ""),
            ("calls_per_second_per_client", calls_per_second_per_client, client),
            ("calls_per_second_per_tool", calls_per_second_per_tool, tool),
        ];
        let mut filled = [None; 3];
        for (at, (key, per_second, who)) in rows.into_iter().enumerate().filter(|(_, row)| row.1 > 0) {
            let rate = rate(per_second, burst);
            let known = match at {
                0 => buckets.server,
                1 => buckets.clients.get(who).copied(),
                _ => buckets.tools.get(who).copied(),
            };
            let bucket = known.map_or_else(|| Bucket::full(rate, now), |bucket| bucket.filled(rate, now));
            if let Some(after) = bucket.short(rate) {
                return Err(Exceeded { key, per_second, after });
            }
            filled[at] = Some(Bucket { tokens: bucket.tokens - 1.0, ..bucket });
        }
        Ok(filled)
    }
}

fn rate(per_second: u64, burst: u64) -> Rate {
    let burst = if burst == 0 { per_second } else { burst };
    // Rates are at most a million: nothing is lost.
    Rate { per_second: per_second as f64, burst: burst as f64 }
}

fn put(buckets: &mut HashMap<String, Bucket>, who: &str, bucket: Bucket) {
    if let Some(known) = buckets.get_mut(who) {
        *known = bucket;
        return;
    }
    if buckets.len() >= BUCKETS_MAX {
        let idle = buckets.iter().min_by_key(|(_, bucket)| bucket.at).map(|(who, _)| who.clone());
        idle.and_then(|idle| buckets.remove(&idle));
    }
    buckets.insert(who.to_owned(), bucket);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rates(server: u64, burst: u64, client: u64, tool: u64) -> Rates {
        let settings = RateLimit {
            calls_per_second: server,
            burst,
            calls_per_second_per_client: client,
            calls_per_second_per_tool: tool,
        };
        Rates::new(settings).unwrap()
    }

    #[test]
    fn a_refusal_names_the_limit_and_the_time_and_takes_nothing() {
        let (rates, now) = (rates(100, 2, 0, 1), Instant::now());
        assert_eq!(rates.admit("a", "x", now), Ok(()));
        assert_eq!(rates.look("a", "x", now), Ok(()));
        assert_eq!(rates.look("a", "x", now), Ok(()), "to look takes nothing");
        assert_eq!(rates.admit("a", "x", now), Ok(()));
        assert_eq!(rates.look("a", "x", now), Err(rates.admit("a", "x", now).unwrap_err()));
        let refused = rates.admit("a", "y", now).unwrap_err();
        assert_eq!((refused.key, refused.per_second), ("calls_per_second", 100));
        assert!(refused.after <= Duration::from_millis(11), "{refused:?}");
        let later = now + Duration::from_millis(100);
        let refused = rates.admit("a", "x", later).unwrap_err();
        assert_eq!(refused.key, "calls_per_second_per_tool");
        assert!(refused.after > Duration::from_millis(800), "{refused:?}");
        assert_eq!(rates.admit("b", "y", later), Ok(()));
        assert!(Rates::new(RateLimit::default()).is_none());
    }

    #[test]
    fn one_client_does_not_use_up_what_another_may() {
        let (rates, now) = (rates(0, 1, 1, 0), Instant::now());
        assert_eq!(rates.admit("a", "x", now), Ok(()));
        assert!(rates.admit("a", "x", now).is_err());
        assert_eq!(rates.admit("b", "x", now), Ok(()));
        for number in 0..2 * BUCKETS_MAX {
            assert_eq!(rates.admit(&format!("c{number}"), "x", now + Duration::from_secs(1)), Ok(()));
        }
        assert_eq!(rates.buckets.lock().unwrap().clients.len(), BUCKETS_MAX);
    }

    proptest! {
        #[test]
        fn no_more_come_than_burst_and_rate_allow(per_second in 1_u64..50, burst in 1_u64..20, gaps in proptest::collection::vec(0_u64..200, 1..300)) {
            let rates = rates(per_second, burst, 0, 0);
            let start = Instant::now();
            let mut now = start;
            let mut came = 0_u64;
            for gap in gaps {
                now += Duration::from_millis(gap);
                came += u64::from(rates.admit("", "", now).is_ok());
                let allowed = burst as f64 + (now - start).as_secs_f64() * per_second as f64 + 1e-6;
                prop_assert!(came as f64 <= allowed, "{came} came, {allowed} were allowed");
            }
        }
    }
}
