//! Which call a question belongs to that comes apart from any call: on a pipe, or on the stream of
//! a session (protocol.md section 2.2, rows 8 and 9).
//!
//! The protocol does not say it, so a guess is never made: with one call in flight that may be
//! asked it is that one's; with several the question waits until one is left, since the call that
//! asks cannot end before its answer. A server that has shown that it asks in this way gets such
//! calls one at a time. A question that names a task is of whoever waits for that, however many
//! there are.

use crate::asking::{Asker, Kinds, Question};
use protocol::Text;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a call that was given up may still be meant: its server hears of it only now.
const GIVEN_UP: Duration = Duration::from_secs(3);
/// How long a question waits for the call that it belongs to to show.
const HELD_MAX: Duration = Duration::from_secs(5);
/// How many questions wait for that; more are given up at once.
const HELD_COUNT_MAX: usize = 64;
/// Turns that a call takes which has the server for itself.
const ALL_TURNS: u32 = 1 << 16;

/// The calls of one connection that may be asked, and questions that fit several of them.
#[derive(Debug)]
pub(super) struct Questions {
    turns: Arc<Semaphore>,
    /// Whether the server ever asked apart from a call.
    shown: AtomicBool,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    asking: BTreeMap<u64, Entered>,
    held: BTreeMap<u64, Question>,
}

#[derive(Debug)]
struct Entered {
    asker: Asker,
    /// The task that the call waits for.
    task: Option<Text>,
}

/// A call that may be asked; ends with it.
#[derive(Debug)]
pub(super) struct Asking {
    questions: Arc<Questions>,
    key: u64,
    answered: bool,
    _turn: Option<OwnedSemaphorePermit>,
}

impl Questions {
    pub(super) fn new() -> Arc<Self> {
        let turns = Arc::new(Semaphore::new(ALL_TURNS as usize));
        Arc::new(Self { turns, shown: AtomicBool::new(false), open: Mutex::default() })
    }

    /// Whether calls that may be asked go one at a time.
    pub(super) fn is_shown(&self) -> bool {
        self.shown.load(Ordering::Acquire)
    }

    /// Enters a call that may be asked, when it is its turn.
    pub(super) async fn enter(self: Arc<Self>, asker: Asker) -> Asking {
        let mut turn = self.turns.clone().acquire_many_owned(self.width()).await.ok();
        if turn.as_ref().is_some_and(|turn| turn.num_permits() == 1) && self.is_shown() {
            // It was shown while this call waited behind another.
            drop(turn);
            turn = self.turns.clone().acquire_many_owned(ALL_TURNS).await.ok();
        }
        let key = self.add(Entered { asker, task: None });
        Asking { questions: self, key, answered: false, _turn: turn }
    }

    /// Enters a call that waits for the end of `task`. It takes nobody's turn, since what the task
    /// asks says so.
    pub(super) fn enter_task(self: Arc<Self>, asker: Asker, task: Text) -> Asking {
        let key = self.add(Entered { asker, task: Some(task) });
        self.look_again();
        Asking { questions: self, key, answered: false, _turn: None }
    }

    fn add(&self, entered: Entered) -> u64 {
        let mut open = self.lock();
        let key = open.next;
        open.next += 1;
        open.asking.insert(key, entered);
        key
    }

    fn width(&self) -> u32 {
        if self.is_shown() { ALL_TURNS } else { 1 }
    }

