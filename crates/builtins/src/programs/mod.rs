//! Running a command line that a model wrote, without a shell: split into words, its program on a
//! list that a person made, its arguments looked through, in a folder below a root, with little
//! environment, and with limits of time and output.
//!
//! The looks at arguments are a rail and no wall: a program that is allowed does what it can do.
//! What a person allows is run with the rights of this program.

mod allowed;
mod arguments;
mod capture;
mod command;
mod environment;
mod execute;
mod rules;
mod words;

pub(crate) use allowed::Allowed;
pub(crate) use command::{Command, Commands};
pub(crate) use environment::minimal;
pub(crate) use execute::{How, Outcome, execute};
pub(crate) use words::split;

/// The shortest and the longest time that a command may be given, in seconds.
pub(crate) const SECONDS: std::ops::RangeInclusive<u64> = 1..=300;
/// What it gets if nothing is said.
pub(crate) const SECONDS_DEFAULT: u64 = 30;
