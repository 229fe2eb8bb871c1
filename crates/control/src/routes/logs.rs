//! `GET /api/logs/{server}?n=&follow=1&level=&grep=` and the same of `/api/log`, all servers
//! together: the last lines, and those to come, one JSON object a line. Servers that a reload
//! brings are not followed: whoever wants them asks again.

use crate::asked::{Path, Query};
use crate::{Control, LogFilter, LogLevel, Problem, find, said};
use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use protocol::ErrorKind;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::SystemTime;
use supervisor::{Line, ServerLog, Stream};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this file.
pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(logs)).routes(routes!(all))
}

/// Lines that are sent where nobody says how many.
const LINES_DEFAULT: usize = 100;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Lines {
    /// How many of the last lines; 100 if absent.
    n: Option<usize>,
    /// 1: the lines to come as well, until whoever asks leaves.
    #[serde(default)]
    #[param(default = 0, maximum = 1)]
    follow: u8,
    /// Lines that seem at least this bad: `trace`, `debug`, `info`, `warn` or `error`.
    level: Option<String>,
    /// Lines that hold this text, in any case.
    grep: Option<String>,
}

/// A line with how bad it looks, as `/api/live` tells it.
#[derive(Serialize)]
struct Told {
    #[serde(flatten)]
    line: said::LogLine,
    level: &'static str,
}

/// A log, and whose it is where several are shown.
struct Source {
    server: Option<Arc<str>>,
    log: ServerLog,
}

/// The log of one server, a JSON object a line.
#[utoipa::path(get, path = "/api/logs/{server}", params(("server" = String, Path, description = "A server or a service"), Lines), responses((status = OK, description = "The last lines, the newest last", body = said::LogLine, content_type = "application/x-ndjson")))]
async fn logs(
    State(control): State<Control>,
    Path(name): Path<String>,
    Query(lines): Query<Lines>,
) -> Result<Response, Problem> {
    let gateway = &control.parts.gateway;
    let log = match gateway.service_log(&name) {
        Some(log) => log,
        None => find::server(&gateway.snapshot(), &name)?.log.clone(),
    };
    respond(vec![Source { server: None, log }], &lines, &control.parts.shutdown)
}

/// The logs of all servers in one stream, a JSON object a line.
#[utoipa::path(get, path = "/api/log", params(Lines), responses((status = OK, description = "The last lines, the newest last", body = said::LogLine, content_type = "application/x-ndjson")))]
async fn all(State(control): State<Control>, Query(lines): Query<Lines>) -> Result<Response, Problem> {
    let snapshot = control.parts.gateway.snapshot();
    let servers = snapshot.servers.values();
    let sources = servers.map(|server| Source { server: Some(server.name.clone()), log: server.log.clone() });
    respond(sources.collect(), &lines, &control.parts.shutdown)
}

fn respond(sources: Vec<Source>, lines: &Lines, shutdown: &CancellationToken) -> Result<Response, Problem> {
    let level = lines.level.as_ref().map(|word| word.parse()).transpose();
    let level = level.map_err(|message: String| Problem::new(ErrorKind::InvalidParams, message))?;
    let filter = Arc::new(LogFilter { level, text: lines.grep.clone() });
    let mut past: Vec<(Option<Arc<str>>, Arc<Line>)> = Vec::new();
    let mut following = Vec::new();
    for Source { server, log } in sources {
        let (tail, receiver) = log.follow(usize::MAX);
        past.extend(tail.into_iter().filter(|line| filter.fits(&line.text)).map(|line| (server.clone(), line)));
        following.push(Following { server, receiver, filter: filter.clone(), shutdown: shutdown.clone() });
    }
    // The sort is stable: lines of one moment stay in the order of their server.
    past.sort_by_key(|(_, line)| line.at);
    past.drain(..past.len().saturating_sub(lines.n.unwrap_or(LINES_DEFAULT)));
    let written: Vec<u8> = past.iter().flat_map(|(server, line)| written(server.as_ref(), line)).collect();
    let kind = [(CONTENT_TYPE, "application/x-ndjson")];
    if lines.follow == 0 {
        return Ok((kind, written).into_response());
    }
    let first = stream::once(std::future::ready(Bytes::from(written)));
    let next = following.into_iter().map(|following| {
        Box::pin(stream::unfold(following, |mut following| async move {
            let chunk = following.next().await?;
            Some((Bytes::from(chunk), following))
        }))
    });
    let body = first.chain(stream::select_all(next)).map(Ok::<_, Infallible>);
    Ok((kind, Body::from_stream(body)).into_response())
}

struct Following {
    server: Option<Arc<str>>,
    receiver: Receiver<Arc<Line>>,
    filter: Arc<LogFilter>,
    shutdown: CancellationToken,
}

impl Following {
    async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let received = tokio::select! {
                () = self.shutdown.cancelled() => return None,
                received = self.receiver.recv() => received,
            };
            match received {
                Ok(line) if self.filter.fits(&line.text) => return Some(written(self.server.as_ref(), &line)),
                Ok(_) => {}
                Err(RecvError::Lagged(count)) => {
                    let text = format!("{count} lines were not shown: they came too fast");
                    let line = Line { at: SystemTime::now(), stream: Stream::Switchboard, text, cut: false };
                    return Some(written(self.server.as_ref(), &line));
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

fn written(server: Option<&Arc<str>>, line: &Line) -> Vec<u8> {
    let server = server.map(|server| server.to_string());
    let (at, stream, text) = (supervisor::utc(line.at), line.stream.to_string(), line.shown());
    let told = Told { level: LogLevel::of(&text).as_str(), line: said::LogLine { at, server, stream, text } };
    // Writing five strings to memory cannot fail.
    let mut written = serde_json::to_vec(&told).unwrap_or_default();
    written.push(b'\n');
    written
}
