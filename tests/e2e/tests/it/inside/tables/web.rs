//! `web`: table 2.5 of the predecessors, with pages and a search engine on loopback.

use crate::inside::table::{Known, Row, fails, ok};
use serde_json::{Value, json};

const FOUND: &[&str] = &["query", "total_results", "search_time", "items"];
const SEVERAL: &[&str] = &["searches", "failed", "total"];

pub(in crate::inside) const KNOWN: &[Known] = &[
    ("web_search", &["query", "max_results", "search_type", "file_type", "date_restrict"], FOUND),
    (
        "web_fetch",
        &["url", "timeout"],
        &["url", "final_url", "status_code", "content_type", "content", "content_length", "truncated", "encoding"],
    ),
    ("batch_fetch_urls", &["urls", "timeout"], &["successful", "failed", "total"]),
    ("batch_search", &["queries", "max_results"], SEVERAL),
    ("search_and_fetch", &["query", "max_results", "fetch_content"], &["items", "fetch_summary"]),
    ("parallel_search_with_filters", &["query", "filters"], SEVERAL),
];

/// `place` is `http://127.0.0.1:PORT`, which serves `/page` (a redirect to it at `/moved`, nothing at
/// `/gone`) and answers searches with `/page` and `/gone`.
pub(in crate::inside) fn rows(place: &str) -> Vec<Row> {
    let page = format!("{place}/page");
    let item = |link: &str| {
        json!({
            "title": "A page", "link": link, "snippet": "About engines", "displayLink": "<127.0.0.1>",
            "formattedUrl": "<127.0.0.1>", "mime": null, "fileFormat": null,
        })
    };
    let items = json!([item(&page), item(&format!("{place}/gone"))]);
    let found = |query: &str, more: &Value| {
        let mut found = json!({
            "query": query, "total_results": "<number?>", "search_time": "<number>", "items": items,
            "provider": "searxng",
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            found[name] = value.clone();
        }
        found
    };
    let fetched = |url: &str| {
        json!({
            "url": url, "final_url": page, "status_code": 200, "content_type": "<text/html>",
            "content": "<difference engine>", "content_length": "<number>", "truncated": false, "encoding": "<text?>",
            "title": "<text?>", "next_start": "<number?>",
        })
    };
    let mut read = item(&page);
    read["fetched_content"] = json!("<difference engine>");
    read["content_length"] = json!("<number>");
    read["truncated"] = json!(false);
    let mut unread = item(&format!("{place}/gone"));
    unread["fetch_failed"] = json!("<404>");
    let narrow = json!({"max_results": 2, "date_restrict": "d1"});
    vec![
        ok(
            "web_search",
            json!({"query": "engines", "max_results": 2, "page": 1, "date_restrict": "w1"}),
            found("engines", &json!({})),
        ),
        ok("web_search", json!({"query": "pictures", "search_type": "image"}), json!({"…": true, "items": "<list>"})),
        ok("web_search", json!({"query": "papers", "file_type": "pdf"}), json!({"…": true, "items": "<list>"})),
        ok("web_fetch", json!({"url": format!("{place}/moved"), "timeout": 20}), fetched(&format!("{place}/moved"))),
        ok("web_fetch", json!({"url": page, "raw": true, "start": 0}), json!({"…": true, "content": "<<p>"})),
        ok(
            "batch_fetch_urls",
            json!({"urls": [page, format!("{place}/gone")], "timeout": 20}),
            json!({
                "successful": [fetched(&page)],
                "failed": [{"…": true, "url": format!("{place}/gone"), "error": "<404>", "type": "http_error"}],
                "total": 2,
            }),
        ),
        ok(
            "batch_search",
            json!({"queries": "[\"engines\", \"looms\"]", "max_results": 2}),
            json!({"searches": [found("engines", &json!({})), found("looms", &json!({}))], "failed": [], "total": 2}),
        ),
        ok(
            "search_and_fetch",
            json!({"query": "engines", "max_results": 2, "fetch_content": true}),
            found(
                "engines",
                &json!({"items": [read, unread], "fetch_summary": {"attempted": 2, "successful": 1, "failed": 1}}),
            ),
        ),
        ok(
            "parallel_search_with_filters",
            json!({"query": "engines", "filters": [narrow]}),
            json!({"searches": [found("engines", &json!({"applied_filters": narrow}))], "failed": [], "total": 1}),
        ),
        fails("web_search", json!({"query": ""}), "validation", "query"),
        fails("web_search", json!({"query": "x", "max_results": 0}), "validation", "max_results"),
        fails("web_fetch", json!({"url": format!("{place}/gone")}), "http_error", "404"),
        fails("web_fetch", json!({"url": "http://127.0.0.2:9/"}), "denied", "127.0.0.2"),
        fails("web_fetch", json!({"url": "ftp://x/"}), "validation", "ftp"),
        fails("web_fetch", json!({"url": page, "timeout": 0}), "validation", "timeout"),
        fails("web_fetch", json!({"url": format!("{place}/slow"), "timeout": 0.3}), "timeout", "0"),
        fails("batch_fetch_urls", json!({"urls": []}), "validation", "urls"),
    ]
}
