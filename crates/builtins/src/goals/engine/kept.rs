//! The state, and how far it is ahead of the store while a transaction runs.
//!
//! A transaction may be tried again or fail at its end; what it did to the state is taken back
//! then. It deliberately knows nothing of who waits for the answer.

use super::rows;
use super::{Answer, Asked, Key, Trouble};
use crate::goals::model::random::Random;
use crate::goals::model::{Change, Counters, Damage, Event, LEASE_GRACE_MS, Moment, Refusal, State, decide, revert};
use serde_json::Value;
use store::idempotency::{self, Seen};
use store::log::{self, Head};
use store::{Error, Tx, goals};

/// Events read at once.
const PAGE: u32 = 1_000;
/// Further behind than this, the tables are read instead of the log, events.
const BEHIND_MAX: u64 = 20_000;

/// The state and what is not certain of it.
#[derive(Default)]
pub(super) struct Kept {
    state: Option<State>,
    /// Where the log was when the state was last certain.
    head: Option<Head>,
    /// Events that are in the state and may not be in the log.
    pending: Vec<Event>,
    /// The counters and the number of events before them, while a transaction runs.
    before: Option<(Counters, u64)>,
    /// Where the log is once they are.
    next: Option<Head>,
    /// The tables were damaged and the state is from the log: the next write makes them anew.
    repair: bool,
    random: Option<Random>,
}

// === impl Kept ===

impl Kept {
    pub(super) fn state(&self) -> Option<&State> {
        self.state.as_ref()
    }

    /// Forgets the state; the store has it.
    pub(super) fn forget(&mut self) {
        (self.state, self.head, self.next, self.before) = (None, None, None, None);
        self.pending = Vec::new();
    }

    /// The transaction was kept: the state is certain.
    pub(super) fn keep(&mut self) {
        self.pending.clear();
        self.before = None;
        if let Some(next) = self.next.take() {
            (self.head, self.repair) = (Some(next), false);
        }
    }

    /// The transaction was not kept.
    pub(super) fn take_back(&mut self) {
        self.next = None;
        let pending = std::mem::take(&mut self.pending);
        let Some((counters, seq)) = self.before.take() else { return };
        if let Some(state) = &mut self.state {
            state.seq = seq;
            if revert(state, &pending, counters).is_err() {
                self.forget();
            }
        }
    }

    /// Decides what is asked for and writes it; may be tried again.
    pub(super) async fn carry_out(&mut self, tx: &mut Tx, asked: &[Asked]) -> Result<Vec<Answer>, Error> {
        self.take_back();
        let head = tx.lock_stream(goals::STREAM).await?;
        self.catch_up(tx, &head).await?;
        let now = tx.now_ms();
        let mut random = self.chance();
        self.before = self.state.as_ref().map(|state| (state.counters(), state.seq));
        let mut answers = Vec::with_capacity(asked.len());
        for one in asked {
            answers.push(self.answer(tx, one, now, &mut random).await?);
        }
        self.random = Some(random);
        self.write(tx, head, asked).await?;
        Ok(answers)
    }

    async fn answer(&mut self, tx: &mut Tx, asked: &Asked, now: i64, random: &mut Random) -> Result<Answer, Error> {
        if let Some(Key { scope, key, digest }) = &asked.key {
            match idempotency::find(tx, scope, key, digest).await? {
                Seen::New => {}
                Seen::Answered(answer) => {
                    let answer: Result<Value, _> = serde_json::from_str(&answer);
                    return Ok(answer.map_err(|error| Trouble::Refused(Damage(error.to_string()).into())));
                }
                Seen::Other => {
                    let refusal = Refusal::conflict(
                        "this `idempotency_key` was used for another request",
                        "use a new key for a new request",
                    );
                    return Ok(Err(Trouble::Refused(refusal)));
                }
            }
        }
        let Some(state) = &mut self.state else { return Err(Error::Closed) };
        let decided = match decide(state, &asked.command, Moment { now, actor: &asked.actor, random }) {
            Ok(decided) => decided,
            Err(refusal) => return Ok(Err(Trouble::Refused(refusal))),
        };
        self.pending.extend(decided.events);
        if let Some(Key { scope, key, digest }) = &asked.key {
            idempotency::keep(tx, scope, key, digest, &decided.answer.to_string()).await?;
        }
        Ok(Ok(decided.answer))
    }

