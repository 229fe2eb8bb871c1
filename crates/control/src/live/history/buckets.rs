//! What happened in ten seconds, and in longer times put together of them: how many calls, how long they
//! took, and what the process used. Only arithmetic: the clock and the store are elsewhere.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Time of one bucket, in milliseconds.
pub(crate) const STEP_MS: i64 = 10_000;
/// Milliseconds of a row of the store.
pub(crate) const MINUTE_MS: i64 = 60_000;
/// Times twice as long are so many classes apart: a percentile is right within a tenth.
const CLASSES_PER_DOUBLE: f64 = 4.0;

/// How long calls took: how many there are of each class, by the logarithm of microseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Times(BTreeMap<u8, u64>);

/// What happened in one step of time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bucket {
    #[serde(rename = "c", default)]
    pub(crate) calls: u64,
    #[serde(rename = "e", default)]
    pub(crate) errors: u64,
    #[serde(rename = "t", default)]
    pub(crate) times: Times,
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub(crate) memory_bytes: Option<u64>,
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub(crate) cpu_percent: Option<f64>,
}

/// A point of a chart.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct Point {
    /// When its step begins, in milliseconds since 1970.
    pub(crate) at_ms: i64,
    pub(crate) calls: u64,
    pub(crate) errors: u64,
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p95_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) cpu_percent: Option<f64>,
}

/// Buckets by the number of their step since 1970.
pub(crate) type Series = BTreeMap<i64, Bucket>;

// === impl Times ===

impl Times {
    pub(crate) fn add(&mut self, micros: u64) {
        let class = (micros.max(1) as f64).log2() * CLASSES_PER_DOUBLE;
        *self.0.entry(class.min(f64::from(u8::MAX)) as u8).or_default() += 1;
    }

    fn merge(&mut self, other: &Self) {
        for (class, count) in &other.0 {
            *self.0.entry(*class).or_default() += count;
        }
    }

    /// Milliseconds that this part of the calls took at most, roughly; none without a call.
    pub(crate) fn percentile_ms(&self, part: f64) -> Option<f64> {
        let all: u64 = self.0.values().sum();
        let wanted = ((all as f64 * part).ceil() as u64).max(1);
        let mut seen = 0;
        let class = self.0.iter().find(|(_, count)| {
            seen += **count;
            seen >= wanted
        });
        let middle = |class: u8| ((f64::from(class) + 0.5) / CLASSES_PER_DOUBLE).exp2();
        // Three decimals: a microsecond.
        class.map(|(class, _)| middle(*class).round() / 1000.0)
    }
}

// === impl Bucket ===

impl Bucket {
    pub(crate) fn merge(&mut self, other: &Self) {
        self.calls += other.calls;
        self.errors += other.errors;
        self.times.merge(&other.times);
        self.memory_bytes = self.memory_bytes.max(other.memory_bytes);
        self.cpu_percent = match (self.cpu_percent, other.cpu_percent) {
            (Some(one), Some(other)) => Some(one.max(other)),
            (one, other) => one.or(other),
        };
    }

    pub(crate) fn point(&self, at_ms: i64) -> Point {
        Point {
            at_ms,
            calls: self.calls,
            errors: self.errors,
            p50_ms: self.times.percentile_ms(0.50),
            p95_ms: self.times.percentile_ms(0.95),
            p99_ms: self.times.percentile_ms(0.99),
            memory_bytes: self.memory_bytes,
            cpu_percent: self.cpu_percent,
        }
    }
}

/// Everything between two times in milliseconds as one bucket.
pub(crate) fn sum(series: &Series, from_ms: i64, to_ms: i64) -> Bucket {
    let mut sum = Bucket::default();
    series.range(from_ms.div_euclid(STEP_MS)..=to_ms.div_euclid(STEP_MS)).for_each(|(_, bucket)| sum.merge(bucket));
    sum
}

/// A point for each step of `step_ms` from the first bucket on. Where nothing was measured for a little
/// while, nothing happened: the figures of the process are those of before.
pub(crate) fn points(series: &Series, from_ms: i64, now_ms: i64, step_ms: i64) -> Vec<Point> {
    let mut steps: BTreeMap<i64, Bucket> = BTreeMap::new();
    for (step, bucket) in series.range(from_ms.div_euclid(STEP_MS)..) {
        steps.entry((step * STEP_MS).div_euclid(step_ms)).or_default().merge(bucket);
    }
    let Some(first) = steps.keys().next().copied() else { return Vec::new() };
    let lasting = (2 * MINUTE_MS).div_euclid(step_ms);
    let mut before: Option<(i64, Option<u64>, Option<f64>)> = None;
    let mut points = Vec::new();
    for step in first..=now_ms.div_euclid(step_ms) {
        let mut bucket = steps.remove(&step).unwrap_or_default();
        match before {
            _ if bucket.memory_bytes.is_some() => before = Some((step, bucket.memory_bytes, bucket.cpu_percent)),
            Some((since, memory, cpu)) if step - since <= lasting => {
                (bucket.memory_bytes, bucket.cpu_percent) = (memory, cpu);
            }
            _ => {}
        }
        points.push(bucket.point(step * step_ms));
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn points_lie_on_a_grid_and_quiet_times_are_filled() {
        let mut series = Series::new();
        let mut one =
            Bucket { calls: 2, errors: 1, memory_bytes: Some(9), cpu_percent: Some(1.5), ..Bucket::default() };
        one.times.add(1_000);
        one.times.add(2_000);
        series.insert(100, one);
        series.insert(104, Bucket { calls: 1, ..Bucket::default() });
        let all = points(&series, 0, 105 * STEP_MS + 5, STEP_MS);
        assert_eq!(all.iter().map(|point| point.calls).collect::<Vec<_>>(), [2, 0, 0, 0, 1, 0]);
        assert_eq!((all[0].at_ms, all[3].memory_bytes, all[3].p50_ms), (100 * STEP_MS, Some(9), None));
        let coarse = points(&series, 0, 105 * STEP_MS, MINUTE_MS);
        assert_eq!(coarse.iter().map(|point| (point.calls, point.errors)).collect::<Vec<_>>(), [(2, 1), (1, 0)]);
        assert_eq!(sum(&series, 100 * STEP_MS, 104 * STEP_MS).calls, 3);
    }

    proptest! {
        #[test]
        fn a_percentile_is_right_within_a_tenth(mut times in prop::collection::vec(20_u64..50_000_000, 1..200)) {
            let mut counted = Times::default();
            times.iter().for_each(|micros| counted.add(*micros));
            times.sort_unstable();
            for part in [0.5, 0.95, 0.99] {
                let at = ((times.len() as f64 * part).ceil() as usize).max(1) - 1;
                let (is, should) = (counted.percentile_ms(part).unwrap(), times[at] as f64 / 1000.0);
                prop_assert!((is / should - 1.0).abs() < 0.11, "{is} {should}");
            }
        }

        #[test]
        fn a_bucket_reads_back_as_it_was_written(calls in 0_u64..9, micros in prop::collection::vec(any::<u64>(), 0..9)) {
            let mut bucket = Bucket { calls, ..Bucket::default() };
            micros.into_iter().for_each(|micros| bucket.times.add(micros));
            let json = serde_json::to_string(&bucket).unwrap();
            prop_assert_eq!(serde_json::from_str::<Bucket>(&json).unwrap(), bucket);
        }
    }
}
