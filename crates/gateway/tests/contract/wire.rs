//! The far end of a link, as a test plays it: messages in and out, however they are framed.

use futures_util::future::BoxFuture;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// What comes from our side.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Heard {
    Message(Value),
    /// The end, with the reason where one was given.
    Ended(String),
}

/// The far end of a link.
pub(crate) trait Wire: Send {
    /// Sends one message; fails silently when nobody hears it any more.
    fn send(&mut self, message: String) -> BoxFuture<'_, ()>;

    /// The next message, or the end.
    fn hear(&mut self) -> BoxFuture<'_, Heard>;

    /// Says that nothing more will come from here.
    fn end(&mut self) -> BoxFuture<'_, ()>;
}

impl dyn Wire + '_ {
    pub(crate) async fn next(&mut self) -> Value {
        match self.hear().await {
            Heard::Message(message) => message,
            Heard::Ended(reason) => panic!("expected a message, it ended: {reason}"),
        }
    }

    /// Hears to the end; gives its reason.
    pub(crate) async fn ended(&mut self) -> String {
        loop {
            if let Heard::Ended(reason) = self.hear().await {
                return reason;
            }
        }
    }

    pub(crate) async fn answer(&mut self, request: &Value, result: Value) {
        self.send(json!({"jsonrpc": "2.0", "id": request["id"], "result": result}).to_string()).await;
    }

    /// A modern request of a tool.
    pub(crate) async fn call(&mut self, id: u64, tool: &str, text: &str) {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let params = json!({"name": tool, "arguments": {"text": text}, "_meta": meta});
        self.send(json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}).to_string()).await;
    }
}

/// Lines over a byte stream.
pub(crate) struct LineWire<R, W> {
    lines: Lines<BufReader<R>>,
    writer: Option<W>,
}

impl<R: AsyncRead + Send + Unpin, W: AsyncWrite + Send + Unpin> LineWire<R, W> {
    pub(crate) fn new(reader: R, writer: W) -> Self {
        Self { lines: BufReader::new(reader).lines(), writer: Some(writer) }
    }
}

impl<R: AsyncRead + Send + Unpin, W: AsyncWrite + Send + Unpin> Wire for LineWire<R, W> {
    fn send(&mut self, message: String) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if let Some(writer) = &mut self.writer {
                let _ = writer.write_all(format!("{message}\n").as_bytes()).await;
                let _ = writer.flush().await;
            }
        })
    }

    fn hear(&mut self) -> BoxFuture<'_, Heard> {
        Box::pin(async move {
            match self.lines.next_line().await {
                Ok(Some(line)) => Heard::Message(serde_json::from_str(&line).expect("a line is a message")),
                Ok(None) => Heard::Ended(String::new()),
                Err(error) => Heard::Ended(error.to_string()),
            }
        })
    }

    fn end(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if let Some(mut writer) = self.writer.take() {
                let _ = writer.shutdown().await;
            }
        })
    }
}

/// Text frames.
pub(crate) struct FrameWire(pub(crate) WebSocketStream<TcpStream>);

impl Wire for FrameWire {
    fn send(&mut self, message: String) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let _ = self.0.send(Message::text(message)).await;
        })
    }

    fn hear(&mut self) -> BoxFuture<'_, Heard> {
        Box::pin(async move {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Text(text))) => {
                        return Heard::Message(serde_json::from_str(&text).expect("a frame is a message"));
                    }
                    Some(Ok(Message::Close(Some(goodbye)))) => return Heard::Ended(goodbye.reason.to_string()),
                    Some(Ok(Message::Close(None))) | None => return Heard::Ended(String::new()),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Heard::Ended(error.to_string()),
                }
            }
        })
    }

    fn end(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let _ = self.0.close(None).await;
        })
    }
}
