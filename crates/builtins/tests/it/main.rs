//! The servers inside as a client sees them, tool by tool. Those of one file only are in the file itself.

mod cache;
