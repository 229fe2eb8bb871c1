//! The first version of the tables: a file for each group, beside nothing else.

mod goals;

mod log;

mod memories;

mod records;

use crate::migrate::Step;

pub(super) const STEP: Step = Step {
    name: "the first tables",
    up: &[log::UP, goals::UP, memories::UP, records::UP],
    down: &[log::DOWN, goals::DOWN, memories::DOWN, records::DOWN],
};
