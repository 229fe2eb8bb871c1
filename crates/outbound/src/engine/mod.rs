//! A small client of the Docker Engine API (Podman speaks it too) over its Unix socket: what it takes
//! to run a container and to end it, and nothing else. It keeps no connection, decides nothing and
//! does not know what the containers are for.

mod streams;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderValue, UPGRADE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;
pub use streams::Attached;
use tokio::net::UnixStream;
use tokio::time::timeout;

/// The largest answer that is read whole, in bytes: a list of containers.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long an answer may take that waits for nothing but the engine.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);
/// The longest line of progress while an image is fetched, in bytes.
const PROGRESS_BYTES_MAX: usize = 256 * 1024;

/// An engine that runs containers.
#[derive(Debug, Clone)]
pub struct Engine {
    socket: PathBuf,
}

/// Why the engine did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// Nobody answers at its socket.
    #[error("the container engine at {} cannot be reached: {reason}", socket.display())]
    Unreachable {
        /// Where we looked.
        socket: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// It said no.
    #[error("the container engine answered with HTTP {status}: {message}")]
    Refused {
        /// The status.
        status: u16,
        /// Its own words.
        message: String,
    },
    /// The conversation broke off, or made no sense.
    #[error("the container engine hung up: {reason}")]
    Broken {
        /// What happened.
        reason: String,
    },
}

// === impl EngineError ===

impl EngineError {
    /// Whether the engine says that there is no such thing.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    /// Whether the engine says that something of this name is there already.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { status: 409, .. })
    }

    fn broken(error: impl ToString) -> Self {
        Self::Broken { reason: error.to_string() }
    }
}

// === impl Engine ===

impl Engine {
    /// The engine behind this socket.
    #[must_use]
    pub fn at(socket: impl Into<PathBuf>) -> Self {
        Self { socket: socket.into() }
    }

    /// Its socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Whether the image is there.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn has_image(&self, image: &str) -> Result<bool, EngineError> {
        match self.ask(Method::GET, &format!("/images/{}/json", encoded(image)), None).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_absent() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Fetches an image from its registry, without credentials.
    ///
    /// # Errors
    /// What the registry or the engine said.
    pub async fn pull(&self, image: &str) -> Result<(), EngineError> {
        // Without a tag the engine would fetch every one.
        let tagged = image.contains('@') || image.rsplit('/').next().is_some_and(|name| name.contains(':'));
        let image = if tagged { image.to_owned() } else { format!("{image}:latest") };
        let response = self.send(Method::POST, &format!("/images/create?fromImage={}", encoded(&image)), None).await?;
        let mut body = response.into_body();
        let mut line = Vec::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(EngineError::broken)?.into_data() else { continue };
            for byte in data {
                if byte == b'\n' {
                    pulled(&line)?;
                    line.clear();
                } else if line.len() < PROGRESS_BYTES_MAX {
                    line.push(byte);
                }
            }
        }
        pulled(&line)
    }

    /// Creates a container as `body` says (`ContainerCreate` of the API); gives its id.
    ///
    /// # Errors
    /// What the engine said; a conflict where the name is taken.
    pub async fn create(&self, name: Option<&str>, body: &Value) -> Result<String, EngineError> {
        let name = name.map(|name| format!("?name={}", encoded(name))).unwrap_or_default();
        let answer = self.ask(Method::POST, &format!("/containers/create{name}"), Some(body)).await?;
        let id = answer["Id"].as_str().map(str::to_owned);
        id.ok_or_else(|| EngineError::broken("it created a container and gave no id"))
    }

    /// Starts a created container.
    ///
    /// # Errors
    /// What the engine said.
    pub async fn start(&self, id: &str) -> Result<(), EngineError> {
        self.ask(Method::POST, &format!("/containers/{id}/start"), None).await.map(drop)
    }

    /// What the engine knows of a container.
    ///
    /// # Errors
    /// What the engine said.
    pub async fn inspect(&self, id: &str) -> Result<Value, EngineError> {
        self.ask(Method::GET, &format!("/containers/{}/json", encoded(id)), None).await
    }

    /// Sends a signal, such as `SIGTERM`, to the main process of a container.
    ///
    /// # Errors
    /// What the engine said; a conflict where it does not run.
    pub async fn signal(&self, id: &str, signal: &str) -> Result<(), EngineError> {
        self.ask(Method::POST, &format!("/containers/{id}/kill?signal={}", encoded(signal)), None).await.map(drop)
    }

    /// Removes a container with its unnamed volumes, killing it first.
    ///
    /// # Errors
    /// What the engine said; nothing where there is none.
    pub async fn remove(&self, id: &str) -> Result<(), EngineError> {
        match self.ask(Method::DELETE, &format!("/containers/{}?force=1&v=1", encoded(id)), None).await {
            // A conflict is a removal that is under way.
            Err(error) if !error.is_absent() && !error.is_conflict() => Err(error),
            _ => Ok(()),
        }
    }

    /// The ids of all containers with this label (`name=value`), whatever they do.
    ///
    /// # Errors
    /// What the engine said.
    pub async fn labelled(&self, label: &str) -> Result<Vec<String>, EngineError> {
        let filters = serde_json::json!({ "label": [label] }).to_string();
        let answer =
            self.ask(Method::GET, &format!("/containers/json?all=1&filters={}", encoded(&filters)), None).await?;
        let found = answer.as_array().into_iter().flatten();
        Ok(found.filter_map(|one| one["Id"].as_str().map(str::to_owned)).collect())
    }

    /// Begins to wait for the end of a container; what comes back gives its exit status. To be
    /// begun before the start, so that no end is missed.
    ///
    /// # Errors
    /// What the engine said.
    pub async fn wait(&self, id: &str) -> Result<Ending, EngineError> {
        let response = self.send(Method::POST, &format!("/containers/{id}/wait?condition=removed"), None).await?;
        Ok(Ending(response))
    }

    /// Connects to the streams of a container. To be done before the start, so that nothing of what
    /// it says is missed.
    ///
    /// # Errors
    /// What the engine said.
    pub async fn attach(&self, id: &str, stdin: bool) -> Result<Attached, EngineError> {
        let wanted = format!("/containers/{id}/attach?stream=1&stdin={}&stdout=1&stderr=1", u8::from(stdin));
        let mut request = request(Method::POST, &wanted, None)?;
        request.headers_mut().insert(UPGRADE, HeaderValue::from_static("tcp"));
        request.headers_mut().insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        let response = self.exchange(request).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(refused(response).await);
        }
        let upgraded = hyper::upgrade::on(response).await.map_err(EngineError::broken)?;
        Ok(streams::attached(TokioIo::new(upgraded)))
    }

    /// Sends a request and reads the whole answer as JSON; null where there is none.
    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, EngineError> {
        let asked = async {
            let response = self.send(method, path, body).await?;
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
            Ok(body.map_err(EngineError::broken)?.to_bytes())
        };
        let bytes = match timeout(ANSWER_TIME_MAX, asked).await {
            Ok(answered) => answered?,
            Err(_) => {
                let waited = ANSWER_TIME_MAX.as_secs();
                return Err(EngineError::Broken { reason: format!("no answer within {waited} s") });
            }
        };
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).or(Ok(Value::Null))
    }

    /// Sends a request; an answer that is no success is an error.
    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Response<Incoming>, EngineError> {
        let response = self.exchange(request(method, path, body)?).await?;
        // 304: it is as it should be already.
        if response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED {
            return Ok(response);
        }
        Err(refused(response).await)
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, EngineError> {
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|error| EngineError::Unreachable { socket: self.socket.clone(), reason: error.to_string() })?;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(EngineError::broken)?;
        // It ends with the answer, or when whoever waits for it is gone.
        tokio::spawn(connection.with_upgrades());
        sender.send_request(request).await.map_err(EngineError::broken)
    }
}

