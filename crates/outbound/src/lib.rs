//! Every byte that we send over HTTP.
//!
//! [`relay`] is the connections to MCP servers, [`oauth`] signing in to them, [`guard`] what keeps
//! us from being sent into places that nobody meant; [`web`] is pages and APIs anywhere, through the same
//! judge of addresses; [`engine`] is the one peer on a Unix socket, which
//! runs containers. This crate deliberately does not know what it
//! carries and who calls; [`relay`] only tells whether a request that failed can have reached
//! anybody.

pub mod relay;

mod reach;

pub mod guard;

pub mod web;

pub mod oauth;

pub mod engine;
