//! Long-running calls: the tasks extension between clients and several servers (protocol.md
//! section 1.16 and row 20 of table 2.2).
//!
//! Inside there is one dialect, the extension's: a call that goes on is answered with a task, and
//! `tasks/get|update|cancel` ask about it. The experiment of 2025-11-25 is translated at both
//! edges: towards servers in `upstream/legacy_tasks.rs`, towards clients in
//! `listener/legacy_tasks.rs`. This module deliberately keeps no table of tasks: ids are sealed
//! and say where they belong. Only what a legacy server asks for a task is kept, while it is open.

mod id;
pub use id::TaskRef;
pub(crate) use id::of as id_of;

pub(crate) mod shape;

mod support;
pub use support::TaskSupport;

mod ask;
mod carry;
mod inquiry;
mod watch;

pub(crate) use carry::{call, permitted, sealed};
pub(crate) use inquiry::Inquiries;
pub(crate) use support::{makes_tasks, mark};
pub(crate) use watch::told;
