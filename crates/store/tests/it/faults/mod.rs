//! What happens to machines, and what must follow: the rows of the fault table that concern a store.

mod clocks;

mod disks;

mod files;

mod kills;

mod migrations;

mod servers;

mod unanswered;
