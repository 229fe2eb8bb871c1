//! What happened in each minute, for charts.

use crate::migrate::Step;

pub(super) const STEP: Step = Step {
    name: "the history of minutes",
    up: &[&["CREATE TABLE history (minute BIGINT PRIMARY KEY, body TEXT NOT NULL)"]],
    down: &[&["DROP TABLE history"]],
};
