//! Ids of tasks as clients see them: sealed, so that they say whose task it is and at which
//! server without a table of ours, and survive a restart (protocol.md section 1.16).

use crate::interactive::now_ms;
use protocol::seal::{Binding, Sealer};
use protocol::{Call, Error, ErrorKind, Principal, Raw, Text};
use serde::{Deserialize, Serialize};

/// How long an id is good for at least, in milliseconds; longer when the task lives longer. A
/// server may prolong a task, and one may have no end at all.
const ID_TIME_MS: u64 = 30 * 24 * 60 * 60 * 1000;

/// A task at a server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskRef {
    /// Declared name of the server.
    pub server: String,
    /// The server's own id of it.
    pub task: String,
}

/// Bound to who may ask about the task, whatever they ask.
fn binding(principal: &Principal) -> Binding<'_> {
    Binding { principal, method: "tasks", name: "", digest: b"" }
}

/// The id of `task` for `principal`; `ttl_ms` is how long the task lives, when it says so.
///
/// # Errors
/// Only when the system gives no randomness.
pub(crate) fn seal(
    sealer: &Sealer,
    principal: &Principal,
    task: &TaskRef,
    ttl_ms: Option<u64>,
) -> Result<String, Error> {
    let expires = now_ms().saturating_add(ttl_ms.unwrap_or(0).max(ID_TIME_MS));
    sealer
        .seal(binding(principal), Raw::of(task).as_bytes(), expires)
        .map_err(|error| Error::new(ErrorKind::Internal, "the id of the task could not be sealed").cause(error))
}

/// The task behind an id.
///
/// # Errors
/// [`unknown`], whatever is wrong with it.
pub(crate) fn open(sealer: &Sealer, principal: &Principal, id: &str) -> Result<TaskRef, Error> {
    let opened = sealer.open(binding(principal), id, now_ms()).map_err(|_| unknown())?;
    serde_json::from_slice(&opened).map_err(|_| unknown())
}

/// `params.taskId` as text.
///
/// # Errors
/// [`ErrorKind::InvalidParams`] when there is none.
pub(crate) fn of(call: &Call) -> Result<Text, Error> {
    let needs = || Error::new(ErrorKind::InvalidParams, format!("{} needs a `taskId`", call.method));
    call.params.text("taskId").ok_or_else(needs)
}

/// The answer to an id that is not one of ours, or another's: it says nothing more.
pub(crate) fn unknown() -> Error {
    Error::new(ErrorKind::InvalidParams, "there is no such task")
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::seal::KEY_BYTES;

    #[test]
    fn an_id_opens_for_its_principal_alone_and_after_a_restart() {
        let sealer = || Sealer::new(&[1; KEY_BYTES], &[2; KEY_BYTES]);
        let (me, other) = (Principal::new("me"), Principal::new("other"));
        let task = TaskRef { server: "a".to_owned(), task: "7".to_owned() };
        let id = seal(&sealer(), &me, &task, None).unwrap();
        assert_eq!(open(&sealer(), &me, &id).unwrap(), task);
        let foreign = open(&sealer(), &other, &id).unwrap_err();
        let nonsense = open(&sealer(), &me, "nonsense").unwrap_err();
        assert_eq!((foreign.code(), foreign.message), (nonsense.code(), nonsense.message));
        assert_eq!(unknown().code(), -32602);
    }
}
