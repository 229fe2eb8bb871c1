//! Results that are loaded when they are not kept: by one caller for all who want the same, and a
//! little before they end, by one who happens to, so that never all of them are missed at once.

use super::{Cache, Namespace};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::time::Instant;

/// Loads, keeps and gives results. `E` is why one could not be loaded, told to all who waited for it.
#[derive(Debug)]
pub struct ReadThrough<E> {
    cache: Cache,
    name: Namespace,
    flights: Mutex<HashMap<Box<str>, Weak<Flight<E>>>>,
}

/// One loading. Who holds the lock loads; who gets it later finds what came of it.
type Flight<E> = tokio::sync::Mutex<Option<Result<Bytes, E>>>;

// === impl ReadThrough ===

impl<E: Clone> ReadThrough<E> {
    /// Results kept in a namespace of their own.
    #[must_use]
    pub fn new(cache: Cache, name: Namespace) -> Self {
        Self { cache, name, flights: Mutex::default() }
    }

    /// The result of `key`: kept, or loaded and kept for `ttl`. Loads one at a time for each key; where
    /// a kept one is still good, nobody waits for the next.
    ///
    /// # Errors
    /// When it could not be loaded, and none is kept.
    pub async fn get(
        &self,
        key: &str,
        ttl: Duration,
        load: impl Future<Output = Result<Bytes, E>>,
    ) -> Result<Bytes, E> {
        let kept = self.cache.recall(&self.name, key).await;
        if let Some(kept) = &kept
            && !is_due(kept.left, kept.cost, draw())
        {
            return Ok(kept.value.clone());
        }
        let flight = self.flight(key);
        let Some(kept) = kept else {
            let mut place = flight.lock().await;
            // Others may have loaded it while this one waited.
            if let Some(loaded) = &*place {
                return loaded.clone();
            }
            // Or even before this one boarded.
            if let Some(kept) = self.cache.recall(&self.name, key).await {
                return Ok(kept.value);
            }
            let loaded = self.load(key, ttl, load).await;
            *place = Some(loaded.clone());
            return loaded;
        };
        let Ok(mut place) = flight.try_lock() else { return Ok(kept.value) };
        let loaded = self.load(key, ttl, load).await;
        if let Ok(fresh) = loaded {
            *place = Some(Ok(fresh.clone()));
            return Ok(fresh);
        }
        Ok(kept.value)
    }

    async fn load(&self, key: &str, ttl: Duration, load: impl Future<Output = Result<Bytes, E>>) -> Result<Bytes, E> {
        let began = Instant::now();
        let loaded = load.await?;
        self.cache.keep(&self.name, key, &loaded, began.elapsed(), ttl).await;
        Ok(loaded)
    }

