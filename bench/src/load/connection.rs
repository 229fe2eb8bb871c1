//! One keep-alive connection to an MCP endpoint, in either era.

use crate::plan::{self, Plan, excerpt, list_tail, next_cursor, request};
use bench::{Failure, Flags, LEGACY, MODERN};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use memchr::memmem;
use serde_json::Value;
use std::net::SocketAddr;
use tokio::net::TcpStream;

/// Pages of one list that are read at most.
const MAX_PAGES: usize = 1_000;

/// Where to call.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    address: SocketAddr,
    host: HeaderValue,
    path: Uri,
    pub(crate) modern: bool,
}

impl Target {
    pub(crate) fn new(flags: &Flags) -> Result<Self, Failure> {
        let url: Uri = flags.required("url")?.parse()?;
        let authority = url.authority().ok_or("--url has no host")?.as_str();
        let address: SocketAddr = authority.parse().map_err(|_| format!("--url: `{authority}` is not ADDRESS:PORT"))?;
        if !address.ip().is_loopback() {
            return Err(format!("--url: {address} is not a loopback address").into());
        }
        let path = url.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            address,
            host: HeaderValue::from_str(authority)?,
            path: path.parse()?,
            modern: plan::is_modern(flags)?,
        })
    }
}

/// A connection with at most one request in flight.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    target: Target,
    session: Option<HeaderValue>,
    initialized: bool,
    next_id: u64,
}

impl Connection {
    /// Connects, and in the legacy era opens a session.
    pub(crate) async fn open(target: &Target) -> Result<Self, Failure> {
        let stream = TcpStream::connect(target.address).await?;
        stream.set_nodelay(true)?;
        let (sender, driver) = handshake(TokioIo::new(stream)).await?;
        // Its error is also the error of the request that it breaks.
        tokio::spawn(driver);
        let mut connection = Self { sender, target: target.clone(), session: None, initialized: false, next_id: 1 };
        if !target.modern {
            connection.initialize().await?;
        }
        Ok(connection)
    }

    async fn initialize(&mut self) -> Result<(), Failure> {
        let tail = initialize_tail();
        let id = self.id();
        let reply = self.post(("initialize", ""), request(id, &tail)).await?;
        if memmem::find(&reply, br#""result""#).is_none() {
            return Err(format!("initialize was refused: {}", excerpt(&reply)).into());
        }
        self.initialized = true;
        self.post(("", ""), INITIALIZED.into()).await?;
        Ok(())
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Makes the planned call and checks its reply; `whole` as in [`Plan::check`].
    pub(crate) async fn call(&mut self, plan: &Plan, whole: bool) -> Result<(), Failure> {
        let id = self.id();
        let mut reply = self.post(plan.headers(), plan.request(id)).await?;
        plan.check(&reply, id, whole)?;
        for _ in 0..MAX_PAGES {
            let cursor = match plan.op {
                plan::Op::List => next_cursor(&reply),
                _ => None,
            };
            let Some(cursor) = cursor else { return Ok(()) };
            let tail = list_tail(plan.modern, Some(cursor));
            let id = self.id();
            reply = self.post(plan.headers(), request(id, &tail)).await?;
            plan.check(&reply, id, whole)?;
        }
        Err("the list has no end".into())
    }

    /// The names of all tools, all pages read.
    pub(crate) async fn tools(&mut self) -> Result<Vec<String>, Failure> {
        let (mut names, mut cursor) = (Vec::new(), None::<String>);
        for _ in 0..MAX_PAGES {
            let tail = list_tail(self.target.modern, cursor.as_deref());
            let id = self.id();
            let reply = self.post(("tools/list", ""), request(id, &tail)).await?;
            let value: Value = serde_json::from_slice(&reply)?;
            let result = &value["result"];
            let tools = result["tools"].as_array();
            let tools = tools.ok_or_else(|| format!("not a list of tools: {}", excerpt(&reply)))?;
            names.extend(tools.iter().filter_map(|tool| tool["name"].as_str().map(str::to_owned)));
            cursor = result["nextCursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                return Ok(names);
            }
        }
        Err("the list has no end".into())
    }

    /// Sends one message and returns the JSON of its reply, empty for a notification.
    async fn post(&mut self, (method, name): (&str, &str), body: Vec<u8>) -> Result<Bytes, Failure> {
        self.sender.ready().await?;
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.target.path.clone();
        let headers = request.headers_mut();
        headers.reserve(8);
        headers.insert(HOST, self.target.host.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let accept = HeaderValue::from_static("application/json, text/event-stream");
        headers.insert(ACCEPT, accept);
        if self.target.modern {
            headers.insert("mcp-protocol-version", HeaderValue::from_static(MODERN));
            headers.insert("mcp-method", HeaderValue::from_str(method)?);
            if !name.is_empty() {
                headers.insert("mcp-name", HeaderValue::from_str(name)?);
            }
        } else if self.initialized {
            headers.insert("mcp-protocol-version", HeaderValue::from_static(LEGACY));
        }
        if let Some(session) = &self.session {
            headers.insert("mcp-session-id", session.clone());
        }
        let response = self.sender.send_request(request).await?;
        let (head, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        if !head.status.is_success() {
            return Err(format!("HTTP {}: {}", head.status, excerpt(&body)).into());
        }
        if let Some(session) = head.headers.get("mcp-session-id") {
            self.session.get_or_insert_with(|| session.clone());
        }
        let kind = head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        if kind.is_some_and(|kind| kind.starts_with(b"text/event-stream")) {
            return Ok(last_event(&body));
        }
        Ok(body)
    }
}

/// The notification that ends the legacy handshake.
pub(crate) const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// What stands after the id of `initialize`.
pub(crate) fn initialize_tail() -> String {
    format!(
        r#","method":"initialize","params":{{"protocolVersion":"{LEGACY}","capabilities":{{}},"clientInfo":{{"name":"bench-load","version":"1"}}}}}}"#
    )
}

/// The data of the last event of a stream: the reply comes after its notifications.
fn last_event(stream: &Bytes) -> Bytes {
    let lines = stream.split(|byte| *byte == b'\n');
    let data = lines.filter_map(|line| line.strip_prefix(b"data:"));
    let last = data.map(<[u8]>::trim_ascii).rfind(|data| !data.is_empty());
    last.map_or_else(Bytes::new, |data| stream.slice_ref(data))
}

#[cfg(test)]
mod tests {
    use super::last_event;
    use bytes::Bytes;

    #[test]
    fn the_reply_is_the_last_event_with_data() {
        let stream = Bytes::from_static(b"data: {\"a\":1}\n\nevent: message\ndata: {\"b\":2}\r\n\r\n");
        assert_eq!(last_event(&stream), &b"{\"b\":2}"[..]);
        assert_eq!(last_event(&Bytes::from_static(b": ping\n\n")), Bytes::new());
    }
}
