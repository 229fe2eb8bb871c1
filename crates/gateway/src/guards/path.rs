//! The long way of a call, taken when the short one in `send.rs` does not do: sent again after a
//! failure, or answered from what is kept. What to do is decided in `retry.rs` and `flights.rs`.

use super::cache::{CacheKey, Keep};
use super::retry::{self, Facts, Failure, Next};
use super::{Part, draw, group};
use crate::catalog::Route;
use crate::era;
use crate::gateway::Gateway;
use crate::parking::Ticket;
use crate::policy::{self, Action, Resource};
use crate::record::Open;
use crate::server::Server;
use crate::tasks::shape;
use config::Isolation;
use protocol::{Call, CallContext, Delivery, Error, ErrorKind, Object, Raw, Reply, Text};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::time::{Instant, sleep, timeout_at};

/// A call, so that it can be made more than once.
#[derive(Clone, Copy)]
pub(crate) struct Sending<'a> {
    pub(crate) method: &'a Text,
    pub(crate) params: &'a Object,
    pub(crate) context: &'a CallContext,
    pub(crate) action: Action,
    /// Whether it may be answered with a question.
    pub(crate) asks: bool,
    /// Its members, where it goes to a group.
    pub(crate) route: Option<&'a Route>,
    pub(crate) started: Instant,
}

/// How keys of `_meta` end by which calls are told apart.
const APART: &[&str] =
    &["progresstoken", "traceparent", "tracestate", "baggage", "traceid", "spanid", "tooluseid", "callid", "requestid"];

/// What came of a call, and where it is parked when it is.
pub(crate) type Sent = (Reply, Option<Ticket>);

impl Sending<'_> {
    fn call(&self) -> Call {
        Call { method: self.method.clone(), params: self.params.clone(), context: self.context.clone() }
    }

    /// The server's own name of what is called.
    fn own(&self) -> Text {
        self.params.text("name").or_else(|| self.params.text("uri")).unwrap_or_default()
    }
}

impl Gateway {
    /// Makes the call once, through the guards of `server`.
    async fn once(&self, server: &Arc<Server>, what: Sending<'_>, record: &mut Open) -> Sent {
        let pass = match server.guards.try_enter(&server.name) {
            Ok(Some(pass)) => Ok(pass),
            Ok(None) => {
                record.waits();
                server.guards.enter(&server.name, server.entry.request_timeout).await
            }
            Err(refused) => Err(refused),
        };
        let pass = match pass {
            Ok(pass) => pass,
            Err(refused) => return (Err(refused), None),
        };
        let mut call = what.call();
        let entered = record.goes(server.is_up(), &mut call.context);
        let (reply, parked) = match what.asks {
            true => self.call_asking(server, call).await,
            false => (server.call(call, None).await, None),
        };
        record.back(entered);
        (pass.ended(&server.name, server.entry.guards.response_max, reply), parked)
    }

    /// Makes the call until it is answered, or there is no use in trying.
    async fn sent(&self, server: &mut Arc<Server>, what: Sending<'_>, record: &mut Open) -> Sent {
        server.guards.sent();
        match self.once(server, what, record).await {
            (Err(error), _) if what.context.manner.again && Failure::of(&error) != Failure::Final => {
                self.again(server, what, error, record).await
            }
            done => done,
        }
    }

    /// Goes on after the call failed with `error` at `server`: where it is safe, and to whom. In the
    /// end `server` is the one that answered.
    pub(crate) async fn again(
        &self,
        server: &mut Arc<Server>,
        what: Sending<'_>,
        mut error: Error,
        record: &mut Open,
    ) -> Sent {
        let (own, snapshot) = (what.own(), self.snapshot.load_full());
        let ends = what.started + server.entry.request_timeout_max;
        let (mut tried, mut repeats, mut reached) = (vec![server.name.clone()], 0, false);
        loop {
            let refused = error.delivery == Delivery::Refused;
            reached |= !refused;
            let successor = server.successor().filter(|_| refused);
            let other = what.route.and_then(|route| group::pick(&snapshot, route, &tried));
            let facts = Facts {
                failure: Failure::of(&error),
                safe: server.guards.is_safe(what.method, &own),
                repeats,
                reached,
                others: other.is_some(),
                left: ends.saturating_duration_since(Instant::now()),
            };
            match (retry::next(server.entry.guards.retry, facts, draw()), other) {
                // Another configuration came while it waited: what takes the place of its server is asked.
                _ if successor.is_some() => successor.into_iter().for_each(|next| *server = next),
                (Next::Other, Some(other)) => *server = other,
                (Next::AtOnce | Next::After(_), _) if !server.guards.budget.take() => return (Err(error), None),
                (Next::AtOnce, _) => {
                    repeats += 1;
                }
                (Next::After(wait), _) => {
                    repeats += 1;
                    sleep(wait).await;
                    tried.clear();
                    if let Some(best) = what.route.and_then(|route| group::pick(&snapshot, route, &[])) {
                        *server = best;
                    }
                }
                _ => return (Err(error), None),
            }
            tried.push(server.name.clone());
            record.note(|record| record.server = Some(server.name.clone()));
            let resource = Resource { server: &server.name, own: &own, rules: &server.rules };
            if let Err(denied) = policy::authorize(&what.context.principal, what.action, resource) {
                return (Err(denied), None);
            }
            match timeout_at(ends, self.once(server, what, record)).await {
                Ok((Err(next), _)) => error = next,
                Ok(done) => return done,
                Err(_) => return (Err(error), None),
            }
        }
    }

