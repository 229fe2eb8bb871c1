//! Searching, against what the vendors document: a request that their schema does not have fails here.

use super::*;
use crate::web::tests::{Asked, World, call, http, page};
use serde_json::{Value, json};

const RECORDED: [(&str, &str); 4] = [
    ("google", include_str!("recorded/google.json")),
    ("brave", include_str!("recorded/brave.json")),
    ("tavily", include_str!("recorded/tavily.json")),
    ("searxng", include_str!("recorded/searxng.json")),
];

fn recorded(name: &str) -> Value {
    let (_, text) = RECORDED.iter().find(|(one, _)| *one == name).unwrap();
    serde_json::from_str(text).unwrap()
}

fn env_of(name: &str) -> Vec<(&'static str, &'static str)> {
    match name {
        "google" => vec![("GOOGLE_API_KEY", "the-key"), ("GOOGLE_SEARCH_ENGINE_ID", "the-engine")],
        "brave" => vec![("BRAVE_API_KEY", "the-key")],
        "tavily" => vec![("TAVILY_API_KEY", "the-key")],
        _ => vec![("SEARXNG_URL", "http://127.0.0.1:8888/searx/")],
    }
}

/// Whether the vendor takes such a value.
fn check(name: &str, value: &str, schema: &Value) {
    if let Some(words) = schema["enum"].as_array() {
        assert!(words.contains(&json!(value)), "{name}={value}");
    }
    if let (Some(least), Some(most)) = (schema["min"].as_i64(), schema["max"].as_i64()) {
        assert!((least..=most).contains(&value.parse().unwrap()), "{name}={value}");
    }
    if let Some(wanted) = schema["pattern"].as_str() {
        assert_eq!(value, wanted, "{name}");
    }
    if let Some(first) = schema["first"].as_str() {
        assert!(first.contains(value.chars().next().unwrap()) && value[1..].parse::<u32>().is_ok(), "{name}={value}");
    }
    if let Some(length) = schema["length"].as_u64() {
        assert!(value.chars().count() as u64 <= length);
    }
}

fn check_all(given: &[(String, String)], schema: &Value) {
    let schema = schema.as_object().unwrap();
    for (name, value) in given {
        check(name, value, schema.get(name).unwrap_or_else(|| panic!("there is no parameter {name}")));
    }
    for (name, one) in schema {
        assert!(one["required"] != json!(true) || given.iter().any(|(given, _)| given == name), "{name} is missing");
    }
}

fn check_request(asked: &Asked, request: &Value) {
    assert_eq!(asked.method, request["method"]);
    assert!(asked.authority.starts_with(request["host"].as_str().unwrap()), "{}", asked.authority);
    let url = Url::parse(&format!("http://host{}", asked.path)).unwrap();
    assert!(request["paths"].as_array().unwrap().contains(&json!(url.path())), "{}", url.path());
    let query: Vec<_> = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    check_all(&query, &request["query"]);
    for (name, value) in request["headers"].as_object().unwrap() {
        assert_eq!(asked.headers.get(name).map(String::as_str), value.as_str(), "{name}");
    }
    if let Some(schema) = request.get("body") {
        let body: serde_json::Map<String, Value> = serde_json::from_str(&asked.body).unwrap();
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        check_all(&body.iter().map(|(name, value)| (name.clone(), text(value))).collect::<Vec<_>>(), schema);
    }
}

fn answering(name: &'static str) -> World {
    World::new(move |asked| {
        let recorded = recorded(name);
        check_request(asked, &recorded["request"]);
        http(200, "content-type: application/json\r\n", &recorded["response"].to_string())
    })
}

