//! Pages and APIs anywhere on the web, asked for URLs that somebody else chose.
//!
//! [`Rules`] judge each URL, and the very address that a connection is then made to, on each redirect
//! anew; [`Network`] is the seam to names and sockets. Everything is bounded while it streams: time,
//! bytes, what they unpack to, redirects, headers. It deliberately knows neither what a page says nor
//! robots.txt, and keeps no cookies.

mod rules;
pub use rules::{AllowError, Rules};

mod network;
pub use network::{Network, Pipe, SystemNetwork};

mod page;
pub use page::Page;

mod decode;

mod error;
pub use error::{Fault, WebError};

use crate::relay::{RelayError, Target};
use bytes::Bytes;
use decode::Decoder;
use futures_util::future::BoxFuture;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// How long one address of a name may take to accept a connection, TLS included.
const CONNECT_MAX: Duration = Duration::from_secs(6);
/// The longest URL that is called, in bytes.
const URL_BYTES_MAX: usize = 8 * 1024;
/// The longest head of an answer, in bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// The most headers of an answer.
const HEADERS_MAX: usize = 128;
/// What goes along to another origin; all else stays with the origin that it was meant for.
const CARRIED: [HeaderName; 3] = [header::ACCEPT, header::ACCEPT_LANGUAGE, header::USER_AGENT];

/// A client for the web.
#[derive(Debug, Clone)]
pub struct Web {
    rules: Arc<Rules>,
    network: Arc<dyn Network>,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The method; only `GET` is redirected.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// More headers; `Host` and `Accept-Encoding` are ours.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// What it may cost.
    pub bounds: Bounds,
}

/// What one request may cost, redirects included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The body as it travels and as it unpacks, in bytes each. What is beyond is not read.
    pub body_bytes_max: usize,
    /// The whole time.
    pub time: Duration,
    /// How many redirects are followed.
    pub redirects_max: usize,
}

/// Asked before each request on the way, redirects included.
pub trait Gate: Send + Sync {
    /// Whether `url` may be asked for now, and the headers that only this URL gets.
    fn pass<'a>(&'a self, url: &'a Url) -> BoxFuture<'a, Result<HeaderMap, WebError>>;
}

/// The gate that lets everything through.
#[derive(Debug, Clone, Copy)]
pub struct Open;

impl Gate for Open {
    fn pass<'a>(&'a self, _url: &'a Url) -> BoxFuture<'a, Result<HeaderMap, WebError>> {
        Box::pin(std::future::ready(Ok(HeaderMap::new())))
    }
}

// === impl Ask ===

impl Ask {
    /// A `GET` without further headers.
    #[must_use]
    pub fn get(url: Url, bounds: Bounds) -> Self {
        Self { method: Method::GET, url, headers: HeaderMap::new(), body: Bytes::new(), bounds }
    }

    /// With one more header; a value that no header can hold is left out.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }
}

// === impl Web ===

impl Web {
    /// A client that goes where `rules` permit.
    #[must_use]
    pub fn new(rules: Rules, network: Arc<dyn Network>) -> Self {
        Self { rules: Arc::new(rules), network }
    }

    /// Reads a URL as browsers do and judges what can be judged without asking anybody.
    ///
    /// # Errors
    /// When it is none that may be called.
    pub fn url(&self, text: &str) -> Result<Url, WebError> {
        if text.len() > URL_BYTES_MAX {
            return Err(WebError::Url { reason: format!("it is longer than {URL_BYTES_MAX} bytes") });
        }
        // A parser drops them silently, so that what a person saw is not what is called.
        if text.trim().contains(|character: char| character.is_control()) {
            return Err(WebError::Url { reason: "it has control characters in it".to_owned() });
        }
        let url = Url::parse(text).map_err(|error| WebError::Url { reason: error.to_string() })?;
        self.rules.check(&url)?;
        Ok(url)
    }

    /// Sends one request. A redirect is an answer like any other.
    ///
    /// # Errors
    /// When it may not be sent, or no answer came within its bounds.
    pub async fn call(&self, ask: Ask) -> Result<Page, WebError> {
        let time = ask.bounds.time;
        let once = Box::pin(self.once(&ask, &ask.url, &ask.headers));
        tokio::time::timeout(time, once).await.map_err(|_| WebError::Time { time })?
    }

    /// Gets what is at a URL, wherever it leads; `gate` is asked at every step.
    ///
    /// # Errors
    /// When a step may not be taken, or no answer came within the bounds.
    pub async fn get(&self, ask: Ask, gate: &dyn Gate) -> Result<Page, WebError> {
        let time = ask.bounds.time;
        let way = Box::pin(self.follow(&ask, gate));
        tokio::time::timeout(time, way).await.map_err(|_| WebError::Time { time })?
    }

