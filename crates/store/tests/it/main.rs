//! What the store promises, on every database that it knows.

mod base;

mod contract;
