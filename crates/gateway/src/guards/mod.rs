//! What stands between a call that may be made and the server that gets it: how often, how many at
//! once, whether it is worth trying, whether it is safe to try twice, whether the answer is known.
//!
//! Each guard is a decision in a file of its own, told what it needs; here they are put together for
//! one server. Nothing here calls a server: `send.rs` and `path.rs` do.

mod bulkhead;

mod breaker;

mod rates;

pub(crate) mod retry;

mod cache;
pub use cache::{CacheKey, Keep, MemoryCache, ResultCache};

mod flights;
pub(crate) use flights::{Flights, Part};

mod canonical;

mod approved;
pub use approved::{ApprovedServer, ApprovedTools, digest};
use approved::{Standing, ToolFacts};

pub(crate) mod group;
pub use group::{Fitness, GroupMember, members};

mod path;
pub(crate) use path::Sending;

mod review;

use crate::policy::Action;
use arc_swap::ArcSwap;
use breaker::{Breaker, Leave, Outcome};
use bulkhead::Bulkhead;
use globset::{Glob, GlobSet, GlobSetBuilder};
use protocol::{Call, Delivery, Error, ErrorKind, Raw, Reply, Text};
use rates::Rates;
use retry::Budget;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::SemaphorePermit;
use tokio::time::Instant;

/// The guards of one server. What has a memory is kept when the entry changes in something else.
#[derive(Debug)]
pub struct Guards {
    bulkhead: Arc<Bulkhead>,
    waiting_max: usize,
    rates: Option<Arc<Rates>>,
    breaker: Arc<Breaker>,
    budget: Arc<Budget>,
    facts: Arc<ArcSwap<ToolFacts>>,
    hits: Arc<Hits>,
    /// Hash of the entry: results of a server that was another one are not given again.
    identity: Arc<str>,
    /// `tools.safe`.
    safe: GlobSet,
    /// `cache.tools`; none keeps nothing.
    kept: Option<GlobSet>,
}

/// How often the answer was known.
#[derive(Debug, Default)]
struct Hits {
    hits: AtomicU64,
    misses: AtomicU64,
}

/// A tool that is not as it was approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unapproved {
    /// The server's own name of it.
    pub tool: String,
    /// Whether it was not there when the others were approved.
    pub new: bool,
    /// Its definition as it was approved, where this process has seen it.
    pub before: Option<Raw>,
}

/// Leave to make one call, and its place.
pub(crate) struct Pass<'a> {
    breaker: &'a Breaker,
    leave: Option<Leave>,
    _place: SemaphorePermit<'a>,
}

impl Guards {
    /// The guards of `entry`, which take over from `before` what they remember; `waiting_max` calls
    /// wait for a place.
    pub(crate) fn of(entry: &config::Server, waiting_max: usize, before: Option<&Self>) -> Self {
        let config::Guards { max_concurrent, rate_limit, breaker, cache, .. } = &entry.guards;
        let bulkhead = before.map(|before| &before.bulkhead).filter(|before| before.most() == *max_concurrent);
        let rates = before.and_then(|before| before.rates.as_ref()).filter(|before| before.settings() == *rate_limit);
        let breaker_before = before.map(|before| &before.breaker).filter(|before| before.settings() == *breaker);
        Self {
            // A changed number opens a new room; who is in the old one leaves it as it pleases.
            budget: match (bulkhead, before) {
                (Some(_), Some(before)) => before.budget.clone(),
                _ => Arc::new(Budget::new(*max_concurrent)),
            },
            bulkhead: bulkhead.cloned().unwrap_or_else(|| Arc::new(Bulkhead::new(*max_concurrent, waiting_max))),
            waiting_max,
            rates: rates.cloned().or_else(|| Rates::new(*rate_limit).map(Arc::new)),
            breaker: breaker_before.cloned().unwrap_or_else(|| Arc::new(Breaker::new(*breaker))),
            facts: before.map(|before| before.facts.clone()).unwrap_or_default(),
            hits: before.map(|before| before.hits.clone()).unwrap_or_default(),
            identity: entry.fingerprint().into(),
            safe: globs(&entry.tools.safe),
            kept: (!cache.tools.is_empty()).then(|| globs(&cache.tools)),
        }
    }

    /// The guards of the same server under an adjusted entry.
    pub(crate) fn adjusted(&self, entry: &config::Server) -> Self {
        Self::of(entry, self.waiting_max, Some(self))
    }

