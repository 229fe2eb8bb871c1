//! The service behind the listeners under test.

use protocol::{Call, Error, ErrorKind, Notification, Object, Raw, Reply, ReplyFuture, Service};
use serde_json::Value;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;

/// Echoes. Other tools: `slow` never ends and counts how often it was dropped, `noisy` says two
/// things first, `steps` says as much as it is told, `gate` waits to be let through, `ask` wants
/// its `questions` answered in each of `rounds`, `later` wants to be called again.
#[derive(Clone)]
pub(crate) struct Fake {
    /// How many calls ended without an answer.
    pub(crate) dropped: Arc<AtomicUsize>,
    /// Lets calls of `gate` and `steps` go on.
    pub(crate) gate: Arc<Semaphore>,
    /// Calls as they came: the name of the tool.
    pub(crate) calls: Arc<Mutex<Vec<String>>>,
}

impl Default for Fake {
    fn default() -> Self {
        Self { dropped: Arc::default(), gate: Arc::new(Semaphore::new(0)), calls: Arc::default() }
    }
}

struct CountDrop(Arc<AtomicUsize>);

impl Drop for CountDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Service for Fake {
    fn call(&self, call: Call) -> ReplyFuture {
        let fake = self.clone();
        Box::pin(async move { answer(call, fake).await })
    }
}

async fn answer(call: Call, fake: Fake) -> Reply {
    let name = call.params.text("name");
    let notifier = call.context.notifier.clone();
    if let Some(name) = &name {
        fake.calls.lock().unwrap().push(name.to_string());
    }
    match (&*call.method, name.as_deref()) {
        ("server/discover", _) => Ok([("capabilities", Raw::from_static(r#"{"tools":{}}"#))].into_iter().collect()),
        ("subscriptions/listen", _) => {
            let _alive = CountDrop(fake.dropped);
            notifier.send(Notification::new("notifications/subscriptions/acknowledged", Some(call.params)));
            notifier.send(Notification::new("notifications/tools/list_changed", None));
            std::future::pending().await
        }
        ("tools/call", Some("slow")) => {
            let _alive = CountDrop(fake.dropped);
            notifier.send(Notification::new("notifications/progress", Some(Object::new())));
            std::future::pending().await
        }
        ("tools/call", Some("noisy")) => {
            progress(&call, 1);
            progress(&call, 2);
            Ok(Object::new())
        }
        ("tools/call", Some("gate")) => {
            let _alive = CountDrop(fake.dropped);
            fake.gate.acquire().await.unwrap().forget();
            Ok([("through", Raw::from_static("true"))].into_iter().collect())
        }
        ("tools/call", Some("steps")) => {
            for step in 1..=argument(&call, "count").as_u64().unwrap() {
                fake.gate.acquire().await.unwrap().forget();
                progress(&call, step);
            }
            Ok([("done", Raw::from_static("true"))].into_iter().collect())
        }
        ("tools/call", Some("ask")) => Ok(ask(&call)),
        ("tools/call", Some("later")) if call.params.text("requestState").is_none_or(|state| state != "xx") => {
            let state = call.params.text("requestState").map_or_else(|| "x".to_owned(), |state| format!("{state}x"));
            Ok([("resultType", Raw::of("input_required")), ("requestState", Raw::of(&state))].into_iter().collect())
        }
        ("tools/call", Some("needy")) => {
            let error = r#"{"code":-32021,"message":"no","data":{"requiredCapabilities":{"sampling":{}}}}"#;
            Err(Error::from_upstream(&Raw::from_static(error)).unwrap())
        }
        ("tools/call", _) => Ok([("echo", call.params.to_raw())].into_iter().collect()),
        (other, _) => Err(Error::new(ErrorKind::MethodNotFound, format!("no {other}"))),
    }
}

fn argument(call: &Call, name: &str) -> Value {
    let arguments = call.params.object("arguments").unwrap_or_default();
    arguments.get(name).map_or(Value::Null, |value| value.read().unwrap())
}

fn progress(call: &Call, step: u64) {
    let mut params = Object::new();
    params.set("progressToken", call.context.progress_token.clone().unwrap_or_else(|| Raw::from_static("null")));
    params.set_json("progress", &step);
    call.context.notifier.send(Notification::new("notifications/progress", Some(params)));
}

/// Asks `arguments.questions` for `arguments.rounds` rounds (one unless told), then says what it
/// was answered in the last. The state tells which round it is.
fn ask(call: &Call) -> Object {
    let state = call.params.text("requestState").map_or(0, |state| state.parse::<u64>().unwrap());
    if state < argument(call, "rounds").as_u64().unwrap_or(1) {
        let mut result = Object::new();
        result.set_json("resultType", "input_required");
        result.set_json("inputRequests", &argument(call, "questions"));
        result.set_json("requestState", &(state + 1).to_string());
        return result;
    }
    let got = call.params.get("inputResponses").cloned().unwrap_or_else(|| Raw::from_static("null"));
    [("got", got), ("resultType", Raw::of("complete"))].into_iter().collect()
}
