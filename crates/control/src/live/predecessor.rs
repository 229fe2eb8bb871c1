//! `GET /ws`: the messages of the predecessor (`initial`, `update`, `ping`), sent only when something
//! changed. What it shows is put together once for everybody who may see the same, when the hub says that
//! something happened, and never while nobody reads.

use super::differ::{self, Members};
use super::handshake::{Socket, upgrade};
use super::hub::Coming;
use super::topic::{Subscription, Topic, Topics};
use super::{Ticket, sees_only};
use crate::Control;
use crate::access::Asker;
use crate::predecessors::snapshot;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use futures_util::{SinkExt as _, StreamExt as _};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// How long a reader may be silent before it is asked whether it is there, as the predecessor has it.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// The least time between two updates: the predecessor's own cycle.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a reader may take nothing before it is left.
const STUCK_MAX: Duration = Duration::from_secs(60);
/// The parts of an update, and the topic that says when to look at each again.
const PARTS: [(&str, Topic); 4] =
    [("status", Topic::Overview), ("servers", Topic::Servers), ("goals", Topic::Goals), ("logs", Topic::Logs)];
/// Members that change by themselves, or are measured: no reason to tell anybody.
const RESTLESS: &[&str] = &[
    "timestamp",
    "uptime",
    "uptime_ms",
    "uptime_days",
    "uptime_seconds",
    "in_state_ms",
    "next_try_ms",
    "memory_mb",
    "memory_kib",
    "used_memory_mb",
    "cpu_percent",
    "memory_percent",
    "disk_percent",
    "ops_per_sec",
    "source",
];

/// What readers who may see the same get.
#[derive(Debug, Default)]
struct Feed {
    /// The data as JSON; none until it was put together.
    data: watch::Sender<Option<Utf8Bytes>>,
    runs: AtomicBool,
}

/// For the owner, and for those who see their own calls only.
#[derive(Debug, Clone, Default)]
pub(super) struct Feeds {
    owner: Arc<Feed>,
    others: Arc<Feed>,
}

/// What a reader says.
#[derive(Deserialize)]
struct Said {
    #[serde(rename = "type")]
    kind: String,
}

/// The predecessor's WebSocket: `initial`, then an `update` whenever something changed.
#[utoipa::path(get, path = "/ws", responses((status = 101, description = "The WebSocket"), (status = 426, description = "The request asks for no WebSocket", body = crate::Problem, content_type = "application/problem+json")))]
pub(super) async fn ws(State(control): State<Control>, asker: Asker, request: Request) -> Response {
    let ticket = match control.live.ticket() {
        Ok(ticket) => ticket,
        Err(problem) => return problem.into_response(),
    };
    let feeds = &control.live.feeds;
    let feed = if asker.is_owner { feeds.owner.clone() } else { feeds.others.clone() };
    upgrade(request, move |socket| async move {
        let data = feed.subscribe(&control, &asker);
        hold(socket, data, ticket, &control).await;
    })
}

/// Tells a reader until it or the daemon has gone.
async fn hold(mut socket: Socket, mut data: watch::Receiver<Option<Utf8Bytes>>, _ticket: Ticket, control: &Control) {
    let (mut kind, mut heard) = ("initial", Instant::now());
    loop {
        let text = tokio::select! {
            () = control.parts.shutdown.cancelled() => break,
            changed = data.changed() => {
                if changed.is_err() {
                    break;
                }
                data.borrow_and_update().as_ref().map(|data| message(std::mem::replace(&mut kind, "update"), data))
            }
            said = socket.next() => match said {
                Some(Ok(Message::Text(text))) => {
                    heard = Instant::now();
                    let refresh = serde_json::from_str(&text).is_ok_and(|said: Said| said.kind == "refresh");
                    let data = if refresh { data.borrow().clone() } else { None };
                    data.map(|data| message("update", &data))
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => None,
            },
            () = sleep_until(heard + SILENCE_MAX) => {
                heard = Instant::now();
                Some(Utf8Bytes::from_static(r#"{"type":"ping"}"#))
            }
        };
        let Some(text) = text else { continue };
        if !matches!(timeout(STUCK_MAX, socket.send(Message::Text(text))).await, Ok(Ok(()))) {
            return;
        }
    }
    // Who does not want to hear it has gone already.
    let _ = timeout(Duration::from_secs(1), socket.close(None)).await;
}

fn message(kind: &str, data: &Utf8Bytes) -> Utf8Bytes {
    let at = supervisor::utc(SystemTime::now());
    format!(r#"{{"type":"{kind}","data":{data},"timestamp":"{at}"}}"#).into()
}

// === impl Feed ===

impl Feed {
    /// What is told from now on. The first reader starts it.
    fn subscribe(self: &Arc<Self>, control: &Control, asker: &Asker) -> watch::Receiver<Option<Utf8Bytes>> {
        let mut data = self.data.subscribe();
        // What was true at the end of an earlier run is told to nobody.
        data.mark_changed();
        if !self.runs.swap(true, Ordering::AcqRel) {
            self.data.send_replace(None);
            tokio::spawn(self.clone().run(control.clone(), asker.clone()));
        }
        data
    }

    async fn run(self: Arc<Self>, control: Control, asker: Asker) {
        loop {
            tokio::select! {
                () = self.data.closed() => {}
                () = self.tell(&control, &asker) => {}
            }
            self.runs.store(false, Ordering::Release);
            // Somebody may have come in between.
            let is_read = self.data.receiver_count() > 0 && !control.parts.shutdown.is_cancelled();
            if !is_read || self.runs.swap(true, Ordering::AcqRel) {
                return;
            }
            self.data.send_replace(None);
        }
    }

    /// Puts the data together whenever the hub says that it is another.
    async fn tell(&self, control: &Control, asker: &Asker) {
        let mut topics = Topics::default();
        PARTS.iter().for_each(|(_, topic)| topics.add(*topic));
        let Ok((_, sight)) = Subscription::default().read(sees_only(asker)) else { return };
        let Some(mut joined) = control.live.places.join(topics, sight, Coming::New).await else { return };
        let mut shown = Members::new();
        let mut stale = topics;
        loop {
            if self.refresh(control, asker, &mut shown, std::mem::take(&mut stale)).await {
                self.data.send_replace(Some(Value::Object(shown.clone()).to_string().into()));
            }
            match joined.live.recv().await {
                Ok(frame) => stale.add(frame.topic),
                Err(RecvError::Lagged(_)) => stale = topics,
                Err(RecvError::Closed) => return,
            }
            sleep(PAUSE).await;
            loop {
                match joined.live.try_recv() {
                    Ok(frame) => stale.add(frame.topic),
                    Err(TryRecvError::Lagged(_)) => stale = topics,
                    Err(_) => break,
                }
            }
        }
    }

    /// Looks at the parts that may be others; whether they are.
    async fn refresh(&self, control: &Control, asker: &Asker, shown: &mut Members, stale: Topics) -> bool {
        let mut differs = false;
        for (name, topic) in PARTS.into_iter().filter(|(_, topic)| stale.has(*topic)) {
            let now = match topic {
                Topic::Overview => snapshot::status(control).await,
                Topic::Servers => snapshot::servers(control).await,
                Topic::Goals => snapshot::goals(control, asker).await,
                _ => snapshot::logs(control),
            };
            if shown.get(name).is_none_or(|before| !differ::is_alike_but(before, &now, RESTLESS)) {
                shown.insert(name.to_owned(), now);
                differs = true;
            }
        }
        differs
    }
}
