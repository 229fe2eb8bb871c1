//! A client of the daemon's `/api` over its unix socket. It knows paths and problems, not what
//! the answers mean.

use crate::data_folder::DataFolder;
use crate::report::{Kind, Report};
use bytes::Bytes;
use control::Problem;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use std::io;
use tokio::net::UnixStream;

/// Talks to the daemon on one data folder.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) data: DataFolder,
    start: String,
}

// === impl Client ===

impl Client {
    /// A client of the daemon on `data`; `start` is the command that starts one.
    pub(crate) fn new(data: DataFolder, start: String) -> Self {
        Self { data, start }
    }

    /// Asks for a document.
    ///
    /// # Errors
    /// Without a daemon, and what the daemon refuses.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Report> {
        let response = self.send(Method::GET, path, Bytes::new()).await?;
        document(&whole(response).await?)
    }

    /// The same, with nothing where there is no daemon.
    ///
    /// # Errors
    /// What the daemon refuses.
    pub(crate) async fn try_get<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Report> {
        match self.get(path).await {
            Ok(found) => Ok(Some(found)),
            Err(report) if report.exit == Report::new(Kind::NoDaemon, "").exit => Ok(None),
            Err(report) => Err(report),
        }
    }

    /// Tells the daemon to do something.
    ///
    /// # Errors
    /// Without a daemon, and what the daemon refuses.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, body: Bytes) -> Result<T, Report> {
        let response = self.send(Method::POST, path, body).await?;
        document(&whole(response).await?)
    }

    /// Tells the daemon what something is from now on.
    ///
    /// # Errors
    /// Without a daemon, and what the daemon refuses.
    pub(crate) async fn put<T: DeserializeOwned>(&self, path: &str, body: Bytes) -> Result<T, Report> {
        let response = self.send(Method::PUT, path, body).await?;
        document(&whole(response).await?)
    }

    /// Asks for lines that come one after the other.
    ///
    /// # Errors
    /// Without a daemon, and what the daemon refuses.
    pub(crate) async fn stream(&self, path: &str) -> Result<Incoming, Report> {
        Ok(self.send(Method::GET, path, Bytes::new()).await?.into_body())
    }

    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Response<Incoming>, Report> {
        let socket = self.data.sockets().api;
        let stream = UnixStream::connect(&socket).await.map_err(|error| self.unreachable(&error))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        tokio::spawn(connection);
        let request = Request::builder().method(method).uri(path).header("host", "switchboard");
        let request = request.header("content-type", "application/json").body(Full::new(body));
        let request = request.map_err(|error| Report::failed("the request cannot be made").cause(error))?;
        let response = sender.send_request(request).await.map_err(broken)?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = whole(response).await?;
        Err(match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => problem.into(),
            Err(_) => {
                let text = crate::printer::one_line(&String::from_utf8_lossy(&body), 200);
                Report::failed(format!("the daemon refused with status {status}")).cause(text)
            }
        })
    }

    fn unreachable(&self, error: &io::Error) -> Report {
        let folder = self.data.root.display();
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::NotADirectory => {
                Report::new(Kind::NoDaemon, format!("no daemon runs on the data folder {folder}"))
                    .hint(format!("start one: {}", self.start))
            }
            _ => Report::failed(format!("the daemon on {folder} cannot be reached")).cause(error),
        }
    }
}

async fn whole(response: Response<Incoming>) -> Result<Bytes, Report> {
    Ok(response.into_body().collect().await.map_err(broken)?.to_bytes())
}

fn document<T: DeserializeOwned>(body: &[u8]) -> Result<T, Report> {
    serde_json::from_slice(body).map_err(|error| {
        let hint = "is the daemon of the same version? switchboard --version, switchboard status --json";
        Report::failed("the daemon's answer is not understood").cause(error).hint(hint)
    })
}

fn broken(error: hyper::Error) -> Report {
    Report::failed("the connection to the daemon broke")
        .cause(error)
        .hint("see whether it still runs: switchboard status")
}

/// `text` as a part of a path or query.
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_segment_of_a_path() {
        assert_eq!(encoded("a b/ü?"), "a%20b%2F%C3%BC%3F");
    }
}
