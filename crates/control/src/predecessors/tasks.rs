//! `/api/tasks…`: tasks in the predecessor's shapes, through the server `goals`.

use super::answer::{Answer, bad};
use super::goals::{Dependents, SERVER, Which, change, empty, items, page, source, text};
use crate::access::Asker;
use crate::asked::{Body, Path, Query};
use crate::routes::inside_call::inside_call;
use crate::{Control, Problem};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};

/// Tasks of one answer at most, and of one question to the server.
const TASKS_MAX: usize = 1000;

/// Tasks, those of the newest goals first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::Tasks)]
pub(super) struct Tasks {
    tasks: Vec<Value>,
    /// All of the goals that were looked at, shown or not.
    count: usize,
    source: String,
}

/// How many tasks.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Limit {
    /// At most so many; 1000 if absent.
    limit: Option<usize>,
}

/// How a task is now.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = predecessors::TaskStatus)]
pub(super) struct Status {
    /// `pending`, `in_progress`, `completed`, `failed`, `blocked` or `cancelled`.
    status: String,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Value>,
    /// The token of its claim.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<u64>,
    /// Checks that passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    checks_passed: Option<Vec<String>>,
    /// Why it counts as done though a check did not pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    override_reason: Option<String>,
    /// Refused where it is another one meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_version: Option<u64>,
}

/// A task that was changed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::TaskChanged)]
pub(super) struct Changed {
    success: bool,
    task: Value,
    message: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::TaskDeleted)]
pub(super) struct Deleted {
    success: bool,
    deleted_task_id: String,
    goal_id: String,
    message: String,
}

/// Tasks, those of the newest goals first.
#[utoipa::path(get, path = "/api/tasks/list", params(Limit), responses((status = OK, body = Tasks)))]
pub(super) async fn list(State(control): State<Control>, asker: Asker, Query(limit): Query<Limit>) -> Answer<Tasks> {
    let limit = limit.limit.unwrap_or(TASKS_MAX).clamp(1, TASKS_MAX);
    let listed = listed(&control, &asker, limit).await;
    listed.map(Json).map_err(|problem| empty(problem, "tasks"))
}

async fn listed(control: &Control, asker: &Asker, limit: usize) -> Result<Tasks, Problem> {
    let page = page(control, asker, &Which::default()).await?;
    let source = source(&page);
    let goals = items(page, "goals");
    let mut ids: Vec<&Value> = goals.iter().filter_map(|goal| goal["tasks"].as_array()).flatten().collect();
    let count = ids.len();
    ids.truncate(limit);
    Ok(Tasks { tasks: of(control, asker, &ids).await?, count, source })
}

/// The tasks of these ids, as far as they are there yet.
pub(super) async fn of(control: &Control, asker: &Asker, ids: &[&Value]) -> Result<Vec<Value>, Problem> {
    let mut tasks = Vec::new();
    for ids in ids.chunks(TASKS_MAX) {
        let answer = inside_call(control, asker, SERVER, "batch_get_tasks", &json!({ "task_ids": ids })).await?;
        tasks.append(&mut items(answer, "tasks"));
    }
    Ok(tasks)
}

/// Says how a task is now.
#[utoipa::path(put, path = "/api/tasks/{id}/status", params(("id" = String, Path)), request_body = Status, responses((status = OK, body = Changed)))]
pub(super) async fn set_status(
    State(control): State<Control>,
    asker: Asker,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(status): Body<Status>,
) -> Answer<Changed> {
    changed(&control, &asker, &id, &headers, json!(status)).await
}

/// Changes a task: its status, or what it is about, but not both at once, since one could be done and the
/// other refused.
#[utoipa::path(patch, path = "/api/tasks/{id}", params(("id" = String, Path)), request_body = Map<String, Value>, responses((status = OK, body = Changed)))]
pub(super) async fn update(
    State(control): State<Control>,
    asker: Asker,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(mut members): Body<Map<String, Value>>,
) -> Answer<Changed> {
    if members.contains_key("status") {
        let status: Status = serde_json::from_value(Value::Object(members)).map_err(|error| {
            let problem = bad(format_args!("the body cannot be used: {error}"));
            problem.hint("change the status, and everything else in a request of its own")
        })?;
        return changed(&control, &asker, &id, &headers, json!(status)).await;
    }
    let version = members.remove("expected_version");
    if members.is_empty() {
        return Err(bad("nothing is to be changed").hint("send `status`, `description`, `priority`, …").into());
    }
    let mut asked = json!({ "changes": members });
    if let Some(version) = version {
        asked["expected_version"] = version;
    }
    changed(&control, &asker, &id, &headers, asked).await
}

/// Asks the tool that fits.
async fn changed(control: &Control, asker: &Asker, id: &str, headers: &HeaderMap, mut asked: Value) -> Answer<Changed> {
    let tool = if asked["changes"].is_object() { "update_task" } else { "update_task_status" };
    asked["task_id"] = json!(id);
    let task = change(control, asker, tool, asked, headers).await?;
    let message = format!("{} is {}", text(&task, "id"), text(&task, "status"));
    Ok(Json(Changed { success: true, task, message }))
}

/// Deletes a task.
#[utoipa::path(delete, path = "/api/tasks/{id}", params(("id" = String, Path), Dependents), responses((status = OK, body = Deleted)))]
pub(super) async fn delete(
    State(control): State<Control>,
    asker: Asker,
    Path(id): Path<String>,
    Query(dependents): Query<Dependents>,
    headers: HeaderMap,
) -> Answer<Deleted> {
    let gone = change(&control, &asker, "delete_task", dependents.of("task_id", &id), &headers).await?;
    let (deleted_task_id, goal_id) = (text(&gone, "deleted_task_id"), text(&gone, "goal_id"));
    let message = format!("deleted task {deleted_task_id}");
    Ok(Json(Deleted { success: true, deleted_task_id, goal_id, message }))
}