    /// The loading of `key` that is under way, or a new one.
    fn flight(&self, key: &str) -> Arc<Flight<E>> {
        let mut flights = self.lock();
        if let Some(flight) = flights.get(key).and_then(Weak::upgrade) {
            return flight;
        }
        // Those that ended are swept before the map would grow.
        if flights.len() == flights.capacity() {
            flights.retain(|_, flight| flight.strong_count() > 0);
        }
        let flight = Arc::new(Flight::default());
        flights.insert(key.into(), Arc::downgrade(&flight));
        flight
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Weak<Flight<E>>>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a result that is good for `left` yet and took `cost` to load is loaded again now. The draw
/// (above 0, up to 1) makes it likelier the nearer the end is: "optimal probabilistic cache stampede
/// prevention" (Vattani, Chierichetti, Lowenstein, VLDB 2015), with their beta of 1.
fn is_due(left: Duration, cost: Duration, draw: f64) -> bool {
    left.as_secs_f64() <= cost.as_secs_f64() * -draw.clamp(f64::MIN_POSITIVE, 1.0).ln()
}

fn draw() -> f64 {
    getrandom::u32().map_or(1.0, |drawn| (f64::from(drawn) + 1.0) / (f64::from(u32::MAX) + 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::CacheSettings;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Notify;

    const HOUR: Duration = Duration::from_secs(3600);

    fn through() -> Arc<ReadThrough<&'static str>> {
        let cache = Cache::open(&CacheSettings::default()).unwrap();
        Arc::new(ReadThrough::new(cache, Namespace::new("test", "me")))
    }

    #[tokio::test(start_paused = true)]
    async fn one_loads_for_all() {
        let (through, loads, gate) = (through(), Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let callers: Vec<_> = (0..50)
            .map(|_| {
                let (through, loads, gate) = (through.clone(), loads.clone(), gate.clone());
                tokio::spawn(async move {
                    let load = async {
                        loads.fetch_add(1, Ordering::Relaxed);
                        gate.notified().await;
                        Ok(Bytes::from_static(b"result"))
                    };
                    through.get("key", HOUR, load).await
                })
            })
            .collect();
        while loads.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        gate.notify_one();
        for caller in callers {
            assert_eq!(caller.await.unwrap().unwrap(), "result");
        }
        assert_eq!(loads.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_told_to_who_waited_and_to_nobody_after() {
        let (through, gate) = (through(), Arc::new(Notify::new()));
        let first = tokio::spawn({
            let (through, gate) = (through.clone(), gate.clone());
            async move {
                let load = async {
                    gate.notified().await;
                    Err("down")
                };
                through.get("key", HOUR, load).await
            }
        });
        tokio::task::yield_now().await;
        let second = tokio::spawn({
            let through = through.clone();
            async move { through.get("key", HOUR, async { Ok(Bytes::from_static(b"never asked")) }).await }
        });
        tokio::task::yield_now().await;
        gate.notify_one();
        assert_eq!((first.await.unwrap(), second.await.unwrap()), (Err("down"), Err("down")));
        assert_eq!(through.get("key", HOUR, async { Ok(Bytes::from_static(b"up")) }).await.unwrap(), "up");
    }

    #[tokio::test(start_paused = true)]
    async fn who_goes_away_leaves_the_loading_to_the_next() {
        let through = through();
        let gone = tokio::spawn({
            let through = through.clone();
            async move { through.get("key", HOUR, std::future::pending()).await }
        });
        tokio::task::yield_now().await;
        let next = tokio::spawn({
            let through = through.clone();
            async move { through.get("key", HOUR, async { Ok(Bytes::from_static(b"mine")) }).await }
        });
        tokio::task::yield_now().await;
        gone.abort();
        assert_eq!(next.await.unwrap().unwrap(), "mine");
    }

    #[tokio::test(start_paused = true)]
    async fn what_ended_is_loaded_again_and_what_is_good_survives_a_failure() {
        let through = through();
        let slow = async {
            tokio::time::sleep(Duration::from_secs(60)).await;
            Ok(Bytes::from_static(b"one"))
        };
        assert_eq!(through.get("key", HOUR, slow).await.unwrap(), "one");
        // So near the end it is due with any draw that is likely, and cannot be loaded.
        tokio::time::advance(HOUR - Duration::from_millis(1)).await;
        assert_eq!(through.get("key", HOUR, async { Err("down") }).await.unwrap(), "one");
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(through.get("key", HOUR, async { Err("down") }).await, Err("down"));
        for number in 0..1000 {
            let load = async { Ok(Bytes::from_static(b"x")) };
            through.get(&number.to_string(), HOUR, load).await.unwrap();
        }
        assert!(through.lock().len() < 100, "loadings that ended are forgotten");
    }

    #[test]
    fn the_nearer_the_end_the_likelier_it_is_loaded_again() {
        let (cost, draws) = (Duration::from_secs(1), (1..=1000).map(|draw| f64::from(draw) / 1000.0));
        let share = |left: u64| {
            let due = draws.clone().filter(|draw| is_due(Duration::from_millis(left), cost, *draw)).count();
            due as f64 / 1000.0
        };
        assert!(share(0) > 0.99 && (0.3..0.4).contains(&share(1000)) && share(7000) < 0.01, "{}", share(1000));
        assert!(!is_due(HOUR, Duration::ZERO, 0.5), "what costs nothing is never loaded too early");
    }
}
