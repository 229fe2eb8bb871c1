//! What changes: one row of one table, before and after. An event is a change with its name, its
//! time and who made it; the log is all there is, the tables follow from it.
//!
//! It deliberately knows no rules: whether a change is right was decided before.

use super::rows::{Claim, Edge, Gate, Goal, Ms, Task};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::sync::Arc;

/// One row, before and after; none before: it is new, none after: it is gone.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    /// Of a goal.
    Goal(Pair<Goal>),
    /// Of a task.
    Task(Pair<Task>),
    /// Of a gate.
    Gate(Pair<Gate>),
    /// Of a claim.
    Claim(Pair<Claim>),
    /// Of an edge, which has nothing but its being there.
    Edge {
        /// Which.
        edge: Edge,
        /// It is there now; else it is gone.
        added: bool,
    },
}

/// A row before and after.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pair<T> {
    /// As it was. Of an update that was read from the log this is not known, nor needed.
    pub(crate) before: Option<Arc<T>>,
    /// As it is.
    pub(crate) after: Option<Arc<T>>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    /// Its name, such as `task_completed`.
    pub(crate) kind: &'static str,
    /// When.
    pub(crate) at: Ms,
    /// Who did it.
    pub(crate) actor: Arc<str>,
    /// The command that it belongs to: all events of one command say the same.
    pub(crate) cause: Arc<str>,
    /// What changed.
    pub(crate) change: Change,
}

/// The kinds of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Entity {
    /// A goal, by its id.
    Goal,
    /// A task, by its id.
    Task,
    /// An edge, by its ends and its kind.
    Edge,
    /// A gate, by its task and its name.
    Gate,
    /// A claim, by its task.
    Claim,
}

/// A change that cannot be read or does not fit what is there: the log is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the log of goals does not fit together: {0}")]
pub(crate) struct Damage(pub String);

// === impl Entity ===

impl Entity {
    /// The word of the log.
    #[must_use]
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Goal => "goal",
            Self::Task => "task",
            Self::Edge => "edge",
            Self::Gate => "gate",
            Self::Claim => "claim",
        }
    }

    /// The kind of row that the log calls `word`.
    #[must_use]
    pub(crate) fn of(word: &str) -> Option<Self> {
        [Self::Goal, Self::Task, Self::Edge, Self::Gate, Self::Claim].into_iter().find(|one| one.word() == word)
    }
}

// === impl Edge ===

impl Edge {
    /// What the log and the tables call it.
    #[must_use]
    pub(crate) fn key(&self) -> String {
        format!("{}>{}:{}", self.from, self.to, self.kind.word())
    }
}

// === impl Gate ===

impl Gate {
    /// What the log and the tables call it.
    #[must_use]
    pub(crate) fn key(&self) -> String {
        format!("{}/{}", self.task, self.name)
    }
}

// === impl Pair ===

impl<T> Pair<T> {
    fn either(&self) -> Option<&T> {
        self.after.as_deref().or(self.before.as_deref())
    }

    fn inverse(&self) -> Self {
        Self { before: self.after.clone(), after: self.before.clone() }
    }
}

impl<T: Serialize> Pair<T> {
    fn body(&self) -> serde_json::Result<Value> {
        let mut body = Map::new();
        let after = self.after.as_deref().map(serde_json::to_value).transpose()?;
        let before = self.before.as_deref().map(serde_json::to_value).transpose()?;
        match (before, &after) {
            (Some(Value::Object(before)), Some(Value::Object(after))) => {
                body.insert("before".to_owned(), Value::Object(differing(before, after)));
            }
            (Some(before), _) => drop(body.insert("before".to_owned(), before)),
            (None, _) => {}
        }
        if let Some(after) = after {
            body.insert("after".to_owned(), after);
        }
        Ok(Value::Object(body))
    }
}

/// The members of `before` that are not the same in `after`; what was not there is null.
fn differing(mut before: Map<String, Value>, after: &Map<String, Value>) -> Map<String, Value> {
    let fresh: Vec<_> = after.keys().filter(|name| !before.contains_key(*name)).cloned().collect();
    before.retain(|name, value| after.get(name) != Some(value));
    before.extend(fresh.into_iter().map(|name| (name, Value::Null)));
    before
}

// === impl Change ===

impl Change {
    /// A new or changed goal.
    #[must_use]
    pub(crate) fn goal(before: Option<Arc<Goal>>, after: Option<Goal>) -> Self {
        Self::Goal(Pair { before, after: after.map(Arc::new) })
    }

    /// A new or changed task.
    #[must_use]
    pub(crate) fn task(before: Option<Arc<Task>>, after: Option<Task>) -> Self {
        Self::Task(Pair { before, after: after.map(Arc::new) })
    }

    /// A new or changed gate.
    #[must_use]
    pub(crate) fn gate(before: Option<Arc<Gate>>, after: Option<Gate>) -> Self {
        Self::Gate(Pair { before, after: after.map(Arc::new) })
    }

