//! F-34: the wall clock jumps, the machine sleeps or starts again; leases do not mind.

use crate::base::{Base, write};
use std::sync::{Arc, Mutex};
use store::{Clock, Error, Moment, Store};

const HOUR_MS: i64 = 3_600_000;
const YEARS_10_MS: i64 = 10 * 366 * 24 * HOUR_MS;

#[derive(Debug)]
struct Dial(Mutex<Moment>);

impl Clock for Dial {
    fn read(&self) -> Moment {
        self.0.lock().unwrap().clone()
    }
}

impl Dial {
    fn turn(&self, wall_ms: i64, up_ms: i64) {
        let mut moment = self.0.lock().unwrap();
        moment.wall_ms += wall_ms;
        moment.up_ms += up_ms;
    }
}

async fn now(store: &Store) -> i64 {
    write(store, |tx| Box::pin(async move { Ok::<_, Error>(tx.now_ms()) })).await.unwrap()
}

#[tokio::test]
async fn f_34_no_jump_of_the_wall_clock_ends_a_lease_early_or_keeps_it_long() {
    let moment = Moment { wall_ms: 1_800_000_000_000, up_ms: 1_000_000, boot: "first".into() };
    let dial = Arc::new(Dial(Mutex::new(moment)));
    let base = Base::file();
    let stores = [base.open_with_clock(dial.clone()).await, base.open_with_clock(dial.clone()).await];
    let mut last = now(&stores[0]).await;
    assert_eq!(last, 1_800_000_000_000);
    for (at, jump) in [HOUR_MS, -HOUR_MS, YEARS_10_MS, -YEARS_10_MS, -YEARS_10_MS].into_iter().enumerate() {
        dial.turn(jump, 0);
        let jumped = now(&stores[at % 2]).await;
        assert_eq!(jumped, last, "the jump is not seen");
        // A lease of a minute, renewed by nobody: it is over after a minute, give or take a tenth.
        dial.turn(60_000, 60_000);
        let later = now(&stores[(at + 1) % 2]).await;
        assert!((54_000..=66_000).contains(&(later - jumped)), "{}", later - jumped);
        last = later;
    }
    // Asleep for eight hours: the clock since the start goes on, and so do leases.
    dial.turn(8 * HOUR_MS, 8 * HOUR_MS);
    let woken = now(&stores[0]).await;
    assert!(woken - last >= 7 * HOUR_MS);
    // Started again, with a wall clock that is far behind.
    *dial.0.lock().unwrap() = Moment { wall_ms: 0, up_ms: 5_000, boot: "second".into() };
    assert!(now(&stores[1]).await > woken);
}

#[tokio::test]
async fn the_real_clock_is_near_the_wall_clock() {
    let base = Base::file();
    let store = base.open().await;
    let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    assert!((now(&store).await - i64::try_from(wall).unwrap()).abs() < 60_000);
}
