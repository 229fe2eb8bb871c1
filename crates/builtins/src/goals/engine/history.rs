//! What happened: the log from a number on, the goals as they were then, and taking it back.
//!
//! It deliberately reads the log itself and not the state: readers of history hold nobody up.

use super::kept::apply;
use super::{Goals, Trouble};
use crate::goals::model::{Command, Refusal, State, Undone};
use serde::Serialize;
use serde_json::{Map, Value};
use store::log::{self, Event};
use store::{Error, goals};

/// Events told at once.
pub(crate) const HISTORY_MAX: u32 = 500;
/// Events read at once.
const PAGE: u32 = 1_000;
/// Events of one command.
const COMMAND_EVENTS_MAX: usize = 100_000;

/// One thing that happened, in the words of the log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Happened {
    pub(crate) seq: i64,
    pub(crate) at_ms: i64,
    pub(crate) actor: String,
    pub(crate) kind: String,
    /// `task:…`, `goal:…` and so on.
    pub(crate) entity: String,
    pub(crate) cause: Option<String>,
    /// The row before: what differs.
    pub(crate) before: Option<Map<String, Value>>,
    /// The row after.
    pub(crate) after: Option<Map<String, Value>>,
}

#[derive(serde::Deserialize)]
struct Body {
    #[serde(default)]
    before: Option<Map<String, Value>>,
    #[serde(default)]
    after: Option<Map<String, Value>>,
}

impl Goals {
    /// At most `limit` events after number `after`, oldest first, and the number of the last one
    /// there is.
    ///
    /// # Errors
    /// The store failed.
    pub(crate) async fn history(&self, after: i64, limit: u32) -> Result<(Vec<Happened>, i64), Trouble> {
        let (events, head) = self
            .store()
            .read::<_, Error, _>("goal_history", |tx| {
                Box::pin(async move {
                    let head = log::head(tx, goals::STREAM).await?;
                    Ok((log::read(tx, goals::STREAM, after, limit.min(HISTORY_MAX)).await?, head.seq))
                })
            })
            .await?;
        Ok((events.into_iter().map(happened).collect(), head))
    }

    /// The state after event number `seq`, made from the log.
    ///
    /// # Errors
    /// The log does not reach there, does not fit together, or the store failed.
    pub(crate) async fn at(&self, seq: i64) -> Result<State, Trouble> {
        let head =
            self.store().read::<_, Error, _>("goal_history", |tx| Box::pin(log::head(tx, goals::STREAM))).await?;
        if head.cut_seq > 0 {
            let message = format!("the log begins after event {}; what was before cannot be told", head.cut_seq);
            return Err(Refusal::unknown(message, "restore an older backup with switchboard restore").into());
        }
        if !(0..=head.seq).contains(&seq) {
            let message = format!("there is no event {seq}; the last is {}", head.seq);
            return Err(Refusal::unknown(message, "goal_history shows the events there are").into());
        }
        let mut state = State::default();
        while i64::try_from(state.seq).unwrap_or(i64::MAX) < seq {
            let events = self.page(i64::try_from(state.seq).unwrap_or(i64::MAX)).await?;
            if events.is_empty() {
                return Err(Refusal::unknown("events are missing from the log", "switchboard backup --verify").into());
            }
            for event in events.iter().filter(|event| event.seq <= seq) {
                apply(&mut state, event).map_err(Refusal::from)?;
            }
        }
        Ok(state)
    }

    /// The command that takes back the one which event `seq` belongs to.
    ///
    /// # Errors
    /// There is no such event, or the store failed.
    pub(crate) async fn undoing(&self, seq: i64) -> Result<Command, Trouble> {
        let unknown =
            || Refusal::unknown(format!("there is no event {seq}"), "goal_history shows the events there are");
        let mut events = self.page(seq - 1).await?;
        let cause = events.first().filter(|event| event.seq == seq).ok_or_else(unknown)?.event.cause.clone();
        let belongs = |event: &Event| event.event.cause == cause;
        let mut before = Vec::new();
        let mut first = seq;
        // Back to where the command began.
        while first > 1 && before.len() < COMMAND_EVENTS_MAX {
            let from = (first - 1 - i64::from(PAGE)).max(0);
            let mut page: Vec<Event> = self.page(from).await?.into_iter().filter(|event| event.seq < first).collect();
            let own = page.iter().rev().take_while(|event| belongs(event)).count();
            let all = own == page.len() && !page.is_empty();
            page.drain(..page.len() - own);
            page.append(&mut before);
            before = page;
            if !all {
                break;
            }
            first = from + 1;
        }
        // And on to where it ended.
        while events.last().is_some_and(belongs) && events.len() < COMMAND_EVENTS_MAX {
            let more = self.page(events.last().map_or(seq, |event| event.seq)).await?;
            if more.is_empty() {
                break;
            }
            events.extend(more);
        }
        let own = events.iter().take_while(|event| belongs(event)).count();
        events.truncate(own);
        before.extend(events);
        let changes = before.into_iter().map(happened).map(|event| Undone {
            entity: event.entity.split(':').next().unwrap_or_default().to_owned(),
            before: event.before,
            after: event.after,
        });
        Ok(Command::Undo { changes: changes.collect() })
    }

    async fn page(&self, after: i64) -> Result<Vec<Event>, Trouble> {
        let read =
            self.store().read::<_, Error, _>("goal_history", |tx| Box::pin(log::read(tx, goals::STREAM, after, PAGE)));
        Ok(read.await?)
    }
}

fn happened(event: Event) -> Happened {
    let Event { seq, at_ms, event } = event;
    let body = serde_json::from_str(&event.body).unwrap_or(Body { before: None, after: None });
    Happened {
        seq,
        at_ms,
        actor: event.actor,
        kind: event.kind,
        entity: event.entity,
        cause: event.cause,
        before: body.before,
        after: body.after,
    }
}
