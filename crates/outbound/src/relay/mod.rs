//! Requests to one HTTP server over connections that are kept and used again.
//!
//! A connection has no task of its own: it is driven by whoever waits for an answer on it, so a
//! request costs no hand-over between tasks. A call that is dropped closes its connection, which
//! is what the modern protocol calls cancelling (protocol.md section 1.11).

mod payload;
pub use payload::Payload;

mod target;
pub use target::{Target, TargetError};

pub(crate) mod stream;
pub use stream::{Stream, watch};

mod pool;
pub use pool::Relay;

mod answer;
pub use answer::Answer;

mod error;
pub use error::RelayError;
