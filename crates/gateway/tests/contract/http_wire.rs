//! A client of streamable HTTP as a wire: each message is a POST on a connection of its own, and
//! cancelling is hanging up (protocol.md section 1.11).

use crate::wire::{Heard, Wire};
use futures_util::future::BoxFuture;
use serde_json::Value;
use std::collections::HashMap;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

pub(crate) struct HttpWire {
    address: SocketAddr,
    answers: mpsc::Receiver<Value>,
    tell: mpsc::Sender<Value>,
    running: HashMap<String, AbortHandle>,
    /// How many answers are still to come.
    owed: usize,
    /// Whether answers are read yet.
    reads: watch::Sender<bool>,
}

impl HttpWire {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let (tell, answers) = mpsc::channel(1024);
        Self { address, answers, tell, running: HashMap::new(), owed: 0, reads: watch::Sender::new(false) }
    }
}

impl Drop for HttpWire {
    fn drop(&mut self) {
        self.running.drain().for_each(|(_, running)| running.abort());
    }
}

/// Posts a modern message once the answer is to be read too.
async fn post(address: SocketAddr, message: String, mut reads: watch::Receiver<bool>) -> Value {
    let parsed: Value = serde_json::from_str(&message).unwrap_or_default();
    let word = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    let headers = format!(
        "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {}\r\nMcp-Name: {}\r\n",
        word(&parsed["method"]),
        word(&parsed["params"]["name"]),
    );
    let stream = ask(address, "/mcp", &headers, &message).await;
    reads.wait_for(|reads| *reads).await.unwrap();
    answer(stream).await.expect("an answer is JSON")
}

/// Sends one POST on a connection of its own.
pub(crate) async fn ask(address: SocketAddr, path: &str, headers: &str, message: &str) -> TcpStream {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\n{headers}Content-Length: {}\r\n\r\n",
        message.len()
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&[head.as_bytes(), message.as_bytes()].concat()).await.unwrap();
    stream
}

/// The message in the answer to a POST; nothing where it was merely taken.
pub(crate) async fn answer(mut stream: TcpStream) -> Option<Value> {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
    serde_json::from_str(body).ok()
}

impl Wire for HttpWire {
    fn send(&mut self, message: String) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let parsed: Value = serde_json::from_str(&message).unwrap_or_default();
            if parsed["method"] == "notifications/cancelled" {
                if let Some(running) = self.running.remove(&parsed["params"]["requestId"].to_string()) {
                    running.abort();
                    self.owed -= 1;
                }
                return;
            }
            let (address, tell, reads) = (self.address, self.tell.clone(), self.reads.subscribe());
            let work = tokio::spawn(async move {
                let answer = post(address, message, reads).await;
                let _ = tell.send(answer).await;
            });
            self.running.insert(parsed["id"].to_string(), work.abort_handle());
            self.owed += 1;
        })
    }

    fn hear(&mut self) -> BoxFuture<'_, Heard> {
        Box::pin(async move {
            self.reads.send_replace(true);
            if self.owed == 0 {
                // Nothing was asked: the end is that we ended it, or that nobody listens any more.
                let ended = self.running.is_empty();
                while !ended && TcpStream::connect(self.address).await.is_ok() {}
                return Heard::Ended(String::new());
            }
            self.owed -= 1;
            Heard::Message(self.answers.recv().await.expect("its sender is here"))
        })
    }

    fn end(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.running.drain().for_each(|(_, running)| running.abort());
            self.owed = 0;
        })
    }
}
