//! The tasks of one goal and who waits for whom, copied out of the state: what plans are made of.
//!
//! It deliberately is a copy: a long calculation holds nobody up.

use super::effort;
use super::rows::{Estimate, Task};
use super::state::{GoalAt, State, TaskAt};
use super::words::{Priority, TaskStatus};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

/// The tasks of a goal.
#[derive(Debug, Clone, Default)]
pub(crate) struct Graph {
    /// The goal's alias.
    pub(crate) goal: String,
    /// What it wants.
    pub(crate) description: String,
    /// Its tasks in the order of their numbers.
    pub(crate) nodes: Vec<Node>,
    /// For each, those that wait for it.
    pub(crate) after: Vec<Vec<u32>>,
    /// For each, those that it waits for.
    pub(crate) before: Vec<Vec<u32>>,
}

/// A task of the goal.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// Its row.
    pub(crate) row: Arc<Task>,
    /// Its status; of a what-if, what it would be.
    pub(crate) status: TaskStatus,
    /// How long it may take.
    pub(crate) estimate: Estimate,
    /// Nobody said how long it takes.
    pub(crate) is_assumed: bool,
    /// Tasks of other goals that it still waits for.
    pub(crate) waits_elsewhere: Vec<String>,
}

/// The way through a goal, level by level.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Plan {
    pub(crate) goal_id: String,
    pub(crate) goal_description: String,
    pub(crate) total_tasks: usize,
    pub(crate) total_phases: usize,
    pub(crate) execution_phases: Vec<Phase>,
}

/// Tasks that wait for none of each other.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Phase {
    pub(crate) phase: usize,
    pub(crate) tasks: Vec<PlannedTask>,
    pub(crate) task_count: usize,
    pub(crate) parallel_execution_possible: bool,
}

/// A task in a plan.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct PlannedTask {
    pub(crate) id: String,
    pub(crate) description: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) status: TaskStatus,
    pub(crate) priority: Priority,
    pub(crate) dependencies: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) estimated_effort: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) repo: Option<String>,
    /// Tasks of other goals that it still waits for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) waits_elsewhere: Vec<String>,
}

// === impl Node ===

impl Node {
    /// `TASK-0001`.
    #[must_use]
    pub(crate) fn alias(&self) -> String {
        self.row.alias()
    }
}

// === impl Graph ===

impl Graph {
    /// The tasks of this goal.
    #[must_use]
    pub(crate) fn of(state: &State, goal: GoalAt) -> Self {
        let Some(slot) = state.goal(goal) else { return Self::default() };
        let tasks: Vec<TaskAt> = slot.tasks.iter().map(|(_, task)| *task).collect();
        let mut places: Vec<Option<u32>> = vec![None; state.tasks.len()];
        for (task, place) in tasks.iter().zip(0..) {
            if let Some(of_task) = places.get_mut(task.0 as usize) {
                *of_task = Some(place);
            }
        }
        let place_of = |task: TaskAt| places.get(task.0 as usize).copied().flatten();
        let mut graph = Self {
            goal: slot.row.alias(),
            description: slot.row.description.clone(),
            nodes: Vec::with_capacity(tasks.len()),
            after: vec![Vec::new(); tasks.len()],
            before: vec![Vec::new(); tasks.len()],
        };
        for (task, place) in tasks.iter().zip(0_u32..) {
            let Some(slot) = state.task(*task) else { continue };
            let mut waits_elsewhere = Vec::new();
            for (other, kind) in slot.waits_for() {
                match (place_of(other), state.task(other)) {
                    (Some(earlier), _) => graph.tie(earlier, place),
                    (None, Some(other)) if !kind.is_met(other.row.status) => waits_elsewhere.push(other.row.alias()),
                    _ => {}
                }
            }
            let estimate = effort::of(&slot.row);
            graph.nodes.push(Node {
                row: slot.row.clone(),
                status: slot.row.status,
                estimate: estimate.unwrap_or_else(effort::assumed),
                is_assumed: estimate.is_none(),
                waits_elsewhere,
            });
        }
        graph
    }

    fn tie(&mut self, earlier: u32, later: u32) {
        if let Some(list) = self.after.get_mut(earlier as usize) {
            list.push(later);
        }
        if let Some(list) = self.before.get_mut(later as usize) {
            list.push(earlier);
        }
    }

    /// The nodes in an order in which each stands after what it waits for, with its level: how
    /// many stand one behind the other before it.
    #[must_use]
    pub(crate) fn levels(&self) -> Vec<(u32, usize)> {
        let mut left: Vec<usize> = self.before.iter().map(Vec::len).collect();
        let mut order: Vec<(u32, usize)> =
            (0..).zip(&left).filter(|(_, left)| **left == 0).map(|(node, _)| (node, 0)).collect();
        let mut at = 0;
        while let Some(&(node, level)) = order.get(at) {
            at += 1;
            for later in self.after.get(node as usize).into_iter().flatten() {
                if let Some(left) = left.get_mut(*later as usize) {
                    *left -= 1;
                    if *left == 0 {
                        // Whatever it waits for has at most this level, since levels come in order.
                        order.push((*later, level + 1));
                    }
                }
            }
        }
        order
    }

    /// The plan: a task stands in the first phase after all that it waits for (S0-01).
    #[must_use]
    pub(crate) fn plan(&self) -> Plan {
        let levels = self.levels();
        let count = levels.iter().map(|(_, level)| level + 1).max().unwrap_or(0);
        let mut phases: Vec<Vec<u32>> = vec![Vec::new(); count];
        for (node, level) in levels {
            if let Some(phase) = phases.get_mut(level) {
                phase.push(node);
            }
        }
        let planned = |mut nodes: Vec<u32>| -> Vec<PlannedTask> {
            nodes.sort_by_key(|node| self.nodes.get(*node as usize).map(|node| (node.row.priority, node.row.number)));
            nodes.into_iter().filter_map(|node| self.planned(node)).collect()
        };
        let phases: Vec<Phase> = phases
            .into_iter()
            .zip(1..)
            .map(|(nodes, phase)| {
                let tasks = planned(nodes);
                Phase { phase, task_count: tasks.len(), parallel_execution_possible: tasks.len() > 1, tasks }
            })
            .collect();
        Plan {
            goal_id: self.goal.clone(),
            goal_description: self.description.clone(),
            total_tasks: self.nodes.len(),
            total_phases: phases.len(),
            execution_phases: phases,
        }
    }

    fn planned(&self, at: u32) -> Option<PlannedTask> {
        let node = self.nodes.get(at as usize)?;
        let mut before: Vec<&Node> =
            self.before.get(at as usize)?.iter().filter_map(|other| self.nodes.get(*other as usize)).collect();
        before.sort_by_key(|node| node.row.number);
        before.dedup_by_key(|node| node.row.number);
        Some(PlannedTask {
            id: node.alias(),
            description: node.row.description.clone(),
            kind: node.row.kind.clone(),
            status: node.status,
            priority: node.row.priority,
            dependencies: before.into_iter().map(Node::alias).collect(),
            estimated_effort: node.row.estimated_effort.clone(),
            repo: node.row.repo.clone(),
            waits_elsewhere: node.waits_elsewhere.clone(),
        })
    }
}
