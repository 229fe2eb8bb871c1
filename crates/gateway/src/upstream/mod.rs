//! Links to servers: a request in the modern model goes in, the server's era comes out on its
//! wire, and back.
//!
//! What differs between eras and transports ends here: ids and progress tokens are ours, `_meta`
//! and headers are written as the server's era wants them, cancelling and timeouts happen in its
//! way. This module deliberately knows no catalog, no names but the server's own, and never
//! starts or restarts anything: it is handed pipes or a URL and tells facts through
//! [`UpstreamEvent`]s.

mod options;
pub use options::{ConnectOptions, EraChoice, Handshake, List, UpstreamEvent};

mod failure;
pub use failure::ConnectError;

mod connection;
pub use connection::Connection;

mod core;
mod discover;
mod patience;
mod pulse;
mod questions;
mod wire;

mod listen;
pub use listen::Wanted;

mod legacy_tasks;

mod signed;

mod http;
pub use http::connect_http;

mod duplex;
pub use duplex::connect_duplex;

mod sse;
pub use sse::{connect_sse, connect_url};
mod sockets;
pub use sockets::{connect_tcp, connect_unix, connect_websocket};

mod in_process;
pub use in_process::in_process;
