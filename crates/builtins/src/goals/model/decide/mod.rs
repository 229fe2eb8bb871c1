//! Whether a command is carried out, and what that changes.
//!
//! The changes are made as they are decided, so that each rule sees what came before it in the
//! same command; a refusal takes them back. It deliberately reads no clock and draws no chance
//! but those it is given.

mod claims;
mod draft;
mod edit;
mod goals;
mod import;
mod links;
mod remove;
mod status;
mod undo;

use super::change::Event;
use super::command::Command;
use super::random::Random;
use super::refusal::Refusal;
use super::rows::{Counters, Ms};
use super::state::State;
pub(super) use draft::Draft;
use serde_json::Value;
use std::sync::Arc;

/// When and by whom a command is given.
#[derive(Debug)]
pub(crate) struct Moment<'a> {
    /// The time of the store.
    pub(crate) now: Ms,
    /// Who gives it.
    pub(crate) actor: &'a str,
    /// Where ids come from.
    pub(crate) random: &'a mut Random,
}

/// What a command came to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Decided {
    /// What changed, in order; the state has it already.
    pub(crate) events: Vec<Event>,
    /// What the asker is told.
    pub(crate) answer: Value,
}

/// Carries out a command on the state.
///
/// # Errors
/// Why it is not carried out; the state is as it was, but for the clock.
pub(crate) fn decide(state: &mut State, command: &Command, moment: Moment<'_>) -> Result<Decided, Refusal> {
    state.tick(moment.now);
    let now = state.now();
    let counters = state.counters();
    let cause = super::ids::new('c', now, moment.random);
    let mut draft = Draft {
        state,
        events: Vec::new(),
        now,
        actor: moment.actor.into(),
        cause: Arc::from(cause),
        random: moment.random,
    };
    let outcome = draft.sweep().and_then(|()| draft.carry_out(command));
    let events = std::mem::take(&mut draft.events);
    match outcome {
        Ok(answer) => Ok(Decided { events, answer }),
        Err(refusal) => {
            revert(state, &events, counters)?;
            Err(refusal)
        }
    }
}

/// Takes events back that were applied last, in order. What was counted before them counts again.
///
/// # Errors
/// They were not: the state is not to be trusted any more.
pub(crate) fn revert(state: &mut State, events: &[Event], counters: Counters) -> Result<(), super::Damage> {
    events.iter().rev().try_for_each(|event| state.apply(&event.change.inverse()))?;
    state.counters = counters;
    Ok(())
}

impl Draft<'_> {
    fn carry_out(&mut self, command: &Command) -> Result<Value, Refusal> {
        let answer = match command {
            Command::CreateGoal(goal) => self.create_goal(goal),
            Command::UpdateGoal(change) => self.update_goal(change),
            Command::DeleteGoal { goal, dependents, expected_version } => {
                self.delete_goal(goal, *dependents, *expected_version)
            }
            Command::BreakDown { goal, tasks, expected_version } => self.break_down(goal, tasks, *expected_version),
            Command::EditTask(change) => self.edit_task(change),
            Command::SetStatus(change) => self.set_status(change),
            Command::SetStatuses { changes, best_effort } => self.set_statuses(changes, *best_effort),
            Command::DeleteTask { task, dependents, expected_version } => {
                self.delete_task(task, *dependents, *expected_version)
            }
            Command::Claim(filter) => self.claim(filter),
            Command::Finish(finish) => self.finish(finish),
            Command::Link { from, to, kind, remove } => self.link(from, to, *kind, *remove),
            Command::SetGate(change) => self.set_gate(change),
            Command::Undo { changes } => self.undo(changes),
            Command::Import(bundle) => self.import(bundle),
            Command::Sweep => Ok(Value::Null),
        }?;
        Ok(answer)
    }
}
