//! What else there is of goals and tasks than the predecessors had: the graph with its critical path, the
//! plan, what is ready, claims, and copies; all through the tools of the server `goals`.

use super::inside_call::inside_call;
use crate::access::Asker;
use crate::asked::{Body, Path, Query};
use crate::{Control, Problem};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The server.
const GOALS: &str = "goals";

/// The routes of this file.
pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new()
        .routes(routes!(graph))
        .routes(routes!(plan))
        .routes(routes!(next))
        .routes(routes!(task))
        .routes(routes!(claim))
        .routes(routes!(finish))
        .routes(routes!(export))
        .routes(routes!(import))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Agents {
    /// How many work at once; as many as are of use if absent.
    #[param(minimum = 1)]
    agents: Option<u32>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Only of this goal.
    goal: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Copied {
    /// Only this goal.
    goal: Option<String>,
}

/// A goal drawn: its tasks and what waits for what.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
struct GoalGraph {
    /// Its tasks.
    nodes: Vec<GoalNode>,
    /// What waits for what.
    edges: Vec<GoalEdge>,
    /// The tasks that decide when it is done, in their order.
    critical_path: Vec<String>,
    /// How long they take, in minutes.
    critical_minutes: Option<f64>,
}

/// A task in a drawing.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
struct GoalNode {
    /// Its id.
    id: String,
    /// What is to be done.
    title: String,
    /// `pending`, `in_progress`, `completed`, …
    status: String,
    /// `high`, `medium` or `low`.
    priority: String,
    /// Whether it is on the critical path.
    critical: bool,
}

/// One task waits for another.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
struct GoalEdge {
    /// The one that comes first.
    from: String,
    /// The one that waits.
    to: String,
}

/// A plan and its times.
#[derive(Serialize, ToSchema)]
struct GoalPlan {
    /// In which order the tasks can be done.
    plan: Value,
    /// How long that takes.
    schedule: Value,
}

/// A task, and why it waits.
#[derive(Serialize, ToSchema)]
struct ExplainedTask {
    /// The task.
    task: Value,
    /// Why it waits, or that it does not.
    why: Value,
}

/// A task to take; the best that is ready and fits if none is named.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewClaim {
    /// This one.
    #[serde(skip_serializing_if = "Option::is_none")]
    task_id: Option<String>,
    /// One of this goal.
    #[serde(skip_serializing_if = "Option::is_none")]
    goal_id: Option<String>,
    /// Who takes it; whoever asks if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    holder: Option<String>,
    /// What they can do.
    #[serde(default)]
    capabilities: Vec<String>,
    /// For how long, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    lease_seconds: Option<u32>,
}

/// What came of a claimed task.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TaskReport {
    /// The token that its claim gave.
    token: u64,
    /// `heartbeat`, `complete`, `retry`, `fail` or `release`.
    action: String,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Value>,
    /// How far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<String>,
    /// Checks that passed.
    #[serde(default)]
    checks_passed: Vec<String>,
    /// Why it counts as done though a check did not pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    override_reason: Option<String>,
}

/// A copy of goals.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct GoalCopy {
    /// The text of the copy.
    state_json: String,
    /// Who wrote it: `switchboard`, `task-master` or `beads`.
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<String>,
}

/// A goal's tasks, what waits for what, and its critical path.
#[utoipa::path(get, path = "/api/goals/{id}/graph", responses((status = OK, description = "To be drawn", body = GoalGraph)))]
async fn graph(
    State(control): State<Control>,
    asker: Asker,
    Path(id): Path<String>,
) -> Result<Json<GoalGraph>, Problem> {
    let which = json!({ "goal_id": id });
    let goal = inside_call(&control, &asker, GOALS, "get_goal", &which).await?;
    let schedule = inside_call(&control, &asker, GOALS, "schedule_goal", &which).await?;
    Ok(Json(drawn(&goal, &schedule)))
}

/// In which order a goal's tasks can be done, and how long that takes.
#[utoipa::path(get, path = "/api/goals/{id}/plan", params(Agents), responses((status = OK, description = "The plan and its times", body = GoalPlan)))]
async fn plan(
    State(control): State<Control>,
    asker: Asker,
    Path(id): Path<String>,
    Query(agents): Query<Agents>,
) -> Result<Json<GoalPlan>, Problem> {
    let plan = inside_call(&control, &asker, GOALS, "generate_execution_plan", &json!({ "goal_id": id })).await?;
    let times = given([("goal_id", Some(json!(id))), ("agents", agents.agents.map(Value::from))]);
    let schedule = inside_call(&control, &asker, GOALS, "schedule_goal", &times).await?;
    Ok(Json(GoalPlan { plan, schedule }))
}

/// The tasks that are ready, the best first.
#[utoipa::path(get, path = "/api/tasks/next", params(Which), responses((status = OK, description = "`tasks`", body = Object)))]
async fn next(
    State(control): State<Control>,
    asker: Asker,
    Query(which): Query<Which>,
) -> Result<Json<Value>, Problem> {
    let asked = given([("goal_id", which.goal.map(Value::from)), ("limit", which.limit.map(Value::from))]);
    inside_call(&control, &asker, GOALS, "get_next_tasks", &asked).await.map(Json)
}

