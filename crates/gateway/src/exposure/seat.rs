//! Who sits before a list: a session, or a client that has none. What it once was shown it keeps.

use super::Scope;
use protocol::{CallContext, Object, Principal};
use std::sync::Arc;

/// The longest name of a client that is told apart, in bytes.
const CLIENT_BYTES_MAX: usize = 128;

/// Who is shown a list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Seat {
    /// A legacy session, or a conversation on a stream.
    Session(Arc<str>),
    /// Whoever comes without one: a principal with a program.
    Client {
        /// Who.
        principal: Principal,
        /// What the program calls itself.
        client: Option<Arc<str>>,
    },
}

/// Who listens to changes, and of what.
#[derive(Debug, Clone)]
pub struct Heard {
    /// At which endpoint.
    pub scope: Scope,
    /// As whom.
    pub seat: Seat,
}

// === impl Seat ===

impl Seat {
    pub(crate) fn of(context: &CallContext) -> Self {
        match &context.session {
            Some(session) => Self::Session(session.clone()),
            None => Self::Client { principal: context.principal.clone(), client: client_name(context) },
        }
    }
}

/// What the client calls itself: `clientInfo.name`.
pub(crate) fn client_name(context: &CallContext) -> Option<Arc<str>> {
    let name = Object::of(context.client.info.as_ref()?).ok()?.text("name")?;
    let end = name.floor_char_boundary(CLIENT_BYTES_MAX);
    Some(name[..end].into())
}
