//! A call that a server may answer with a task: the client gets the task when it knows tasks,
//! else the gateway waits for the end and answers as if there had been none.

use super::shape::{self, Status};
use super::{TaskRef, id};
use crate::asking::{Asker, Kinds};
use crate::server::Server;
use protocol::seal::Sealer;
use protocol::{
    Call, CallContext, Delivery, Era, Error, ErrorKind, Notification, Notifier, Object, Principal, Raw, Reply, Text,
    meta,
};
use std::sync::Arc;
use std::time::Duration;

/// What does not end within this does not end; more would overflow the clock.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A task that we wait for: when we do not wait any more, nobody does, so it is cancelled.
struct Awaited {
    server: Arc<Server>,
    context: CallContext,
    task: String,
    /// Where the caller wants to hear of progress, and under which token.
    progress: Option<(Raw, Notifier)>,
    /// Where what a legacy server asks meanwhile goes.
    asker: Option<Asker>,
    ended: bool,
}

/// Calls `server`. A task in the place of a result is given back as it is to a client that knows
/// tasks; for any other it is waited for.
///
/// # Errors
/// Those of the call, and of the task where it is waited for.
pub(crate) async fn call(server: &Arc<Server>, call: Call, asker: Option<Asker>) -> Reply {
    if call.method != *"tools/call" {
        return server.call(call, asker).await;
    }
    let context = &call.context.clone();
    let declared = shape::is_declared(&context.client);
    // A modern client is told what it must declare; a legacy one could do nothing about it.
    let again = (context.era() == Era::Legacy && !declared && shape::named_in(&server.catalog().capabilities))
        .then(|| Call { context: shape::declaring(context), ..call.clone() });
    match (server.call(call, asker.clone()).await, again) {
        (Err(error), Some(again)) if shape::insists(&error) => match server.call(again, None).await? {
            task if shape::is_task(&task) => until_done(server, context, task, asker).await,
            result => Ok(result),
        },
        (Ok(task), _) if shape::is_task(&task) && !declared => {
            if server.catalog().era == Some(Era::Modern) {
                return Err(invalid(server, "it made a task for a client that knows no tasks"));
            }
            until_done(server, context, task, asker).await
        }
        (reply, _) => reply,
    }
}

/// A result of a modern server as its modern client may have it.
///
/// # Errors
/// A task for a client that declared none.
pub(crate) fn permitted(server: &Arc<Server>, client: &protocol::Client, result: Object) -> Reply {
    if shape::is_task(&result) && !shape::is_declared(client) {
        return Err(invalid(server, "it made a task for a client that knows no tasks"));
    }
    Ok(result)
}

/// Asks about the task until it has ended, within the time of a call.
async fn until_done(server: &Arc<Server>, context: &CallContext, task: Object, asker: Option<Asker>) -> Reply {
    let own = task.text("taskId").ok_or_else(|| invalid(server, "its task has no `taskId`"))?;
    let mut context = shape::declaring(context);
    let notifier = std::mem::take(&mut context.notifier);
    let progress = context.progress_token.take().map(|token| (token, notifier));
    // A legacy server may ask all the same, and goes on when nobody can answer.
    let asker = asker.or_else(|| Some(Asker::new(Kinds::NONE).0));
    let mut awaited = Awaited { server: server.clone(), context, task: own.to_string(), progress, asker, ended: false };
    let limit = server.entry.request_timeout_max.min(FOR_EVER);
    match tokio::time::timeout(limit, awaited.end(task)).await {
        Ok(reply) => reply.map_err(begun),
        Err(_) => {
            let message =
                format!("the task at the server `{}` did not end within {} s in all", server.name, limit.as_secs());
            Err(Error::new(ErrorKind::Timeout, message)
                .hint("raise `request_timeout_max` of this server if it needs longer"))
        }
    }
}

/// An error after a task has begun: however far the question about the task came, the call itself
/// may have been executed, and must not look like one that never arrived.
fn begun(error: Error) -> Error {
    Error { delivery: Delivery::Unknown, ..error }
}

