//! Servers inside this program: any [`Service`], called without a wire.

use super::connection::Link;
use super::core::{Core, title};
use super::discover::{self, Verdict};
use super::{ConnectError, ConnectOptions, Connection, UpstreamEvent};
use protocol::{Call, CallContext, Notification, Notifier, Object, Reply, Service, Text};
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::mpsc;

/// How many list changes may wait to be read.
const NOTIFICATIONS_MAX: usize = 256;

/// A service and our limits for it.
pub(super) struct InProcessLink {
    pub(super) core: Core,
    service: Arc<dyn Service>,
}

/// Asks `service` what it can do and wraps it as a connection of the modern era.
///
/// # Errors
/// When it does not answer `server/discover`.
pub async fn in_process(
    service: Arc<dyn Service>,
    options: ConnectOptions,
    events: mpsc::Sender<UpstreamEvent>,
) -> Result<Connection, ConnectError> {
    let core = Core::new(options, events);
    let limit = core.options.startup_timeout;
    let call = Call { method: Text::from_static("server/discover"), params: Object::new(), context: core.own.clone() };
    let reply = tokio::time::timeout(limit, service.call(call)).await;
    let reply = reply.map_err(|_| ConnectError::Timeout { seconds: limit.as_secs().max(1) })?;
    match discover::judge(&reply, None) {
        Verdict::Modern(handshake) => {
            core.agree(&handshake);
            Ok(Connection::new(Link::InProcess(Arc::new(InProcessLink { core, service })), handshake))
        }
        Verdict::Refused(error) => Err(error),
        Verdict::Legacy => Err(ConnectError::handshake("it does not answer `server/discover`")),
    }
}

impl InProcessLink {
    pub(super) async fn call(self: Arc<Self>, call: Call) -> Reply {
        let _slot = self.core.admit()?;
        // Progress goes straight to the client, unseen here, so only the absolute limit counts.
        let in_all = self.core.options.request_timeout_max;
        let patience = super::patience::Patience::start(in_all, in_all, false, None);
        let (method, params, client) = (call.method.clone(), call.params.clone(), call.context.client.clone());
        match patience.wait_for(pin!(self.service.call(call))).await {
            Ok(reply) => self.core.settle(&method, &client, reply),
            Err(expired) => Err(expired.error(self.core.server(), &title(&method, &params))),
        }
    }

    pub(super) fn notify(&self, notification: Notification) {
        self.service.notify(notification, self.core.own.clone());
    }

    /// A request of our own whose notifications are events.
    pub(super) async fn listen(&self, method: &str, params: &Object) -> Reply {
        let notifier = Notifier::bounded(NOTIFICATIONS_MAX);
        let context = CallContext { notifier: notifier.clone(), ..self.core.own_for(method).clone() };
        let mut reply = self.service.call(Call { method: method.into(), params: params.clone(), context });
        loop {
            tokio::select! {
                notification = notifier.next() => self.core.take_event(notification),
                reply = &mut reply => return reply,
            }
        }
    }
}