#[tokio::test]
async fn every_provider_is_asked_as_it_documents_and_answers_in_one_shape() {
    for (name, _) in RECORDED {
        let world = answering(name);
        let server = world.server(json!({}), &env_of(name));
        let questions = [
            json!({ "query": "rust" }),
            json!({ "query": "rust & more?", "max_results": 3, "page": 2 }),
            json!({ "query": "rust", "search_type": "image", "max_results": 50 }),
            json!({ "query": "rust", "file_type": "pdf", "date_restrict": "d3" }),
            json!({ "query": "rust", "date_restrict": "y9" }),
            json!({ "query": "rust", "date_restrict": "m" }),
        ];
        for question in questions {
            let found = call(&server, "web_search", question.clone()).await;
            let unable = name == "tavily" && (question.get("page").is_some() || question.get("search_type").is_some());
            if unable {
                assert_eq!(found.unwrap_err()["type"], "unavailable");
                continue;
            }
            let found = found.unwrap_or_else(|failure| panic!("{name} {question}: {failure}"));
            assert_eq!((&found["query"], &found["provider"]), (&question["query"], &json!(name)));
            assert!(found["search_time"].is_number() && found.get("total_results").is_some());
            let items: Vec<_> = found["items"].as_array().unwrap().iter().collect();
            let fields = |item: &Value| json!([item["title"], item["link"], item["snippet"], item["displayLink"]]);
            assert_eq!(json!(items.iter().map(|item| fields(item)).collect::<Vec<_>>()), recorded(name)["expected"]);
            for item in items {
                for field in ["formattedUrl", "mime", "fileFormat"] {
                    assert!(item.get(field).is_some(), "{field}");
                }
            }
        }
        assert!(!world.asked().is_empty());
    }
}

#[tokio::test]
async fn what_a_provider_says_beside_its_hits_is_kept() {
    let google = answering("google").server(json!({}), &env_of("google"));
    let found = call(&google, "web_search", json!({ "query": "rust", "max_results": 1 })).await.unwrap();
    assert_eq!((&found["total_results"], &found["search_time"]), (&json!(1_230_000), &json!(0.243_106)));
    assert_eq!(found["notes"], json!(["did you mean: rust book"]));
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    let searxng = answering("searxng").server(json!({}), &env_of("searxng"));
    let found = call(&searxng, "web_search", json!({ "query": "rust" })).await.unwrap();
    assert_eq!(found["notes"][0], "the engine broken did not answer: HTTP connection error");
    assert_eq!(found["total_results"], Value::Null);
}

/// Three providers, of which those in `down` refuse.
fn all(down: &'static [&'static str], status: u16) -> World {
    World::new(move |asked| {
        let name = ["google", "brave", "tavily"].into_iter().find(|name| asked.authority.contains(name)).unwrap();
        if down.contains(&name) {
            return http(status, "", "{\"error\": {\"message\": \"no more today\"}}");
        }
        http(200, "", &recorded(name)["response"].to_string())
    })
}

fn env_of_all() -> Vec<(&'static str, &'static str)> {
    ["google", "brave", "tavily"].into_iter().flat_map(env_of).collect()
}

#[tokio::test]
async fn who_fails_is_followed_by_the_next_in_the_declared_order() {
    let world = all(&["brave"], 500);
    let server = world.server(json!({ "providers": ["brave", "tavily", "google"] }), &env_of_all());
    let found = call(&server, "web_search", json!({ "query": "rust" })).await.unwrap();
    assert_eq!(found["provider"], "tavily");
    assert_eq!(found["notes"], json!(["brave: HTTP 500 Internal Server Error: no more today"]));
    let world = all(&["google", "brave", "tavily"], 403);
    let server = world.server(json!({}), &env_of_all());
    let failure = call(&server, "web_search", json!({ "query": "rust" })).await.unwrap_err();
    assert_eq!((&failure["type"], &failure["status_code"]), (&json!("http_error"), &json!(403)));
    let said = failure["error"].as_str().unwrap();
    assert!(
        ["google", "brave", "tavily"].iter().all(|name| said.contains(name)) && !said.contains("the-key"),
        "{said}"
    );
}

#[tokio::test]
async fn who_is_asked_too_often_rests() {
    let world = all(&["google"], 429);
    let server = world.server(json!({}), &env_of_all());
    for query in ["one", "two"] {
        let found = call(&server, "web_search", json!({ "query": query })).await.unwrap();
        assert_eq!(found["provider"], "brave");
    }
    assert_eq!(world.asked().iter().filter(|asked| asked.authority.contains("google")).count(), 1);
}