    /// Whether this client may make this `call` of `own` of the server called `name` so soon.
    ///
    /// # Errors
    /// [`ErrorKind::Overloaded`] with the rate that is reached and when to come again.
    pub(crate) fn admit(&self, name: &str, call: &Call, action: Action, own: &str) -> Result<(), Error> {
        let Some(rates) = &self.rates else { return Ok(()) };
        let context = &call.context;
        // Tools are those that the server lists; URIs and the like are whatever a client writes.
        let own = if action == Action::CallTool { own } else { call.method.as_str() };
        let client = context.session.as_deref().unwrap_or(context.principal.as_str());
        rates.admit(client, own, Instant::now()).map_err(|exceeded| too_often(name, exceeded))
    }

    /// Whether `client` could call `own` of the server called `name` now; nothing where no rate is
    /// limited. To explain, not for calls.
    #[must_use]
    pub fn rate(&self, name: &str, client: &str, own: &str) -> Option<Result<(), Error>> {
        let rates = self.rates.as_ref()?;
        Some(rates.look(client, own, Instant::now()).map_err(|exceeded| too_often(name, exceeded)))
    }

    /// How many calls are let in at once, and how many more may wait.
    #[must_use]
    pub fn places(&self) -> (usize, usize) {
        (self.bulkhead.most(), self.bulkhead.waiting_max())
    }

    /// Leave for one call to the server called `name`; none when it has to wait for a place.
    ///
    /// # Errors
    /// [`ErrorKind::UpstreamDown`] while the server is left alone.
    pub(crate) fn try_enter(&self, name: &str) -> Result<Option<Pass<'_>>, Error> {
        let leave = self.leave(name)?;
        let Some(place) = self.bulkhead.try_enter() else {
            self.breaker.ended(leave, Outcome::Unknown, "");
            return Ok(None);
        };
        Ok(Some(Pass { breaker: &self.breaker, leave: Some(leave), _place: place }))
    }

    /// The same, after waiting for a place for at most `wait_max`.
    ///
    /// # Errors
    /// Also [`ErrorKind::Overloaded`] when there is none.
    pub(crate) async fn enter(&self, name: &str, wait_max: Duration) -> Result<Pass<'_>, Error> {
        let place = self.bulkhead.enter(name, wait_max).await?;
        Ok(Pass { breaker: &self.breaker, leave: Some(self.leave(name)?), _place: place })
    }

    fn leave(&self, name: &str) -> Result<Leave, Error> {
        self.breaker.admit().map_err(|(left, why)| {
            let message =
                format!("the server `{name}` is left alone for now, since it keeps failing: its breaker is {why}");
            Error::new(ErrorKind::UpstreamDown, message)
                .refused()
                .retry_after(left)
                .hint(format!("see why it fails: switchboard logs {name}; see when it is tried: switchboard status"))
        })
    }

    /// Whether a call of `method`, and of the tool `own` where it is one, may be executed twice.
    pub(crate) fn is_safe(&self, method: &str, own: &Text) -> bool {
        match method {
            "tools/call" => {
                self.safe.is_match(own.as_str())
                    || self.facts.load().get(own).is_some_and(approved::Fact::is_repeatable)
            }
            "resources/read" | "prompts/get" | "completion/complete" => true,
            _ => false,
        }
    }

    /// Whether results of the tool `own` may be kept.
    pub(crate) fn keeps(&self, own: &Text) -> bool {
        self.kept.as_ref().is_some_and(|kept| kept.is_match(own.as_str()))
            && (self.safe.is_match(own.as_str())
                || self.facts.load().get(own).is_some_and(approved::Fact::is_read_only))
    }

    /// Whether the tool `own` says, in an approved definition, that it takes nothing away.
    pub(crate) fn is_additive(&self, own: &Text) -> bool {
        self.facts.load().get(own).is_some_and(approved::Fact::is_additive)
    }

    /// Whether the tool `own` says, in an approved definition, that it changes nothing.
    #[must_use]
    pub fn is_read_only(&self, own: &Text) -> bool {
        self.facts.load().get(own).is_some_and(approved::Fact::is_read_only)
    }

    /// A person starts the server anew: what failed before says nothing any more.
    pub fn forgive(&self) {
        self.breaker.close();
    }

    /// A call is sent, for the first time.
    pub(crate) fn sent(&self) {
        self.budget.sent();
    }

    /// Whether the server is left alone now.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.breaker.is_open()
    }

    /// How many calls it has or that wait for it.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.bulkhead.outstanding()
    }

    /// The breaker in words, unless it is closed.
    #[must_use]
    pub fn breaker(&self) -> Option<String> {
        self.breaker.said()
    }

    /// The tools that are not as they were approved, sorted by name.
    #[must_use]
    pub fn unapproved(&self) -> Vec<Unapproved> {
        let facts = self.facts.load();
        let one = |(tool, standing): (String, Standing)| {
            let before = facts.get(&Text::from(tool.as_str())).and_then(|fact| fact.before.clone());
            Unapproved { tool, new: standing == Standing::New, before }
        };
        facts.unapproved().into_iter().map(one).collect()
    }

    /// Whether results are kept, and how often the answer was known and was not.
    #[must_use]
    pub fn hits(&self) -> Option<(u64, u64)> {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        self.kept.as_ref().map(|_| (read(&self.hits.hits), read(&self.hits.misses)))
    }
}

