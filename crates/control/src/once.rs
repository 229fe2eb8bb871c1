//! `Idempotency-Key`: a request that changes something and carries one happens once. The same request
//! with the same key gets the same answer; another one with it is refused.
//!
//! What was answered is kept in the store, for a week, and what it did goes on when whoever asked has
//! left: they will ask again. A failure after which nothing was done is not kept: the same request may
//! be tried again.

use crate::access::Asker;
use crate::{Control, Problem};
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest as _, Request, State};
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;
use protocol::ErrorKind;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use store::idempotency::{self, Seen};
use tokio::time::Instant;

/// The header.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Letters of a key.
const KEY_BYTES_MAX: usize = 255;
/// Bytes of an answer that is kept; of a longer one only that it was given.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// How often what is older is looked for.
const FORGET_EVERY: Duration = Duration::from_secs(3600);
/// Failures after which something may have been done all the same: they are the answer.
const UNKNOWN_OUTCOME: &[&str] = &["timeout", "upstream_gone", "state_lost", "connection"];

/// The keys of requests that are being answered, and when old ones were forgotten last.
#[derive(Debug, Default)]
pub(crate) struct Keys(Mutex<Use>);

#[derive(Debug, Default)]
struct Use {
    running: HashSet<String>,
    forgot: Option<Instant>,
}

/// A key that is in use; free again when this is dropped.
struct Held {
    keys: Arc<Keys>,
    key: String,
}

/// An answer as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    status: u16,
    kind: Option<String>,
    /// None where it was too long.
    body: Option<String>,
}

/// A request by which it is known again.
struct Known {
    scope: String,
    key: String,
    digest: Vec<u8>,
}

/// Lets a request with a key happen once.
pub(crate) async fn once(State(control): State<Control>, request: Request, next: Next) -> Response {
    let looks = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    match request.headers().get(KEY) {
        Some(key) if !looks => {
            let key = key.clone();
            keyed(control, &key, request, next).await.unwrap_or_else(Problem::into_response)
        }
        _ => next.run(request).await,
    }
}

async fn keyed(control: Control, key: &HeaderValue, request: Request, next: Next) -> Result<Response, Problem> {
    let key = key.to_str().ok().filter(|key| !key.is_empty() && key.len() <= KEY_BYTES_MAX);
    let key = key.ok_or_else(|| {
        let problem = Problem::new(ErrorKind::InvalidParams, "the `Idempotency-Key` cannot be used");
        problem.hint(format!("1 to {KEY_BYTES_MAX} visible letters, such as a UUID"))
    })?;
    let (parts, body) = request.into_parts();
    let asker = parts.extensions.get::<Asker>().cloned();
    let asker = asker.ok_or_else(|| Problem::new(ErrorKind::Unauthorized, "nobody said who asks"))?;
    let body = Bytes::from_request(Request::from_parts(parts.clone(), body), &()).await.map_err(unread)?;
    let scope = format!("rest {}", asker.principal.as_str());
    let mut digest = Sha256::new();
    for part in [parts.method.as_str().as_bytes(), parts.uri.to_string().as_bytes(), &body] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    let known = Arc::new(Known { scope, key: key.to_owned(), digest: digest.finalize().to_vec() });
    let held = Held::hold(&control.keys, &known).ok_or_else(|| {
        let problem = Problem::new(ErrorKind::InvalidRequest, "a request with this `Idempotency-Key` is on its way");
        Problem { status: 409, retryable: true, ..problem }.hint("ask again when it was answered")
    })?;
    if let Some(answer) = earlier(&control, &known).await? {
        return Ok(answer);
    }
    let request = Request::from_parts(parts, Body::from(body));
    // Whoever asked may leave: what was begun is ended and kept, since they will ask again.
    let running = tokio::spawn(async move {
        let answer = done(&control, &known, next.run(request).await).await;
        drop(held);
        answer
    });
    running.await.map_err(|error| {
        tracing::error!(%error, "a request of /api failed: {error}");
        Problem::new(ErrorKind::Internal, "the request failed: a bug of ours")
    })
}

/// What was answered to the same request.
async fn earlier(control: &Control, known: &Arc<Known>) -> Result<Option<Response>, Problem> {
    let known = Arc::clone(known);
    let read = control.parts.store.read("idempotency", move |tx| {
        let Known { scope, key, digest } = &*known;
        let (scope, key, digest) = (scope.clone(), key.clone(), digest.clone());
        Box::pin(async move { idempotency::find(tx, &scope, &key, &digest).await })
    });
    match read.await.map_err(|error| crate::routes::records::failed(&error))? {
        Seen::New => Ok(None),
        Seen::Answered(answer) => Ok(Some(again(&answer))),
        Seen::Other => {
            let title = "this `Idempotency-Key` was used for another request";
            let problem = Problem::new(ErrorKind::InvalidRequest, title);
            Err(Problem { status: 422, ..problem }.hint("take a new key for a new request"))
        }
    }
}

/// Keeps an answer and gives it.
async fn done(control: &Control, known: &Known, answer: Response) -> Response {
    let (parts, body) = answer.into_parts();
    let Ok(body) = body.collect().await else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let body = body.to_bytes();
    if is_final(parts.status, &body) {
        let kind = parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).map(str::to_owned);
        let text = std::str::from_utf8(&body).ok().filter(|text| text.len() <= ANSWER_BYTES_MAX);
        let kept = Kept { status: parts.status.as_u16(), kind, body: text.map(str::to_owned) };
        keep(control, known, &kept).await;
    }
    Response::from_parts(parts, Body::from(body))
}

