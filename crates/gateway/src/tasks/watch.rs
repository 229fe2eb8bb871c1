//! Being told of a task: the listen filter `taskIds` and `notifications/tasks` (protocol.md
//! section 1.10), and the questions that a task may put to the person behind a client.

use super::{TaskRef, id, shape};
use crate::catalog::View;
use crate::gateway::{Gateway, Snapshot};
use crate::hub::{Filter, Watch};
use crate::interactive;
use protocol::{Call, Era, Object};

/// Tasks that one listener may be told of; more are left out of the acknowledgement.
const TASKS_WATCHED_MAX: usize = 1024;

impl Gateway {
    /// Reads `taskIds` of a listen request into `filter`: those that lead to a server here which
    /// tells of tasks. The others are left out of the acknowledgement, and no more is said.
    pub(crate) fn watch_tasks(&self, snapshot: &Snapshot, view: &View, call: &Call, filter: &mut Filter) {
        if !shape::is_declared(&call.context.client) {
            return;
        }
        let wanted = call.params.object("notifications");
        let tokens: Vec<String> = wanted.and_then(|wanted| wanted.get("taskIds")?.read().ok()).unwrap_or_default();
        for token in tokens.into_iter().take(TASKS_WATCHED_MAX) {
            let Ok(task) = id::open(&self.sealer, &call.context.principal, &token) else { continue };
            let here = view.servers.iter().any(|name| **name == *task.server);
            let server = snapshot.servers.get(task.server.as_str()).filter(|_| here);
            if server.is_some_and(|server| server.catalog().era == Some(Era::Modern)) {
                let capabilities = call.context.client.capabilities.clone();
                filter.tasks.insert(task, Watch { token, capabilities });
            }
        }
    }
}

/// The task as one listener is told of it: under its own id, and without questions that it did
/// not declare.
pub(crate) fn told(task: &TaskRef, watch: &Watch, mut params: Object) -> Object {
    params.set_json("taskId", &watch.token);
    if interactive::name_server(&task.server, watch.capabilities.as_ref(), &mut params).is_err() {
        params.remove("inputRequests");
    }
    params
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Raw;

    #[test]
    fn a_listener_is_told_under_its_own_id_and_only_what_it_can_answer() {
        let params = Object::of(&Raw::from_static(
            r#"{"taskId":"7","status":"input_required","inputRequests":{"q":{"method":"elicitation/create","params":{"message":"Sure?"}}}}"#,
        ))
        .unwrap();
        let task = TaskRef { server: "bank".to_owned(), task: "7".to_owned() };
        let mut watch = Watch { token: "sealed".to_owned(), capabilities: None };
        let silent = told(&task, &watch, params.clone());
        assert_eq!(silent.to_raw().as_str(), r#"{"taskId":"sealed","status":"input_required"}"#);
        watch.capabilities = Some(Raw::from_static(r#"{"elicitation":{}}"#));
        let asked = told(&task, &watch, params).to_raw();
        assert!(asked.as_str().contains(r#""message":"[bank] Sure?""#), "{asked:?}");
    }
}
