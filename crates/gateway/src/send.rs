//! The one way to a server: a call that is routed is authorized, counted, guarded and sent, and its
//! questions are wrapped.
//!
//! This is the short way, on which nothing waits; what is tried again or answered from memory goes
//! on in `guards/path.rs`.

use crate::asking::Kinds;
use crate::call::Target;
use crate::catalog::Route;
use crate::era;
use crate::gateway::{Gateway, Snapshot};
use crate::guards::retry::Failure;
use crate::guards::{Sending, group};
use crate::interactive::{self, Asked, Opened};
use crate::parking::{Answered, Ticket};
use crate::policy::{self, Action, Resource};
use crate::record::{Open, Stage};
use crate::server::Server;
use crate::tasks;
use protocol::{Call, CallContext, Era, Error, Reply, ReplyFuture, method};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Makes a call once, through the guards of its server. A macro, since a future that is handed a call
/// holds it twice.
macro_rules! guarded {
    ($gateway:ident, $server:ident, $call:ident, $asks:ident, $record:ident) => {{
        $server.guards.sent();
        let pass = match $server.guards.try_enter(&$server.name) {
            Ok(Some(pass)) => Ok(pass),
            Ok(None) => {
                $record.waits();
                let pass = Box::pin($server.guards.enter(&$server.name, $server.entry.request_timeout)).await;
                if pass.is_ok() {
                    $record.mark(Stage::Wait);
                }
                pass
            }
            Err(refused) => Err(refused),
        };
        match pass {
            Err(refused) => {
                $record.waits();
                (Err(refused), None)
            }
            Ok(pass) => {
                let entered = $record.goes($server.is_up(), &mut $call.context);
                let (reply, parked) = match $asks {
                    true => $gateway.call_asking(&$server, $call).await,
                    false => ($server.call($call, None).await, None),
                };
                $record.back(entered);
                (pass.ended(&$server.name, $server.entry.guards.response_max, reply), parked)
            }
        }
    }};
}

impl Gateway {
    /// The member of a group that gets the call: the one that asked, where this is an answer.
    pub(crate) fn member(
        &self,
        snapshot: &Snapshot,
        route: &Route,
        public: &str,
        call: &Call,
    ) -> Result<Arc<Server>, Error> {
        let asked = Asked { principal: &call.context.principal, method: &call.method, name: public, server: "" };
        let asked = interactive::server_of(&self.sealer, asked, &call.params);
        group::first(snapshot, route, asked.as_deref())
    }

    /// The one way to a server: authorized, counted, its questions wrapped.
    pub(crate) async fn send(&self, target: Target, public: &str, mut call: Call, record: &mut Open) -> Reply {
        let Target { mut server, own, action, route } = target;
        record.mark(Stage::Route);
        let resource = Resource { server: &server.name, own: &own, rules: &server.rules };
        policy::authorize(&call.context.principal, action, resource)?;
        server.guards.admit(&server.name, &call, action, &own)?;
        let kept = action == Action::CallTool && call.context.manner.kept && server.guards.keeps(&own);
        let era = server.catalog().era.map_or("-", protocol::Era::as_str);
        record.routed(&server.name, own, era);
        note_arguments(&server, &call, record);
        let (method, context) = (call.method.clone(), call.context.clone());
        let asks = method::find(&method).is_some_and(|row| row.may_ask);
        let asked = Asked { principal: &context.principal, method: &method, name: public, server: "" };
        let opened = if asks {
            interactive::open(&self.sealer, Asked { server: &server.name, ..asked }, &mut call.params)?
        } else {
            Opened::Send
        };
        let params = (asks || method == *"completion/complete").then(|| call.params.clone());
        let again = params.as_ref().map(|params| Sending {
            method: &method,
            params,
            context: &context,
            action,
            asks,
            route: route.as_deref(),
            started: record.started(),
        });
        server.counters.calls.fetch_add(1, Ordering::Relaxed);
        let (mut reply, parked) = match opened {
            Opened::Parked(ticket) => {
                let CallContext { notifier, progress_token, client, .. } = call.context;
                let resumed = Box::pin(self.parking.resume(ticket, &call.params, notifier, progress_token));
                parked(resumed.await, Kinds::declared(&client))
            }
            Opened::Send if method.starts_with("tasks/") => (Box::pin(self.about_task(&server, call)).await, None),
            Opened::Send => match again {
                Some(again) if kept => Box::pin(self.cached(&mut server, again, record)).await,
                again => {
                    let first = guarded!(self, server, call, asks, record);
                    match (first, again) {
                        ((Err(error), _), Some(again))
                            if context.manner.again && Failure::of(&error) != Failure::Final =>
                        {
                            Box::pin(self.again(&mut server, again, error, record)).await
                        }
                        (first, _) => first,
                    }
                }
            },
        };
        reply = reply.and_then(|result| tasks::sealed(&self.sealer, &server, &context.principal, result));
        if let (Ok(result), Some(params), true) = (&mut reply, &params, asks)
            && era::is_input_required(result)
        {
            let answer_time = self.answer_timeout;
            let asked = Asked { server: &server.name, ..asked };
            interactive::wrap(&self.sealer, asked, &context, params, result, parked, answer_time)?;
        }
        match &reply {
            Ok(result) if server.entry.record_results => {
                record.note(|record| record.result = Some(crate::redact::redact(&result.to_raw())))
            }
            Ok(_) => {}
            Err(_) => {
                server.counters.failures.fetch_add(1, Ordering::Relaxed);
            }
        }
        reply
    }

    /// A call that may be answered with a question. A legacy server asks in the middle of it, so
    /// such a call can be parked.
    pub(crate) async fn call_asking(&self, server: &Arc<Server>, mut call: Call) -> (Reply, Option<Ticket>) {
        let legacy = server.catalog().era != Some(Era::Modern);
        let kinds = if legacy { Kinds::declared(&call.context.client) } else { Kinds::NONE };
        if legacy {
            // What the client answered to a question that we made of an error.
            call.params.remove("inputResponses");
            call.params.remove("requestState");
        }
        if !legacy && call.context.era() == Era::Modern {
            // Nothing to translate.
            let client = call.context.client.clone();
            let reply = server.call(call, None).await;
            return (reply.and_then(|result| tasks::permitted(server, &client, result)), None);
        }
        if kinds.is_empty() {
            return (Box::pin(tasks::call(server, call, None)).await, None);
        }
        let called = server.clone();
        let start = move |call, asker| -> ReplyFuture {
            Box::pin(async move { tasks::call(&called, call, Some(asker)).await })
        };
        parked(Box::pin(self.parking.call(call, kinds, start)).await, kinds)
    }
}

/// Keeps the arguments where the server's entry asks for them.
fn note_arguments(server: &Server, call: &Call, record: &mut Open) {
    if server.entry.record_arguments {
        record.note(|record| record.arguments = call.params.get("arguments").map(crate::redact::redact));
    }
}

/// A call that may be parked as what it is for the client: a question is an `input_required` result,
/// and so is a refusal until a person has been at a URL.
fn parked(answered: Result<Answered, Error>, kinds: Kinds) -> (Reply, Option<Ticket>) {
    match answered {
        Ok(Answered::Done(result)) => (Ok(result), None),
        Ok(Answered::Asks(requests, ticket)) => (Ok(interactive::asking(&requests)), Some(ticket)),
        Err(error) => (interactive::url_required(&error, kinds).ok_or(error), None),
    }
}
