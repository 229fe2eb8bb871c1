//! Questions that a session has put to its client and that are still open: which answer belongs
//! to which question, and what the client is told when nobody waits for its answer any more.
//!
//! What is asked, and what an answer means, is the affair of `rounds.rs`.

use protocol::{Error, ErrorKind, Id, Notification, Notifier, Object, Request, Response, Text};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;
use tokio::time::Instant;

type Outcome = Result<Object, Error>;

/// The open questions of a session.
#[derive(Default)]
pub(super) struct Questions(Mutex<Table>);

#[derive(Default)]
struct Table {
    asked: u64,
    open: HashMap<u64, oneshot::Sender<Outcome>>,
}

/// An open question; dropping it tells the client that its answer is not wanted any more.
pub(super) struct Question {
    questions: Arc<Questions>,
    id: u64,
    notifier: Notifier,
    answer: oneshot::Receiver<Outcome>,
    settled: bool,
}

/// What came of a question.
#[derive(Debug)]
pub(super) enum Answer {
    /// The result that the client gave.
    Given(Object),
    /// The error that it gave instead.
    Refused(Error),
    /// Nothing, in the time there was.
    Late,
}

impl Questions {
    /// Takes note of an answer. One that nobody waits for, or not any more, means nothing.
    pub(super) fn answered(&self, response: Response) {
        let Some(id) = response.id.and_then(|id| id.as_u64()) else { return };
        let asker = self.lock().open.remove(&id);
        if let Some(asker) = asker {
            // Who asked may just have given up.
            let _ = asker.send(response.outcome);
        }
    }

    /// Takes note of an answer that is none: its result is no object.
    pub(super) fn spoiled(&self, id: Id) {
        let error = Error::new(ErrorKind::InvalidRequest, "the answer is neither an object nor an error");
        self.answered(Response { id: Some(id), outcome: Err(error) });
    }

    /// Asks over `notifier`; `None` when there is nobody to ask.
    pub(super) fn ask(self: &Arc<Self>, notifier: &Notifier, method: Text, params: Option<Object>) -> Option<Question> {
        let (asker, answer) = oneshot::channel();
        let id = {
            let mut table = self.lock();
            table.asked += 1;
            let id = table.asked;
            table.open.insert(id, asker);
            id
        };
        let mut question = Question { questions: self.clone(), id, notifier: notifier.clone(), answer, settled: false };
        if notifier.ask(Request { id: Id::number(id), method, params }) {
            return Some(question);
        }
        question.settled = true;
        None
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Question {
    /// Waits for the answer until `deadline`.
    pub(super) async fn answer(mut self, deadline: Instant) -> Answer {
        match tokio::time::timeout_at(deadline, &mut self.answer).await {
            Ok(Ok(outcome)) => {
                self.settled = true;
                outcome.map_or_else(Answer::Refused, Answer::Given)
            }
            _ => Answer::Late,
        }
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        let open = self.questions.lock().open.remove(&self.id).is_some();
        let id = Id::number(self.id);
        if open && !self.settled && !self.notifier.withdraw(&id) {
            let mut params = Object::new();
            params.set("requestId", id.raw().clone());
            params.set_json("reason", "the answer is not waited for any more");
            self.notifier.send(Notification::new("notifications/cancelled", Some(params)));
        }
    }
}
