//! MCP in types: what a message is, what an era is, what can go wrong, and the one seam.
//!
//! Everything here is pure: bytes in, values out. This crate deliberately knows no socket, no
//! process, no clock and no file; whoever owns those hands in what is needed.
//!
//! Reading order: a [`Raw`] is a checked JSON value that nobody has to look into; an [`Object`]
//! is its shallow view; a [`Message`] is an envelope around them; [`Service`] answers them.

pub mod scan;

mod raw;
pub use raw::{Raw, Text};

mod object;
pub use object::{Object, ObjectError};

mod output;
pub use output::Output;

mod envelope;
pub use envelope::{Id, Message, Notification, Request, Response};

mod parse;
pub use parse::{ParseError, ParseLimits, ParseReason, parse_client, parse_upstream};

mod batch;
pub use batch::{BatchError, split_batch};

pub mod framing;

mod era;
pub use era::{Era, Version};

pub mod method;

pub mod meta;

pub mod header;

mod error;
pub use error::{Delivery, Error, ErrorKind, Fault, Row};

mod context;
pub use context::{CallContext, Came, Client, Entered, LogLevel, Manner, Notifier, Principal, TraceHeaders};

mod service;
pub use service::{Call, Reply, ReplyFuture, Service};

pub mod tools;
pub use tools::ToolServer;

pub mod seal;
