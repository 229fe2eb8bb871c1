//! What the three bench programs share: flags, the borrowed view of a JSON-RPC message, the accept
//! loop, and the two protocol versions.
//!
//! Nothing of the product is used here, on purpose: a yardstick that shares code with what it
//! measures gets faster and slower together with it.

mod accept;
mod flags;
mod message;
mod runtime;

pub use accept::{Served, serve};
pub use flags::Flags;
pub use message::{Call, META_VERSION, Message};
pub use runtime::{finish, runtime};

/// The newest version of the session era.
pub const LEGACY: &str = "2025-11-25";
/// The first version of the stateless era.
pub const MODERN: &str = "2026-07-28";

/// What a bench program fails with: a sentence for the person who typed the command.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
