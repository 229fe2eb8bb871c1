//! What people did, and agents in their name, written into the stream `audit` of the shared store:
//! append-only, and chained, so that a change of it is found out.
//!
//! A deed is never held up by its record. What cannot be written now is written later, or said.

use crate::context::Context;
use crate::report::Report;
use crate::state;
use control::said::Reloaded;
use control::{Act, Deed, Deeds, Problem};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use store::log::{self, NewEvent};
use store::{Error, Store};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The stream.
pub(crate) const STREAM: &str = control::AUDIT_STREAM;
/// Deeds that wait for the writer.
const QUEUE_MAX: usize = 256;
/// Deeds that the writer keeps while the store fails.
const WAITING_MAX: usize = 1024;
/// The time between two attempts while the store fails.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

/// Writes the deeds of a running switchboard.
#[derive(Debug)]
pub(crate) struct Auditor {
    deeds: Deeds,
    task: JoinHandle<()>,
    ended: CancellationToken,
}

// === impl Auditor ===

impl Auditor {
    /// Starts it.
    pub(crate) fn start(store: Store) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE_MAX);
        let ended = CancellationToken::new();
        let task = tokio::spawn(keep(store, receiver, ended.clone()));
        Self { deeds: Deeds::new(sender), task, ended }
    }

    /// Where deeds are told.
    pub(crate) fn deeds(&self) -> Deeds {
        self.deeds.clone()
    }

    /// Tells of a deed.
    pub(crate) fn note(&self, deed: Deed) {
        self.deeds.note(deed);
    }

    /// Writes what is left.
    pub(crate) async fn finish(self) {
        self.ended.cancel();
        // A task that panicked has said so.
        let _ = self.task.await;
    }
}

/// What a reload is, if it changed anything.
pub(crate) fn of_reload(result: &Result<Reloaded, Problem>, asked: bool) -> Option<Deed> {
    let reloaded = result.as_ref().ok().filter(|reloaded| !reloaded.is_empty())?;
    let details = json!({
        "added": reloaded.added,
        "removed": reloaded.removed,
        "changed": reloaded.changed,
        "adjusted": reloaded.adjusted,
        "at_next_start": reloaded.at_next_start,
        "asked": asked,
    });
    Some(Deed::new("local", Act::Reconfigured, "configuration").with(details))
}

/// Writes down what a command did. That it could not be is said, and no reason to fail. Not to be
/// called in a runtime.
pub(crate) fn note(deeds: Vec<Deed>, context: &Context) {
    let written = state::with(context, async |state| {
        let written = write(&state.shared, &deeds).await;
        written.map_err(|error| state::failed(&error))
    });
    if let Err(Report { message, hints, .. }) = written {
        let message = format!("it is done, but could not be written down in the audit: {message}");
        context.printer.warn(&message, hints.first().map(String::as_str));
    }
}

async fn keep(store: Store, mut deeds: mpsc::Receiver<Deed>, ended: CancellationToken) {
    let mut waiting: Vec<Deed> = Vec::new();
    let mut failing = false;
    loop {
        let last = tokio::select! {
            biased;
            Some(deed) = deeds.recv(), if waiting.len() < WAITING_MAX => {
                waiting.push(deed);
                false
            }
            () = ended.cancelled() => true,
            () = tokio::time::sleep(RETRY_PAUSE), if failing => false,
        };
        while let Ok(deed) = deeds.try_recv() {
            waiting.push(deed);
        }
        match write(&store, &waiting).await {
            Ok(()) => {
                waiting.clear();
                failing = false;
            }
            Err(error) if !std::mem::replace(&mut failing, true) => {
                tracing::error!(%error, "the audit cannot be written: {error}; {}", error.hint());
            }
            Err(_) => {}
        }
        if last {
            return;
        }
    }
}

/// Appends deeds.
///
/// # Errors
/// Those of the store.
pub(crate) async fn write(store: &Store, deeds: &[Deed]) -> Result<(), Error> {
    if deeds.is_empty() {
        return Ok(());
    }
    let events: Arc<[NewEvent]> = deeds.iter().map(event).collect();
    store
        .write(STREAM, move |tx| {
            let events = events.to_vec();
            Box::pin(async move {
                let head = tx.lock_stream(STREAM).await?;
                log::append(tx, head, events).await.map(drop)
            })
        })
        .await
}

fn event(deed: &Deed) -> NewEvent {
    NewEvent {
        actor: deed.actor.clone(),
        entity: deed.entity.clone(),
        kind: deed.act.to_string(),
        body: deed.details.to_string(),
        ..NewEvent::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_folder::DataFolder;
    use config::Environment;

    #[tokio::test]
    async fn deeds_are_written_in_their_order_before_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::new(folder.path().to_owned(), &Environment::default());
        let store = state::local(&data).await.unwrap();
        let auditor = Auditor::start(store.clone());
        auditor.note(Deed::new("local", Act::Stopped, "db"));
        auditor.deeds().note(Deed::new("agent", Act::Restarted, "db").with(json!({ "why": "slow" })));
        auditor.finish().await;
        let read = store.read("test", |tx| Box::pin(log::read(tx, STREAM, 0, 10)));
        let events: Vec<NewEvent> = read.await.unwrap().into_iter().map(|event| event.event).collect();
        let told: Vec<_> = events.iter().map(|event| (event.actor.as_str(), event.kind.as_str())).collect();
        assert_eq!(told, [("local", "stopped"), ("agent", "restarted")]);
        assert_eq!(events[1].body, r#"{"why":"slow"}"#);
    }

    #[test]
    fn a_reload_that_changed_nothing_is_no_deed() {
        assert_eq!(of_reload(&Ok(Reloaded::default()), true), None);
        let changed = Reloaded { added: vec!["a".to_owned()], ..Reloaded::default() };
        assert_eq!(of_reload(&Ok(changed), false).unwrap().details["added"], json!(["a"]));
    }
}
