//! What a task of a legacy server asks, for a client that knows tasks (protocol.md section 2.2,
//! row 20): such a server puts its questions while it is asked for the result, so one request for
//! that is kept open for each task that waits for input, and its questions stand in `tasks/get`
//! until `tasks/update` brings the answers.
//!
//! An inquiry is owned by one task of ours and ends with the request: when the server's task ends,
//! is cancelled, or the server goes. The result is not kept; it is asked for again.

use super::TaskRef;
use super::shape::Status;
use crate::asking::{Asker, Hold, Kinds, Question};
use crate::gateway::Gateway;
use crate::interactive::now_ms;
use crate::parking::{ParkingLimits, read_answers};
use crate::server::Server;
use protocol::{Call, CallContext, Era, Error, ErrorKind, Notifier, Object, Principal, Raw, Reply, ReplyFuture, Text};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout};

/// How long `tasks/get` waits for the question of a task that says that it waits for input.
const QUESTION_WAIT: Duration = Duration::from_secs(1);
/// How many questions of one task are open.
const QUESTIONS_MAX: usize = 16;
/// How many answers wait to be taken.
const ANSWERS_MAX: usize = 16;

/// The open inquiries.
pub(crate) struct Inquiries {
    table: Mutex<Table>,
}

struct Table {
    /// Part of the keys of questions, which must be unique over the life of a task, also over that
    /// of this process: it starts at the time.
    next: u64,
    open: HashMap<Key, Inquiry>,
}

/// Whose inquiry it is: nobody else sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    principal: Principal,
    task: TaskRef,
}

struct Inquiry {
    number: u64,
    /// What is asked now, as `inputRequests`.
    requests: watch::Receiver<Object>,
    answers: mpsc::Sender<Answers>,
    owner: AbortHandle,
}

/// `inputResponses`, and who wants to know that they were taken.
struct Answers {
    given: Object,
    taken: oneshot::Sender<()>,
}

/// Gives the place of an inquiry back.
struct Place {
    inquiries: Arc<Inquiries>,
    key: Key,
    number: u64,
}

/// An inquiry, as its owner sees it.
struct Owner {
    place: Place,
    answer_timeout: Duration,
    asked: mpsc::Receiver<Question>,
    answers: mpsc::Receiver<Answers>,
    requests: watch::Sender<Object>,
    hold: Hold,
    /// Each with the time until which it is kept; the oldest first.
    pending: Vec<(String, Question, Instant)>,
    count: u64,
}

impl Gateway {
    /// Asks `server` about one of its tasks.
    pub(crate) async fn about_task(&self, server: &Arc<Server>, call: Call) -> Reply {
        let task = call.params.text("taskId").unwrap_or_default().to_string();
        let reply = self.ask_about(server, call, task.clone()).await;
        if let Ok(said) = &reply
            && Status::of(said).is_some_and(Status::is_terminal)
        {
            server.tasks.ended(&task);
        }
        reply
    }

    async fn ask_about(&self, server: &Arc<Server>, call: Call, task: String) -> Reply {
        let task = TaskRef { server: server.name.to_string(), task };
        let key = Key { principal: call.context.principal.clone(), task };
        if server.catalog().era == Some(Era::Modern) {
            return server.call(call, None).await;
        }
        match &*call.method {
            "tasks/get" => self.look_at(server, call, key).await,
            "tasks/update" => {
                let given = read_answers(&call.params)?;
                if !self.inquiries.answer(&key, given).await {
                    // An answer to nothing is none that anybody misses, but the task must be there.
                    server.call(Call { method: Text::from_static("tasks/get"), ..call }, None).await?;
                }
                Ok(Object::new())
            }
            _ => {
                let reply = server.call(call, None).await;
                if reply.is_ok() {
                    self.inquiries.close(&key);
                }
                reply
            }
        }
    }

    /// `tasks/get`, with what the task asks.
    async fn look_at(&self, server: &Arc<Server>, call: Call, key: Key) -> Reply {
        let context = CallContext { notifier: Notifier::none(), progress_token: None, ..call.context.clone() };
        let kinds = Kinds::declared(&context.client);
        let about_result = Call { method: Text::from_static("tasks/result"), params: call.params.clone(), context };
        let mut task = match server.call(call, None).await {
            Ok(task) => task,
            Err(error) => {
                if error.kind == ErrorKind::Upstream {
                    self.inquiries.close(&key);
                }
                return Err(error);
            }
        };
        let requests = match Status::of(&task) {
            Some(Status::InputRequired) => {
                let server = server.clone();
                let ask = move |asker| -> ReplyFuture {
                    Box::pin(async move { server.call(about_result, Some(asker)).await })
                };
                self.inquiries.opened(self.parking.limits(), key, kinds, ask).await?
            }
            Some(status) if status.is_terminal() => {
                self.inquiries.close(&key);
                return Ok(task);
            }
            _ => self.inquiries.asks(&key),
        };
        if requests.is_empty() || !requests.iter().all(|(_, request)| may_be_asked(kinds, request)) {
            // Nothing to do for this client but to ask again, which is what `working` says.
            task.set_json("status", Status::Working.as_str());
        } else {
            task.set_json("status", Status::InputRequired.as_str());
            task.set("inputRequests", requests.to_raw());
        }
        Ok(task)
    }
}