// === impl Pass ===

impl Pass<'_> {
    /// The call of the server called `name` ended so. A result of more than `bytes_max` is none.
    pub(crate) fn ended(mut self, name: &str, bytes_max: usize, reply: Reply) -> Reply {
        if let Some(leave) = self.leave.take() {
            let why = reply.as_ref().err().map_or("", |error| &*error.message);
            self.breaker.ended(leave, outcome(&reply), why);
        }
        match reply {
            Ok(result) if result.size() > bytes_max => {
                let size = result.size();
                let message = format!(
                    "the server `{name}` answered with {size} bytes, more than its `response_max` of {bytes_max} bytes"
                );
                Err(Error::new(ErrorKind::UpstreamInvalid, message)
                    .hint(format!("ask for less, or raise `response_max` of `{name}`")))
            }
            reply => reply,
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if let Some(leave) = self.leave.take() {
            self.breaker.ended(leave, Outcome::Unknown, "");
        }
    }
}

fn too_often(name: &str, exceeded: rates::Exceeded) -> Error {
    let (key, most) = (exceeded.key, exceeded.per_second);
    let left = exceeded.after.as_millis().max(1);
    let message = format!("the server `{name}` takes {most} calls a second (`rate_limit.{key}` of its entry)");
    Error::new(ErrorKind::Overloaded, message)
        .refused()
        .retry_after(exceeded.after)
        .hint(format!("call again in {left} ms, or raise `rate_limit.{key}` of `{name}`"))
}

/// What a reply says about the server: timeouts, lost instances, connections that fail and HTTP 5xx
/// are failures. An error that the server itself gives shows that it is there.
fn outcome(reply: &Reply) -> Outcome {
    match reply {
        Ok(_) => Outcome::Answered,
        Err(error) => match (error.kind, error.delivery) {
            (_, Delivery::Refused) => Outcome::Unknown,
            (ErrorKind::UpstreamGone, _) => Outcome::Died,
            (ErrorKind::Timeout, _) => Outcome::Failed,
            // The server wants to be left alone for a while, and says so.
            (ErrorKind::UpstreamDown, Delivery::Unsent) if error.retry_after_ms.is_some() => Outcome::Unknown,
            (ErrorKind::UpstreamDown, _) => Outcome::Failed,
            (ErrorKind::Upstream, _) => Outcome::Answered,
            _ => Outcome::Unknown,
        },
    }
}

/// The patterns; `config` has refused those that are none.
fn globs(patterns: &[String]) -> GlobSet {
    let mut set = GlobSetBuilder::new();
    for glob in patterns.iter().filter_map(|pattern| Glob::new(pattern).ok()) {
        set.add(glob);
    }
    set.build().unwrap_or_default()
}

/// A random number: nothing secret hangs on it.
fn draw() -> u64 {
    RandomState::new().hash_one(0_u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_says_something_about_the_server_counts_for_the_breaker() {
        let of = |error: Error| outcome(&Err(error));
        let error = |kind| Error::new(kind, "x");
        assert_eq!(outcome(&Ok(protocol::Object::new())), Outcome::Answered);
        assert_eq!(of(error(ErrorKind::Upstream)), Outcome::Answered);
        assert_eq!(of(error(ErrorKind::Timeout)), Outcome::Failed);
        assert_eq!(of(error(ErrorKind::UpstreamGone)), Outcome::Died);
        assert_eq!(of(error(ErrorKind::UpstreamDown).unsent()), Outcome::Failed);
        assert_eq!(of(error(ErrorKind::UpstreamDown).refused()), Outcome::Unknown);
        assert_eq!(of(error(ErrorKind::Overloaded).refused()), Outcome::Unknown);
        assert_eq!(of(error(ErrorKind::InvalidParams)), Outcome::Unknown);
        assert_eq!(of(error(ErrorKind::UpstreamDown).unsent().retry_after(Duration::from_secs(1))), Outcome::Unknown);
    }
}
