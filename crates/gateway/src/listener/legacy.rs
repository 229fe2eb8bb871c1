//! Sessions over HTTP (2025-03-26 to 2025-11-25): a table of them, bounded, each bound to who
//! opened it.

use super::session::Session;
use protocol::{Error, ErrorKind, Principal};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// All sessions of a listener.
#[derive(Default)]
pub(super) struct Sessions {
    open: RwLock<HashMap<String, (Arc<Session>, String)>>,
}

/// What bounds the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct SessionLimits {
    pub(super) sessions_max: usize,
    pub(super) idle_max: Duration,
}

impl Sessions {
    /// Keeps a session and returns its id. When the table is full, sessions idle for too long
    /// go first, then the one idle longest.
    ///
    /// # Errors
    /// When every session is in use, or there is no randomness.
    pub(super) fn insert(&self, session: Arc<Session>, path: &str, limits: SessionLimits) -> Result<String, Error> {
        let id = fresh_id()?;
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        let mut ended: Vec<Arc<Session>> = Vec::new();
        open.retain(|_, (session, _)| {
            let keep = session.idle() <= limits.idle_max;
            if !keep {
                ended.push(session.clone());
            }
            keep
        });
        if open.len() >= limits.sessions_max {
            let idlest = open.iter().max_by_key(|(_, (session, _))| session.idle());
            let idlest = idlest.filter(|(_, (session, _))| !session.idle().is_zero()).map(|(id, _)| id.clone());
            match idlest.and_then(|id| open.remove(&id)) {
                Some((session, _)) => ended.push(session),
                None => {
                    let message = format!("{} sessions are open already (limit `sessions_max`)", limits.sessions_max);
                    return Err(Error::new(ErrorKind::Overloaded, message)
                        .hint("end sessions with DELETE or raise limits.sessions_max"));
                }
            }
        }
        open.insert(id.clone(), (session, path.to_owned()));
        drop(open);
        ended.iter().for_each(|session| session.close());
        Ok(id)
    }

    /// The session `id`, if it belongs to `principal` and to this endpoint.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownSession`]; a stranger learns no more.
    pub(super) fn find(
        &self,
        id: &str,
        principal: &Principal,
        path: &str,
        limits: SessionLimits,
    ) -> Result<Arc<Session>, Error> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        match open.get(id) {
            Some((session, at))
                if session.principal == *principal && at == path && session.idle() <= limits.idle_max =>
            {
                Ok(session.clone())
            }
            _ => {
                Err(Error::new(ErrorKind::UnknownSession, "there is no such session (any more)")
                    .hint("initialize again"))
            }
        }
    }

    /// Ends the session `id`.
    pub(super) fn remove(&self, id: &str) {
        let removed = self.open.write().unwrap_or_else(PoisonError::into_inner).remove(id);
        if let Some((session, _)) = removed {
            session.close();
        }
    }

    /// Ends the streams of every session: the listener is shutting down.
    pub(super) fn end_streams(&self) {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.values().for_each(|(session, _)| session.end_streams());
    }

    /// How many sessions there are.
    pub(super) fn len(&self) -> usize {
        self.open.read().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// 128 random bits as visible ASCII.
pub(super) fn fresh_id() -> Result<String, Error> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::new(ErrorKind::Internal, "no randomness for a session id").cause(error))?;
    let mut id = String::with_capacity(32);
    for byte in bytes {
        let _ = write!(id, "{byte:02x}");
    }
    Ok(id)
}
