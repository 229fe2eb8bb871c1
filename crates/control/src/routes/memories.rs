//! `/api/memory`: what models were told to remember, through the tools of the server `memory`: each
//! principal has memories of its own, and `namespace` names a space that everybody shares.

use super::inside_call::inside_call;
use crate::access::Asker;
use crate::asked::{Body, Path, Query};
use crate::{Control, Problem};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use protocol::ErrorKind;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The server.
const MEMORY: &str = "memory";

/// The routes of this file.
pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new()
        .routes(routes!(list, save))
        .routes(routes!(show, change, forget))
        .routes(routes!(clear))
        .routes(routes!(import))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Words to find, best first; without it all are listed, the newest first.
    q: Option<String>,
    /// Only those with this tag.
    kind: Option<String>,
    /// Of this shared space instead of one's own.
    namespace: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next` of the answer before.
    before: Option<String>,
}

/// `GET /api/memory`.
#[derive(Serialize, ToSchema)]
struct MemoryList {
    /// The memories.
    memories: Vec<Value>,
    /// How many there are in all that fit.
    total: Option<u64>,
    /// Go on from here with `before`; none where there are no more.
    next: Option<String>,
}

/// A memory to be.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewMemory {
    /// What to remember.
    text: String,
    /// Words to find it by.
    #[serde(default)]
    tags: Vec<String>,
    /// Seconds to keep it; for ever if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    ttl: Option<u64>,
    /// Other memories that it belongs to: `{to, kind?}`.
    #[serde(default)]
    links: Vec<Value>,
    /// The shared space that it is in, instead of one's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
}

/// What is other of a memory; what is not given stays.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangedMemory {
    /// What to remember.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// Words to find it by.
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
    /// Seconds to keep it from now; 0 for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<u64>,
    /// Links to add: `{to, kind?}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    links: Option<Vec<Value>>,
    /// Memories that it is not linked to any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    unlink: Option<Vec<String>>,
    /// It fails if it changed since this version.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
}

/// Which memories are forgotten all at once.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MemoryClear {
    /// That it is meant.
    confirm: bool,
    /// Only those with all of these tags.
    #[serde(default)]
    tags: Vec<String>,
    /// Of this shared space instead of one's own.
    namespace: Option<String>,
}

/// A knowledge graph of server-memory.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MemoryGraph {
    /// Its JSON lines.
    graph: String,
    /// Into this shared space instead of one's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
}

/// Memories: found by words, or all, the newest first.
#[utoipa::path(get, path = "/api/memory", params(Asked), responses((status = OK, description = "A page of them", body = MemoryList)))]
async fn list(
    State(control): State<Control>,
    asker: Asker,
    Query(asked): Query<Asked>,
) -> Result<Json<MemoryList>, Problem> {
    let given = [
        ("limit", asked.limit.map(Value::from)),
        ("cursor", asked.before.map(Value::from)),
        ("namespace", asked.namespace.map(Value::from)),
        ("tags", asked.kind.map(|kind| json!([kind]))),
        ("query", asked.q.clone().map(Value::from)),
    ];
    let given = given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let arguments = Value::Object(given.collect::<Map<_, _>>());
    let tool = if asked.q.is_some() { "search_memories" } else { "get_all_memories" };
    let mut page = inside_call(&control, &asker, MEMORY, tool, &arguments).await?;
    let memories = match page["memories"].take() {
        Value::Array(memories) => memories,
        _ => Vec::new(),
    };
    let next = page["next_cursor"].as_str().map(str::to_owned);
    Ok(Json(MemoryList { memories, total: page["total"].as_u64(), next }))
}

/// Remember a text.
#[utoipa::path(post, path = "/api/memory", request_body = NewMemory, responses((status = CREATED, description = "Its id", body = Object)))]
async fn save(
    State(control): State<Control>,
    asker: Asker,
    Body(new): Body<NewMemory>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let saved = inside_call(&control, &asker, MEMORY, "save_memory", &json!(new)).await?;
    Ok((StatusCode::CREATED, Json(saved)))
}

/// One memory with its links.
#[utoipa::path(get, path = "/api/memory/{id}", responses((status = OK, description = "The memory", body = Object)))]
async fn show(State(control): State<Control>, asker: Asker, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    inside_call(&control, &asker, MEMORY, "get_memory", &json!({ "memory_id": id })).await.map(Json)
}

/// Change a memory; what is not given stays.
#[utoipa::path(patch, path = "/api/memory/{id}", request_body = ChangedMemory, responses((status = OK, description = "What came of it", body = Object)))]
async fn change(
    State(control): State<Control>,
    asker: Asker,
    Path(id): Path<String>,
    Body(changed): Body<ChangedMemory>,
) -> Result<Json<Value>, Problem> {
    let mut arguments = json!(changed);
    arguments["memory_id"] = json!(id);
    inside_call(&control, &asker, MEMORY, "update_memory", &arguments).await.map(Json)
}

/// Forget a memory.
#[utoipa::path(delete, path = "/api/memory/{id}", responses((status = OK, description = "What came of it", body = Object)))]
async fn forget(State(control): State<Control>, asker: Asker, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    inside_call(&control, &asker, MEMORY, "delete_memory", &json!({ "memory_id": id })).await.map(Json)
}

/// Forget all memories, or all with some tags.
#[utoipa::path(post, path = "/api/memory/clear", request_body = MemoryClear, responses((status = OK, description = "How many", body = Object)))]
async fn clear(
    State(control): State<Control>,
    asker: Asker,
    Body(which): Body<MemoryClear>,
) -> Result<Json<Value>, Problem> {
    if !which.confirm {
        let problem = Problem::new(ErrorKind::InvalidParams, "nothing was forgotten: `confirm` is false");
        return Err(problem.hint("send {\"confirm\": true} if it is meant"));
    }
    let mut arguments = json!({ "tags": which.tags });
    if let Some(namespace) = which.namespace {
        arguments["namespace"] = json!(namespace);
    }
    inside_call(&control, &asker, MEMORY, "delete_all_memories", &arguments).await.map(Json)
}

/// Add the knowledge graph of server-memory.
#[utoipa::path(post, path = "/api/memory/import", request_body = MemoryGraph, responses((status = OK, description = "What came of it", body = Object)))]
async fn import(
    State(control): State<Control>,
    asker: Asker,
    Body(graph): Body<MemoryGraph>,
) -> Result<Json<Value>, Problem> {
    inside_call(&control, &asker, MEMORY, "import_memories", &json!(graph)).await.map(Json)
}
