//! The files of the dashboard: in the binary, compressed when somebody asks for them first. There is no
//! build step, so what is served is what stands in `crates/control/dashboard`.

use crate::Problem;
use axum::extract::Path;
use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use protocol::ErrorKind;
use rust_embed::{Embed, EmbeddedFile};
use std::collections::HashMap;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

#[derive(Embed)]
#[folder = "dashboard/"]
struct Files;

/// A digest of a file's content.
type Digest = [u8; 32];

/// What was compressed already, by what it was: at most the files there are.
static COMPRESSED: Mutex<Option<HashMap<Digest, Bytes>>> = Mutex::new(None);

/// `GET /`.
pub(super) async fn index(headers: HeaderMap) -> Result<Response, Problem> {
    file("index.html", &headers)
}

/// Every other file.
pub(super) async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    file(&path, &headers)
}

fn file(path: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    let Some(found) = Files::get(path) else {
        let problem = Problem::new(ErrorKind::UnknownEndpoint, format!("there is nothing at /{path}"));
        return Err(problem.hint("the dashboard is at /, REST at /api (see /api/openapi.json), MCP at /mcp"));
    };
    let digest = found.metadata.sha256_hash();
    let tag: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let tag = HeaderValue::try_from(format!("\"{tag}\"")).unwrap_or(HeaderValue::from_static("\"\""));
    if headers.get(IF_NONE_MATCH) == Some(&tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response());
    }
    let mut answer = if accepts_gzip(headers) {
        ([(CONTENT_ENCODING, HeaderValue::from_static("gzip"))], compressed(digest, &found)).into_response()
    } else {
        found.data.into_owned().into_response()
    };
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind(path)));
    headers.insert(ETAG, tag);
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    // Another version of the program has other files: the browser asks, and is told that nothing changed.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(answer)
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|one| one.split(';').next().is_some_and(|name| name.trim() == "gzip"))
}

fn compressed(digest: Digest, file: &EmbeddedFile) -> Bytes {
    let mut kept = COMPRESSED.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = kept.get_or_insert_with(HashMap::new);
    let compress = || {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        // Writing into memory cannot fail.
        let _ = encoder.write_all(&file.data);
        encoder.finish().unwrap_or_default().into()
    };
    kept.entry(digest).or_insert_with(compress).clone()
}

fn kind(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
