//! Tavily Search: <https://docs.tavily.com/documentation/api-reference/endpoint/search>.

use super::{Answer, Query, item, with_header};
use bytes::Bytes;
use http::Method;
use outbound::web::{Ask, Bounds};
use serde::Deserialize;
use serde_json::json;
use url::Url;

/// Where it is.
pub(super) const PLACE: &str = "https://api.tavily.com/search";

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    results: Vec<Hit>,
    /// A number, or one in a string.
    response_time: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Hit {
    title: Option<String>,
    url: String,
    content: Option<String>,
}

/// The request. It has no pages, and no pictures as hits.
pub(super) fn ask(url: Url, key: &str, query: &Query, bounds: Bounds) -> Result<Ask, String> {
    if query.images {
        return Err("it does not search for pictures".to_owned());
    }
    if query.page > 1 {
        return Err("it has only one page".to_owned());
    }
    let mut body = json!({ "query": query.words(), "max_results": query.count, "search_depth": "basic" });
    if let Some(span) = query.span() {
        body["time_range"] = json!(span.as_str());
    }
    let mut ask = Ask::get(url, bounds);
    ask.method = Method::POST;
    ask.body = Bytes::from(body.to_string());
    let ask = with_header(ask, "content-type", "application/json");
    Ok(with_header(ask, "authorization", &format!("Bearer {key}")))
}

/// The answer.
pub(super) fn read(body: &[u8]) -> Result<Answer, serde_json::Error> {
    let body: Body = serde_json::from_slice(body)?;
    let seconds = body.response_time.and_then(|time| time.as_f64().or_else(|| time.as_str()?.parse().ok()));
    let items = body.results.into_iter().filter_map(|hit| item(hit.title, hit.url, hit.content)).collect();
    Ok(Answer { total: None, seconds, items, notes: Vec::new() })
}
