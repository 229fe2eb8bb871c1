//! What a request brings, read so that a mistake in it is answered like every other failure: as a
//! [`Problem`] that names the mistake. The extractors of axum answer with a line of text instead.

use crate::Problem;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use protocol::ErrorKind;
use serde::de::DeserializeOwned;

/// The query.
pub(crate) struct Query<T>(pub(crate) T);

/// What stands in place of the names of a path.
pub(crate) struct Path<T>(pub(crate) T);

/// A body of JSON.
pub(crate) struct Body<T>(pub(crate) T);

/// A body as it came.
pub(crate) struct Whole(pub(crate) Bytes);

impl<S, T> FromRequestParts<S> for Query<T>
where
    S: Sync,
    T: DeserializeOwned,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match axum::extract::Query::<T>::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(rejection) => {
                let text = rejection.body_text();
                let why = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
                let problem = Problem::new(ErrorKind::InvalidParams, format!("the query cannot be used: {why}"));
                Err(problem.hint("what every path takes stands in /api/openapi.json"))
            }
        }
    }
}

impl<S, T> FromRequestParts<S> for Path<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Send,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let found: Result<axum::extract::Path<T>, PathRejection> =
            axum::extract::Path::from_request_parts(parts, state).await;
        let why = |rejection: PathRejection| {
            let title = format!("the path cannot be used: {}", rejection.body_text());
            Problem::new(ErrorKind::InvalidParams, title)
        };
        found.map(|axum::extract::Path(path)| Self(path)).map_err(why)
    }
}

impl<S: Send + Sync> FromRequest<S> for Whole {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let is_json = is_json(request.headers());
        let body = Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::new(ErrorKind::TooLarge, "the body is larger than its limit")
                .hint("raise limits.body_bytes_max; see: switchboard limits"),
            _ => Problem::new(ErrorKind::BadHttp, format!("the body did not arrive: {}", rejection.body_text())),
        })?;
        if !is_json && !body.is_empty() {
            let problem =
                Problem::new(ErrorKind::BadHttp, "a body is read as JSON only, and this one is not said to be");
            return Err(Problem { status: 415, ..problem }.hint("send the header `Content-Type: application/json`"));
        }
        Ok(Self(body))
    }
}

impl<S, T> FromRequest<S> for Body<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Whole(body) = Whole::from_request(request, state).await?;
        serde_json::from_slice(&body).map(Self).map_err(|error| {
            let problem = Problem::new(ErrorKind::InvalidParams, format!("the body cannot be used: {error}"));
            problem.hint("what every path takes stands in /api/openapi.json")
        })
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        limit: Option<u32>,
    }

    async fn query(uri: &str) -> Result<Asked, Problem> {
        let (mut parts, ()) = axum::http::Request::builder().uri(uri).body(()).unwrap().into_parts();
        Query::from_request_parts(&mut parts, &()).await.map(|Query(asked)| asked)
    }

    async fn body(kind: Option<&str>, text: &'static str) -> Result<Asked, Problem> {
        let mut request = axum::http::Request::builder().method("POST");
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        Body::from_request(request.body(text.into()).unwrap(), &()).await.map(|Body(asked)| asked)
    }

    #[tokio::test]
    async fn a_mistake_in_a_query_is_named() {
        assert_eq!(query("/?limit=3").await.unwrap().limit, Some(3));
        let unknown = query("/?limti=3").await.unwrap_err();
        assert_eq!((unknown.status, unknown.kind.as_str()), (400, "invalid_params"));
        assert!(unknown.title.contains("`limti`") && unknown.title.contains("`limit`"), "{}", unknown.title);
        assert!(query("/?limit=-1").await.unwrap_err().title.contains("limit"));
    }

    #[tokio::test]
    async fn a_body_is_json_and_says_so() {
        assert_eq!(body(Some("application/json; charset=utf-8"), r#"{"limit":1}"#).await.unwrap().limit, Some(1));
        for kind in [None, Some("text/plain"), Some("application/x-www-form-urlencoded")] {
            assert_eq!(body(kind, r#"{"limit":1}"#).await.unwrap_err().status, 415, "{kind:?}");
        }
        for text in ["", "{", r#"{"limit":"x"}"#, r#"{"more":1}"#] {
            assert_eq!(body(Some("application/json"), text).await.unwrap_err().status, 400, "{text}");
        }
    }
}
