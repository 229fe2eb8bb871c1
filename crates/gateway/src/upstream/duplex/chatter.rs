//! How much a server may say that is of no use to any call: noise, answers to nothing, storms of
//! requests and news. Who has said too much is read more slowly, so that it waits in its own write
//! and not others for a processor. A pure budget: it is told sizes and the time, and never sleeps.

use std::time::Duration;
use tokio::time::Instant;

/// What may come at once, in bytes: a server that prints pages at its start is nothing special.
const BURST: u64 = 1 << 20;
/// What may come for ever, in bytes a second.
const PER_SECOND: u64 = 4 << 20;
/// What a line costs besides its bytes: it is looked at, counted and logged.
const LINE: u64 = 512;
/// What an empty line costs: some servers put one between messages.
const BLANK: u64 = 32;
/// Bytes of a line that is being cut off are only looked through for its end.
const CUT_SHARE: u64 = 16;

/// What a server has said for nothing, less what time has forgiven.
#[derive(Debug)]
pub(super) struct Chatter {
    bytes: u64,
    at: Instant,
}

/// What a line of no use costs.
pub(super) fn line(bytes: usize) -> u64 {
    if bytes == 0 { BLANK } else { bytes as u64 + LINE }
}

/// What bytes cost that are dropped unread.
pub(super) fn cut(bytes: usize) -> u64 {
    bytes as u64 / CUT_SHARE
}

impl Chatter {
    pub(super) fn new(now: Instant) -> Self {
        Self { bytes: 0, at: now }
    }

    /// Adds what came for nothing; says how long reading should rest.
    pub(super) fn add(&mut self, cost: u64, now: Instant) -> Option<Duration> {
        let passed = u64::try_from(now.saturating_duration_since(self.at).as_micros()).unwrap_or(u64::MAX);
        self.at = now;
        self.bytes = self.bytes.saturating_sub(passed.saturating_mul(PER_SECOND) / 1_000_000).saturating_add(cost);
        let over = self.bytes.checked_sub(BURST).filter(|over| *over > 0)?;
        Some(Duration::from_micros(over.saturating_mul(1_000_000) / PER_SECOND))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long it takes to say so much in pieces, when each pause that is asked for is kept.
    fn time_for(pieces: u64, cost: u64) -> Duration {
        let begun = Instant::now();
        let (mut chatter, mut now) = (Chatter::new(begun), begun);
        for _ in 0..pieces {
            now += chatter.add(cost, now).unwrap_or_default();
        }
        now - begun
    }

    #[test]
    fn a_page_at_the_start_is_free_and_a_flood_is_held_to_its_rate() {
        assert_eq!(time_for(1_000, line(400)), Duration::ZERO);
        // 400 MiB of lines are paid for, less the burst.
        let flood = time_for(100_000, line(4_194_304 / 1_000));
        let rate = 100_000.0 * line(4_194) as f64 / flood.as_secs_f64();
        assert!((rate / PER_SECOND as f64 - 1.0).abs() < 0.01, "{rate}");
    }

    #[test]
    fn time_forgives() {
        let begun = Instant::now();
        let mut chatter = Chatter::new(begun);
        assert!(chatter.add(BURST * 2, begun).is_some());
        assert_eq!(chatter.add(line(100), begun + Duration::from_secs(1)), None);
    }
}