    /// Appends the events and brings the tables in line.
    async fn write(&mut self, tx: &mut Tx, head: Head, asked: &[Asked]) -> Result<(), Error> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let key = match asked {
            [one] => one.key.as_ref().map(|key| key.key.clone()),
            _ => None,
        };
        let events = self.pending.iter().map(|event| rows::event(event, key.clone())).collect::<Result<_, _>>();
        let events = events.map_err(|error: serde_json::Error| damaged(tx, &Damage(error.to_string())))?;
        let (next, _) = log::append(tx, head, events).await?;
        let Some(state) = &mut self.state else { return Err(Error::Closed) };
        state.seq = u64::try_from(next.seq).unwrap_or(0);
        let changed = if self.repair {
            goals::clear(tx).await?;
            rows::all(state).map(|all| (Vec::new(), all))
        } else {
            rows::changed(state, &self.pending)
        };
        let (gone, put) = changed.map_err(|error| damaged(tx, &Damage(error.to_string())))?;
        goals::write(tx, next.seq, gone, put).await?;
        if self.before.is_none_or(|(counters, _)| counters != state.counters()) {
            goals::keep_counters(tx, &rows::counters(state.counters())).await?;
        }
        self.next = Some(next);
        Ok(())
    }

    /// Brings the state up to date; says whether a lease is over.
    pub(super) async fn look(&mut self, tx: &mut Tx) -> Result<bool, Error> {
        let head = log::head(tx, goals::STREAM).await?;
        self.catch_up(tx, &head).await?;
        let now = tx.now_ms().max(head.at_ms);
        let Some(state) = &mut self.state else { return Err(Error::Closed) };
        state.tick(now);
        Ok(state.leases_before(state.now() - LEASE_GRACE_MS).next().is_some())
    }

    /// Applies what others appended; reads the tables where the state is new, far behind, or not
    /// the beginning of this log.
    async fn catch_up(&mut self, tx: &mut Tx, head: &Head) -> Result<(), Error> {
        if self.head.as_ref() == Some(head) {
            return Ok(());
        }
        let seq = u64::try_from(head.seq).unwrap_or(0);
        let known = self.head.as_ref().map_or(-1, |head| head.seq);
        if let Some(state) = &mut self.state
            && known < head.seq
            && known >= head.cut_seq
            && seq - state.seq <= BEHIND_MAX
        {
            match follow(tx, state, head.seq).await? {
                Ok(()) => {
                    self.head = Some(head.clone());
                    return Ok(());
                }
                Err(_damage) => self.state = None,
            }
        }
        let all = goals::load(tx).await?;
        let loaded = rows::read(all, seq).and_then(|rows| State::load(rows, tx.now_ms()));
        self.repair = loaded.is_err();
        let state = match loaded {
            Ok(state) => state,
            Err(damage) if head.cut_seq > 0 => return Err(damaged(tx, &damage)),
            // The tables follow from the log, which is whole.
            Err(_damage) => {
                let mut state = State::default();
                follow(tx, &mut state, head.seq).await?.map_err(|damage| damaged(tx, &damage))?;
                state
            }
        };
        (self.state, self.head) = (Some(state), Some(head.clone()));
        Ok(())
    }

    fn chance(&mut self) -> Random {
        self.random.take().unwrap_or_else(|| {
            let mut seed = [0; 8];
            // Without chance of the system there is that of this process; ids are looked up anyway.
            if getrandom::fill(&mut seed).is_err() {
                seed = u64::from(std::process::id()).to_le_bytes();
            }
            Random::new(u64::from_le_bytes(seed))
        })
    }
}

/// Applies the events up to `seq`.
async fn follow(tx: &mut Tx, state: &mut State, seq: i64) -> Result<Result<(), Damage>, Error> {
    while state.seq < u64::try_from(seq).unwrap_or(0) {
        let after = i64::try_from(state.seq).unwrap_or(i64::MAX);
        let events = log::read(tx, goals::STREAM, after, PAGE).await?;
        if events.is_empty() {
            return Ok(Err(Damage("events are missing".to_owned())));
        }
        for event in events {
            if event.seq > seq {
                return Ok(Ok(()));
            }
            let applied = apply(state, &event);
            if applied.is_err() {
                return Ok(applied);
            }
        }
    }
    Ok(Ok(()))
}

/// Moves a state by one event of the log.
pub(super) fn apply(state: &mut State, event: &log::Event) -> Result<(), Damage> {
    let (entity, _) = event.event.entity.split_once(':').unwrap_or((&event.event.entity, ""));
    state.apply(&Change::read(entity, &event.event.body)?)?;
    state.tick(event.at_ms);
    state.seq = u64::try_from(event.seq).unwrap_or(0);
    Ok(())
}

/// The tables are not what was written: they can be made anew from the log.
fn damaged(tx: &Tx, damage: &Damage) -> Error {
    goals::damaged(tx, damage.to_string())
}
