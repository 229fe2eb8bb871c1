//! `/api` and the dashboard at the address of the HTTP listener, beside MCP: the same routes as on the
//! unix socket behind a door of their own, and around all of it the headers that keep a browser from
//! doing what a page of ours would not.

mod assets;

use crate::access::{self, Tokens};
use crate::{Control, api};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use gateway::listener::{Beside, BesideAnswer, BodyError};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use std::sync::{Arc, OnceLock};

/// What a page of ours may do: load from us, talk to us, show images that it was given. No script of a
/// text, no frame around it (threats.md S-42).
const POLICY: &str = "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";
/// Headers of every answer.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
];

/// Everything that is served beside MCP. It is made for the first request: with a hundred described
/// routes it takes memory that who looks at nothing should not pay for.
pub struct Web {
    control: Control,
    tokens: Arc<Tokens>,
    made: OnceLock<TowerToHyperService<Router>>,
}

// === impl Web ===

impl Web {
    /// All routes, open to who brings one of `tokens`.
    #[must_use]
    pub fn new(control: &Control, tokens: Tokens) -> Self {
        Self { control: control.clone(), tokens: Arc::new(tokens), made: OnceLock::new() }
    }

    fn service(&self) -> TowerToHyperService<Router> {
        let api = api(&self.control).layer(from_fn_with_state(self.tokens.clone(), access::http_door));
        let pages = Router::new().route("/", get(assets::index)).route("/{*path}", get(assets::asset));
        TowerToHyperService::new(pages.merge(api).layer(from_fn(headers)))
    }
}

impl Beside for Web {
    fn answer(&self, request: hyper::Request<Incoming>) -> BesideAnswer {
        let answer = self.made.get_or_init(|| self.service()).call(request.map(Body::new));
        Box::pin(async move {
            let Ok(answer) = answer.await;
            answer.map(|body| body.map_err(|error| -> BodyError { Box::new(error) }).boxed_unsync())
        })
    }
}

async fn headers(request: Request, next: Next) -> Response {
    let mut answer = next.run(request).await;
    let headers = answer.headers_mut();
    headers.extend(HEADERS);
    // What is true now is not true later, and nobody else's business.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    answer
}