    async fn follow(&self, ask: &Ask, gate: &dyn Gate) -> Result<Page, WebError> {
        let mut url = ask.url.clone();
        let mut headers = ask.headers.clone();
        for _ in 0..=ask.bounds.redirects_max {
            self.rules.check(&url)?;
            let own = gate.pass(&url).await?;
            let mut sent = headers.clone();
            sent.extend(own);
            let page = self.once(ask, &url, &sent).await?;
            let Some(next) = page.leads_to()? else { return Ok(page) };
            if next.origin() != url.origin() {
                headers = carried(&headers);
            }
            url = next;
        }
        Err(WebError::Redirects { count: ask.bounds.redirects_max })
    }

    async fn once(&self, ask: &Ask, url: &Url, headers: &HeaderMap) -> Result<Page, WebError> {
        self.rules.check(url)?;
        let target = target(url)?;
        let pipe = self.connect(url, &target).await?;
        let (mut sender, connection) = http1::Builder::new()
            .max_headers(HEADERS_MAX)
            .max_buf_size(HEAD_BYTES_MAX)
            .handshake(TokioIo::new(pipe))
            .await
            .map_err(|error| RelayError::hyper(&error, false))?;
        let request = request(ask, &target, headers);
        let exchange = async {
            let answer = sender.send_request(request).await.map_err(|error| RelayError::hyper(&error, true))?;
            read(url, answer, ask.bounds.body_bytes_max).await
        };
        let driven = async {
            // What broke it is told to the exchange.
            let _ = connection.await;
            std::future::pending().await
        };
        tokio::select! {
            page = exchange => page,
            never = driven => never,
        }
    }

    /// Connects to an address of the URL's host that was judged; to no other.
    async fn connect(&self, url: &Url, target: &Target) -> Result<Box<dyn Pipe>, WebError> {
        let addresses = self.rules.resolve(url, &*self.network).await?;
        let mut last = RelayError::connect(target.authority(), "the name has no address");
        for address in addresses {
            match tokio::time::timeout(CONNECT_MAX, self.network.open(address, target)).await {
                Ok(Ok(pipe)) => return Ok(pipe),
                Ok(Err(error)) => last = error,
                Err(_) => {
                    let reason = format!("no connection within {} s", CONNECT_MAX.as_secs());
                    last = RelayError::connect(target.authority(), reason);
                }
            }
        }
        Err(last.into())
    }
}

fn carried(headers: &HeaderMap) -> HeaderMap {
    headers
        .iter()
        .filter(|(name, _)| CARRIED.contains(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// The URL as the connection and the request line need it: the host that was judged, and no other.
fn target(url: &Url) -> Result<Target, WebError> {
    let mut plain = url.clone();
    plain.set_fragment(None);
    let target = Target::parse(plain.as_str()).map_err(|error| WebError::Url { reason: error.to_string() })?;
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    if target.host != host || Some(target.port) != url.port_or_known_default() {
        return Err(WebError::Url { reason: "its host can be read in two ways".to_owned() });
    }
    Ok(target)
}

fn request(ask: &Ask, target: &Target, headers: &HeaderMap) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(ask.body.clone()));
    *request.method_mut() = ask.method.clone();
    *request.uri_mut() = target.path.clone();
    *request.headers_mut() = headers.clone();
    let ours = request.headers_mut();
    ours.insert(header::HOST, target.host_header.clone());
    ours.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(decode::ACCEPTED));
    // One request, one connection: a page is rarely followed by another of the same place.
    ours.insert(header::CONNECTION, HeaderValue::from_static("close"));
    request
}

async fn read(url: &Url, answer: Response<Incoming>, bytes_max: usize) -> Result<Page, WebError> {
    let (head, mut body) = answer.into_parts();
    let mut decoder = Decoder::new(&head.headers, bytes_max)?;
    let mut travelled = 0;
    let mut broken = false;
    while !decoder.is_full() && travelled < bytes_max {
        match body.frame().await {
            None => {
                let (body, full) = decoder.finish();
                return Ok(Page { url: url.clone(), status: head.status, headers: head.headers, body, cut: full });
            }
            Some(Ok(frame)) => {
                let Ok(data) = frame.into_data() else { continue };
                travelled += data.len();
                decoder.push(&data)?;
            }
            // A page that breaks off is a page as far as it goes; nothing at all is none.
            Some(Err(error)) if decoder.is_empty() => return Err(RelayError::hyper(&error, true).into()),
            Some(Err(_)) => {
                broken = true;
                break;
            }
        }
    }
    let ended = body.is_end_stream();
    let (body, full) = decoder.finish();
    Ok(Page { url: url.clone(), status: head.status, headers: head.headers, body, cut: broken || full || !ended })
}