/// A task, and why it waits.
#[utoipa::path(get, path = "/api/tasks/{id}", responses((status = OK, description = "The task", body = ExplainedTask)))]
async fn task(
    State(control): State<Control>,
    asker: Asker,
    Path(id): Path<String>,
) -> Result<Json<ExplainedTask>, Problem> {
    let which = json!({ "task_id": id });
    let task = inside_call(&control, &asker, GOALS, "get_task", &which).await?;
    let why = inside_call(&control, &asker, GOALS, "explain_task", &which).await?;
    Ok(Json(ExplainedTask { task, why }))
}

/// Take a task for a time.
#[utoipa::path(post, path = "/api/tasks/claim", request_body = NewClaim, responses((status = OK, description = "Whether one was taken, its token, and until when", body = Object)))]
async fn claim(
    State(control): State<Control>,
    asker: Asker,
    Body(claim): Body<NewClaim>,
) -> Result<Json<Value>, Problem> {
    inside_call(&control, &asker, GOALS, "claim_task", &json!(claim)).await.map(Json)
}

/// Say what came of a task that was taken.
#[utoipa::path(post, path = "/api/tasks/{id}/finish", request_body = TaskReport, responses((status = OK, description = "The task", body = Object)))]
async fn finish(
    State(control): State<Control>,
    asker: Asker,
    Path(id): Path<String>,
    Body(report): Body<TaskReport>,
) -> Result<Json<Value>, Problem> {
    let mut arguments = json!(report);
    arguments["task_id"] = json!(id);
    inside_call(&control, &asker, GOALS, "finish_task", &arguments).await.map(Json)
}

/// A copy of all goals, or of one, as JSON lines in `state_json`.
#[utoipa::path(get, path = "/api/goals/export", params(Copied), responses((status = OK, description = "`state_json`", body = Object)))]
async fn export(
    State(control): State<Control>,
    asker: Asker,
    Query(which): Query<Copied>,
) -> Result<Json<Value>, Problem> {
    let asked = given([("goal_id", which.goal.map(Value::from))]);
    inside_call(&control, &asker, GOALS, "save_state_to_cache", &asked).await.map(Json)
}

/// Add the goals of a copy, or of another system's file.
#[utoipa::path(post, path = "/api/goals/import", request_body = GoalCopy, responses((status = OK, description = "How many were added", body = Object)))]
async fn import(
    State(control): State<Control>,
    asker: Asker,
    Body(copy): Body<GoalCopy>,
) -> Result<Json<Value>, Problem> {
    inside_call(&control, &asker, GOALS, "restore_state_from_cache", &json!(copy)).await.map(Json)
}

/// Arguments without those that nobody gave.
fn given<const N: usize>(arguments: [(&str, Option<Value>); N]) -> Value {
    let given = arguments.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(given.collect::<Map<_, _>>())
}

fn drawn(goal: &Value, schedule: &Value) -> GoalGraph {
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let critical_path = texts(&schedule["critical_path"]);
    let critical: HashSet<&str> = critical_path.iter().map(String::as_str).collect();
    let tasks = goal["task_details"].as_array().map(Vec::as_slice).unwrap_or_default();
    let node = |task: &Value| {
        let id = text(task, "id");
        let critical = critical.contains(id.as_str());
        let (title, status, priority) = (text(task, "description"), text(task, "status"), text(task, "priority"));
        GoalNode { id, title, status, priority, critical }
    };
    let edges = tasks
        .iter()
        .flat_map(|task| texts(&task["dependencies"]).into_iter().map(|from| GoalEdge { from, to: text(task, "id") }));
    let (nodes, edges) = (tasks.iter().map(node).collect(), edges.collect());
    let critical_minutes = schedule["critical_hours"].as_f64().map(|hours| (hours * 600.0).round() / 10.0);
    GoalGraph { nodes, edges, critical_path, critical_minutes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_drawn_with_what_decides_when_it_is_done() {
        let task = |id: &str, before: &[&str]| json!({ "id": id, "description": id, "status": "pending", "priority": "low", "dependencies": before });
        let goal = json!({ "task_details": [task("T1", &[]), task("T2", &["T1"]), task("T3", &["T1", "T2"])] });
        let graph = drawn(&goal, &json!({ "critical_path": ["T1", "T3"], "critical_hours": 1.5 }));
        let critical: Vec<bool> = graph.nodes.iter().map(|node| node.critical).collect();
        assert_eq!((critical, graph.critical_minutes), (vec![true, false, true], Some(90.0)));
        let edges: Vec<_> = graph.edges.iter().map(|edge| (edge.from.as_str(), edge.to.as_str())).collect();
        assert_eq!(edges, [("T1", "T2"), ("T1", "T3"), ("T2", "T3")]);
        assert_eq!(drawn(&json!({}), &json!({})).nodes, []);
    }
}
