//! Where clients connect. A listener turns bytes into calls of a [`protocol::Service`] and answers
//! back into bytes; it knows nothing of servers, catalogs and policies.

mod http;
mod requests;
pub use http::{Http, SessionCount};

pub mod duplex;

mod sockets;
pub use sockets::Sockets;

mod websocket;

mod doorkeeper;
pub use doorkeeper::DoorSettings;

mod modern;

mod legacy;
mod session;

mod legacy_tasks;
mod rounds;
mod sse;

mod questions;

mod dialogue;
pub use dialogue::DialogueLimits;

mod beside;
pub use beside::{Beside, BesideAnswer, BesideBody, BodyError};

mod accepting;
mod drive;
mod edge;
mod work;

mod body;
mod events;
mod respond;
