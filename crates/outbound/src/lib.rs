//! Every byte that we send over HTTP.
//!
//! For now that is [`relay`], the connections to MCP servers. This crate deliberately does not
//! know what it carries, who calls and why, nor when to try again: it only tells whether a
//! request that failed can have reached anybody.

pub mod relay;
