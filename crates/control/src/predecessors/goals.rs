//! `/api/goals…`: goals in the predecessor's shapes, through the server `goals`. One set of words for the
//! status of goals and of tasks, each with its bucket (S0-32).

use super::answer::{Answer, idempotency_key};
use crate::access::Asker;
use crate::asked::{Body, Path, Query};
use crate::routes::inside_call::inside_call;
use crate::{Control, Problem};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// The server that is asked.
pub(super) const SERVER: &str = "goals";
/// Goals of one answer at most.
const GOALS_MAX: usize = 1000;
/// Goals that the summary names.
const RECENT: usize = 5;
/// Tasks that the summary names.
const ACTIVE: usize = 10;
/// Every status of a goal.
const GOAL_WORDS: [&str; 4] = ["planned", "in_progress", "completed", "cancelled"];
/// Every status of a task.
const TASK_WORDS: [&str; 6] = ["pending", "in_progress", "completed", "failed", "blocked", "cancelled"];

/// All goals in figures, and those of interest.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::GoalsSummary)]
pub(super) struct Summary {
    summary: Totals,
    /// The five newest.
    recent_goals: Vec<Value>,
    /// At most ten that are worked on, or could be, those in progress first.
    active_tasks: Vec<Value>,
    /// `sqlite` or `postgresql`.
    source: String,
}

#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = predecessors::GoalsTotals)]
struct Totals {
    total_goals: u64,
    total_tasks: u64,
    goals_by_status: BTreeMap<String, u64>,
    tasks_by_status: BTreeMap<String, u64>,
}

/// Goals, the newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::Goals)]
pub(super) struct Goals {
    goals: Vec<Value>,
    /// All that fit, shown or not.
    count: u64,
    source: String,
}

/// A goal with its tasks.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::Goal)]
pub(super) struct Goal {
    goal: Value,
    tasks: Vec<Value>,
    task_count: usize,
    tasks_by_status: BTreeMap<String, u64>,
    source: String,
}

/// A goal that was made or changed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::GoalChanged)]
pub(super) struct Changed {
    success: bool,
    goal: Value,
    message: String,
}

/// What is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = predecessors::NewGoal)]
pub(super) struct New {
    description: String,
    /// `high`, `medium` or `low`.
    #[serde(default = "medium")]
    priority: String,
    #[serde(default)]
    repos: Vec<Value>,
    #[serde(default)]
    metadata: Map<String, Value>,
    /// `why`, `acceptance`, `owner`, `due`, `budget`, `labels`.
    #[serde(default)]
    details: Map<String, Value>,
}

/// What changes of a goal.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = predecessors::GoalChange)]
pub(super) struct Change {
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// `high`, `medium` or `low`.
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<String>,
    /// `planned`, `in_progress`, `completed` or `cancelled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repos: Option<Vec<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Map<String, Value>>,
    /// Refused where it is another one meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_version: Option<u64>,
}

/// Tasks for a goal.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = predecessors::Subtasks)]
pub(super) struct Subtasks {
    /// Each with `description`, and what `break_down_goal` takes.
    subtasks: Vec<Map<String, Value>>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::TasksAdded)]
pub(super) struct Added {
    success: bool,
    goal_id: String,
    tasks_added: usize,
    goal_status: String,
    message: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::GoalDeleted)]
pub(super) struct Deleted {
    success: bool,
    deleted_goal_id: String,
    deleted_tasks_count: u64,
    message: String,
}

/// Which goals.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// `planned`, `in_progress`, `completed` or `cancelled`.
    status: Option<String>,
    /// `high`, `medium` or `low`.
    priority: Option<String>,
    /// At most so many; 1000 if absent.
    limit: Option<usize>,
    /// Those that are older than this one.
    after: Option<String>,
    /// Those that are about this, best first; not with `after`.
    q: Option<String>,
}

/// What is done with tasks that wait for one that goes.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Dependents {
    /// `refuse`, `detach` or `cascade`; `refuse` if absent.
    dependents: Option<String>,
}

fn medium() -> String {
    "medium".to_owned()
}

/// Goals and tasks in figures.
#[utoipa::path(get, path = "/api/goals", responses((status = OK, body = Summary)))]
pub(super) async fn summary(State(control): State<Control>, asker: Asker) -> Answer<Summary> {
    summarised(&control, &asker).await.map(Json).map_err(|problem| empty(problem, "recent_goals"))
}

/// Goals, the newest first.
#[utoipa::path(get, path = "/api/goals/list", params(Which), responses((status = OK, body = Goals)))]
pub(super) async fn list(State(control): State<Control>, asker: Asker, Query(which): Query<Which>) -> Answer<Goals> {
    let page = page(&control, &asker, &which).await.map_err(|problem| empty(problem, "goals"))?;
    let (count, source) = (page["count"].as_u64().unwrap_or_default(), source(&page));
    Ok(Json(Goals { goals: items(page, "goals"), count, source }))
}

