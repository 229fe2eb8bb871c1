//! Google Custom Search, JSON API: <https://developers.google.com/custom-search/v1/reference/rest/v1/cse/list>.

use super::{Answer, Item, Query, item, shown};
use outbound::web::{Ask, Bounds};
use serde::Deserialize;
use url::Url;

/// Where it is.
pub(super) const PLACE: &str = "https://www.googleapis.com/customsearch/v1";

#[derive(Deserialize)]
struct Body {
    #[serde(rename = "searchInformation")]
    information: Option<Information>,
    #[serde(default)]
    items: Vec<Hit>,
    spelling: Option<Spelling>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Information {
    search_time: Option<f64>,
    /// A number in a string.
    total_results: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spelling {
    corrected_query: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hit {
    title: Option<String>,
    link: String,
    snippet: Option<String>,
    display_link: Option<String>,
    formatted_url: Option<String>,
    mime: Option<String>,
    file_format: Option<String>,
}

/// The request.
pub(super) fn ask(mut url: Url, key: &str, engine: &str, query: &Query, bounds: Bounds) -> Ask {
    {
        let mut pairs = url.query_pairs_mut();
        pairs.append_pair("key", key).append_pair("cx", engine).append_pair("q", &query.text);
        pairs.append_pair("num", &query.count.to_string());
        if query.page > 1 {
            pairs.append_pair("start", &((query.page - 1) * query.count + 1).to_string());
        }
        if query.images {
            pairs.append_pair("searchType", "image");
        }
        if let Some(kind) = &query.file_type {
            pairs.append_pair("fileType", kind);
        }
        if let Some(age) = query.age {
            pairs.append_pair("dateRestrict", &age.written());
        }
    }
    Ask::get(url, bounds)
}

/// The answer.
pub(super) fn read(body: &[u8]) -> Result<Answer, serde_json::Error> {
    let body: Body = serde_json::from_slice(body)?;
    let total = body.information.as_ref().and_then(|said| said.total_results.as_deref()?.parse().ok());
    let seconds = body.information.and_then(|said| said.search_time);
    let spelled = body.spelling.and_then(|spelling| spelling.corrected_query);
    let notes = spelled.map(|query| format!("did you mean: {}", shown(Some(query)))).into_iter().collect();
    Ok(Answer { total, seconds, items: body.items.into_iter().filter_map(hit).collect(), notes })
}

fn hit(hit: Hit) -> Option<Item> {
    let plain = item(hit.title, hit.link, hit.snippet)?;
    Some(Item {
        display_link: hit.display_link.unwrap_or(plain.display_link),
        formatted_url: hit.formatted_url.unwrap_or(plain.formatted_url),
        mime: hit.mime,
        file_format: hit.file_format,
        ..plain
    })
}
