//! The experimental tasks of 2025-11-25 towards a client that speaks them, out of the tasks
//! extension behind (protocol.md section 2.2, row 20).
//!
//! One stands before the service of each session: it turns `params.task` into a declared
//! extension, nested tasks into flat ones, and keeps a bounded list of the session's own tasks
//! for `tasks/list`. It deliberately routes nothing and knows no server.

use crate::tasks::shape::{self, Status};
use protocol::{
    Call, CallContext, Error, ErrorKind, Notifier, Object, Raw, Reply, ReplyFuture, Service, Text, Version, meta,
};
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Tasks of one session that are remembered; the oldest go first.
const TASKS_MAX: usize = 64;
/// Bytes of results that are kept for a session.
const RESULT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The longest that `tasks/result` waits. A client that wants more asks again.
const RESULT_WAIT_MAX: Duration = Duration::from_secs(60 * 60);

/// A session's view of a service.
#[derive(Clone)]
pub(super) struct LegacyTasks {
    inner: Arc<dyn Service>,
    known: Arc<Mutex<VecDeque<Known>>>,
}

/// A task of the session.
struct Known {
    id: String,
    /// As the client was last told of it.
    task: Object,
    /// The result, where the server answered at once: then nobody else has it.
    result: Option<Object>,
    /// Questions that were answered; a server may go on listing them for a while.
    answered: BTreeSet<String>,
}

/// `service` as a session must see it, and the client's capabilities as services may.
pub(super) fn before(service: Arc<dyn Service>) -> Arc<dyn Service> {
    Arc::new(LegacyTasks { inner: service, known: Arc::default() })
}

impl Service for LegacyTasks {
    fn call(&self, mut call: Call) -> ReplyFuture {
        let speaks_tasks = call.context.client.version == Version::V2025_11_25;
        let this = || self.clone();
        match &*call.method {
            "server/discover" => {
                let (this, call) = (this(), call);
                Box::pin(async move { Ok(advertised(this.inner.call(call).await?, speaks_tasks)) })
            }
            "tools/call" if call.params.get("task").is_some() => {
                if speaks_tasks {
                    let this = this();
                    return Box::pin(async move { this.create(call).await });
                }
                call.params.remove("task");
                self.inner.call(call)
            }
            "tasks/get" | "tasks/result" | "tasks/list" | "tasks/cancel" if speaks_tasks => {
                let this = this();
                Box::pin(async move { this.about(call).await })
            }
            _ => self.inner.call(call),
        }
    }

    fn notify(&self, notification: protocol::Notification, context: CallContext) {
        self.inner.notify(notification, context);
    }
}

impl LegacyTasks {
    async fn create(&self, mut call: Call) -> Reply {
        call.context = shape::declaring(&call.context);
        let ttl = call.params.object("task").and_then(|task| task.get("ttl").cloned());
        let mut result = self.inner.call(call).await?;
        if result.get("resultType").is_some_and(|kind| kind.as_str() == "\"input_required\"") {
            return Ok(result);
        }
        let kept = if shape::is_task(&result) { None } else { Some(std::mem::take(&mut result)) };
        let task = match &kept {
            None => shape::to_legacy(&result),
            Some(answer) => ended(answer, ttl)?,
        };
        let id = task.text("taskId").unwrap_or_default().to_string();
        self.remember(Known { id, task: task.clone(), result: kept, answered: BTreeSet::new() });
        let mut created: Object = [("task", task.to_raw())].into_iter().collect();
        if let Some(meta) = result.remove("_meta") {
            created.set("_meta", meta);
        }
        Ok(created)
    }

    async fn about(&self, mut call: Call) -> Reply {
        call.context = shape::declaring(&call.context);
        call.context.progress_token = None;
        if call.method == *"tasks/list" {
            return self.list(call).await;
        }
        let id = crate::tasks::id_of(&call)?;
        match &*call.method {
            "tasks/get" => self.get(&id, &call.context).await,
            "tasks/cancel" => self.cancel(&id, &call.context).await,
            _ => {
                let waited = tokio::time::timeout(RESULT_WAIT_MAX, self.result(&id, call)).await;
                waited.unwrap_or_else(|_| {
                    let message = format!("the task did not end within {} s", RESULT_WAIT_MAX.as_secs());
                    Err(Error::new(ErrorKind::Timeout, message).hint("ask for its result again"))
                })
            }
        }
    }

    async fn get(&self, id: &str, context: &CallContext) -> Reply {
        if let Some((task, _)) = self.kept(id) {
            return Ok(task);
        }
        let task = shape::to_legacy(&self.ask("tasks/get", id, context).await?);
        self.update(id, &task);
        Ok(task)
    }

