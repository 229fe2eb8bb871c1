//! `GET /api/logs/{server}?n=&follow=1`: the last lines of a server's log, and those to come, one
//! JSON object a line.

use crate::{Control, Problem, find, said};
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use serde::Deserialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::SystemTime;
use supervisor::{Line, Stream};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

/// Lines that are sent where nobody says how many.
const LINES_DEFAULT: usize = 100;

#[derive(Deserialize)]
pub(crate) struct Lines {
    n: Option<usize>,
    #[serde(default)]
    follow: u8,
}

pub(crate) async fn logs(
    State(control): State<Control>,
    Path(name): Path<String>,
    Query(lines): Query<Lines>,
) -> Result<Response, Problem> {
    let gateway = &control.parts.gateway;
    let log = match gateway.service_log(&name) {
        Some(log) => log,
        None => find::server(&gateway.snapshot(), &name)?.log.clone(),
    };
    let count = lines.n.unwrap_or(LINES_DEFAULT);
    let kind = [(CONTENT_TYPE, "application/x-ndjson")];
    if lines.follow == 0 {
        return Ok((kind, written(&log.tail(count))).into_response());
    }
    let (tail, receiver) = log.follow(count);
    let state = Following { first: Some(written(&tail)), receiver, shutdown: control.parts.shutdown.clone() };
    let body = stream::unfold(state, |mut state| async move {
        let chunk = state.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(chunk)), state))
    });
    Ok((kind, Body::from_stream(body)).into_response())
}

struct Following {
    first: Option<Vec<u8>>,
    receiver: Receiver<Arc<Line>>,
    shutdown: CancellationToken,
}

impl Following {
    async fn next(&mut self) -> Option<Vec<u8>> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let received = tokio::select! {
            () = self.shutdown.cancelled() => return None,
            received = self.receiver.recv() => received,
        };
        match received {
            Ok(line) => Some(written(&[line])),
            Err(RecvError::Lagged(count)) => {
                let text = format!("{count} lines were not shown: they came too fast");
                let line = Line { at: SystemTime::now(), stream: Stream::Switchboard, text, cut: false };
                Some(written(&[Arc::new(line)]))
            }
            Err(RecvError::Closed) => None,
        }
    }
}

fn written(lines: &[Arc<Line>]) -> Vec<u8> {
    let mut written = Vec::new();
    for line in lines {
        let said = said::LogLine { at: supervisor::utc(line.at), stream: line.stream.to_string(), text: line.shown() };
        // Writing three strings to memory cannot fail.
        let _ = serde_json::to_writer(&mut written, &said);
        written.push(b'\n');
    }
    written
}
