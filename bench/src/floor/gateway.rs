//! What the floor does with a message.

use crate::http_backend::{HttpBackend, Upstream};
use crate::stdio_backend::StdioBackend;
use bench::{Call, Failure, LEGACY, MODERN, Message, Served};
use bytes::Bytes;
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A body of ours, or a backend's passed through.
pub(crate) type Body = Either<Full<Bytes>, Upstream>;

/// One backend, already initialized.
pub(crate) enum Backend {
    /// Reached over streamable HTTP.
    Http(Arc<HttpBackend>),
    /// A child process.
    Stdio(StdioBackend),
}

/// The gateway: backends by number, and the one rendered list.
pub(crate) struct Gateway {
    backends: Vec<Backend>,
    tools: String,
    next_session: AtomicU64,
}

#[derive(Deserialize)]
struct Listed<'a> {
    #[serde(borrow)]
    tools: Vec<&'a RawValue>,
}

impl Gateway {
    /// Merges the backends' answers to `tools/list`.
    pub(crate) fn new(opened: Vec<(Backend, Vec<u8>)>) -> Result<Self, Failure> {
        let (mut backends, mut tools) = (Vec::new(), String::new());
        for (index, (backend, list)) in opened.into_iter().enumerate() {
            let message: Message<'_> = serde_json::from_slice(&list)?;
            let result = message.result.ok_or("a backend refused tools/list")?;
            let listed: Listed<'_> = serde_json::from_str(result.get())?;
            let prefix = format!(r#""name":"b{index}__"#);
            for tool in listed.tools {
                if !tools.is_empty() {
                    tools.push(',');
                }
                tools.push_str(&tool.get().replacen(r#""name":""#, &prefix, 1));
            }
            backends.push(backend);
        }
        Ok(Self { backends, tools, next_session: AtomicU64::new(1) })
    }

    /// Answers one HTTP request.
    pub(crate) async fn serve(&self, request: Request<Incoming>) -> Served<Body> {
        if request.method() != Method::POST {
            return Ok(empty(StatusCode::METHOD_NOT_ALLOWED));
        }
        let modern = header(request.headers(), "mcp-protocol-version") == MODERN;
        let known = self.knows(header(request.headers(), "mcp-session-id"));
        let body = request.into_body().collect().await?.to_bytes();
        let Ok(message) = serde_json::from_slice::<Message<'_>>(&body) else {
            return Ok(empty(StatusCode::BAD_REQUEST));
        };
        let Some(id) = message.id() else {
            return Ok(empty(StatusCode::ACCEPTED));
        };
        if message.method == "initialize" {
            return Ok(self.initialize(id));
        }
        if !modern && !known {
            return Ok(empty(StatusCode::NOT_FOUND));
        }
        match &*message.method {
            "tools/call" => {
                let params = message.params.map_or("{}", RawValue::get);
                let answer = self.call(id, params, modern).await;
                Ok(answer.unwrap_or_else(|_| empty(StatusCode::BAD_GATEWAY)))
            }
            "tools/list" => Ok(self.list(id, modern)),
            _ => Ok(json(format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32601,"message":"not here"}}}}"#))),
        }
    }

    fn initialize(&self, id: &str) -> Response<Body> {
        let mut response = json(format!(
            r#"{{"jsonrpc":"2.0","id":{id},"result":{{"protocolVersion":"{LEGACY}","capabilities":{{"tools":{{}}}},"serverInfo":{{"name":"bench-floor","version":"1"}}}}}}"#
        ));
        let number = self.next_session.fetch_add(1, Ordering::Relaxed);
        if let Ok(value) = HeaderValue::from_str(&format!("floor-{number}")) {
            response.headers_mut().insert("mcp-session-id", value);
        }
        response
    }

    fn knows(&self, session: &str) -> bool {
        let number = session.strip_prefix("floor-").and_then(|n| n.parse().ok());
        number.is_some_and(|n: u64| n < self.next_session.load(Ordering::Relaxed))
    }

    fn list(&self, id: &str, modern: bool) -> Response<Body> {
        let extra = if modern { r#","resultType":"complete","ttlMs":60000,"cacheScope":"public""# } else { "" };
        let tools = &self.tools;
        json(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"tools":[{tools}]{extra}}}}}"#))
    }

    async fn call(&self, id: &str, params: &str, modern: bool) -> Result<Response<Body>, Failure> {
        let call: Call<'_> = serde_json::from_str(params)?;
        let routed = call.name.strip_prefix('b').and_then(|rest| rest.split_once("__"));
        let (number, name) = routed.ok_or("not a name of ours")?;
        let backend = self.backends.get(number.parse::<usize>()?);
        let arguments = call.arguments.map_or("{}", RawValue::get);
        let mut tail = String::with_capacity(arguments.len() + 128);
        write!(tail, r#","method":"tools/call","params":{{"name":"{name}","arguments":{arguments}"#)?;
        if let (true, Some(meta)) = (modern, call.meta) {
            write!(tail, r#","_meta":{}"#, meta.get())?;
        }
        tail.push_str("}}");
        match backend.ok_or("no such backend")? {
            Backend::Http(backend) => {
                let name = modern.then_some(name);
                let body = format!(r#"{{"jsonrpc":"2.0","id":{id}{tail}"#);
                Ok(backend.post(body, name).await?.map(Either::Right))
            }
            Backend::Stdio(backend) => {
                let line = backend.ask(&tail).await?;
                let message: Message<'_> = serde_json::from_slice(&line)?;
                let (key, value) = match (message.result, message.error) {
                    (Some(result), _) => ("result", result.get()),
                    (_, Some(error)) => ("error", error.get()),
                    _ => return Err("neither a result nor an error".into()),
                };
                Ok(json(format!(r#"{{"jsonrpc":"2.0","id":{id},"{key}":{value}}}"#)))
            }
        }
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default()
}

fn json(text: String) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::new(Bytes::from(text))));
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::new(Bytes::new())));
    *response.status_mut() = status;
    response
}
