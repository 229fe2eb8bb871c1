//! `ETag` and `If-None-Match` (RFC 9110, section 8.8.3) of documents: whoever has seen one asks whether
//! it is another now, and is sent nothing where it is not. Streams have none.

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use std::hash::{DefaultHasher, Hasher as _};

/// Documents that are longer have no tag.
const BYTES_MAX: u64 = 8 << 20;

/// Puts a tag on documents, and answers whether they are still what they were.
pub(crate) async fn etag(request: Request, next: Next) -> Response {
    let is_get = *request.method() == Method::GET;
    let known = request.headers().get(IF_NONE_MATCH).cloned();
    let response = next.run(request).await;
    let is_json = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    let is_whole = response.body().size_hint().exact().is_some_and(|bytes| bytes <= BYTES_MAX);
    if !is_get || response.status() != StatusCode::OK || !is_json || !is_whole {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(body) = body.collect().await else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let body = body.to_bytes();
    let tag = tag(&body);
    let is_known = known.is_some_and(|known| names(&known, &tag));
    if let Ok(value) = HeaderValue::from_str(&tag) {
        parts.headers.insert(ETAG, value);
    }
    if !is_known {
        return Response::from_parts(parts, Body::from(body));
    }
    parts.status = StatusCode::NOT_MODIFIED;
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.remove(CONTENT_TYPE);
    Response::from_parts(parts, Body::empty())
}

/// Weak: two texts of the same document may differ.
fn tag(body: &Bytes) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(body);
    format!("W/\"{:016x}\"", hasher.finish())
}

/// Whether a list of tags names this one.
fn names(list: &HeaderValue, tag: &str) -> bool {
    let strong = tag.strip_prefix("W/");
    let list = list.to_str().unwrap_or_default();
    list.split(',').map(str::trim).any(|known| known == "*" || known == tag || Some(known) == strong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_in_a_list_however_it_is_written() {
        let tag = tag(&Bytes::from_static(b"{}"));
        let strong = tag.strip_prefix("W/").unwrap().to_owned();
        for list in [tag.clone(), strong, format!("\"x\", {tag}"), "*".to_owned()] {
            assert!(names(&HeaderValue::from_str(&list).unwrap(), &tag), "{list}");
        }
        assert!(!names(&HeaderValue::from_static("W/\"0\""), &tag));
        assert_ne!(tag, super::tag(&Bytes::from_static(b"[]")));
    }
}
