//! The tools for goals.
//!
//! It deliberately knows tasks only as parts of a goal.

use super::Desk;
use super::answer::{self, Answer, Anything, Item};
use super::sought;
use crate::goals::model::{
    BREAK_DOWN_MAX, Command, Dependents, Estimate, GoalChange, GoalStatus, NewGoal, NewTask, Priority, Reference, view,
};
use protocol::CallContext;
use protocol::tools::Failure;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Goals of one answer, where nothing is said.
const LIST: u32 = 100;
/// Goals of one answer at most.
const LIST_MAX: u32 = 1_000;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Create {
    description: String,
    #[serde(default)]
    priority: Priority,
    #[serde(default)]
    repos: Vec<Value>,
    #[serde(default)]
    metadata: Map<String, Value>,
    /// why, acceptance[], owner, due, budget{}, labels[]
    #[serde(default)]
    #[schemars(with = "Map<String, Value>")]
    details: Details,
    idempotency_key: Option<String>,
}

/// What is seldom said of a goal; its names stand in one line of the schema, for the tokens.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Details {
    why: Option<String>,
    acceptance: Vec<String>,
    owner: Option<String>,
    due: Option<String>,
    budget: Map<String, Value>,
    labels: Vec<String>,
}

pub(super) async fn create(desk: Desk, context: CallContext, asked: Create) -> Result<Answer<Item>, Failure> {
    let Details { why, acceptance, owner, due, budget, labels } = asked.details;
    let due = answer::moment("due", due.as_deref())?;
    let (description, priority) = (asked.description, asked.priority);
    let (repos, metadata) = (asked.repos, asked.metadata);
    let goal = NewGoal { description, priority, repos, metadata, why, acceptance, owner, due, budget, labels };
    let made = desk.write(&context, Command::CreateGoal(Box::new(goal)), asked.idempotency_key).await?;
    Ok(Answer::of(desk.kept(made)))
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct BreakDown {
    goal_id: String,
    /// Also: parent, capabilities[], estimate{p50,p90 hours}, labels[], metadata{}, defer_until, max_attempts
    subtasks: Vec<Subtask>,
    expected_version: Option<u64>,
    idempotency_key: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Subtask {
    description: String,
    /// For siblings.
    #[serde(rename = "ref")]
    reference: Option<String>,
    /// Refs, indexes (from 0), ids.
    #[serde(default)]
    #[schemars(with = "Vec<Value>")]
    dependencies: Vec<Named>,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    priority: Priority,
    repo: Option<String>,
    jira_ticket: Option<String>,
    /// 3d, 5h, 2w.
    estimated_effort: Option<String>,
    #[serde(default)]
    tools: Vec<Value>,
    #[serde(default)]
    acceptance: Vec<String>,
    #[schemars(skip)]
    parent: Option<Named>,
    #[schemars(skip)]
    estimate: Option<Estimate>,
    #[serde(default)]
    #[schemars(skip)]
    capabilities: Vec<String>,
    #[serde(default)]
    #[schemars(skip)]
    labels: Vec<String>,
    #[serde(default)]
    #[schemars(skip)]
    metadata: Map<String, Value>,
    #[schemars(skip)]
    defer_until: Option<String>,
    #[schemars(skip)]
    max_attempts: Option<u32>,
}

/// A task named by a text or by its place.
#[derive(Deserialize)]
#[serde(untagged)]
enum Named {
    Index(usize),
    Name(String),
}

impl From<Named> for Reference {
    fn from(named: Named) -> Self {
        match named {
            Named::Index(index) => Self::Index(index),
            Named::Name(name) => Self::Name(name),
        }
    }
}

impl Subtask {
    fn into_task(self) -> Result<NewTask, Failure> {
        Ok(NewTask {
            reference: self.reference,
            description: self.description,
            kind: self.kind,
            priority: self.priority,
            dependencies: self.dependencies.into_iter().map(Reference::from).collect(),
            parent: self.parent.map(Reference::from),
            repo: self.repo,
            jira_ticket: self.jira_ticket,
            estimated_effort: self.estimated_effort,
            estimate: self.estimate,
            tools: self.tools,
            checks: self.acceptance,
            capabilities: self.capabilities,
            labels: self.labels,
            metadata: self.metadata,
            defer_until: answer::moment("defer_until", self.defer_until.as_deref())?,
            attempts_max: self.max_attempts,
        })
    }
}

pub(super) async fn break_down(desk: Desk, context: CallContext, asked: BreakDown) -> Result<Answer<Item>, Failure> {
    if asked.subtasks.len() > BREAK_DOWN_MAX {
        let message = format!("{} subtasks are too many, at most {BREAK_DOWN_MAX}", asked.subtasks.len());
        return Err(Failure::validation(message).next("call it several times"));
    }
    let tasks = asked.subtasks.into_iter().map(Subtask::into_task).collect::<Result<_, _>>()?;
    let command = Command::BreakDown { goal: asked.goal_id, tasks, expected_version: asked.expected_version };
    let goal = desk.write(&context, command, asked.idempotency_key).await?;
    Ok(Answer::of(desk.kept(goal)))
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct Which {
    pub(super) goal_id: String,
}

pub(super) async fn get(desk: Desk, _context: CallContext, asked: Which) -> Result<Answer<Item>, Failure> {
    let goal = shown(&desk, asked.goal_id).await?;
    Ok(Answer::of(desk.served(goal)))
}

/// A goal with its tasks.
pub(super) async fn shown(desk: &Desk, id: String) -> Result<Value, Failure> {
    desk.read(move |state| {
        let at = state.find_goal(&id)?;
        Ok(view::value(view::goal_with_tasks(state, at)))
    })
    .await
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct List {
    status: Option<GoalStatus>,
    priority: Option<Priority>,
    limit: Option<u32>,
    after: Option<String>,
    query: Option<String>,
}

pub(super) async fn list(desk: Desk, _context: CallContext, asked: List) -> Result<Answer<Anything>, Failure> {
    let limit = answer::bounded(asked.limit, LIST, LIST_MAX);
    if let Some(query) = asked.query.clone().filter(|query| !query.trim().is_empty()) {
        return about(desk, query, limit, asked).await;
    }
    let (goals, count) = desk
        .read(move |state| {
            let after = asked.after.as_deref().map(|after| state.find_goal(after)).transpose()?;
            let below = after.and_then(|at| state.goal(at)).map_or(u64::MAX, |goal| goal.row.number);
            let fits = |row: &crate::goals::model::Goal| {
                asked.status.is_none_or(|status| row.status == status)
                    && asked.priority.is_none_or(|priority| row.priority == priority)
            };
            let all = || state.goals_newest_first().filter(|slot| fits(&slot.row));
            let goals: Vec<_> = all()
                .filter(|slot| slot.row.number < below)
                .take(limit)
                .map(|slot| view::value(view::goal_of(state, slot)))
                .collect();
            Ok((goals, all().count()))
        })
        .await?;
    let shown = goals.len();
    Ok(Answer::of(json!({
        "goals": goals, "count": count, "shown": shown, "persistence": desk.database(), "cache_enabled": true,
    })))
}

/// The goals that are about `query`, best first.
async fn about(desk: Desk, query: String, limit: usize, asked: List) -> Result<Answer<Anything>, Failure> {
    if asked.after.is_some() {
        return Err(Failure::validation("`after` is for lists without `query`").next("raise `limit` instead"));
    }
    let texts = desk
        .read(move |state| {
            Ok(sought::texts(state, |row| {
                asked.status.is_none_or(|status| row.status == status)
                    && asked.priority.is_none_or(|priority| row.priority == priority)
            }))
        })
        .await?;
    let best = sought::ranked(texts, query, limit).await?;
    let goals: Vec<Value> = desk
        .read(move |state| {
            let shown = best.iter().filter_map(|(number, score)| {
                let slot = state.goals_newest_first().find(|slot| slot.row.number == *number)?;
                let mut goal = view::value(view::goal_of(state, slot));
                goal["score"] = json!((f64::from(*score) * 100.0).round() / 100.0);
                Some(goal)
            });
            Ok(shown.collect())
        })
        .await?;
    let count = goals.len();
    Ok(Answer::of(json!({
        "goals": goals, "count": count, "shown": count, "persistence": desk.database(), "cache_enabled": true,
    })))
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct Update {
    goal_id: String,
    description: Option<String>,
    priority: Option<Priority>,
    status: Option<GoalStatus>,
    repos: Option<Vec<Value>>,
    metadata: Option<Map<String, Value>>,
    expected_version: Option<u64>,
    idempotency_key: Option<String>,
}

pub(super) async fn update(desk: Desk, context: CallContext, asked: Update) -> Result<Answer<Item>, Failure> {
    let change = GoalChange {
        goal: asked.goal_id,
        expected_version: asked.expected_version,
        description: asked.description,
        priority: asked.priority,
        status: asked.status,
        repos: asked.repos,
        metadata: asked.metadata,
    };
    let goal = desk.write(&context, Command::UpdateGoal(Box::new(change)), asked.idempotency_key).await?;
    Ok(Answer::of(desk.kept(goal)))
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct Delete {
    goal_id: String,
    #[serde(default)]
    dependents: Dependents,
    expected_version: Option<u64>,
    idempotency_key: Option<String>,
}

pub(super) async fn delete(desk: Desk, context: CallContext, asked: Delete) -> Result<Answer<Anything>, Failure> {
    let (dependents, expected_version) = (asked.dependents, asked.expected_version);
    let command = Command::DeleteGoal { goal: asked.goal_id, dependents, expected_version };
    desk.write(&context, command, asked.idempotency_key).await.map(Answer::of)
}
