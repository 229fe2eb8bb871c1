//! What the crate promises, against real servers. Those of one file only are in the file itself.

mod cache_faults;
mod cache_same;
