//! The one connection to Redis, made when it is needed and thrown away when it fails: every question
//! has a time, and a Redis that is gone is left alone for a while. What is asked, `redis.rs` says.

use super::CacheError;
use super::breaker::{Breaker, Leave};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, Pipeline, RedisError, RedisResult, Value};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// A Redis that may come and go.
#[derive(Debug)]
pub(super) struct Link {
    client: Client,
    timeout: Duration,
    live: Mutex<Option<Live>>,
    /// Held while a connection is made: one at a time makes one for all.
    making: tokio::sync::Mutex<()>,
    made: AtomicU64,
    breaker: Mutex<Breaker>,
}

#[derive(Debug, Clone)]
struct Live {
    number: u64,
    connection: MultiplexedConnection,
}

/// Leave to ask, given back however it ends.
struct Pass<'a> {
    link: &'a Link,
    leave: Leave,
    settled: bool,
}

// === impl Pass ===

impl Pass<'_> {
    fn answered(mut self) {
        self.settled = true;
        if self.link.breaker().answered() {
            tracing::info!("Redis answers again");
        }
    }

    fn failed(mut self, error: &CacheError) {
        self.settled = true;
        if self.link.breaker().failed(self.leave, Instant::now(), spread()) {
            tracing::warn!(%error, "Redis is left alone for a while; what was kept there is missed");
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.link.breaker().abandoned(self.leave);
        }
    }
}

// === impl Link ===

impl Link {
    /// A link to the Redis at `url`, which is not asked yet.
    ///
    /// # Errors
    /// A URL that is none of Redis.
    pub(super) fn new(url: &str, timeout: Duration) -> Result<Self, CacheError> {
        let client = Client::open(url).map_err(|error| CacheError::Url(reason(&error)))?;
        Ok(Self {
            client,
            timeout,
            live: Mutex::default(),
            making: tokio::sync::Mutex::default(),
            made: AtomicU64::new(0),
            breaker: Mutex::default(),
        })
    }

    /// The number of the database that the URL names.
    pub(super) fn database(&self) -> i64 {
        self.client.get_connection_info().redis_settings().db()
    }

    /// Asks everything in `questions` at once; the answers come in their order, and each may be a no.
    ///
    /// # Errors
    /// When there is no answer in time, or there was none too often.
    pub(super) async fn ask(&self, questions: &Pipeline) -> Result<Vec<RedisResult<Value>>, CacheError> {
        let leave = self.breaker().ask(Instant::now());
        let leave = leave.map_err(|left| {
            CacheError::Unreachable(format!("it failed repeatedly and is tried again in {} ms", left.as_millis()))
        })?;
        let pass = Pass { link: self, leave, settled: false };
        let mut used = None;
        let asked = timeout(self.timeout, async {
            let mut live = self.connection(leave).await?;
            used = Some(live.number);
            let answers = questions.query_async::<Vec<RedisResult<Value>>>(&mut live.connection).await;
            answers.map_err(Some)
        });
        let error = match asked.await {
            Ok(Ok(answers)) => match answers.iter().find_map(|answer| answer.as_ref().err().filter(|no| is_outage(no)))
            {
                None => {
                    pass.answered();
                    return Ok(answers);
                }
                Some(no) => CacheError::Unreachable(reason(no)),
            },
            Ok(Err(Some(no))) => match refusal(&no) {
                Some(refusal) => {
                    pass.answered();
                    return Err(refusal);
                }
                None => CacheError::Unreachable(reason(&no)),
            },
            // Others found out while this one waited for them.
            Ok(Err(None)) => return Err(CacheError::Unreachable("it failed repeatedly".to_owned())),
            Err(_) => CacheError::Timeout(self.timeout),
        };
        self.drop_connection(used);
        pass.failed(&error);
        Err(error)
    }

    /// The connection, which is made first where there is none. `None` for who waited until the
    /// others gave up.
    async fn connection(&self, leave: Leave) -> Result<Live, Option<RedisError>> {
        if let Some(live) = self.live().clone() {
            return Ok(live);
        }
        let _making = self.making.lock().await;
        if let Some(live) = self.live().clone() {
            return Ok(live);
        }
        if leave == Leave::Usual && self.breaker().ask(Instant::now()) != Ok(Leave::Usual) {
            return Err(None);
        }
        let settings =
            AsyncConnectionConfig::new().set_connection_timeout(Some(self.timeout)).set_response_timeout(None);
        let connection = self.client.get_multiplexed_async_connection_with_config(&settings).await?;
        let live = Live { number: self.made.fetch_add(1, Ordering::Relaxed), connection };
        *self.live() = Some(live.clone());
        Ok(live)
    }

    /// Drops the connection, unless that was done and another is there already.
    fn drop_connection(&self, used: Option<u64>) {
        let mut live = self.live();
        if live.as_ref().is_some_and(|live| used == Some(live.number)) {
            *live = None;
        }
    }

    fn live(&self) -> MutexGuard<'_, Option<Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether Redis answered only that it cannot work now. One that only takes no writes (`OOM`,
/// `READONLY`, `MISCONF`) is still read.
fn is_outage(error: &RedisError) -> bool {
    matches!(error.code(), Some("LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "NOAUTH"))
}

/// What Redis said, if it did answer the whole with a no.
fn refusal(error: &RedisError) -> Option<CacheError> {
    let said = matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension) && !is_outage(error);
    said.then(|| CacheError::Refused(reason(error)))
}

/// What a person needs of an error of Redis, without addresses and passwords.
pub(super) fn reason(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => error.to_string(),
    }
}

/// Between 0 and 1.
fn spread() -> f64 {
    getrandom::u32().map_or(0.5, |drawn| f64::from(drawn) / f64::from(u32::MAX))
}
