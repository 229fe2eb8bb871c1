//! Measures durable writes a second: one after the other, and 16 at once. Not for users.
//!
//! `cargo run --release -p store --example speed -- FILE-OR-URL SECONDS`

use secrecy::SecretString;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use store::log::{self, NewEvent};
use store::{Error, Options, Place, Store};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let place = arguments.next().ok_or("FILE-OR-URL is missing")?;
    let seconds = arguments.next().unwrap_or_else(|| "3".to_owned()).parse()?;
    let place =
        if place.starts_with("postgres") { Place::Url(SecretString::from(place)) } else { Place::File(place.into()) };
    let began = Instant::now();
    let store = Store::open(place.clone(), Options::default()).await?;
    let first = began.elapsed();
    store.close().await;
    let began = Instant::now();
    let store = Store::open(place, Options::default()).await?;
    say(&format!("opened: {first:?} the first time, {:?} the second", began.elapsed()))?;
    for at_once in [1, 16, 64] {
        let (count, mut waits) = load(&store, at_once, Duration::from_secs(seconds)).await?;
        waits.sort_unstable();
        let rate = count / seconds;
        let part = |percent: usize| waits.get(waits.len() * percent / 100).copied().unwrap_or_default();
        say(&format!("{at_once:>3} at once: {rate:>6} writes/s, p50 {:?}, p99 {:?}", part(50), part(99)))?;
    }
    let began = Instant::now();
    let mut reads = 0_u32;
    while began.elapsed() < Duration::from_secs(seconds) {
        store.read("speed", |tx| Box::pin(async move { log::read(tx, "speed", 10, 10).await })).await.map(drop)?;
        reads += 1;
    }
    say(&format!("reads: {:?} each", began.elapsed() / reads.max(1)))?;
    store.close().await;
    Ok(())
}

async fn load(store: &Store, at_once: usize, time: Duration) -> Result<(u64, Vec<Duration>), Error> {
    let count = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..at_once {
        let (store, count) = (store.clone(), Arc::clone(&count));
        tasks.push(tokio::spawn(async move {
            let mut waits = Vec::new();
            while began.elapsed() < time {
                let asked = Instant::now();
                store
                    .write("speed", |tx| {
                        Box::pin(async move {
                            let head = tx.lock_stream("speed").await?;
                            let event = NewEvent { body: "{\"title\":\"a task\"}".repeat(5), ..NewEvent::default() };
                            log::append(tx, head, vec![event]).await.map(drop)
                        })
                    })
                    .await
                    .map_err(|error: Error| error)?;
                waits.push(asked.elapsed());
                count.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<_, Error>(waits)
        }));
    }
    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(task.await.map_err(|_| Error::Closed)??);
    }
    Ok((count.load(Ordering::Relaxed), waits))
}

fn say(line: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{line}")
}
