//! Methods that the method table does not know: extensions of tomorrow. They are carried to whoever
//! can be meant; what they mean is not known here.

use crate::Scope;
use crate::call::{Target, method_not_found, server, view};
use crate::gateway::Gateway;
use crate::policy::Action;
use crate::record::Open;
use protocol::{Call, ErrorKind, Reply};

/// Servers that are asked in turn for a method nobody knows.
const UNKNOWN_METHOD_SERVERS_MAX: usize = 16;

impl Gateway {
    /// A method without a row, or one that only the server itself can place: by URI, to the only
    /// server there is, or to the first that knows it.
    pub(crate) async fn call_unrouted(&self, scope: &Scope, call: Call, record: &mut Open) -> Reply {
        if call.params.get("uri").is_some() {
            return self.call_uri(scope, call, record).await;
        }
        let snapshot = self.snapshot.load_full();
        let view = view(&snapshot, scope)?;
        if let [only] = &view.servers[..] {
            let target = Target {
                server: server(&snapshot, only)?.clone(),
                own: call.method.clone(),
                action: Action::Ask,
                route: None,
            };
            return self.send(target, "", call, record).await;
        }
        let ready = snapshot.servers.values().filter(|server| server.link().is_some());
        for server in ready.take(UNKNOWN_METHOD_SERVERS_MAX) {
            let target = Target { server: server.clone(), own: call.method.clone(), action: Action::Ask, route: None };
            match self.send(target, "", call.clone(), record).await {
                Err(error) if error.code() == ErrorKind::MethodNotFound.row().code => {}
                reply => return reply,
            }
        }
        Err(method_not_found(&call.method))
    }
}
