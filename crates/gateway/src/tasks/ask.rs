//! Requests about a task: the sealed id says which server is asked, and under which id.

use super::{id, shape};
use crate::Scope;
use crate::call::{Target, method_not_found, server, view};
use crate::gateway::Gateway;
use crate::interactive;
use crate::policy::Action;
use crate::record::Open;
use protocol::{Call, Era, Reply, meta};

impl Gateway {
    /// `tasks/get`, `tasks/update` and `tasks/cancel`.
    ///
    /// # Errors
    /// -32601 where no server has tasks, -32021 for a client that does not know them, -32602 for
    /// an id that leads nowhere; else the server's own.
    pub(crate) async fn call_task(&self, scope: &Scope, mut call: Call, record: &mut Open) -> Reply {
        let snapshot = self.snapshot.load_full();
        let view = view(&snapshot, scope)?;
        let known = ["tasks/get", "tasks/update", "tasks/cancel"].contains(&&*call.method);
        if !known || !view.capabilities.extensions.iter().any(|(key, _)| key == meta::TASKS_EXTENSION) {
            return Err(method_not_found(&call.method));
        }
        if !shape::is_declared(&call.context.client) {
            // Revisions before 2025-11-25 have no such method, and no way to declare it.
            let legacy = call.context.era() == Era::Legacy;
            return Err(if legacy { method_not_found(&call.method) } else { shape::not_declared() });
        }
        let token = id::of(&call)?;
        let task = id::open(&self.sealer, &call.context.principal, &token)?;
        let name = view.servers.iter().find(|name| ***name == *task.server).ok_or_else(id::unknown)?;
        call.params.set_json("taskId", &task.task);
        let (method, client) = (call.method.clone(), call.context.client.clone());
        let target =
            Target { server: server(&snapshot, name)?.clone(), own: method.clone(), action: Action::Ask, route: None };
        let mut result = self.send(target, "", call, record).await?;
        if result.get("taskId").is_some() {
            result.set_json("taskId", &*token);
        }
        if method == *"tasks/get" {
            interactive::name_server(name, client.capabilities.as_ref(), &mut result)?;
        }
        Ok(result)
    }
}