    /// Puts a question that came apart from any call to the only call that it can be of; keeps it
    /// while there are several; gives it back when there is none.
    pub(super) fn place(self: &Arc<Self>, question: Question) -> Option<Question> {
        let kind = Kinds::needed(&question.method, &question.params);
        let Some(kind) = kind else { return Some(question) };
        let mut open = self.lock();
        let task = question.task();
        if task.is_none() && !matches!(only(&open.asking, kind, None), Fit::None) {
            self.shown.store(true, Ordering::Release);
        }
        match only(&open.asking, kind, task.as_deref()) {
            Fit::None => Some(question),
            Fit::One(asker) => asker.put(question).err(),
            Fit::Unclear if open.held.len() >= HELD_COUNT_MAX => Some(question),
            Fit::Unclear => {
                let key = open.next;
                open.next += 1;
                open.held.insert(key, question);
                drop(open);
                let questions = self.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(HELD_MAX).await;
                    let late = questions.lock().held.remove(&key);
                    if let Some(late) = late {
                        late.give_up(
                            "it was not clear who is asked: several calls were in flight, or nobody waits for its task",
                        );
                    }
                });
                None
            }
        }
    }

    fn ended(&self, key: u64) {
        self.lock().asking.remove(&key);
        self.look_again();
    }

    /// The calls are not the same as before: looks again at what is held.
    fn look_again(&self) {
        let mut open = self.lock();
        let mut left_over = Vec::new();
        for (key, question) in std::mem::take(&mut open.held) {
            let kind = Kinds::needed(&question.method, &question.params).unwrap_or(Kinds::NONE);
            match only(&open.asking, kind, question.task().as_deref()) {
                Fit::None => left_over.push(question),
                Fit::One(asker) => left_over.extend(asker.put(question).err()),
                Fit::Unclear => {
                    open.held.insert(key, question);
                }
            }
        }
        drop(open);
        // Answering may write to the pipe: not under the lock.
        drop(left_over);
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Fit<'a> {
    None,
    One(&'a Asker),
    Unclear,
}

/// Who can be meant by a question of `kind` of this `task`. Nobody may be waiting for that yet.
fn only<'a>(asking: &'a BTreeMap<u64, Entered>, kind: Kinds, task: Option<&str>) -> Fit<'a> {
    let able = || asking.values().filter(|entered| entered.asker.kinds().contain(kind));
    if let Some(task) = task {
        let Some(waits) = asking.values().find(|entered| entered.task.as_deref() == Some(task)) else {
            return Fit::Unclear;
        };
        return if waits.asker.kinds().contain(kind) { Fit::One(&waits.asker) } else { Fit::None };
    }
    let mut calls = able().filter(|entered| entered.task.is_none());
    match (calls.next(), calls.next()) {
        (Some(one), None) => Fit::One(&one.asker),
        (Some(_), Some(_)) => Fit::Unclear,
        // Tasks are to be named; one alone is clear without.
        (None, _) => match (able().next(), able().nth(1)) {
            (None, _) => Fit::None,
            (Some(one), None) => Fit::One(&one.asker),
            _ => Fit::Unclear,
        },
    }
}

