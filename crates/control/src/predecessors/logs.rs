//! `GET /api/logs`, `DELETE /api/logs/{server}` and `GET /api/logs/download/{server}`: the last lines from
//! memory, never a whole file (S0-31); and the files themselves, for whoever wants them.

use super::answer::{Answer, Refused};
use crate::access::Asker;
use crate::asked::{Path, Query};
use crate::{Act, Control, Deed, LogLevel, Problem, find};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use protocol::ErrorKind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use supervisor::{Line, ServerLog};
use tokio::sync::mpsc;
use utoipa::{IntoParams, ToSchema};

/// Lines of each server where nobody says how many.
const LINES: usize = 50;
/// Lines of each server at most.
const LINES_MAX: usize = 500;
/// What is read of a file at once, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;
/// Chunks that wait for a slow reader.
const CHUNKS_MAX: usize = 4;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Of this server only.
    server: Option<String>,
    /// The last so many of each; 50 if absent, and never more than 500.
    lines: Option<usize>,
}

/// The last lines of one server, or of all.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = predecessors::Logs)]
pub(super) enum Logs {
    /// Of the one that was named.
    One {
        /// Its name.
        server: String,
        /// The oldest first.
        logs: Vec<Entry>,
    },
    /// Of every one.
    All(AllLogs),
}

/// The last lines of every server.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::AllLogs)]
pub(super) struct AllLogs {
    all_servers: BTreeMap<String, Vec<Entry>>,
    summary: Summary,
}

/// Lines that look bad, of those shown.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = predecessors::LogsSummary)]
struct Summary {
    total_errors: usize,
    total_warnings: usize,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = predecessors::LogEntry)]
pub(super) struct Entry {
    text: String,
    /// `trace`, `debug`, `info`, `warn` or `error`: what the line says, else what its words look like.
    level: &'static str,
    timestamp: String,
}

/// What was cleared.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::LogCleared)]
pub(super) struct Cleared {
    success: bool,
    server: String,
    /// Lines that were in memory.
    cleared_lines: usize,
    message: String,
}

/// The last lines of one server, or of all.
#[utoipa::path(get, path = "/api/logs", params(Which), responses((status = OK, body = Logs)))]
pub(super) async fn all(State(control): State<Control>, Query(which): Query<Which>) -> Answer<Logs> {
    let lines = which.lines.unwrap_or(LINES).min(LINES_MAX);
    Ok(Json(match which.server {
        None => Logs::All(read(&control, lines)),
        Some(name) => {
            let (server, log) = named(&control, &name)?;
            Logs::One { server, logs: tail(&log, lines) }
        }
    }))
}

/// The last `lines` lines of every server, without HTTP.
pub(super) fn read(control: &Control, lines: usize) -> AllLogs {
    let snapshot = control.parts.gateway.snapshot();
    let servers = snapshot.servers.values();
    let all_servers: BTreeMap<_, _> =
        servers.map(|server| (server.name.to_string(), tail(&server.log, lines))).collect();
    let count = |level: LogLevel| all_servers.values().flatten().filter(|entry| entry.level == level.as_str()).count();
    let summary = Summary { total_errors: count(LogLevel::Error), total_warnings: count(LogLevel::Warn) };
    AllLogs { all_servers, summary }
}

fn tail(log: &ServerLog, lines: usize) -> Vec<Entry> {
    log.tail(lines).iter().map(|line| entry(line)).collect()
}

fn entry(line: &Line) -> Entry {
    let text = line.shown();
    Entry { level: LogLevel::of(&text).as_str(), text, timestamp: supervisor::utc(line.at) }
}

/// Forgets the log of a server, in memory and on disk.
#[utoipa::path(delete, path = "/api/logs/{server}", params(("server" = String, Path)), responses((status = OK, body = Cleared)))]
pub(super) async fn clear(State(control): State<Control>, asker: Asker, Path(name): Path<String>) -> Answer<Cleared> {
    let (server, log) = named(&control, &name)?;
    let cleared = tokio::task::spawn_blocking(move || log.clear()).await.map_err(io::Error::other);
    let cleared_lines = cleared.and_then(|cleared| cleared).map_err(|error| unusable(&server, &error))?;
    control.parts.deeds.note(Deed::new(asker.principal.as_str(), Act::LogCleared, server.as_str()));
    let message = format!("the log of {server} is empty");
    Ok(Json(Cleared { success: true, server, cleared_lines, message }))
}

/// Gives the whole log of a server as a file.
#[utoipa::path(get, path = "/api/logs/download/{server}", params(("server" = String, Path)), responses((status = OK, content_type = "text/plain", body = String)))]
pub(super) async fn download(State(control): State<Control>, Path(name): Path<String>) -> Result<Response, Refused> {
    let (server, log) = named(&control, &name)?;
    let opened = log.clone();
    let files = tokio::task::spawn_blocking(move || opened.files()).await.map_err(io::Error::other);
    let files = files.and_then(|files| files).map_err(|error| unusable(&server, &error))?;
    let body = match files.is_empty() {
        false => from_files(files),
        true => log.tail(usize::MAX).iter().map(|line| format!("{line}\n")).collect::<String>().into(),
    };
    let name = config::reduce(&server);
    let headers = [
        (CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.log\"")),
    ];
    Ok((headers, body).into_response())
}

/// Reads the files one after the other, as far as they go now, and no faster than somebody takes it.
fn from_files(files: Vec<File>) -> Body {
    let (sender, receiver) = mpsc::channel(CHUNKS_MAX);
    tokio::task::spawn_blocking(move || {
        for mut file in files {
            let mut left = file.metadata().map_or(0, |metadata| metadata.len());
            while left > 0 {
                let mut chunk = Vec::new();
                let read = (&mut file).take(left.min(CHUNK_BYTES as u64)).read_to_end(&mut chunk);
                left = if chunk.is_empty() { 0 } else { left.saturating_sub(chunk.len() as u64) };
                // Whoever reads may have left.
                if sender.blocking_send(read.map(|_| Bytes::from(chunk))).is_err() {
                    return;
                }
            }
        }
    });
    Body::from_stream(stream::unfold(receiver, |mut receiver| async move {
        let chunk = receiver.recv().await?;
        Some((chunk, receiver))
    }))
}

/// The log of a server or of a service, and its name.
fn named(control: &Control, name: &str) -> Result<(String, ServerLog), Problem> {
    let gateway = &control.parts.gateway;
    if let Some(log) = gateway.service_log(name) {
        return Ok((name.to_owned(), log));
    }
    let snapshot = gateway.snapshot();
    let server = find::server(&snapshot, name)?;
    Ok((server.name.to_string(), server.log.clone()))
}

fn unusable(server: &str, error: &io::Error) -> Problem {
    let problem = Problem::new(ErrorKind::Internal, format!("the log of `{server}` cannot be used: {error}"));
    problem.hint("see the rights of the folder `logs` in the data folder: switchboard doctor")
}
