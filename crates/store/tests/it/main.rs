//! What the store promises, on every database that it knows.

mod base;

mod cluster;

mod hammer;

mod contract;

mod faults;
