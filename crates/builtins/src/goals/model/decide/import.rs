//! Taking in rows from elsewhere: another store's export, or another system's files.
//!
//! What is there already stays as it is. It deliberately reads no files; `import` beside the tools
//! does.

use super::draft::{self, Draft};
use crate::goals::model::change::Change;
use crate::goals::model::command::Bundle;
use crate::goals::model::limits::{ATTEMPTS_LIMIT, DESCRIPTION_BYTES_MAX, IMPORT_ROWS_MAX};
use crate::goals::model::refusal::Refusal;
use crate::goals::model::rows::{Edge, Goal, Task};
use crate::goals::model::view;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};

/// What came of an import.
#[derive(Default)]
struct Tally {
    goals: usize,
    tasks: usize,
    edges: usize,
    gates: usize,
    /// Rows that are here already.
    known: usize,
    /// Rows that are here and say something else.
    differing: Vec<String>,
    warnings: Vec<String>,
}

impl Draft<'_> {
    pub(super) fn import(&mut self, bundle: &Bundle) -> Result<Value, Refusal> {
        let rows = bundle.goals.len() + bundle.tasks.len() + bundle.edges.len() + bundle.gates.len();
        draft::bounded("rows of the import", rows, IMPORT_ROWS_MAX)?;
        let mut tally = Tally { warnings: bundle.warnings.clone(), ..Tally::default() };
        // Ids of rows that are here under another id, since another system calls them the same.
        let mut same: HashMap<String, String> = HashMap::new();
        let known = self.names_elsewhere(bundle.system.as_deref());
        for goal in &bundle.goals {
            match name_elsewhere(&goal.external_refs, bundle.system.as_deref()).and_then(|name| known.get(&('g', name)))
            {
                Some(id) => drop(same.insert(goal.id.clone(), id.clone())),
                None => self.import_goal(goal, &mut tally)?,
            }
        }
        let mut goals = BTreeSet::new();
        for task in &bundle.tasks {
            match name_elsewhere(&task.external_refs, bundle.system.as_deref()).and_then(|name| known.get(&('t', name)))
            {
                Some(id) => drop(same.insert(task.id.clone(), id.clone())),
                None => {
                    let goal = same.get(&task.goal).cloned().unwrap_or_else(|| task.goal.clone());
                    self.import_task(Task { goal: goal.clone(), ..task.clone() }, &mut tally)?;
                    goals.extend(self.state.goal_of_id(&goal));
                }
            }
        }
        tally.known += same.len();
        let here = |id: &String| same.get(id).unwrap_or(id).clone();
        for edge in &bundle.edges {
            let edge = Edge { from: here(&edge.from), to: here(&edge.to), kind: edge.kind };
            self.import_edge(&edge, bundle.lenient, &mut tally)?;
        }
        for gate in &bundle.gates {
            let at = self.state.find_task(&here(&gate.task))?;
            if self.task(at)?.gates.iter().any(|other| other.name == gate.name) {
                tally.known += 1;
            } else {
                let gate = super::super::Gate { task: here(&gate.task), ..gate.clone() };
                self.put_gate(at, None, gate)?;
                tally.gates += 1;
            }
        }
        goals.into_iter().try_for_each(|goal| self.derive_goal(goal))?;
        Ok(json!({
            "goals": tally.goals, "tasks": tally.tasks, "edges": tally.edges, "gates": tally.gates,
            "already_here": tally.known, "differing": tally.differing, "warnings": tally.warnings, "read": bundle.read,
        }))
    }

    /// What another system calls the things that are here, and their ids.
    fn names_elsewhere(&self, system: Option<&str>) -> HashMap<(char, String), String> {
        let mut names = HashMap::new();
        let Some(system) = system else { return names };
        for slot in self.state.goals_newest_first() {
            names.extend(slot.row.external_refs.get(system).map(|name| (('g', name.clone()), slot.row.id.clone())));
        }
        for slot in self.state.all_tasks() {
            names.extend(slot.row.external_refs.get(system).map(|name| (('t', name.clone()), slot.row.id.clone())));
        }
        names
    }

    fn import_goal(&mut self, goal: &Goal, tally: &mut Tally) -> Result<(), Refusal> {
        draft::text("description", &goal.description, DESCRIPTION_BYTES_MAX)?;
        draft::value("goal", goal)?;
        sound('g', &goal.id)?;
        if let Some(here) = self.state.goal_of_id(&goal.id).and_then(|at| self.state.goal(at)) {
            let same = Goal { number: goal.number, ..(*here.row).clone() } == *goal;
            tally.seen(same, &here.row.alias());
            return Ok(());
        }
        let mut goal = goal.clone();
        if goal.number == 0 || self.state.goal_by_number.contains_key(&goal.number) {
            goal.number = self.state.counters().goal + 1;
        }
        tally.goals += 1;
        self.emit("goal_imported", Change::goal(None, Some(goal)))
    }

    fn import_task(&mut self, mut task: Task, tally: &mut Tally) -> Result<(), Refusal> {
        draft::text("description", &task.description, DESCRIPTION_BYTES_MAX)?;
        draft::value("task", &task)?;
        sound('t', &task.id)?;
        super::goals::estimate(task.estimate)?;
        if self.state.goal_of_id(&task.goal).is_none() {
            return Err(Refusal::invalid(
                format!("the goal {} of {} is not in the import", view::shown(&task.goal), view::shown(&task.id)),
                "import the whole export",
            ));
        }
        if let Some(here) = self.state.task_of_id(&task.id).and_then(|at| self.state.task(at)) {
            let same = Task { number: task.number, ..(*here.row).clone() } == task;
            tally.seen(same, &here.row.alias());
            return Ok(());
        }
        if task.number == 0 || self.state.task_by_number.contains_key(&task.number) {
            task.number = self.state.counters().task + 1;
        }
        task.attempts_max = task.attempts_max.clamp(1, ATTEMPTS_LIMIT);
        tally.tasks += 1;
        self.emit("task_imported", Change::task(None, Some(task)))
    }

    fn import_edge(&mut self, edge: &Edge, lenient: bool, tally: &mut Tally) -> Result<(), Refusal> {
        let ends = self.state.find_task(&edge.from).and_then(|from| Ok((from, self.state.find_task(&edge.to)?)));
        let tied = ends.and_then(|(from, to)| {
            if self.state.has_edge(from, to, edge.kind) {
                return Ok(false);
            }
            // A remedy that another store skipped is skipped in its row already.
            self.tie(from, to, edge.kind, &|_| None).map(|()| true)
        });
        match tied {
            Ok(true) => tally.edges += 1,
            Ok(false) => tally.known += 1,
            Err(refusal) if lenient => tally.warnings.push(format!("left out {}: {}", edge.key(), refusal.message)),
            Err(refusal) => return Err(refusal),
        }
        Ok(())
    }
}

// === impl Tally ===

impl Tally {
    fn seen(&mut self, same: bool, alias: &str) {
        if same {
            self.known += 1;
        } else {
            self.differing.push(alias.to_owned());
        }
    }
}

fn name_elsewhere(refs: &std::collections::BTreeMap<String, String>, system: Option<&str>) -> Option<String> {
    refs.get(system?).cloned()
}

fn sound(prefix: char, id: &str) -> Result<(), Refusal> {
    if crate::goals::model::ids::is_sound(prefix, id) {
        return Ok(());
    }
    Err(Refusal::invalid(format!("{} is no id of ours", view::shown(id)), "import what export_goals wrote"))
}