    /// Waits for the end of the task. Questions meanwhile are answered like those of any call:
    /// the request is put again with `inputResponses`.
    async fn result(&self, id: &str, mut call: Call) -> Reply {
        if let Some((_, result)) = self.kept(id) {
            return Ok(related(result, id));
        }
        if let Some(responses) = call.params.remove("inputResponses") {
            self.answer(id, responses, &call.context).await?;
        }
        loop {
            let task = self.ask("tasks/get", id, &call.context).await?;
            match Status::of(&task) {
                Some(status) if status.is_terminal() => {
                    self.update(id, &shape::to_legacy(&task));
                    return shape::outcome(&task, status).map(|result| related(result, id));
                }
                Some(Status::InputRequired) => {
                    if let Some(questions) = self.unanswered(id, &task) {
                        return Ok(questions);
                    }
                }
                _ => {}
            }
            tokio::time::sleep(shape::poll_interval(&task)).await;
        }
    }

    /// What the task asks and nobody has answered yet, as a result that asks.
    fn unanswered(&self, id: &str, task: &Object) -> Option<Object> {
        let mut requests = task.object("inputRequests")?;
        if let Some(known) = self.lock().iter().find(|known| known.id == id) {
            requests.retain(|key| !known.answered.contains(key));
        }
        if requests.is_empty() {
            return None;
        }
        let mut named = Object::new();
        for (key, request) in requests.iter() {
            let mut request = Object::of(request).ok()?;
            let params = related(request.object("params").unwrap_or_default(), id);
            request.set("params", params.to_raw());
            named.set(&key, request.to_raw());
        }
        let asks = [("resultType", Raw::from_static("\"input_required\"")), ("inputRequests", named.to_raw())];
        Some(asks.into_iter().collect())
    }

    async fn answer(&self, id: &str, responses: Raw, context: &CallContext) -> Result<(), Error> {
        let keys = Object::of(&responses).unwrap_or_default();
        let mut call = request("tasks/update", id, context);
        call.params.set("inputResponses", responses);
        self.inner.call(call).await?;
        if let Some(known) = self.lock().iter_mut().find(|known| known.id == id) {
            known.answered.extend(keys.iter().map(|(key, _)| key.to_string()));
        }
        Ok(())
    }

    /// What has ended cannot be cancelled; anything else counts as cancelled from now on.
    async fn cancel(&self, id: &str, context: &CallContext) -> Reply {
        let mut task = self.get(id, context).await?;
        if let Some(status) = Status::of(&task).filter(|status| status.is_terminal()) {
            let message = format!("the task has ended already: it is {}", status.as_str());
            return Err(Error::new(ErrorKind::InvalidParams, message));
        }
        self.ask("tasks/cancel", id, context).await?;
        task.set_json("status", Status::Cancelled.as_str());
        self.update(id, &task);
        Ok(task)
    }

    /// The session's own tasks, the newest first, as they stand now.
    async fn list(&self, call: Call) -> Reply {
        let known: Vec<(String, Object)> =
            self.lock().iter().rev().map(|known| (known.id.clone(), known.task.clone())).collect();
        let fresh = known.into_iter().map(|(id, task)| {
            let context = &call.context;
            async move {
                if Status::of(&task).is_some_and(Status::is_terminal) {
                    return task;
                }
                // One that cannot be asked about is listed as it was.
                self.get(&id, context).await.unwrap_or(task)
            }
        });
        let tasks: Vec<Raw> = futures_util::future::join_all(fresh).await.iter().map(Object::to_raw).collect();
        Ok([("tasks", Raw::array(&tasks.iter().collect::<Vec<_>>()))].into_iter().collect())
    }

    async fn ask(&self, method: &'static str, id: &str, context: &CallContext) -> Reply {
        self.inner.call(request(method, id, context)).await
    }

    fn kept(&self, id: &str) -> Option<(Object, Object)> {
        let known = self.lock();
        let known = known.iter().find(|known| known.id == id)?;
        Some((known.task.clone(), known.result.clone()?))
    }

    fn update(&self, id: &str, task: &Object) {
        if let Some(known) = self.lock().iter_mut().find(|known| known.id == id) {
            known.task = task.clone();
        }
    }

