//! Goals and tasks as values: rows, the changes between them, the state in memory, and the
//! decisions. No file in here reads a clock, a disk or a socket.
//!
//! It deliberately knows neither the store nor the tools.

mod apply;
mod change;
mod command;
mod decide;
pub(crate) mod effort;
mod explain;
mod find;
pub(crate) mod graph;
pub(crate) mod ids;
mod limits;
mod order;
pub(crate) mod random;
mod ready;
mod refusal;
mod rows;
pub(crate) mod schedule;
mod state;
#[cfg(test)]
mod tests;
pub(crate) mod view;
pub(crate) mod when;
mod words;

pub(crate) use change::{Change, Damage, Entity, Event};
pub(crate) use command::{
    Bundle, ClaimFilter, Command, Finish, GateChange, GoalChange, NewGoal, NewTask, Reference, StatusChange,
    TaskChange, Undone,
};
pub(crate) use decide::{Moment, decide, revert};
pub(crate) use explain::explain;
pub(crate) use limits::*;
pub(crate) use refusal::{Refusal, RefusalKind};
pub(crate) use rows::{Counters, Edge, Estimate, Gate, Goal, Ms, Task};
pub(crate) use state::{GoalAt, Rows, State};
pub(crate) use words::{Act, Dependents, EdgeKind, GateKind, GateState, GoalStatus, Priority, TaskStatus};
