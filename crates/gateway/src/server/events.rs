//! What a link tells apart from answers: it is counted, logged and passed on; a list that changed is
//! read again.

use super::{Core, Environment, lister};
use crate::catalog::{Kind, ServerCatalog};
use crate::tasks::{TaskRef, shape};
use crate::upstream::{Connection, List, UpstreamEvent};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use supervisor::Stream;

/// Takes note of an event; lists that are to be read again go into `changed`.
pub(super) fn note(server: &Core, environment: &Environment, event: UpstreamEvent, changed: &mut BTreeSet<Kind>) {
    let counters = &server.counters;
    match event {
        UpstreamEvent::ListChanged(List::Tools) => changed.extend([Kind::Tools]),
        UpstreamEvent::ListChanged(List::Prompts) => changed.extend([Kind::Prompts]),
        UpstreamEvent::ListChanged(List::Resources) => changed.extend([Kind::Resources, Kind::Templates]),
        UpstreamEvent::ResourceUpdated { uri } => environment.hub.resource_updated(&server.name, &uri),
        UpstreamEvent::TaskChanged { task, params } => {
            if shape::Status::of(&params).is_some_and(shape::Status::is_terminal) {
                server.tasks.ended(&task);
            }
            let task = TaskRef { server: server.name.to_string(), task };
            environment.hub.task_changed(&task, &params);
        }
        UpstreamEvent::HeadersOutdated => changed.extend([Kind::Tools]),
        UpstreamEvent::Oversize { bytes_max } => {
            server.log.remark(format!("a message longer than {bytes_max} bytes was dropped"))
        }
        UpstreamEvent::RequestRefused { method } => {
            server.log.remark(format!("it asked `{method}`, which is not served yet"))
        }
        UpstreamEvent::SignedOut { error } => server.log.remark(error.message.into_owned()),
        UpstreamEvent::SessionRenewed => server.log.remark("it forgot our session; a new one was opened"),
        UpstreamEvent::Log(notification) => {
            let said = notification.params.map(|params| params.to_raw().as_str().to_owned()).unwrap_or_default();
            server.log.push(Stream::Stdout, said.as_bytes());
        }
        UpstreamEvent::StdoutNoise(line) => {
            counters.noise_lines.fetch_add(1, Ordering::Relaxed);
            server.log.push(Stream::Stdout, line.as_bytes());
        }
        UpstreamEvent::DroppedMembers(count) => {
            counters.members_dropped.fetch_add(u64::from(count), Ordering::Relaxed);
        }
    }
}

/// Reads lists again; what cannot be read stays as it was. Gives the catalog if it differs.
pub(super) async fn read_again(
    server: Arc<Core>,
    environment: Environment,
    link: Arc<Connection>,
    before: ServerCatalog,
    kinds: BTreeSet<Kind>,
) -> Option<ServerCatalog> {
    let mut catalog = before.clone();
    let advertised = protocol::Object::of(&link.handshake().capabilities).unwrap_or_default();
    for kind in kinds.into_iter().filter(|kind| advertised.get(kind.capability()).is_some()) {
        match lister::read(&link, kind, &environment.limits).await {
            Ok(read) => *catalog.items_mut(kind) = read.items,
            Err(error) => server.log.remark(format!("{} could not be read again: {error}", kind.method())),
        }
    }
    (catalog != before).then_some(catalog)
}