/// The end of a container that is waited for.
#[derive(Debug)]
pub struct Ending(Response<Incoming>);

// === impl Ending ===

impl Ending {
    /// Waits until the container has ended and is removed; gives its exit status.
    ///
    /// # Errors
    /// The engine hung up.
    pub async fn status(self) -> Result<i64, EngineError> {
        let body = Limited::new(self.0.into_body(), ANSWER_BYTES_MAX).collect().await;
        let bytes = body.map_err(EngineError::broken)?.to_bytes();
        let answer: Value = serde_json::from_slice(&bytes).map_err(EngineError::broken)?;
        answer["StatusCode"].as_i64().ok_or_else(|| EngineError::broken("it gave no exit status"))
    }
}

fn request(method: Method, path: &str, body: Option<&Value>) -> Result<Request<Full<Bytes>>, EngineError> {
    let bytes = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
    let mut request = Request::builder().method(method).uri(path).header(HOST, "localhost");
    if body.is_some() {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    request.body(Full::new(bytes)).map_err(EngineError::broken)
}

/// What an answer without success says.
async fn refused(response: Response<Incoming>) -> EngineError {
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
    let bytes = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let said: Option<Value> = serde_json::from_slice(&bytes).ok();
    let message = said.and_then(|said| said["message"].as_str().map(str::to_owned));
    EngineError::Refused {
        status,
        message: message.unwrap_or_else(|| String::from_utf8_lossy(&bytes).trim().to_owned()),
    }
}

/// A line of what is said while an image is fetched: an error comes in it, after the status.
fn pulled(line: &[u8]) -> Result<(), EngineError> {
    let said: Value = serde_json::from_slice(line).unwrap_or_default();
    match said["error"].as_str() {
        Some(message) => Err(EngineError::Refused { status: 200, message: message.to_owned() }),
        None => Ok(()),
    }
}

/// Percent-encoded, so that it stays what it is in a path or a query.
fn encoded(text: &str) -> String {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/' | b':' | b'@');
    let each = text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_while_fetching_may_be_an_error() {
        assert_eq!(pulled(b"{\"status\":\"Pulling\"}"), Ok(()));
        assert_eq!(pulled(b""), Ok(()));
        let error = pulled(b"{\"error\":\"no such host\"}").unwrap_err();
        assert!(error.to_string().contains("no such host"), "{error}");
    }

    #[test]
    fn names_cannot_leave_their_place() {
        assert_eq!(encoded("ghcr.io/a/b:1@sha256:ab"), "ghcr.io/a/b:1@sha256:ab");
        assert_eq!(encoded("a?b&c#{\"}"), "a%3Fb%26c%23%7B%22%7D");
    }

    #[tokio::test]
    async fn an_engine_that_is_not_there_is_named() {
        let error = Engine::at("/nonexistent/docker.sock").has_image("x").await.unwrap_err();
        assert!(error.to_string().contains("/nonexistent/docker.sock"), "{error}");
    }
}