/// A goal with its tasks.
#[utoipa::path(get, path = "/api/goals/{id}", params(("id" = String, Path)), responses((status = OK, body = Goal)))]
pub(super) async fn one(State(control): State<Control>, asker: Asker, Path(id): Path<String>) -> Answer<Goal> {
    let mut goal = inside_call(&control, &asker, SERVER, "get_goal", &json!({ "goal_id": id })).await?;
    let source = goal["_cache_status"]["persistence"].as_str().unwrap_or_default().to_owned();
    let mut taken = |key: &str| goal.as_object_mut().and_then(|goal| goal.remove(key)).unwrap_or_default();
    taken("_cache_status");
    let tasks = items(json!({ "tasks": taken("task_details") }), "tasks");
    let tasks_by_status = counted(&TASK_WORDS, tasks.iter().filter_map(|task| task["status"].as_str()));
    Ok(Json(Goal { goal, task_count: tasks.len(), tasks, tasks_by_status, source }))
}

/// Makes a goal.
#[utoipa::path(post, path = "/api/goals", request_body = New, responses((status = OK, body = Changed)))]
pub(super) async fn create(
    State(control): State<Control>,
    asker: Asker,
    headers: HeaderMap,
    Body(new): Body<New>,
) -> Answer<Changed> {
    let New { description, priority, repos, metadata, details } = new;
    let asked = json!({
        "description": description, "priority": priority, "repos": repos, "metadata": metadata, "details": details,
    });
    let goal = change(&control, &asker, "create_goal", asked, &headers).await?;
    let message = format!("made goal {}", text(&goal, "id"));
    Ok(Json(Changed { success: true, goal, message }))
}

/// Adds tasks to a goal.
#[utoipa::path(post, path = "/api/goals/{id}/tasks", params(("id" = String, Path)), request_body = Subtasks, responses((status = OK, body = Added)))]
pub(super) async fn add_tasks(
    State(control): State<Control>,
    asker: Asker,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(Subtasks { subtasks }): Body<Subtasks>,
) -> Answer<Added> {
    let tasks_added = subtasks.len();
    let asked = json!({ "goal_id": id, "subtasks": subtasks });
    let goal = change(&control, &asker, "break_down_goal", asked, &headers).await?;
    let (goal_id, goal_status) = (text(&goal, "id"), text(&goal, "status"));
    let message = format!("added {tasks_added} tasks to {goal_id}");
    Ok(Json(Added { success: true, goal_id, tasks_added, goal_status, message }))
}

/// Changes a goal.
#[utoipa::path(patch, path = "/api/goals/{id}", params(("id" = String, Path)), request_body = Change, responses((status = OK, body = Changed)))]
pub(super) async fn update(
    State(control): State<Control>,
    asker: Asker,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(change): Body<Change>,
) -> Answer<Changed> {
    let mut asked = json!(change);
    asked["goal_id"] = json!(id);
    let goal = self::change(&control, &asker, "update_goal", asked, &headers).await?;
    let message = format!("changed goal {}", text(&goal, "id"));
    Ok(Json(Changed { success: true, goal, message }))
}

/// Deletes a goal with its tasks.
#[utoipa::path(delete, path = "/api/goals/{id}", params(("id" = String, Path), Dependents), responses((status = OK, body = Deleted)))]
pub(super) async fn delete(
    State(control): State<Control>,
    asker: Asker,
    Path(id): Path<String>,
    Query(dependents): Query<Dependents>,
    headers: HeaderMap,
) -> Answer<Deleted> {
    let asked = dependents.of("goal_id", &id);
    let gone = change(&control, &asker, "delete_goal", asked, &headers).await?;
    let (deleted_goal_id, deleted_tasks_count) = (text(&gone, "deleted_goal_id"), gone["deleted_tasks"].as_u64());
    let message = format!("deleted goal {deleted_goal_id}");
    let deleted_tasks_count = deleted_tasks_count.unwrap_or_default();
    Ok(Json(Deleted { success: true, deleted_goal_id, deleted_tasks_count, message }))
}

/// What `GET /api/goals` says.
pub(super) async fn summarised(control: &Control, asker: &Asker) -> Result<Summary, Problem> {
    let (mut goals, mut which) = (Vec::new(), Which::default());
    let source = loop {
        let page = page(control, asker, &which).await?;
        let source = source(&page);
        let mut shown = items(page, "goals");
        let last = shown.last().map(|goal| text(goal, "id")).filter(|_| shown.len() == GOALS_MAX);
        goals.append(&mut shown);
        match last {
            Some(last) => which.after = Some(last),
            None => break source,
        }
    };
    let active = active(control, asker, &goals).await?;
    let summary = totals(&goals);
    goals.truncate(RECENT);
    Ok(Summary { summary, recent_goals: goals, active_tasks: active, source })
}