/// Whether a client that declared `kinds` may see this. Another of the same principal may have
/// declared more when the question was taken.
fn may_be_asked(kinds: Kinds, request: &Raw) -> bool {
    let Ok(request) = Object::of(request) else { return false };
    let params = request.object("params").unwrap_or_default();
    let needed = request.text("method").and_then(|method| Kinds::needed(&method, &params));
    needed.is_some_and(|needed| kinds.contain(needed))
}

// === impl Inquiries ===

impl Inquiries {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { table: Mutex::new(Table { next: now_ms(), open: HashMap::new() }) })
    }

    /// How many tasks ask now.
    pub(crate) fn len(&self) -> usize {
        self.lock().open.values().filter(|inquiry| !inquiry.requests.borrow().is_empty()).count()
    }

    /// What the task asks now.
    fn asks(&self, key: &Key) -> Object {
        self.lock().open.get(key).map(|inquiry| inquiry.requests.borrow().clone()).unwrap_or_default()
    }

    /// What a task asks that waits for input. `ask` asks for its result, when nobody does yet.
    async fn opened(
        self: &Arc<Self>,
        limits: ParkingLimits,
        key: Key,
        kinds: Kinds,
        ask: impl FnOnce(Asker) -> ReplyFuture,
    ) -> Result<Object, Error> {
        let mut requests = self.open(limits, key, kinds, ask)?;
        let asks = timeout(QUESTION_WAIT, requests.wait_for(|requests| !requests.is_empty())).await;
        Ok(asks.ok().and_then(Result::ok).map(|requests| requests.clone()).unwrap_or_default())
    }

    fn open(
        self: &Arc<Self>,
        limits: ParkingLimits,
        key: Key,
        kinds: Kinds,
        ask: impl FnOnce(Asker) -> ReplyFuture,
    ) -> Result<watch::Receiver<Object>, Error> {
        let mut table = self.lock();
        if let Some(inquiry) = table.open.get(&key) {
            return Ok(inquiry.requests.clone());
        }
        let own = table.open.keys().filter(|other| other.principal == key.principal).count();
        limits.admit(table.open.len(), own)?;
        let number = table.next;
        table.next += 1;
        let (asker, asked) = Asker::new(kinds);
        let (answers, given) = mpsc::channel(ANSWERS_MAX);
        let (sender, requests) = watch::channel(Object::new());
        let owner = Owner {
            place: Place { inquiries: self.clone(), key: key.clone(), number },
            answer_timeout: limits.answer_timeout,
            asked,
            answers: given,
            requests: sender,
            hold: asker.hold().clone(),
            pending: Vec::new(),
            count: 0,
        };
        let owner = tokio::spawn(owner.run(ask(asker))).abort_handle();
        table.open.insert(key, Inquiry { number, requests: requests.clone(), answers, owner });
        Ok(requests)
    }

    /// Brings answers to the task; `false` when it asks nothing.
    async fn answer(&self, key: &Key, given: Object) -> bool {
        let Some(answers) = self.lock().open.get(key).map(|inquiry| inquiry.answers.clone()) else { return false };
        let (taken, wait) = oneshot::channel();
        answers.send(Answers { given, taken }).await.is_ok() && wait.await.is_ok()
    }

    /// Nobody needs to know any more what the task asks.
    fn close(&self, key: &Key) {
        let closed = self.lock().open.remove(key);
        if let Some(inquiry) = closed {
            inquiry.owner.abort();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.inquiries.lock();
        if table.open.get(&self.key).is_some_and(|inquiry| inquiry.number == self.number) {
            table.open.remove(&self.key);
        }
    }
}

// === impl Owner ===

