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

pub use change::{Change, Damage, Entity, Event, Pair};
pub use command::{
    Act, Bundle, ClaimFilter, Command, Finish, GateChange, GoalChange, NewGoal, NewTask, Reference, StatusChange,
    TaskChange, Undone,
};
pub use decide::{Decided, Moment, decide, revert};
pub use explain::{Explanation, Hold, explain};
pub use limits::*;
pub use refusal::{Refusal, RefusalKind};
pub use rows::{Check, Claim, Counters, Edge, Estimate, Gate, Goal, Ms, Task};
pub use state::{GoalAt, GoalSlot, Rows, State, TaskAt, TaskSlot};
pub use words::{Dependents, EdgeKind, GateKind, GateState, GoalStatus, Priority, TaskStatus};
