//! Brave Search API: <https://api-dashboard.search.brave.com/app/documentation/web-search/query>.

use super::query::Span;
use super::{Answer, Item, Query, item, with_header};
use outbound::web::{Ask, Bounds};
use serde::Deserialize;
use url::Url;

/// Where it is; pictures are beside it.
pub(super) const PLACE: &str = "https://api.search.brave.com/res/v1/web/search";
const IMAGES: &str = "/res/v1/images/search";
/// The last page that it gives (`offset` is at most 9).
const PAGE_MAX: usize = 10;
/// The longest question that it takes.
const QUERY_CHARS_MAX: usize = 400;

#[derive(Deserialize)]
struct Body {
    web: Option<Results>,
    query: Option<Asked>,
    /// Of pictures.
    #[serde(default)]
    results: Vec<Hit>,
}

#[derive(Deserialize)]
struct Results {
    #[serde(default)]
    results: Vec<Hit>,
}

#[derive(Deserialize)]
struct Asked {
    altered: Option<String>,
}

#[derive(Deserialize)]
struct Hit {
    title: Option<String>,
    url: String,
    description: Option<String>,
    properties: Option<Properties>,
}

/// Of a picture: where it is itself.
#[derive(Deserialize)]
struct Properties {
    url: Option<String>,
}

/// The request; pictures have no pages and no age.
pub(super) fn ask(mut url: Url, key: &str, query: &Query, bounds: Bounds) -> Result<Ask, String> {
    if query.page > PAGE_MAX || (query.images && query.page > 1) {
        return Err(format!("it has no page {} of this", query.page));
    }
    if query.words().chars().count() > QUERY_CHARS_MAX {
        return Err(format!("it takes questions of at most {QUERY_CHARS_MAX} characters"));
    }
    if query.images {
        url.set_path(IMAGES);
    }
    {
        let mut pairs = url.query_pairs_mut();
        pairs.append_pair("q", &query.words()).append_pair("count", &query.count.to_string());
        if query.page > 1 {
            pairs.append_pair("offset", &(query.page - 1).to_string());
        }
        if !query.images {
            pairs.append_pair("text_decorations", "false");
            if let Some(span) = query.span() {
                pairs.append_pair("freshness", freshness(span));
            }
        }
    }
    Ok(with_header(with_header(Ask::get(url, bounds), "accept", "application/json"), "x-subscription-token", key))
}

fn freshness(span: Span) -> &'static str {
    match span {
        Span::Day => "pd",
        Span::Week => "pw",
        Span::Month => "pm",
        Span::Year => "py",
    }
}

/// The answer.
pub(super) fn read(body: &[u8]) -> Result<Answer, serde_json::Error> {
    let body: Body = serde_json::from_slice(body)?;
    let hits = body.web.map_or(body.results, |web| web.results);
    let altered = body.query.and_then(|query| query.altered);
    let notes = altered.map(|query| format!("searched for: {}", super::shown(Some(query)))).into_iter().collect();
    Ok(Answer { total: None, seconds: None, items: hits.into_iter().filter_map(hit).collect(), notes })
}

fn hit(hit: Hit) -> Option<Item> {
    let own = hit.properties.and_then(|properties| properties.url);
    item(hit.title, own.unwrap_or(hit.url), hit.description)
}