impl Asking {
    /// The call has its answer: it asks no more.
    pub(super) fn answered(&mut self) {
        self.answered = true;
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let (questions, key) = (self.questions.clone(), self.key);
        match tokio::runtime::Handle::try_current() {
            // A server that still asks for it must not be heard as asking for the next one.
            Ok(runtime) if !self.answered => drop(runtime.spawn(async move {
                tokio::time::sleep(GIVEN_UP).await;
                questions.ended(key);
            })),
            _ => questions.ended(key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{Object, Text};

    fn question() -> (Question, tokio::sync::oneshot::Receiver<bool>) {
        let (sender, answered) = tokio::sync::oneshot::channel();
        let respond = move |reply: protocol::Reply| {
            let _ = sender.send(reply.is_ok());
        };
        (Question::new(Text::from_static("elicitation/create"), Object::new(), respond), answered)
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_waits_until_it_can_be_of_one_call_only() {
        let questions = Questions::new();
        let (first, mut first_asked) = Asker::new(Kinds::FORM);
        let (second, mut second_asked) = Asker::new(Kinds::FORM);
        let (third, _third_asked) = Asker::new(Kinds::ROOTS);
        let _one = questions.clone().enter(first).await;
        let mut two = questions.clone().enter(second).await;
        let _three = questions.clone().enter(third).await;
        let (asked, _) = question();
        assert!(questions.place(asked).is_none() && questions.is_shown());
        assert!(first_asked.try_recv().is_err() && second_asked.try_recv().is_err());
        two.answered();
        drop(two);
        assert!(first_asked.try_recv().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn what_stays_unclear_is_given_up_and_what_nobody_can_answer_comes_back() {
        let questions = Questions::new();
        let (asked, answered) = question();
        assert!(questions.place(asked).is_some());
        assert!(!answered.await.unwrap());
        let (first, _a) = Asker::new(Kinds::ALL);
        let (second, _b) = Asker::new(Kinds::ALL);
        let _one = questions.clone().enter(first).await;
        let _two = questions.clone().enter(second).await;
        let (asked, answered) = question();
        assert!(questions.place(asked).is_none());
        assert!(answered.await.unwrap(), "an elicitation is cancelled, not failed");
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_of_a_task_is_of_who_waits_for_it_and_of_nobody_else() {
        let questions = Questions::new();
        let (call, mut call_asked) = Asker::new(Kinds::ALL);
        let (first, mut first_asked) = Asker::new(Kinds::ALL);
        let (second, mut second_asked) = Asker::new(Kinds::ALL);
        let _call = questions.clone().enter(call).await;
        let of = |task: &str| {
            let (mut asked, answered) = question();
            let meta = serde_json::json!({protocol::meta::RELATED_TASK: {"taskId": task}});
            asked.params.set_json("_meta", &meta);
            (asked, answered)
        };
        let (asked, _held) = of("2");
        assert!(questions.place(asked).is_none());
        let _first = questions.clone().enter_task(first, Text::from_static("1"));
        assert!(second_asked.try_recv().is_err());
        let _second = questions.clone().enter_task(second, Text::from_static("2"));
        assert!(second_asked.try_recv().is_ok(), "it was held until somebody waits for its task");
        let (asked, _) = of("1");
        assert!(questions.place(asked).is_none() && first_asked.try_recv().is_ok());
        assert!(!questions.is_shown() && call_asked.try_recv().is_err());
        let (nothing, _) = Asker::new(Kinds::NONE);
        let _third = questions.clone().enter_task(nothing, Text::from_static("3"));
        assert!(questions.place(of("3").0).is_some(), "who declared nothing is not asked, and nobody in its place");
        let (asked, given_up) = of("4");
        assert!(questions.place(asked).is_none() && given_up.await.unwrap());
        let (asked, _) = question();
        assert!(questions.place(asked).is_none() && call_asked.try_recv().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_only_asks_fills_no_memory() {
        let questions = Questions::new();
        let (first, _a) = Asker::new(Kinds::ALL);
        let (second, _b) = Asker::new(Kinds::ALL);
        let _one = questions.clone().enter(first).await;
        let _two = questions.clone().enter(second).await;
        for _ in 0..HELD_COUNT_MAX * 3 {
            drop(questions.place(question().0));
        }
        assert_eq!(questions.lock().held.len(), HELD_COUNT_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_was_given_up_may_still_be_meant() {
        let questions = Questions::new();
        let (first, first_asked) = Asker::new(Kinds::ALL);
        let (second, mut second_asked) = Asker::new(Kinds::ALL);
        drop((questions.clone().enter(first).await, first_asked));
        let _two = questions.clone().enter(second).await;
        let (asked, _) = question();
        assert!(questions.place(asked).is_none());
        assert!(second_asked.try_recv().is_err(), "it may be the question of the first");
        let began = tokio::time::Instant::now();
        assert!(second_asked.recv().await.is_some());
        assert_eq!(began.elapsed(), GIVEN_UP);
    }

    #[tokio::test(start_paused = true)]
    async fn once_shown_calls_go_one_at_a_time() {
        let questions = Questions::new();
        let (asker, _asked) = Asker::new(Kinds::ALL);
        let one = questions.clone().enter(asker.clone()).await;
        let (asked, _) = question();
        assert!(questions.place(asked).is_none());
        let second = tokio::spawn(questions.clone().enter(asker.clone()));
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        drop(one);
        let two = second.await.unwrap();
        let third = tokio::spawn(questions.clone().enter(asker));
        tokio::task::yield_now().await;
        assert!(!third.is_finished());
        drop(two);
        drop(third.await.unwrap());
    }
}
