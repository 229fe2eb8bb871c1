//! Where clients connect. A listener turns bytes into calls of a [`protocol::Service`] and answers
//! back into bytes; it knows nothing of servers, catalogs and policies.

mod http;
mod requests;
pub use http::{Http, SessionCount};

pub mod duplex;

mod doorkeeper;
pub use doorkeeper::DoorSettings;

mod modern;

mod legacy;
mod session;

mod legacy_tasks;
mod sse;

mod drive;
mod edge;

mod body;
mod respond;
