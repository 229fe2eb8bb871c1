//! What claude-task-master keeps in `tasks.json`: tags with tasks with subtasks. A tag becomes a
//! goal, a subtask a part of its task; each object is kept whole in the metadata, so nothing that
//! it said is lost.
//!
//! It deliberately writes no such file.

use super::super::model::{Bundle, Edge, EdgeKind, Goal, GoalStatus, Ms, Priority, Refusal, Task, TaskStatus};
use super::{id_of, moment_of, name_of, text_of};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};

const SYSTEM: &str = "task-master";

pub(super) fn read(text: &str) -> Result<Bundle, Refusal> {
    let refused = |why: String| {
        Refusal::invalid(
            format!("it is no tasks.json of task-master: {why}"),
            "give the text of .taskmaster/tasks/tasks.json",
        )
    };
    let file: Value = serde_json::from_str(text).map_err(|error| refused(error.to_string()))?;
    let mut bundle = Bundle { lenient: true, system: Some(SYSTEM.to_owned()), ..Bundle::default() };
    let mut reader = Reader { bundle: &mut bundle, names: HashMap::new() };
    match file {
        Value::Array(tasks) => reader.tag("master", Map::new(), &tasks),
        Value::Object(mut file) => match file.remove("tasks") {
            Some(Value::Array(tasks)) => reader.tag("master", file, &tasks),
            Some(_) => return Err(refused("`tasks` is no list".to_owned())),
            None => {
                for (tag, content) in &file {
                    let Some(content) = content.as_object() else {
                        return Err(refused(format!("the tag `{tag}` is no object")));
                    };
                    let mut content = content.clone();
                    let Some(Value::Array(tasks)) = content.remove("tasks") else {
                        return Err(refused(format!("the tag `{tag}` has no list `tasks`")));
                    };
                    reader.tag(tag, content, &tasks);
                }
            }
        },
        _ => return Err(refused("it is neither an object nor a list".to_owned())),
    }
    let (goals, tasks, edges) = (bundle.goals.len(), bundle.tasks.len(), bundle.edges.len());
    bundle.read =
        BTreeMap::from([("tags".to_owned(), goals), ("tasks".to_owned(), tasks), ("dependencies".to_owned(), edges)]);
    Ok(bundle)
}

struct Reader<'a> {
    bundle: &'a mut Bundle,
    /// Ids by `tag/name`.
    names: HashMap<String, String>,
}

