//! An own SearXNG or searx: <https://docs.searxng.org/dev/search_api.html>. Its settings must have `json` among
//! `search.formats`.

use super::{Answer, Item, Query, item, shown};
use outbound::web::{Ask, Bounds};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    results: Vec<Hit>,
    /// Often 0, where the engines do not say.
    number_of_results: Option<f64>,
    /// Pairs of an engine and what happened to it.
    #[serde(default)]
    unresponsive_engines: Vec<Value>,
}

#[derive(Deserialize)]
struct Hit {
    title: Option<String>,
    url: Option<String>,
    content: Option<String>,
    /// Of a picture: where it is itself.
    img_src: Option<String>,
    mimetype: Option<String>,
}

/// The request.
pub(super) fn ask(place: &Url, query: &Query, bounds: Bounds) -> Ask {
    let mut url = place.clone();
    let folder = url.path().trim_end_matches('/').to_owned();
    if !folder.ends_with("/search") {
        url.set_path(&format!("{folder}/search"));
    }
    url.set_fragment(None);
    {
        let mut pairs = url.query_pairs_mut();
        pairs.append_pair("q", &query.words()).append_pair("format", "json");
        pairs.append_pair("pageno", &query.page.to_string());
        if query.images {
            pairs.append_pair("categories", "images");
        }
        if let Some(span) = query.span() {
            pairs.append_pair("time_range", span.as_str());
        }
    }
    Ask::get(url, bounds)
}

/// The answer; engines that did not answer are told.
pub(super) fn read(body: &[u8]) -> Result<Answer, serde_json::Error> {
    let body: Body = serde_json::from_slice(body)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, and only above zero")]
    let total = body.number_of_results.filter(|total| *total >= 1.0).map(|total| total as u64);
    let notes = body.unresponsive_engines.iter().map(unresponsive).collect();
    Ok(Answer { total, seconds: None, items: body.results.into_iter().filter_map(hit).collect(), notes })
}

fn hit(hit: Hit) -> Option<Item> {
    let link = hit.img_src.map(|own| if own.starts_with("//") { format!("https:{own}") } else { own });
    let link = link.filter(|link| !link.is_empty()).or(hit.url)?;
    Some(Item { mime: hit.mimetype.filter(|kind| !kind.is_empty()), ..item(hit.title, link, hit.content)? })
}

fn unresponsive(engine: &Value) -> String {
    let words: Vec<&str> = match engine {
        Value::Array(words) => words.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().into_iter().collect(),
    };
    let name = shown(words.first().map(|name| (*name).to_owned()));
    let why = shown(Some(words.get(1..).unwrap_or_default().join(" ")));
    format!("the engine {name} did not answer{}{why}", if why.is_empty() { "" } else { ": " })
}