fn totals(goals: &[Value]) -> Totals {
    let goals_by_status = counted(&GOAL_WORDS, goals.iter().filter_map(|goal| goal["status"].as_str()));
    let sum = |word: &str| goals.iter().filter_map(|goal| goal["progress"][word].as_u64()).sum::<u64>();
    let tasks_by_status = TASK_WORDS.iter().map(|word| ((*word).to_owned(), sum(word))).collect();
    Totals { total_goals: goals.len() as u64, total_tasks: sum("total"), goals_by_status, tasks_by_status }
}

/// Tasks in progress, then those that are ready: of the newest goals that have any.
async fn active(control: &Control, asker: &Asker, goals: &[Value]) -> Result<Vec<Value>, Problem> {
    let has = |goal: &&Value| ["in_progress", "ready"].iter().any(|word| goal["progress"][*word].as_u64() > Some(0));
    let ids: Vec<&Value> =
        goals.iter().filter(has).take(ACTIVE).filter_map(|goal| goal["tasks"].as_array()).flatten().collect();
    let mut tasks = super::tasks::of(control, asker, &ids).await?;
    let rank = |task: &Value| match task["status"].as_str() {
        Some("in_progress") => Some(0),
        Some("pending") if task["ready"] == true => Some(1),
        _ => None,
    };
    tasks.retain(|task| rank(task).is_some());
    tasks.sort_by_key(|task| rank(task));
    tasks.truncate(ACTIVE);
    Ok(tasks)
}

/// A page of goals, as `list_goals` gives it.
pub(super) async fn page(control: &Control, asker: &Asker, which: &Which) -> Result<Value, Problem> {
    let mut asked = json!({ "limit": which.limit.unwrap_or(GOALS_MAX).clamp(1, GOALS_MAX) });
    for (key, value) in
        [("status", &which.status), ("priority", &which.priority), ("after", &which.after), ("query", &which.q)]
    {
        if let Some(value) = value {
            asked[key] = json!(value);
        }
    }
    inside_call(control, asker, SERVER, "list_goals", &asked).await
}

/// Calls a tool that changes something; gives its answer without what is said of where it is kept.
pub(super) async fn change(
    control: &Control,
    asker: &Asker,
    tool: &str,
    mut asked: Value,
    headers: &HeaderMap,
) -> Result<Value, Problem> {
    if let Some(key) = idempotency_key(headers) {
        asked["idempotency_key"] = json!(key);
    }
    let mut done = inside_call(control, asker, SERVER, tool, &asked).await?;
    if let Some(done) = done.as_object_mut() {
        done.remove("_persistence");
    }
    Ok(done)
}

/// How many there are of each word, those included of which there is none.
fn counted<'a>(words: &[&str], found: impl Iterator<Item = &'a str>) -> BTreeMap<String, u64> {
    let mut counts: BTreeMap<String, u64> = words.iter().map(|word| ((*word).to_owned(), 0)).collect();
    for word in found {
        *counts.entry(word.to_owned()).or_default() += 1;
    }
    counts
}

/// Which database it is.
pub(super) fn source(page: &Value) -> String {
    text(page, "persistence")
}

/// The list under a key.
pub(super) fn items(mut of: Value, key: &str) -> Vec<Value> {
    match of[key].take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    }
}

/// The text under a key.
pub(super) fn text(of: &Value, key: &str) -> String {
    of[key].as_str().unwrap_or_default().to_owned()
}

/// A failure of a list, with an empty one, as the predecessor's page expects it.
pub(super) fn empty(problem: Problem, list: &str) -> super::answer::Refused {
    super::answer::Refused::from(problem).with(list, json!([])).with("count", 0)
}

// === impl Dependents ===

impl Dependents {
    /// What a tool that deletes is asked with.
    pub(super) fn of(&self, key: &str, id: &str) -> Value {
        let mut asked = json!({ key: id });
        if let Some(dependents) = &self.dependents {
            asked["dependents"] = json!(dependents);
        }
        asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_bucket() {
        let goals = [
            json!({ "status": "planned", "progress": { "total": 0 } }),
            json!({ "status": "in_progress", "progress": { "total": 3, "failed": 1, "blocked": 1, "pending": 1 } }),
        ];
        let totals = totals(&goals);
        assert_eq!((totals.total_goals, totals.total_tasks), (2, 3));
        assert_eq!((totals.goals_by_status["planned"], totals.goals_by_status["cancelled"]), (1, 0));
        let tasks = TASK_WORDS.map(|word| totals.tasks_by_status[word]);
        assert_eq!(tasks, [1, 0, 0, 1, 1, 0]);
    }
}