    /// A new or changed claim.
    #[must_use]
    pub(crate) fn claim(before: Option<Arc<Claim>>, after: Option<Claim>) -> Self {
        Self::Claim(Pair { before, after: after.map(Arc::new) })
    }

    /// The change that takes this one back.
    #[must_use]
    pub(crate) fn inverse(&self) -> Self {
        match self {
            Self::Goal(pair) => Self::Goal(pair.inverse()),
            Self::Task(pair) => Self::Task(pair.inverse()),
            Self::Gate(pair) => Self::Gate(pair.inverse()),
            Self::Claim(pair) => Self::Claim(pair.inverse()),
            Self::Edge { edge, added } => Self::Edge { edge: edge.clone(), added: !added },
        }
    }

    /// Which row it is.
    #[must_use]
    pub(crate) fn key(&self) -> (Entity, String) {
        let name = |id: Option<&String>| id.cloned().unwrap_or_default();
        match self {
            Self::Goal(pair) => (Entity::Goal, name(pair.either().map(|goal| &goal.id))),
            Self::Task(pair) => (Entity::Task, name(pair.either().map(|task| &task.id))),
            Self::Gate(pair) => (Entity::Gate, pair.either().map(Gate::key).unwrap_or_default()),
            Self::Claim(pair) => (Entity::Claim, name(pair.either().map(|claim| &claim.task))),
            Self::Edge { edge, .. } => (Entity::Edge, edge.key()),
        }
    }

    /// What the log holds of it: `after` in full; of `before` what differs, or all of a row that
    /// is gone.
    ///
    /// # Errors
    /// A row cannot be written as JSON.
    pub(crate) fn body(&self) -> serde_json::Result<String> {
        let body = match self {
            Self::Goal(pair) => pair.body()?,
            Self::Task(pair) => pair.body()?,
            Self::Gate(pair) => pair.body()?,
            Self::Claim(pair) => pair.body()?,
            Self::Edge { edge, added } => {
                let mut body = Map::new();
                body.insert(if *added { "after" } else { "before" }.to_owned(), serde_json::to_value(edge)?);
                Value::Object(body)
            }
        };
        serde_json::to_string(&body)
    }

    /// Reads what [`Change::body`] wrote.
    ///
    /// # Errors
    /// It is something else.
    pub(crate) fn read(entity: &str, body: &str) -> Result<Self, Damage> {
        let damage = |error: &dyn std::fmt::Display| Damage(format!("an event of a {entity} cannot be read: {error}"));
        let kind = Entity::of(entity).ok_or_else(|| damage(&"there is no such thing"))?;
        let Body { before, after } = serde_json::from_str(body).map_err(|error| damage(&error))?;
        if before.is_none() && after.is_none() {
            return Err(damage(&"it has no row"));
        }
        let before = if after.is_some() { None } else { before };
        match kind {
            Entity::Goal => pair(before, after).map(Self::Goal),
            Entity::Task => pair(before, after).map(Self::Task),
            Entity::Gate => pair(before, after).map(Self::Gate),
            Entity::Claim => pair(before, after).map(Self::Claim),
            Entity::Edge => {
                let added = after.is_some();
                let edge = serde_json::from_str(after.or(before).map_or("null", RawValue::get));
                edge.map(|edge| Self::Edge { edge, added })
            }
        }
        .map_err(|error| damage(&error))
    }
}

/// The two rows of an event, not read yet.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    before: Option<&'a RawValue>,
    #[serde(borrow, default)]
    after: Option<&'a RawValue>,
}

fn pair<T: DeserializeOwned>(before: Option<&RawValue>, after: Option<&RawValue>) -> serde_json::Result<Pair<T>> {
    let read = |row: Option<&RawValue>| row.map(|row| serde_json::from_str::<T>(row.get())).transpose();
    Ok(Pair { before: read(before)?.map(Arc::new), after: read(after)?.map(Arc::new) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_read_as_it_was_written() {
        let before = Arc::new(Task { id: "t1".into(), description: "a".into(), version: 1, ..Task::default() });
        let after = Task { description: "b".into(), repo: Some("r".into()), version: 2, ..(*before).clone() };
        let change = Change::task(Some(before.clone()), Some(after.clone()));
        let body = change.body().unwrap();
        assert!(
            body.starts_with(r#"{"before":{"description":"a","version":1,"repo":null},"after":{"id":"t1""#),
            "{body}"
        );
        assert_eq!(Change::read("task", &body), Ok(Change::task(None, Some(after))));
        let gone = Change::task(Some(before), None);
        assert_eq!(Change::read("task", &gone.body().unwrap()), Ok(gone));
        let edge = Edge { from: "t1".into(), to: "t2".into(), kind: crate::goals::model::EdgeKind::Blocks };
        for added in [true, false] {
            let change = Change::Edge { edge: edge.clone(), added };
            assert_eq!(Change::read("edge", &change.body().unwrap()), Ok(change));
        }
        assert!(Change::read("task", "{}").is_err());
        assert!(Change::read("thing", "{}").is_err() && Change::read("goal", "[]").is_err());
    }
}