impl Owner {
    /// Until the server answers; then whatever is still asked has lost its meaning.
    async fn run(mut self, mut exchange: ReplyFuture) {
        loop {
            let oldest = self.pending.first().map(|(_, _, due)| *due);
            let late = async {
                match oldest {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                _ = &mut exchange => return,
                Some(Answers { given, taken }) = self.answers.recv() => {
                    self.answer(&given);
                    self.show();
                    // Whoever answered may have gone.
                    let _ = taken.send(());
                }
                Some(question) = self.asked.recv() => self.ask(question),
                () = late => {
                    let (_, question, _) = self.pending.remove(0);
                    question.give_up("whoever was asked did not answer in time");
                }
            }
            self.show();
        }
    }

    fn ask(&mut self, question: Question) {
        if self.pending.len() >= QUESTIONS_MAX {
            return question.give_up("the task asks too many things at once");
        }
        self.count += 1;
        let key = format!("question-{}-{}", self.place.number, self.count);
        self.pending.push((key, question, Instant::now() + self.answer_timeout));
    }

    /// Some of the answers may be missing, and are waited for.
    fn answer(&mut self, given: &Object) {
        for (key, question, due) in std::mem::take(&mut self.pending) {
            match given.object(&key) {
                Some(answer) => question.answer(Ok(answer)),
                None => self.pending.push((key, question, due)),
            }
        }
    }

    fn show(&self) {
        if !self.pending.is_empty() {
            self.hold.hold();
        } else if self.hold.is_held() {
            self.hold.release();
        }
        let requests = self.pending.iter().map(|(key, question, _)| (key.as_str(), question.entry())).collect();
        self.requests.send_replace(requests);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ParkingLimits =
        ParkingLimits { all_max: 3, per_principal_max: 2, answer_timeout: Duration::from_secs(60) };

    fn key(principal: &'static str, task: &str) -> Key {
        let task = TaskRef { server: "s".to_owned(), task: task.to_owned() };
        Key { principal: Principal::new(principal), task }
    }

    /// A task that asks so many things at once and ends when all are answered.
    fn asks(things: usize, ended: mpsc::Sender<usize>) -> impl FnOnce(Asker) -> ReplyFuture {
        move |asker| {
            Box::pin(async move {
                let mut answers = Vec::new();
                for _ in 0..things {
                    let (sender, answer) = oneshot::channel();
                    let respond = move |reply: Reply| drop(sender.send(reply));
                    let asked = Question::new(Text::from_static("elicitation/create"), Object::new(), respond);
                    asker.put(asked).unwrap();
                    answers.push(answer);
                }
                let answers = futures_util::future::join_all(answers).await;
                let accepted = answers.iter().filter(|answer| {
                    answer.as_ref().is_ok_and(|reply| reply.as_ref().is_ok_and(|said| said.get("content").is_some()))
                });
                ended.send(accepted.count()).await.unwrap();
                Ok(Object::new())
            })
        }
    }

    fn answer_to(requests: &Object) -> Object {
        let accepted = Raw::from_static(r#"{"action":"accept","content":{}}"#);
        requests.iter().map(|(key, _)| (key.to_string(), accepted.clone())).fold(
            Object::new(),
            |mut all, (key, raw)| {
                all.set(&key, raw);
                all
            },
        )
    }

    #[tokio::test(start_paused = true)]
    async fn questions_stand_until_they_are_answered() {
        let inquiries = Inquiries::new();
        let (sender, mut ended) = mpsc::channel(4);
        let mine = key("me", "t");
        let first = inquiries.opened(LIMITS, mine.clone(), Kinds::ALL, asks(2, sender.clone())).await.unwrap();
        let again = inquiries.opened(LIMITS, mine.clone(), Kinds::ALL, asks(2, sender.clone())).await.unwrap();
        assert!(!first.is_empty() && !again.is_empty() && inquiries.len() == 1);
        assert!(!inquiries.answer(&key("you", "t"), answer_to(&again)).await, "it is not theirs");
        let mut part = again.clone();
        part.retain(|key| key.ends_with("-2"));
        assert!(inquiries.answer(&mine, answer_to(&part)).await);
        let left = inquiries.asks(&mine);
        assert!(left.len() == 1 && left.iter().all(|(key, _)| key.ends_with("-1")), "{left:?}");
        assert!(inquiries.answer(&mine, answer_to(&left)).await);
        assert_eq!(ended.recv().await, Some(2));
        tokio::task::yield_now().await;
        assert!(!inquiries.answer(&mine, answer_to(&left)).await && inquiries.lock().open.is_empty());
        let anew = inquiries.opened(LIMITS, mine, Kinds::ALL, asks(1, sender)).await.unwrap();
        assert!(anew.iter().all(|(key, _)| again.get(&key).is_none()), "keys are used once: {anew:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_waited_for_for_ever_and_there_are_not_too_many() {
        let inquiries = Inquiries::new();
        let (sender, mut ended) = mpsc::channel(4);
        for (principal, task) in [("me", "1"), ("me", "2"), ("you", "1")] {
            let asks =
                inquiries.opened(LIMITS, key(principal, task), Kinds::ALL, asks(1, sender.clone())).await.unwrap();
            assert_eq!(asks.len(), 1);
        }
        for principal in ["me", "you", "they"] {
            let refused = inquiries.opened(LIMITS, key(principal, "3"), Kinds::ALL, asks(1, sender.clone())).await;
            assert_eq!(refused.unwrap_err().kind, ErrorKind::Overloaded);
        }
        inquiries.close(&key("me", "1"));
        for _ in 0..2 {
            assert_eq!(ended.recv().await, Some(0), "given up");
        }
        while !inquiries.lock().open.is_empty() {
            tokio::task::yield_now().await;
        }
    }
}
