//! The cold start: from an instant in the past to the first `tools/list` with all tools in it.
//!
//! An early answer with an incomplete list gains nothing: it is asked again.

use crate::connection::{Connection, Target};
use bench::{Failure, Flags};
use serde_json::{Value, json};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::time::{sleep, timeout_at};

/// Between two attempts; short beside any cold start, long enough to leave the processor alone.
const PAUSE: Duration = Duration::from_micros(500);

/// Polls until the list is full or `--timeout` has passed.
pub(crate) async fn run(flags: &Flags) -> Result<Value, Failure> {
    let target = Target::new(flags)?;
    let wanted: usize = flags.number("tools", 1)?;
    let unix_ns = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
    // The time of day is what two processes share; it is read once, the rest is monotonic.
    let since: u128 = flags.number("since", unix_ns)?;
    let earlier = Duration::from_nanos(u64::try_from(unix_ns.saturating_sub(since))?);
    let began = Instant::now();
    let limit = Duration::from_secs_f64(flags.number("timeout", 30.0)?);
    let deadline = tokio::time::Instant::now() + limit;
    let mut seen = String::from("nothing listened");
    let waited = timeout_at(deadline, async {
        loop {
            match poll(&target, wanted, &mut seen).await {
                Ok(()) => return earlier + began.elapsed(),
                Err(why) => seen = why.to_string(),
            }
            sleep(PAUSE).await;
        }
    });
    match waited.await {
        Ok(spent) => Ok(json!({"ready": true, "list_ms": spent.as_secs_f64() * 1e3, "tools": wanted})),
        Err(_) => Ok(json!({"ready": false, "last": seen})),
    }
}

/// One connection, asked until its list is full.
async fn poll(target: &Target, wanted: usize, seen: &mut String) -> Result<(), Failure> {
    let mut connection = Connection::open(target).await?;
    loop {
        let tools = connection.tools().await?.len();
        if tools >= wanted {
            return Ok(());
        }
        *seen = format!("{tools} of {wanted} tools");
        sleep(PAUSE).await;
    }
}