    /// Answers the call of a tool whose results are kept: from what is kept, with the result of an
    /// equal call that is on its way, or by calling.
    pub(crate) async fn cached(&self, server: &mut Arc<Server>, what: Sending<'_>, record: &mut Open) -> Sent {
        let fresh = ["requestState", "inputResponses", "task"].iter().all(|key| what.params.get(key).is_none());
        let Some(key) = key(server, what).filter(|_| fresh) else { return self.sent(server, what, record).await };
        let hits = server.guards.hits.clone();
        let mut known = |result: Raw| {
            hits.hits.fetch_add(1, Ordering::Relaxed);
            record.note(|record| record.cached = true);
            (read(&result), None)
        };
        if let Some(result) = self.cache.get(&key).await {
            return known(result);
        }
        let passenger = self.flights.board(&key);
        let ends = what.started + server.entry.request_timeout_max;
        let lead = match timeout_at(ends, passenger.part()).await {
            Ok(Part::Landed(result)) => return known(result),
            Ok(Part::Lead(lead)) => lead,
            Ok(Part::Alone) => {
                hits.misses.fetch_add(1, Ordering::Relaxed);
                return self.sent(server, what, record).await;
            }
            Err(_) => {
                let message = format!("the same call of the server `{}` did not end in time", server.name);
                let hint = "raise `request_timeout_max` of this server if it needs longer";
                return (Err(Error::new(ErrorKind::Timeout, message).hint(hint)), None);
            }
        };
        // Somebody may have been quicker between the two looks.
        if let Some(result) = self.cache.get(&key).await {
            lead.landed(result.clone());
            return known(result);
        }
        hits.misses.fetch_add(1, Ordering::Relaxed);
        let keep = keep(server);
        let sent = self.sent(server, what, record).await;
        match &sent {
            (Ok(result), None) if is_final(result) => {
                let result = result.to_raw();
                self.cache.put(&key, result.clone(), keep).await;
                lead.landed(result);
            }
            _ => lead.failed(),
        }
        sent
    }
}

fn keep(server: &Server) -> Keep {
    let cache = &server.entry.guards.cache;
    Keep { ttl: cache.ttl, entries_max: cache.entries, bytes_max: cache.bytes }
}

/// Under which key the result is kept; none for a tool that the server does not list.
fn key(server: &Server, what: Sending<'_>) -> Option<CacheKey> {
    let own = what.own();
    let definition = server.guards.facts.load().get(&own)?.digest;
    let definition = Sha256::new().chain_update(server.guards.identity.as_bytes()).chain_update(definition).finalize();
    // Where sessions have instances of their own, they may see different things.
    let apart = server.entry.isolation == Isolation::Session;
    let session = what.context.session.as_deref().filter(|_| apart);
    let asked = [what.params.get("arguments").cloned(), meta(what.params)];
    let principal = &what.context.principal;
    Some(CacheKey::new(&server.name, &own, &definition.into(), principal, session, asked))
}

/// What a client says beside the arguments, as far as an answer may depend on it: what only tells
/// calls apart, or follows them through logs, would make every call another one.
fn meta(params: &Object) -> Option<Raw> {
    let mut meta = params.object("_meta")?;
    let tells_apart = |key: &str| {
        let key = key.to_ascii_lowercase();
        APART.iter().any(|end| key.ends_with(end))
    };
    meta.retain(|key| !tells_apart(key));
    (!meta.is_empty()).then(|| meta.to_raw())
}

fn read(result: &Raw) -> Reply {
    Object::of(result).map_err(|error| Error::new(ErrorKind::Internal, "a kept result is damaged").cause(error))
}

/// Whether a result is the whole answer: no failure of the tool, no question, no task.
fn is_final(result: &Object) -> bool {
    let failed = result.get("isError").is_some_and(|value| value.as_bytes() == b"true");
    !failed && !era::is_input_required(result) && !shape::is_task(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_tells_calls_apart_does_not_keep_them_apart() {
        let of = |text: &str| {
            let params = Object::of(&Raw::parse(text.to_owned().into(), 8).unwrap()).unwrap();
            meta(&params).map(|meta| meta.as_str().to_owned())
        };
        assert_eq!(of("{}"), None);
        assert_eq!(of(r#"{"_meta":{"progressToken":1,"traceparent":"x","claudecode/toolUseId":"y"}}"#), None);
        let matters = r#"{"_meta":{"example.com/tenantId":"a","progressToken":1}}"#;
        assert_eq!(of(matters).as_deref(), Some(r#"{"example.com/tenantId":"a"}"#));
    }
}