/// Whether the same request would be answered so again, or may have done something.
fn is_final(status: StatusCode, body: &[u8]) -> bool {
    if status.is_success() {
        return true;
    }
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => !problem.retryable || UNKNOWN_OUTCOME.contains(&problem.kind.as_str()),
        Err(_) => true,
    }
}

async fn keep(control: &Control, known: &Known, kept: &Kept) {
    let answer = serde_json::to_string(kept).unwrap_or_default();
    let (scope, key, digest) = (known.scope.clone(), known.key.clone(), known.digest.clone());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let before = control.keys.is_time_to_forget().then(|| now.saturating_sub(KEPT));
    let before = before.and_then(|before| i64::try_from(before.as_millis()).ok());
    let written = control.parts.store.write("idempotency", move |tx| {
        let (scope, key, digest, answer) = (scope.clone(), key.clone(), digest.clone(), answer.clone());
        Box::pin(async move {
            if let Some(before) = before {
                idempotency::forget(tx, before).await?;
            }
            idempotency::keep(tx, &scope, &key, &digest, &answer).await
        })
    });
    if let Err(error) = written.await {
        let error: store::Error = error;
        tracing::warn!(%error, "an answer to a request with a key could not be kept: {error}; {}", error.hint());
    }
}

/// The answer that was kept.
fn again(kept: &str) -> Response {
    let unread = || Problem::new(ErrorKind::Internal, "what was answered cannot be read").into_response();
    let Ok(kept) = serde_json::from_str::<Kept>(kept) else { return unread() };
    let Some(body) = kept.body else {
        let title = "it was done before; its answer was too long to be kept";
        let problem = Problem::new(ErrorKind::TooLarge, title).hint("take a new key to do it again");
        return Problem { status: 409, ..problem }.into_response();
    };
    let mut response = (StatusCode::from_u16(kept.status).unwrap_or_default(), body).into_response();
    let headers = response.headers_mut();
    headers.remove(CONTENT_TYPE);
    headers.extend(kept.kind.and_then(|kind| Some((CONTENT_TYPE, HeaderValue::from_str(&kind).ok()?))));
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

fn unread(rejection: axum::extract::rejection::BytesRejection) -> Problem {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(ErrorKind::TooLarge, "the body is larger than its limit")
            .hint("raise limits.body_bytes_max; see: switchboard limits"),
        _ => Problem::new(ErrorKind::BadHttp, format!("the body did not arrive: {}", rejection.body_text())),
    }
}

// === impl Keys ===

impl Keys {
    fn is_time_to_forget(&self) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = state.forgot.is_none_or(|forgot| forgot.elapsed() >= FORGET_EVERY);
        if is_time {
            state.forgot = Some(Instant::now());
        }
        is_time
    }
}

// === impl Held ===

impl Held {
    /// Takes a key; nothing where a request with it is on its way.
    fn hold(keys: &Arc<Keys>, known: &Known) -> Option<Self> {
        let key = format!("{}\n{}", known.scope, known.key);
        let is_new = keys.0.lock().unwrap_or_else(PoisonError::into_inner).running.insert(key.clone());
        is_new.then(|| Self { keys: keys.clone(), key })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.keys.0.lock().unwrap_or_else(PoisonError::into_inner).running.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_done_may_be_tried_again() {
        let body = |kind| serde_json::to_vec(&Problem::new(kind, "x")).unwrap();
        let refused = StatusCode::SERVICE_UNAVAILABLE;
        for kind in [ErrorKind::Overloaded, ErrorKind::Draining, ErrorKind::UpstreamStarting, ErrorKind::UpstreamDown] {
            assert!(!is_final(refused, &body(kind)), "{kind:?}");
        }
        for kind in [ErrorKind::Timeout, ErrorKind::UpstreamGone, ErrorKind::InvalidParams, ErrorKind::Denied] {
            assert!(is_final(refused, &body(kind)), "{kind:?}");
        }
        assert!(is_final(StatusCode::CREATED, b"{}"));
    }

    #[test]
    fn a_key_is_one_request_at_a_time() {
        let keys = Arc::new(Keys::default());
        let known = |scope: &str| Known { scope: scope.to_owned(), key: "k".to_owned(), digest: Vec::new() };
        let held = Held::hold(&keys, &known("a")).unwrap();
        assert!(Held::hold(&keys, &known("a")).is_none() && Held::hold(&keys, &known("b")).is_some());
        drop(held);
        assert!(Held::hold(&keys, &known("a")).is_some());
    }

    #[test]
    fn an_answer_is_given_as_it_was() {
        let kept = Kept { status: 201, kind: Some("application/json".to_owned()), body: Some("{}".to_owned()) };
        let answer = again(&serde_json::to_string(&kept).unwrap());
        assert_eq!(answer.status(), StatusCode::CREATED);
        assert_eq!(answer.headers()[CONTENT_TYPE], "application/json");
        assert_eq!(answer.headers()[REPLAYED], "true");
        let long = Kept { body: None, ..kept };
        assert_eq!(again(&serde_json::to_string(&long).unwrap()).status(), StatusCode::CONFLICT);
    }
}
