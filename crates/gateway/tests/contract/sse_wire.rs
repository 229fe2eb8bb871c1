//! A client of HTTP+SSE as a wire: it hears the events of one GET and posts each message on a
//! connection of its own (protocol.md section 1.23). A refused POST is heard as what it says.

use crate::http_wire::{answer, ask};
use crate::wire::{Heard, Wire};
use futures_util::future::BoxFuture;
use serde_json::Value;
use std::collections::VecDeque;
use std::net::SocketAddr;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;

pub(crate) struct SseWire {
    address: SocketAddr,
    /// Where messages are posted.
    endpoint: String,
    /// Read when something is to be heard, and not before.
    events: Option<Lines<BufReader<TcpStream>>>,
    refused: VecDeque<Value>,
}

impl SseWire {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // In this version of HTTP a body comes as it is, without chunks.
        stream.write_all(b"GET /sse HTTP/1.0\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut wire = Self {
            address,
            endpoint: String::new(),
            events: Some(BufReader::new(stream).lines()),
            refused: VecDeque::new(),
        };
        wire.endpoint = wire.data().await.expect("the first event says where to post");
        wire
    }

    /// The data of the next event; nothing at the end.
    async fn data(&mut self) -> Option<String> {
        let events = self.events.as_mut()?;
        loop {
            let line = events.next_line().await.ok()??;
            if let Some(data) = line.strip_prefix("data: ") {
                return Some(data.to_owned());
            }
        }
    }
}

impl Wire for SseWire {
    fn send(&mut self, message: String) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let stream = ask(self.address, &self.endpoint, "", &message).await;
            self.refused.extend(answer(stream).await);
        })
    }

    fn hear(&mut self) -> BoxFuture<'_, Heard> {
        Box::pin(async move {
            if let Some(refused) = self.refused.pop_front() {
                return Heard::Message(refused);
            }
            match self.data().await {
                Some(data) => Heard::Message(serde_json::from_str(&data).expect("an event is a message")),
                None => Heard::Ended(String::new()),
            }
        })
    }

    fn end(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.events = None })
    }
}
