//! Equal calls at the same time are one call: the first makes it, the others get its result. One
//! that fails or is cancelled lets the next try; after two failures each makes its own.

use super::cache::CacheKey;
use protocol::Raw;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::{Semaphore, SemaphorePermit};

/// How many may try one after the other.
const LEADERS_MAX: u32 = 2;

/// The calls that others may wait for.
#[derive(Debug, Default)]
pub(crate) struct Flights(Mutex<HashMap<CacheKey, Boarded>>);

/// A flight, and how many take part: counted under the lock, since who leaves last clears up.
#[derive(Debug)]
struct Boarded {
    flight: Arc<Flight>,
    passengers: usize,
}

#[derive(Debug)]
struct Flight {
    turn: Semaphore,
    landed: OnceLock<Raw>,
    failed: AtomicU32,
}

/// One call that takes part; the flight is forgotten with the last.
pub(crate) struct Passenger<'a> {
    flights: &'a Flights,
    key: &'a CacheKey,
    flight: Arc<Flight>,
}

/// What a passenger is to do.
pub(crate) enum Part<'a> {
    /// Make the call, then say how it went.
    Lead(Lead<'a>),
    /// Somebody else made it.
    Landed(Raw),
    /// Make the call for itself alone.
    Alone,
}

/// It is one's turn to call. Dropping it lets the next try.
pub(crate) struct Lead<'a> {
    flight: &'a Flight,
    _turn: SemaphorePermit<'a>,
}

impl Flights {
    /// Takes part in the call of `key`.
    pub(crate) fn board<'a>(&'a self, key: &'a CacheKey) -> Passenger<'a> {
        let fresh = || Arc::new(Flight { turn: Semaphore::new(1), landed: OnceLock::new(), failed: AtomicU32::new(0) });
        let mut flights = self.lock();
        let boarded = flights.entry(key.clone()).or_insert_with(|| Boarded { flight: fresh(), passengers: 0 });
        boarded.passengers += 1;
        let flight = boarded.flight.clone();
        drop(flights);
        Passenger { flights: self, key, flight }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CacheKey, Boarded>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Passenger<'_> {
    /// Waits for one's part.
    pub(crate) async fn part(&self) -> Part<'_> {
        let Ok(turn) = self.flight.turn.acquire().await else { return Part::Alone };
        match self.flight.landed.get() {
            Some(result) => Part::Landed(result.clone()),
            None if self.flight.failed.load(Ordering::Relaxed) >= LEADERS_MAX => Part::Alone,
            None => Part::Lead(Lead { flight: &self.flight, _turn: turn }),
        }
    }
}

impl Lead<'_> {
    /// The result that everybody gets.
    pub(crate) fn landed(self, result: Raw) {
        // Only one leads at a time, so nobody has set it.
        let _ = self.flight.landed.set(result);
    }

    /// There is none that others could have.
    pub(crate) fn failed(self) {
        self.flight.failed.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Passenger<'_> {
    fn drop(&mut self) {
        let mut flights = self.flights.lock();
        let boarded = flights.get_mut(self.key).filter(|boarded| Arc::ptr_eq(&boarded.flight, &self.flight));
        let Some(boarded) = boarded else { return };
        boarded.passengers -= 1;
        // Who comes after it has landed asks the cache.
        if boarded.passengers == 0 || self.flight.landed.get().is_some() {
            flights.remove(self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Principal;

    fn key() -> CacheKey {
        CacheKey::new(&"s".into(), &"t".into(), &[0; 32], &Principal::new("me"), None, [None, None])
    }

    #[tokio::test]
    async fn one_leads_and_the_others_land_with_it() {
        let (flights, key) = (Flights::default(), key());
        let (first, second) = (flights.board(&key), flights.board(&key));
        let Part::Lead(lead) = first.part().await else { panic!("the first leads") };
        let mut waiting = Box::pin(second.part());
        assert!(futures_util::poll!(waiting.as_mut()).is_pending());
        lead.landed(Raw::of("done"));
        assert!(matches!(waiting.await, Part::Landed(result) if result.as_str() == "\"done\""));
        drop((first, second));
        assert!(flights.lock().is_empty());
    }

    #[test]
    fn those_who_leave_at_once_leave_nothing_behind() {
        let (flights, key) = (Flights::default(), key());
        let together = std::sync::Barrier::new(2);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..2000 {
                        let passenger = flights.board(&key);
                        together.wait();
                        drop(passenger);
                        together.wait();
                        assert!(flights.lock().is_empty());
                        together.wait();
                    }
                });
            }
        });
    }

    #[tokio::test]
    async fn a_leader_that_is_cancelled_or_fails_lets_the_next_try_and_then_everybody() {
        let (flights, key) = (Flights::default(), key());
        let passengers: Vec<_> = (0..5).map(|_| flights.board(&key)).collect();
        let Part::Lead(cancelled) = passengers[0].part().await else { panic!("the first leads") };
        drop(cancelled);
        for passenger in &passengers[1..3] {
            let Part::Lead(lead) = passenger.part().await else { panic!("the next leads") };
            lead.failed();
        }
        for passenger in &passengers[3..] {
            assert!(matches!(passenger.part().await, Part::Alone));
        }
        drop(passengers);
        assert!(flights.lock().is_empty());
    }
}
