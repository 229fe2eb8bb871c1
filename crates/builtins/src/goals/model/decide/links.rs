//! Edges and gates: what a task waits for.
//!
//! A circle of waiting is refused when it would come to be, with the names of what stands in it.
//! It deliberately opens no gate by asking outside; whoever knows says so.

use super::draft::{self, Draft};
use crate::goals::model::change::Change;
use crate::goals::model::command::GateChange;
use crate::goals::model::limits::{DESCRIPTION_BYTES_MAX, GATES_MAX};
use crate::goals::model::refusal::Refusal;
use crate::goals::model::rows::{Edge, Gate};
use crate::goals::model::state::{GoalAt, TaskAt};
use crate::goals::model::view;
use crate::goals::model::words::{EdgeKind, GateKind, GateState, TaskStatus};
use serde_json::{Value, json};
use std::sync::Arc;

impl Draft<'_> {
    pub(super) fn link(&mut self, from: &str, to: &str, kind: EdgeKind, remove: bool) -> Result<Value, Refusal> {
        let (one, other) = (self.state.find_task(from)?, self.state.find_task(to)?);
        let there = self.state.has_edge(one, other, kind);
        if remove && there {
            self.untie(one, other, kind)?;
        } else if !remove {
            self.tie(one, other, kind, &|_| None)?;
        }
        let (one, other) = (self.task(one)?, self.task(other)?);
        Ok(json!({
            "from": one.row.alias(), "to": other.row.alias(), "type": kind, "linked": !remove, "changed": there == remove,
        }))
    }

    /// Puts an edge in, unless it is there.
    pub(super) fn tie(
        &mut self,
        from: TaskAt,
        to: TaskAt,
        kind: EdgeKind,
        name: &dyn Fn(TaskAt) -> Option<String>,
    ) -> Result<(), Refusal> {
        if self.state.has_edge(from, to, kind) {
            return Ok(());
        }
        if from == to {
            return Err(self.circle(&[from.node()], name));
        }
        if kind.orders() {
            let (earlier, later) = if kind.is_backward() { (to, from) } else { (from, to) };
            self.check_circle(earlier.node(), later.node(), name)?;
        }
        let edge = Edge { from: self.task(from)?.row.id.clone(), to: self.task(to)?.row.id.clone(), kind };
        self.emit("edge_added", Change::Edge { edge, added: true })?;
        if kind == EdgeKind::OnFailure && self.task(from)?.row.status == TaskStatus::Completed {
            self.skip_remedies(from)?;
        }
        Ok(())
    }

    pub(super) fn untie(&mut self, from: TaskAt, to: TaskAt, kind: EdgeKind) -> Result<(), Refusal> {
        let edge = Edge { from: self.task(from)?.row.id.clone(), to: self.task(to)?.row.id.clone(), kind };
        self.emit("edge_removed", Change::Edge { edge, added: false })
    }

    /// Whether `later` may wait for `earlier`; both are nodes of the order.
    fn check_circle(
        &mut self,
        earlier: u32,
        later: u32,
        name: &dyn Fn(TaskAt) -> Option<String>,
    ) -> Result<(), Refusal> {
        // Trying it brings the order in line, so that doing it costs nothing more.
        match self.state.order.add_arc(earlier, later) {
            Ok(()) => {
                self.state.order.remove_arc(earlier, later);
                Ok(())
            }
            Err(circle) => Err(self.circle(&circle.0, name)),
        }
    }

    pub(super) fn set_gate(&mut self, change: &GateChange) -> Result<Value, Refusal> {
        let at = self.state.find_task(&change.task)?;
        let slot = self.task(at)?;
        let id = slot.row.id.clone();
        let name = match (&change.name, change.kind) {
            (Some(name), _) => name.clone(),
            (None, Some(kind)) => kind.word().to_owned(),
            (None, None) if slot.gates.len() == 1 => {
                slot.gates.first().map(|gate| gate.name.clone()).unwrap_or_default()
            }
            (None, None) => {
                let names: Vec<&str> = slot.gates.iter().map(|gate| gate.name.as_str()).collect();
                let message = format!("which gate of {}? it has {}", slot.row.alias(), view::listed(&names));
                return Err(Refusal::invalid(message, "give `name`, or `kind` for a new one"));
            }
        };
        draft::text("name", &name, super::super::limits::WORD_BYTES_MAX)?;
        draft::bounded("note", change.note.as_ref().map_or(0, String::len), DESCRIPTION_BYTES_MAX)?;
        let before = slot.gates.iter().find(|gate| gate.name == name).cloned();
        if change.remove {
            if let Some(before) = before {
                self.emit("gate_removed", Change::gate(Some(before), None))?;
            }
            return Ok(view::value(view::task(self.state, at)));
        }
        let after = self.gate(&id, name, before.as_deref(), change)?;
        if before.is_none() {
            draft::bounded("gates", self.task(at)?.gates.len() + 1, GATES_MAX)?;
        }
        if before.as_deref() != Some(&after) {
            self.put_gate(at, before, after)?;
        }
        Ok(view::value(view::task(self.state, at)))
    }

    pub(super) fn put_gate(&mut self, at: TaskAt, before: Option<Arc<Gate>>, after: Gate) -> Result<(), Refusal> {
        let goal = self.state.watched(&after);
        let was = before.as_deref().and_then(|gate| self.state.watched(gate));
        if let Some(goal) = goal.filter(|goal| Some(*goal) != was) {
            self.check_circle(goal.node(), at.node(), &|_| None)?;
        }
        let kind = match (&before, after.state) {
            (None, _) => "gate_added",
            (Some(before), state) if before.state == state => "gate_updated",
            (_, GateState::Open) => "gate_opened",
            (_, GateState::Refused) => "gate_refused",
            (_, GateState::Waiting) => "gate_closed",
        };
        self.emit(kind, Change::gate(before, Some(after)))
    }

    /// The gate as it is to be.
    fn gate(&self, task: &str, name: String, before: Option<&Gate>, change: &GateChange) -> Result<Gate, Refusal> {
        let new = |kind| Gate {
            task: task.to_owned(),
            name,
            kind,
            state: GateState::Waiting,
            opens_at: None,
            goal: None,
            expires_at: None,
            note: None,
            version: 0,
        };
        let mut gate = match (before, change.kind) {
            (Some(before), _) => before.clone(),
            (None, Some(kind)) => new(kind),
            (None, None) => {
                return Err(Refusal::unknown(
                    "there is no such gate",
                    "give `kind` to make it: human, time, http, ci …",
                ));
            }
        };
        if let Some(kind) = change.kind.filter(|kind| *kind != gate.kind) {
            return Err(Refusal::conflict(
                format!("the gate is of kind {}, not {}", gate.kind.word(), kind.word()),
                "give it another `name`",
            ));
        }
        if let Some(goal) = &change.goal {
            gate.goal = Some(self.goal(self.state.find_goal(goal)?)?.row.id.clone());
        }
        gate.opens_at = change.opens_at.or(gate.opens_at);
        gate.expires_at = change.expires_at.or(gate.expires_at);
        gate.note = change.note.clone().or(gate.note);
        if gate.kind == GateKind::Time && gate.opens_at.is_none() {
            return Err(Refusal::invalid("a time gate needs `opens_at`", "say when it opens"));
        }
        if gate.kind == GateKind::Goal && gate.goal.is_none() {
            return Err(Refusal::invalid("a goal gate needs `goal_id`", "say which goal it waits for"));
        }
        let is_over = gate.expires_at.is_some_and(|end| end <= self.now);
        if change.state == Some(GateState::Open) && gate.state == GateState::Waiting && is_over {
            return Err(Refusal::conflict(
                "the gate expired before it opened",
                "give it a later `expires_at`, or remove it",
            ));
        }
        gate.state = change.state.unwrap_or(gate.state);
        if before.is_none_or(|before| *before != gate) {
            gate.version += 1;
        }
        Ok(gate)
    }

    /// Takes away the gates of other tasks that wait for this goal.
    pub(super) fn open_watchers(&mut self, goal: GoalAt) -> Result<(), Refusal> {
        let watchers = self.goal(goal)?.watchers.clone();
        for at in watchers {
            let gates = self.task(at)?.gates.clone();
            for gate in gates {
                if self.state.watched(&gate) == Some(goal) {
                    self.emit("gate_removed", Change::gate(Some(gate), None))?;
                }
            }
        }
        Ok(())
    }
}
