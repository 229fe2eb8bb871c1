//! What beads keeps in `.beads/issues.jsonl`: an issue a line, with its dependencies. All of a file
//! becomes one goal; each issue is kept whole in the metadata, so nothing that it said is lost.
//!
//! It deliberately writes no such file.

use super::super::model::{
    Bundle, Edge, EdgeKind, Estimate, Goal, GoalStatus, Ms, Priority, Refusal, Task, TaskStatus,
};
use super::{id_of, moment_of, text_of};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};

const SYSTEM: &str = "beads";

pub(super) fn read(text: &str) -> Result<Bundle, Refusal> {
    let mut bundle = Bundle { lenient: true, system: Some(SYSTEM.to_owned()), ..Bundle::default() };
    let mut issues: Vec<Map<String, Value>> = Vec::new();
    for (line, number) in text.lines().zip(1_usize..) {
        if line.trim().is_empty() {
            continue;
        }
        let issue: Map<String, Value> = serde_json::from_str(line).map_err(|error| {
            Refusal::invalid(
                format!("line {number} is no issue of beads: {error}"),
                "give the text of .beads/issues.jsonl",
            )
        })?;
        match text_of(&issue, "id") {
            Some(_) => issues.push(issue),
            None => bundle.warnings.push(format!("line {number} has no id and was left out")),
        }
    }
    let Some(first) = issues.first() else {
        return Err(Refusal::invalid("there are no issues in it", "give the text of .beads/issues.jsonl"));
    };
    let first = text_of(first, "id").unwrap_or_default();
    let prefix = first.rsplit_once('-').map_or(first.as_str(), |(prefix, _)| prefix).to_owned();
    let made = issues.iter().filter_map(|issue| moment_of(issue, "created_at")).min().unwrap_or(0);
    let goal = goal(&prefix, made);
    let mut ids = HashMap::new();
    for issue in &issues {
        let name = text_of(issue, "id").unwrap_or_default();
        let task = task(&goal.id, &name, issue, &mut bundle.warnings);
        if ids.insert(name.clone(), task.id.clone()).is_some() {
            bundle.warnings.push(format!("two issues are called {name}; the second was left out"));
        } else {
            bundle.tasks.push(task);
        }
    }
    bundle.goals.push(goal);
    for issue in &issues {
        edges(issue, &ids, &mut bundle);
    }
    let counts = [("issues", issues.len()), ("dependencies", bundle.edges.len())];
    bundle.read = counts.into_iter().map(|(what, count)| (what.to_owned(), count)).collect();
    Ok(bundle)
}

fn goal(prefix: &str, made: Ms) -> Goal {
    Goal {
        id: id_of('g', SYSTEM, prefix, made),
        number: 0,
        description: format!("beads: {prefix}"),
        status: GoalStatus::Planned,
        priority: Priority::Medium,
        repos: Vec::new(),
        metadata: Map::new(),
        why: None,
        acceptance: Vec::new(),
        owner: None,
        due: None,
        budget: Map::new(),
        labels: Vec::new(),
        external_refs: BTreeMap::from([(SYSTEM.to_owned(), prefix.to_owned())]),
        created_at: made,
        updated_at: made,
        completed_at: None,
        version: 1,
    }
}

fn task(goal: &str, name: &str, issue: &Map<String, Value>, warnings: &mut Vec<String>) -> Task {
    let made = moment_of(issue, "created_at").unwrap_or(0);
    let title = text_of(issue, "title").unwrap_or_else(|| name.to_owned());
    let word = text_of(issue, "status").unwrap_or_default();
    let status = match word.as_str() {
        "" | "open" => TaskStatus::Pending,
        "in_progress" | "hooked" => TaskStatus::InProgress,
        "blocked" | "deferred" | "pinned" => TaskStatus::Blocked,
        "closed" => TaskStatus::Completed,
        "tombstone" => TaskStatus::Cancelled,
        other => {
            warnings.push(format!("{name} is `{other}`, which we do not know; it is pending now"));
            TaskStatus::Pending
        }
    };
    let hours = issue
        .get("estimated_minutes")
        .and_then(Value::as_f64)
        .filter(|minutes| *minutes > 0.0)
        .map(|minutes| minutes / 60.0);
    let labels = issue.get("labels").and_then(Value::as_array);
    let mut external_refs = BTreeMap::from([(SYSTEM.to_owned(), name.to_owned())]);
    external_refs.extend(text_of(issue, "external_ref").map(|external| ("external".to_owned(), external)));
    let updated = moment_of(issue, "updated_at").unwrap_or(made);
    Task {
        id: id_of('t', SYSTEM, name, made),
        goal: goal.to_owned(),
        description: text_of(issue, "description").map_or_else(|| title.clone(), |more| format!("{title}\n\n{more}")),
        kind: text_of(issue, "issue_type").unwrap_or_else(|| "general".to_owned()),
        status,
        priority: match issue.get("priority").and_then(Value::as_i64) {
            Some(0 | 1) => Priority::High,
            Some(3..) => Priority::Low,
            _ => Priority::Medium,
        },
        estimate: hours.map(|p50| Estimate { p50, p90: p50 * 2.0 }),
        labels: labels.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect(),
        external_refs,
        metadata: Map::from_iter([(SYSTEM.to_owned(), Value::Object(issue.clone()))]),
        attempts_max: super::super::model::ATTEMPTS_MAX,
        defer_until: moment_of(issue, "defer_until"),
        result: text_of(issue, "close_reason").map(|reason| json!({ "close_reason": reason })),
        created_at: made,
        updated_at: updated,
        completed_at: (status == TaskStatus::Completed).then(|| moment_of(issue, "closed_at").unwrap_or(updated)),
        version: 1,
        ..Task::default()
    }
}

/// The edges of an issue. beads says what it depends on; ours go from what is waited for.
fn edges(issue: &Map<String, Value>, ids: &HashMap<String, String>, bundle: &mut Bundle) {
    let list = issue.get("dependencies").and_then(Value::as_array);
    for dependency in list.into_iter().flatten().filter_map(Value::as_object) {
        let name = text_of(dependency, "issue_id").or_else(|| text_of(issue, "id")).unwrap_or_default();
        let other = text_of(dependency, "depends_on_id").unwrap_or_default();
        let (Some(this), Some(that)) = (ids.get(&name).cloned(), ids.get(&other).cloned()) else {
            bundle.warnings.push(format!("{name} depends on {other}, which is not there; it is left out"));
            continue;
        };
        let word = text_of(dependency, "type").unwrap_or_else(|| "blocks".to_owned());
        let (from, to, kind) = match word.as_str() {
            "blocks" => (that, this, EdgeKind::Blocks),
            "parent-child" => (that, this, EdgeKind::Parent),
            "conditional-blocks" => (that, this, EdgeKind::OnFailure),
            "waits-for" => (that, this, EdgeKind::WaitsAll),
            "related" | "relates-to" | "relates_to" => (this, that, EdgeKind::Relates),
            "discovered-from" => (this, that, EdgeKind::DiscoveredFrom),
            "duplicates" => (this, that, EdgeKind::Duplicates),
            "supersedes" => (this, that, EdgeKind::Supersedes),
            "validates" => (this, that, EdgeKind::Validates),
            other => {
                bundle.warnings.push(format!("{name}: a dependency of type `{other}` is kept in its metadata only"));
                continue;
            }
        };
        bundle.edges.push(Edge { from, to, kind });
    }
}
