//! What the tests of kills and faults run in a process of its own. Not for users.
//!
//! `hammer load FILE-OR-URL FROM COUNT` does numbered things until COUNT are done, eight at once, each
//! with its number for an idempotency key, and says `did NUMBER` when it was acknowledged. What fails
//! is said and asked again. `hammer migrate FILE VERSION` brings the tables to a version.

use secrecy::SecretString;
use std::io::Write as _;
use std::time::Duration;
use store::idempotency::{self, Seen};
use store::log::{self, NewEvent};
use store::{Error, Options, Place, Store};

/// Things that are being done at any moment.
const AT_ONCE: u64 = 8;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |at: usize| arguments.get(at).map(String::as_str).ok_or("an argument is missing");
    let place = argument(1)?;
    let place =
        if place.starts_with("postgres") { Place::Url(SecretString::from(place)) } else { Place::File(place.into()) };
    match argument(0)? {
        "load" => load(place, argument(2)?.parse()?, argument(3)?.parse()?).await?,
        "migrate" => store::migrate(place, argument(2)?.parse()?).await?,
        _ => return Err("load or migrate".into()),
    }
    say("end")?;
    Ok(())
}

async fn load(place: Place, from: u64, count: u64) -> Result<(), Error> {
    let store = Store::open(place, Options::default()).await?;
    let lines = (0..AT_ONCE.min(count)).map(|line| {
        let store = store.clone();
        tokio::spawn(async move {
            for number in (from + line..from + count).step_by(AT_ONCE as usize) {
                while let Err(error) = one(&store, number).await {
                    let _ = say(&format!("failed {number}: {error}"));
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                let _ = say(&format!("did {number}"));
            }
        })
    });
    for line in lines.collect::<Vec<_>>() {
        line.await.map_err(|_| Error::Closed)?;
    }
    store.close().await;
    Ok(())
}

async fn one(store: &Store, number: u64) -> Result<(), Error> {
    store
        .write("hammer", move |tx| {
            Box::pin(async move {
                let head = tx.lock_stream("hammer").await?;
                let (key, body) = (number.to_string(), "x".repeat(200));
                if idempotency::find(tx, "hammer", &key, b"do it").await? != Seen::New {
                    return Ok(());
                }
                let event = NewEvent { entity: key.clone(), body, key: Some(key.clone()), ..NewEvent::default() };
                log::append(tx, head, vec![event]).await?;
                idempotency::keep(tx, "hammer", &key, b"do it", "done").await
            })
        })
        .await
}

fn say(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