impl Reader<'_> {
    fn tag(&mut self, tag: &str, content: Map<String, Value>, tasks: &[Value]) {
        let about = content.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default();
        let made = moment_of(&about, "created").unwrap_or(0);
        let goal = id_of('g', SYSTEM, tag, made);
        let mut metadata = Map::new();
        metadata.insert(SYSTEM.to_owned(), Value::Object(content));
        self.bundle.goals.push(Goal {
            id: goal.clone(),
            number: 0,
            description: text_of(&about, "description").unwrap_or_else(|| format!("task-master: {tag}")),
            status: GoalStatus::Planned,
            priority: Priority::Medium,
            repos: Vec::new(),
            metadata,
            why: None,
            acceptance: Vec::new(),
            owner: None,
            due: None,
            budget: Map::new(),
            labels: Vec::new(),
            external_refs: BTreeMap::from([(SYSTEM.to_owned(), tag.to_owned())]),
            created_at: made,
            updated_at: moment_of(&about, "updated").unwrap_or(made),
            completed_at: None,
            version: 1,
        });
        let objects =
            |list: &[Value]| -> Vec<Map<String, Value>> { list.iter().filter_map(Value::as_object).cloned().collect() };
        let mut waiting = Vec::new();
        for task in objects(tasks) {
            let Some(name) = self.task(tag, &goal, None, &task, made) else { continue };
            waiting.push((name.clone(), None, dependencies(&task)));
            for part in objects(task.get("subtasks").and_then(Value::as_array).map_or(&[], Vec::as_slice)) {
                if let Some(part_name) = self.task(tag, &goal, Some(&name), &part, made) {
                    self.edge(tag, &name, &part_name, EdgeKind::Parent);
                    waiting.push((part_name, Some(name.clone()), dependencies(&part)));
                }
            }
        }
        for (name, parent, before) in waiting {
            for other in before {
                // A subtask names its siblings by their bare numbers.
                let sibling = parent.as_ref().map(|parent| format!("{parent}.{other}"));
                let sibling = sibling.filter(|sibling| self.names.contains_key(&format!("{tag}/{sibling}")));
                self.edge(tag, &sibling.unwrap_or(other), &name, EdgeKind::Blocks);
            }
        }
    }

    /// Takes a task in; gives what it is called within its tag.
    fn task(
        &mut self,
        tag: &str,
        goal: &str,
        parent: Option<&str>,
        task: &Map<String, Value>,
        made: Ms,
    ) -> Option<String> {
        let Some(own) = task.get("id").and_then(name_of) else {
            self.bundle.warnings.push(format!("a task of the tag `{tag}` has no id and was left out"));
            return None;
        };
        // Some versions write the whole name of a subtask.
        let name = match parent {
            Some(parent) if !own.starts_with(&format!("{parent}.")) => format!("{parent}.{own}"),
            _ => own,
        };
        let whole = format!("{tag}/{name}");
        if self.names.contains_key(&whole) {
            self.bundle.warnings.push(format!("two tasks are called {whole}; the second was left out"));
            return None;
        }
        let title = text_of(task, "title").unwrap_or_else(|| format!("task {name}"));
        let description = match text_of(task, "description") {
            Some(more) if more != title => format!("{title}\n\n{more}"),
            _ => title,
        };
        let word = text_of(task, "status").unwrap_or_default();
        let status = match word.as_str() {
            "" | "pending" => TaskStatus::Pending,
            "in-progress" | "review" => TaskStatus::InProgress,
            "done" | "completed" => TaskStatus::Completed,
            "blocked" | "deferred" => TaskStatus::Blocked,
            "cancelled" | "canceled" => TaskStatus::Cancelled,
            other => {
                self.bundle.warnings.push(format!("{whole} is `{other}`, which we do not know; it is pending now"));
                TaskStatus::Pending
            }
        };
        let priority = match text_of(task, "priority").as_deref() {
            Some("high" | "critical") => Priority::High,
            Some("low") => Priority::Low,
            _ => Priority::Medium,
        };
        let mut kept = task.clone();
        kept.shift_remove("subtasks");
        let updated = moment_of(task, "updatedAt").unwrap_or(made);
        let id = id_of('t', SYSTEM, &whole, made);
        self.names.insert(whole.clone(), id.clone());
        self.bundle.tasks.push(Task {
            id,
            goal: goal.to_owned(),
            description,
            kind: "general".to_owned(),
            status,
            priority,
            labels: matches!(word.as_str(), "review" | "deferred").then(|| word.clone()).into_iter().collect(),
            external_refs: BTreeMap::from([(SYSTEM.to_owned(), whole)]),
            metadata: Map::from_iter([(SYSTEM.to_owned(), Value::Object(kept))]),
            attempts_max: super::super::model::ATTEMPTS_MAX,
            created_at: made,
            updated_at: updated,
            completed_at: (status == TaskStatus::Completed).then_some(updated),
            version: 1,
            ..Task::default()
        });
        Some(name)
    }

    fn edge(&mut self, tag: &str, from: &str, to: &str, kind: EdgeKind) {
        let id = |name: &str| self.names.get(&format!("{tag}/{name}")).cloned();
        match (id(from), id(to)) {
            (Some(from), Some(to)) => self.bundle.edges.push(Edge { from, to, kind }),
            _ => self
                .bundle
                .warnings
                .push(format!("{tag}/{to} depends on {tag}/{from}, which is not there; it is left out")),
        }
    }
}

fn dependencies(task: &Map<String, Value>) -> Vec<String> {
    let list = task.get("dependencies").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(name_of).collect()
}