/// A task becomes one of ours: its id says where it is.
///
/// # Errors
/// When it has no id.
pub(crate) fn sealed(sealer: &Sealer, server: &Server, principal: &Principal, mut result: Object) -> Reply {
    if !shape::is_task(&result) {
        return Ok(result);
    }
    let own = result.text("taskId").ok_or_else(|| invalid(server, "its task has no `taskId`"))?;
    let task = TaskRef { server: server.name.to_string(), task: own.to_string() };
    let ttl_ms = result.get("ttlMs").and_then(|ttl| ttl.read().ok());
    if Status::of(&result).is_none_or(|status| !status.is_terminal()) {
        server.tasks.begun(&task.task, ttl_ms.map(std::time::Duration::from_millis));
    }
    let token = id::seal(sealer, principal, &task, ttl_ms)?;
    result.set_json("taskId", &token);
    Ok(result)
}

impl Awaited {
    async fn end(&mut self, mut task: Object) -> Reply {
        let mut steps = 0_u64;
        loop {
            tokio::time::sleep(shape::poll_interval(&task)).await;
            let mut said = self.server.call(self.request("tasks/get"), self.asker.clone()).await?;
            match Status::of(&said) {
                Some(Status::Working) => {}
                Some(Status::InputRequired) => {
                    let message = format!(
                        "the server `{}` runs this as a task and asks for input meanwhile, which only a client that declares the tasks extension can give",
                        self.server.name
                    );
                    return Err(Error::new(ErrorKind::Unsupported, message)
                        .hint("use a client that speaks 2026-07-28 and knows tasks"));
                }
                Some(status) => {
                    self.ended = true;
                    return shape::outcome(&said, status);
                }
                None => return Err(invalid(&self.server, "its task has no known `status`")),
            }
            if said.get("statusMessage") != task.get("statusMessage") {
                steps += 1;
                self.tell(steps, &said);
            }
            // A server need not repeat how often it wants to be asked.
            if let (None, Some(interval)) = (said.get("pollIntervalMs"), task.get("pollIntervalMs")) {
                said.set("pollIntervalMs", interval.clone());
            }
            task = said;
        }
    }

    /// What the task says of itself is the progress of the call.
    fn tell(&self, steps: u64, task: &Object) {
        let Some((token, notifier)) = &self.progress else { return };
        let mut params: Object = [(meta::PROGRESS_TOKEN, token.clone())].into_iter().collect();
        params.set_json("progress", &steps);
        if let Some(message) = task.get("statusMessage") {
            params.set("message", message.clone());
        }
        notifier.send(Notification::new("notifications/progress", Some(params)));
    }

    fn request(&self, method: &'static str) -> Call {
        let mut params = Object::new();
        params.set_json("taskId", &self.task);
        Call { method: Text::from_static(method), params, context: self.context.clone() }
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let (server, call) = (self.server.clone(), self.request("tasks/cancel"));
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            // It may get lost, as any cancellation may; the task has a time of its own.
            runtime.spawn(async move { server.call(call, None).await });
        }
    }
}

fn invalid(server: &Server, why: &str) -> Error {
    Error::new(ErrorKind::UpstreamInvalid, format!("server `{}` gave an answer that is not valid: {why}", server.name))
        .hint("report it to whoever makes this server")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guards::retry::Failure;

    #[test]
    fn a_call_whose_task_has_begun_never_looks_unsent() {
        let second = Duration::from_secs(1);
        for error in [
            Error::new(ErrorKind::UpstreamDown, "x").unsent(),
            Error::new(ErrorKind::UpstreamDown, "x").unsent().retry_after(second),
            Error::new(ErrorKind::UpstreamGone, "x").unsent(),
            Error::new(ErrorKind::Overloaded, "x").refused(),
        ] {
            let failure = Failure::of(&begun(error));
            assert!(!matches!(failure, Failure::Unsent(_) | Failure::Refused), "{failure:?} is sent again");
        }
    }
}