#[tokio::test]
async fn a_quota_holds_and_what_is_kept_costs_nothing() {
    let world = all(&[], 200);
    let server = world.server(json!({ "quotas": { "google": 2 } }), &env_of_all());
    let mut providers = Vec::new();
    for query in ["one", "one", "two", "three"] {
        let found = call(&server, "web_search", json!({ "query": query })).await.unwrap();
        providers.push(found["provider"].as_str().unwrap().to_owned());
    }
    assert_eq!(providers, ["google", "google", "google", "brave"]);
    assert_eq!(world.asked().len(), 3);
    let mut uses = Use::default();
    let now = Instant::now();
    assert!(
        uses.take(Some(1), 5, now).is_ok() && uses.take(Some(1), 5, now).is_err() && uses.take(Some(1), 6, now).is_ok()
    );
}

#[tokio::test]
async fn without_a_provider_the_variables_are_named() {
    let server = World::new(|_| String::new()).server(json!({}), &[("GOOGLE_API_KEY", "x")]);
    let failure = call(&server, "web_search", json!({ "query": "rust" })).await.unwrap_err();
    assert_eq!(failure["type"], "unavailable");
    for name in ["GOOGLE_API_KEY and GOOGLE_SEARCH_ENGINE_ID", "BRAVE_API_KEY", "TAVILY_API_KEY", "SEARXNG_URL"] {
        assert!(failure["next"].as_str().unwrap().contains(name), "{failure}");
    }
}

#[tokio::test]
async fn a_question_that_makes_no_sense_is_refused() {
    let server = all(&[], 200).server(json!({}), &env_of_all());
    for wrong in [
        json!({ "query": " " }),
        json!({ "query": "x", "max_results": 0 }),
        json!({ "query": "x", "page": 0 }),
        json!({ "query": "x", "page": 99 }),
        json!({ "query": "x", "search_type": "smell" }),
        json!({ "query": "x", "file_type": "p d f" }),
        json!({ "query": "x", "date_restrict": "yesterday" }),
        json!({ "query": "x", "date_restrict": "d0" }),
        json!({ "query": "x".repeat(1001) }),
    ] {
        assert_eq!(call(&server, "web_search", wrong.clone()).await.unwrap_err()["type"], "validation", "{wrong}");
    }
}

#[tokio::test]
async fn several_searches_are_each_answered() {
    let server = all(&[], 200).server(json!({}), &env_of_all());
    let done = call(&server, "batch_search", json!({ "queries": ["a", "", "b"], "max_results": 1 })).await.unwrap();
    assert_eq!((&done["total"], done["searches"].as_array().unwrap().len()), (&json!(3), 2));
    assert_eq!((&done["failed"][0]["query"], &done["failed"][0]["type"]), (&json!(""), &json!("validation")));
    assert_eq!(done["searches"][1]["query"], "b");
    let filters =
        json!([{ "max_results": 1, "file_type": "pdf" }, { "date_restrict": "never" }, { "search_type": "image" }]);
    let ask = json!({ "query": "rust", "filters": filters.to_string() });
    let done = call(&server, "parallel_search_with_filters", ask).await.unwrap();
    assert_eq!(done["searches"][0]["applied_filters"], filters[0]);
    assert_eq!(done["searches"][1]["applied_filters"], filters[2]);
    assert_eq!((&done["failed"][0]["applied_filters"], &done["total"]), (&filters[1], &json!(3)));
}

#[tokio::test]
async fn what_is_found_is_read() {
    let world = World::new(|asked| match (asked.authority.contains("googleapis"), asked.path.as_str()) {
        (true, _) => http(200, "", &recorded("google")["response"].to_string()),
        (_, "/learn") => page("<p>What there is to learn.</p>"),
        _ => http(404, "", ""),
    });
    let server = world.server(json!({}), &env_of("google"));
    let done = call(&server, "search_and_fetch", json!({ "query": "rust" })).await.unwrap();
    let first = &done["items"][0];
    assert_eq!((&first["fetched_content"], &first["truncated"]), (&json!("What there is to learn."), &json!(false)));
    assert_eq!(first["content_length"], 23);
    assert!(done["items"][1]["fetch_failed"].as_str().unwrap().contains("404"));
    assert_eq!(done["fetch_summary"], json!({ "attempted": 2, "successful": 1, "failed": 1 }));
    let ask = json!({ "query": "rust", "fetch_content": false, "max_results": 1 });
    let done = call(&server, "search_and_fetch", ask).await.unwrap();
    assert_eq!(done["fetch_summary"], json!({ "attempted": 0, "successful": 0, "failed": 0 }));
    assert!(done["items"][0].get("fetched_content").is_none());
}
