//! Our own format: one JSON object a line, in the order of ids, so that two exports of the same
//! goals are the same bytes and a difference is a few lines.
//!
//! Claims are deliberately left out: whoever works here does not work there.

use super::super::model::{Bundle, Edge, Gate, Goal, GoalAt, Refusal, State, Task, TaskStatus};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};

/// The first line says so.
const FORMAT: &str = "switchboard-goals";
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    Header { format: String, version: u32 },
    Goal(Box<Goal>),
    Task(Box<Task>),
    Edge(Edge),
    Gate(Gate),
}

/// All goals, or one: its tasks, the edges between them, their gates.
pub(in crate::goals) fn export(state: &State, goal: Option<GoalAt>) -> String {
    let mut rows = state.rows();
    let claimed: HashSet<&str> = rows.claims.iter().map(|claim| claim.task.as_str()).collect();
    for task in &mut rows.tasks {
        if claimed.contains(task.id.as_str()) {
            (task.status, task.started_at) = (TaskStatus::Pending, None);
        }
    }
    if let Some(only) = goal.and_then(|at| state.goal(at)).map(|slot| slot.row.id.clone()) {
        rows.goals.retain(|goal| goal.id == only);
        rows.tasks.retain(|task| task.goal == only);
        let ids: HashSet<&str> = rows.tasks.iter().map(|task| task.id.as_str()).collect();
        rows.edges.retain(|edge| ids.contains(edge.from.as_str()) && ids.contains(edge.to.as_str()));
        rows.gates
            .retain(|gate| ids.contains(gate.task.as_str()) && gate.goal.as_ref().is_none_or(|goal| *goal == only));
    }
    let lines = std::iter::once(Line::Header { format: FORMAT.to_owned(), version: VERSION })
        .chain(rows.goals.into_iter().map(|row| Line::Goal(Box::new(row))))
        .chain(rows.tasks.into_iter().map(|row| Line::Task(Box::new(row))))
        .chain(rows.edges.into_iter().map(Line::Edge))
        .chain(rows.gates.into_iter().map(Line::Gate));
    let mut text = String::new();
    for line in lines {
        text.push_str(&serde_json::to_string(&line).unwrap_or_default());
        text.push('\n');
    }
    text
}

pub(super) fn read(text: &str) -> Result<Bundle, Refusal> {
    let mut bundle = Bundle::default();
    let mut headed = false;
    for (line, number) in text.lines().zip(1_usize..) {
        if line.trim().is_empty() {
            continue;
        }
        let line: Line = serde_json::from_str(line).map_err(|error| {
            Refusal::invalid(
                format!("line {number} cannot be read: {error}"),
                "import what export_goals wrote, or say its `format`",
            )
        })?;
        match line {
            Line::Header { format, version } if format == FORMAT && version == VERSION => headed = true,
            Line::Header { format, version } => {
                let message = format!("it is `{format}` version {version}, not {FORMAT} version {VERSION}");
                return Err(Refusal::invalid(message, "export it again with this switchboard"));
            }
            Line::Goal(row) => bundle.goals.push(*row),
            Line::Task(row) => bundle.tasks.push(*row),
            Line::Edge(row) => bundle.edges.push(row),
            Line::Gate(row) => bundle.gates.push(row),
        }
    }
    if !headed {
        return Err(Refusal::invalid(
            "its first line is not that of an export",
            "import what export_goals wrote, or say its `format`",
        ));
    }
    bundle.read = BTreeMap::from([
        ("goals".to_owned(), bundle.goals.len()),
        ("tasks".to_owned(), bundle.tasks.len()),
        ("edges".to_owned(), bundle.edges.len()),
        ("gates".to_owned(), bundle.gates.len()),
    ]);
    Ok(bundle)
}