    fn remember(&self, new: Known) {
        let mut known = self.lock();
        known.push_back(new);
        let bytes = |known: &VecDeque<Known>| {
            known.iter().filter_map(|known| Some(known.result.as_ref()?.size())).sum::<usize>()
        };
        while known.len() > 1 && (known.len() > TASKS_MAX || bytes(&known) > RESULT_BYTES_MAX) {
            known.pop_front();
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn request(method: &'static str, id: &str, context: &CallContext) -> Call {
    let params = [("taskId", Raw::of(id))].into_iter().collect();
    let context = CallContext { notifier: Notifier::none(), ..context.clone() };
    Call { method: Text::from_static(method), params, context }
}

/// Tasks as `initialize` of 2025-11-25 advertises them; older revisions have none.
fn advertised(mut discovered: Object, speaks_tasks: bool) -> Object {
    let Some(capabilities) = discovered.get("capabilities").filter(|raw| shape::named_in(raw)) else {
        return discovered;
    };
    let mut shown = Object::of(&shape::undeclared(capabilities.clone())).unwrap_or_default();
    if speaks_tasks {
        shown.set("tasks", Raw::from_static(r#"{"list":{},"cancel":{},"requests":{"tools":{"call":{}}}}"#));
    }
    discovered.set("capabilities", shown.to_raw());
    discovered
}

/// A task that was over before it was made: the server answered at once.
fn ended(answer: &Object, ttl: Option<Raw>) -> Reply {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::new(ErrorKind::Internal, "no randomness for the id of a task").cause(error))?;
    let status = if shape::is_error(answer) { Status::Failed } else { Status::Completed };
    let now = timestamp(SystemTime::now());
    let mut task = Object::new();
    task.set_json("taskId", &format!("ended-{:032x}", u128::from_be_bytes(bytes)));
    task.set_json("status", status.as_str());
    task.set_json("createdAt", &now);
    task.set_json("lastUpdatedAt", &now);
    task.set("ttl", ttl.unwrap_or_else(|| Raw::from_static("null")));
    Ok(task)
}

/// A result, or the parameters of a question, that says which task it is of.
fn related(mut result: Object, id: &str) -> Object {
    let mut meta = result.object("_meta").unwrap_or_default();
    meta.set_json(meta::RELATED_TASK, &serde_json::json!({"taskId": id}));
    result.set("_meta", meta.to_raw());
    result
}

/// ISO 8601 in UTC, to the second.
fn timestamp(at: SystemTime) -> String {
    let seconds = at.duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days in the proleptic Gregorian calendar, counted from 1 March of the year 0.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_those_of_the_calendar() {
        for (seconds, shown) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_249_819, "2026-11-21T08:30:19Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
        ] {
            assert_eq!(timestamp(UNIX_EPOCH + Duration::from_secs(seconds)), shown);
        }
    }

    /// A task that asks one question and ends when it is answered, though it lists the question
    /// once more after that.
    struct Asks(Mutex<Vec<String>>);

    impl Service for Asks {
        fn call(&self, call: Call) -> ReplyFuture {
            let mut seen = self.0.lock().unwrap();
            let late = seen.iter().rev().position(|method| method == "tasks/update");
            seen.push(call.method.to_string());
            let said = match (&*call.method, late) {
                ("tasks/update", _) => "{}",
                (_, None | Some(0)) => {
                    r#"{"status":"input_required","pollIntervalMs":1,"inputRequests":{"q":{"method":"elicitation/create"}}}"#
                }
                _ => r#"{"status":"completed","result":{"content":[]}}"#,
            };
            Box::pin(async move { Ok(Object::of(&Raw::from_static(said)).unwrap()) })
        }
    }

    #[tokio::test]
    async fn a_question_of_a_task_is_put_once_and_its_answer_goes_to_the_task() {
        let tasks = LegacyTasks { inner: Arc::new(Asks(Mutex::default())), known: Arc::default() };
        tasks.remember(Known { id: "t".to_owned(), task: Object::new(), result: None, answered: BTreeSet::new() });
        let mut context = CallContext::internal(protocol::Principal::new("p"));
        context.client = protocol::Client { version: Version::V2025_11_25, ..(*context.client).clone() }.into();
        let mut call = request("tasks/result", "t", &context);
        let asked = tasks.call(call.clone()).await.unwrap();
        assert_eq!(
            asked.to_raw().as_str(),
            r#"{"resultType":"input_required","inputRequests":{"q":{"method":"elicitation/create","params":{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t"}}}}}}"#
        );
        call.params.set("inputResponses", Raw::from_static(r#"{"q":{"action":"decline"}}"#));
        let result = tasks.call(call).await.unwrap();
        assert_eq!(result.get("content").unwrap().as_str(), "[]");
    }

    #[test]
    fn only_who_speaks_tasks_is_offered_them() {
        let discovered = r#"{"capabilities":{"tools":{},"extensions":{"io.modelcontextprotocol/tasks":{}}}}"#;
        let shown = |speaks| advertised(Object::of(&Raw::from_static(discovered)).unwrap(), speaks).to_raw();
        assert_eq!(
            shown(true).as_str(),
            r#"{"capabilities":{"tools":{},"tasks":{"list":{},"cancel":{},"requests":{"tools":{"call":{}}}}}}"#
        );
        assert_eq!(shown(false).as_str(), r#"{"capabilities":{"tools":{}}}"#);
    }
}
