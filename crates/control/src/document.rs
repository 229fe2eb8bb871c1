//! The OpenAPI document of `/api`: what the routes say of themselves, and what is true of every one of
//! them: a failure is a problem, and who changes something brings a token.
//!
//! Only what `routes!` put into a router is in it; nothing is described here by hand.

use crate::access::ASKED;
use crate::{Control, Problem, routes};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use bytes::Bytes;
use std::sync::LazyLock;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, License, OpenApi, OpenApiBuilder, Ref, ResponseBuilder,
};
use utoipa::{PartialSchema as _, ToSchema as _};
use utoipa_axum::router::OpenApiRouter;

/// The name of the one way to prove who asks.
const BEARER: &str = "bearer";
const ABOUT: &str = "What a person's tools ask of a running switchboard and tell it to do. Without a token one may \
                     look, on loopback and where `listen.token` is not set; whatever changes something needs one. Every \
                     failure is an `application/problem+json`. GETs of documents answer with an `ETag`; a POST with an \
                     `Idempotency-Key` happens once.";

/// What is served, made when it is asked for first.
static SERVED: LazyLock<Bytes> = LazyLock::new(|| serde_json::to_vec(&openapi()).unwrap_or_default().into());

/// The document, for people and for `docs/api.json`.
#[must_use]
pub fn openapi_json() -> String {
    serde_json::to_string_pretty(&openapi()).unwrap_or_default() + "\n"
}

/// The routes of this file.
pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(utoipa_axum::routes!(served))
}

/// This document.
#[utoipa::path(get, path = "/api/openapi.json", responses((status = OK, description = "OpenAPI 3.1", body = Object)))]
async fn served() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], SERVED.clone())
}

/// What all routes say, and what is true of all of them.
fn openapi() -> OpenApi {
    finished(routes::router().into_openapi())
}

fn finished(document: OpenApi) -> OpenApi {
    let license = License::builder().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build();
    let info = InfoBuilder::new().title("Switchboard").version(env!("CARGO_PKG_VERSION"));
    let info = info.description(Some(ABOUT)).license(Some(license)).build();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
    let bearer = bearer.description(Some("That of `switchboard dashboard --print`, or `listen.token`.")).build();
    let components = ComponentsBuilder::from(document.components.unwrap_or_default());
    let components = components
        .schema(Problem::name(), Problem::schema())
        .security_scheme(BEARER, SecurityScheme::Http(bearer))
        .build();
    let mut paths = document.paths;
    // In the order of the alphabet: who merges routers may do it in any.
    paths.paths.sort_keys();
    for (path, item) in &mut paths.paths {
        let methods = [
            ("get", &mut item.get),
            ("put", &mut item.put),
            ("post", &mut item.post),
            ("patch", &mut item.patch),
            ("delete", &mut item.delete),
        ];
        for (method, operation) in methods {
            if let Some(operation) = operation {
                complete(operation, method, path);
            }
        }
    }
    OpenApiBuilder::new().info(info).paths(paths).components(Some(components)).build()
}

/// Adds what is true of every operation.
fn complete(operation: &mut Operation, method: &str, path: &str) {
    let words: Vec<&str> =
        path.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    // Names of functions are not those of one list.
    operation.operation_id = Some(format!("{method}_{}", words.join("_")));
    operation.tags = words.get(1).or(words.first()).map(|word| vec![(*word).to_owned()]);
    let bearer = SecurityRequirement::new(BEARER, Vec::<String>::new());
    operation.security = Some(match method {
        "get" => vec![SecurityRequirement::default(), bearer],
        "post" if ASKED.contains(&path) => vec![SecurityRequirement::default(), bearer],
        _ => vec![bearer],
    });
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name()))).build();
    let problem = ResponseBuilder::new().description("A failure").content("application/problem+json", content);
    operation.responses.responses.entry("default".to_owned()).or_insert_with(|| problem.build().into());
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

    /// The paths of the real router with their methods, as its `Debug` shows them: axum has no other list.
    fn table() -> BTreeMap<String, BTreeSet<String>> {
        let (router, _) = routes::router().split_for_parts();
        let shown = format!("{router:?}");
        let shown = shown.split("fallback_router").next().unwrap();
        let (endpoints, rest) = shown.split_once("}, node: Node {").expect("axum shows a router otherwise now");
        let endpoints: HashMap<&str, &str> = numbered(endpoints).collect();
        let methods = |number| {
            let endpoint = endpoints[number];
            let methods = ["get", "put", "post", "patch", "delete"].into_iter();
            methods.filter(|method| !endpoint.contains(&format!(" {method}: None"))).map(str::to_owned).collect()
        };
        let paths = numbered(rest).map(|(number, rest)| (rest.split('"').nth(1).unwrap(), number));
        paths.map(|(path, number)| (path.to_owned(), methods(number))).collect()
    }

    /// `RouteId(3): …` as `("3", "…")`.
    fn numbered(shown: &str) -> impl Iterator<Item = (&str, &str)> {
        shown.split("RouteId(").skip(1).map(|entry| entry.split_once("): ").expect("axum shows a route otherwise now"))
    }

    fn document() -> Value {
        serde_json::from_str(&openapi_json()).unwrap()
    }

    #[test]
    fn every_route_is_in_the_document_and_the_other_way_round() {
        let document = document();
        let described: BTreeMap<String, BTreeSet<String>> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(path, item)| (path.clone(), item.as_object().unwrap().keys().cloned().collect()))
            .collect();
        let table = table();
        assert!(table.len() > 20 && table["/api/call"].contains("post"), "{table:?}");
        assert_eq!(table, described);
    }

    #[test]
    fn every_operation_is_summed_up_has_a_name_and_says_how_it_fails() {
        let document = document();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        let mut names = HashSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let at = format!("{method} {path}");
                assert!(!operation["summary"].as_str().unwrap_or_default().is_empty(), "{at}: no doc comment");
                assert!(names.insert(operation["operationId"].as_str().unwrap().to_owned()), "{at}");
                let failure = &operation["responses"]["default"]["content"]["application/problem+json"];
                assert_eq!(failure["schema"]["$ref"], "#/components/schemas/Problem", "{at}");
                let is_open = operation["security"].as_array().unwrap().contains(&serde_json::json!({}));
                assert_eq!(is_open, method == "get" || ASKED.contains(&path.as_str()), "{at}");
            }
        }
    }

    #[test]
    fn one_name_of_a_schema_means_one_thing() {
        let mut known: BTreeMap<String, Value> = BTreeMap::new();
        for router in routes::ROUTERS {
            let schemas = router().into_openapi().components.unwrap_or_default().schemas;
            for (name, schema) in schemas {
                let schema = serde_json::to_value(schema).unwrap();
                let before = known.entry(name.clone()).or_insert_with(|| schema.clone());
                assert_eq!(*before, schema, "two types are called {name}: say #[schema(as = …)] at one of them");
            }
        }
    }

    #[test]
    fn every_schema_that_is_pointed_at_is_there() {
        let document = document();
        let text = document.to_string();
        for pointer in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
            let name = pointer.split('"').next().unwrap();
            assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
        }
    }
}
