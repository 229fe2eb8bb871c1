//! A backend behind streamable HTTP: one session, and as many connections as calls in flight.

use bench::{Failure, LEGACY, MODERN};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::net::TcpStream;

type Sender = SendRequest<Full<Bytes>>;

/// A backend on a port of this machine.
pub(crate) struct HttpBackend {
    port: u16,
    host: HeaderValue,
    session: Option<HeaderValue>,
    idle: Mutex<Vec<Sender>>,
}

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench-floor","version":"1"}}}"#;
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
const LIST: &str = r#"{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{}}"#;

impl HttpBackend {
    /// Opens a session and returns the answer to `tools/list` with it.
    pub(crate) async fn open(port: u16) -> Result<(Arc<Self>, Vec<u8>), Failure> {
        let backend = |session| {
            Ok::<_, Failure>(Arc::new(Self {
                port,
                host: HeaderValue::from_str(&format!("127.0.0.1:{port}"))?,
                session,
                idle: Mutex::default(),
            }))
        };
        let response = backend(None)?.post(INITIALIZE.to_owned(), None).await?;
        let session = response.headers().get("mcp-session-id").cloned();
        response.into_body().collect().await?;
        let backend = backend(session)?;
        let accepted = backend.post(INITIALIZED.to_owned(), None).await?;
        accepted.into_body().collect().await?;
        let listed = backend.post(LIST.to_owned(), None).await?;
        let list = listed.into_body().collect().await?.to_bytes().to_vec();
        Ok((backend, list))
    }

    /// Posts a message: with the modern headers for a tool's name, in the session without one.
    pub(crate) async fn post(
        self: &Arc<Self>,
        body: String,
        modern: Option<&str>,
    ) -> Result<Response<Upstream>, Failure> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut sender = match idle {
            Some(sender) => sender,
            None => dial(self.port).await?,
        };
        sender.ready().await?;
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::from_static("/mcp");
        let headers = request.headers_mut();
        headers.reserve(8);
        headers.insert(HOST, self.host.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let accept = HeaderValue::from_static("application/json, text/event-stream");
        headers.insert(ACCEPT, accept);
        if let Some(name) = modern {
            headers.insert("mcp-protocol-version", HeaderValue::from_static(MODERN));
            headers.insert("mcp-method", HeaderValue::from_static("tools/call"));
            headers.insert("mcp-name", HeaderValue::from_str(name)?);
        } else if let Some(session) = &self.session {
            headers.insert("mcp-session-id", session.clone());
            headers.insert("mcp-protocol-version", HeaderValue::from_static(LEGACY));
        }
        let response = sender.send_request(request).await?;
        Ok(response.map(|body| Upstream { body, home: Some((sender, Arc::clone(self))) }))
    }
}

async fn dial(port: u16) -> Result<Sender, Failure> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let (sender, driver) = handshake(TokioIo::new(stream)).await?;
    // Its error is also the error of the request that it breaks.
    tokio::spawn(driver);
    Ok(sender)
}

/// A reply's body on its way through; its connection goes back to the pool when it has ended.
pub(crate) struct Upstream {
    body: Incoming,
    home: Option<(Sender, Arc<HttpBackend>)>,
}

impl Body for Upstream {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        // A body that was given up half-read leaves a connection that nobody can use.
        if let (true, Some((sender, backend))) = (self.body.is_end_stream(), self.home.take()) {
            let mut idle = backend.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.push(sender);
        }
    }
}
