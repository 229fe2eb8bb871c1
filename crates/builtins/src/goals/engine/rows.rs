//! Rows as the store keeps them, and back.
//!
//! It deliberately moves no state.

use crate::goals::model::{
    Change, Counters, Damage, Edge, EdgeKind, Entity, Event, Gate, GateState, Goal, Priority, Rows, State, Task,
};
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use store::goals::{All, Gone, Put};
use store::log::NewEvent;

/// An event as the log keeps it.
pub(super) fn event(event: &Event, key: Option<String>) -> serde_json::Result<NewEvent> {
    let (entity, id) = event.change.key();
    Ok(NewEvent {
        actor: event.actor.replace('\0', "\u{fffd}"),
        run: None,
        entity: format!("{}:{}", entity.word(), id.replace('\0', "\u{fffd}")),
        kind: event.kind.to_owned(),
        body: event.change.body()?,
        cause: Some(event.cause.to_string()),
        key,
    })
}

/// The counters as the store keeps them.
pub(super) fn counters(counters: Counters) -> String {
    serde_json::to_string(&counters).unwrap_or_default()
}

/// The rows that events changed, as they are after all of them.
pub(super) fn changed(state: &State, events: &[Event]) -> serde_json::Result<(Vec<Gone>, Vec<Put>)> {
    let (mut gone, mut put) = (Vec::new(), Vec::new());
    let mut seen: BTreeSet<(Entity, String)> = BTreeSet::new();
    // The last change of a row is what counts.
    for event in events.iter().rev() {
        let (entity, id) = event.change.key();
        if !seen.insert((entity, id.clone())) {
            continue;
        }
        match &event.change {
            Change::Goal(pair) => match &pair.after {
                Some(row) => put.push(goal(row)?),
                None => gone.push(Gone::Goal(id)),
            },
            Change::Task(pair) => match &pair.after {
                Some(row) => put.push(task(row)?),
                None => gone.push(Gone::Task(id)),
            },
            Change::Claim(pair) => match &pair.after {
                Some(row) => put.push(Put::Claim {
                    task: row.task.clone(),
                    holder: row.holder.clone(),
                    token: i64::try_from(row.token).unwrap_or(i64::MAX),
                    expires_at_ms: row.expires_at,
                    body: serde_json::to_string(row.as_ref())?,
                }),
                None => gone.push(Gone::Claim(id)),
            },
            Change::Gate(pair) => match &pair.after {
                Some(row) => put.push(gate(row)?),
                None => gone.push(Gone::Gate(id)),
            },
            Change::Edge { edge, added: true } => put.push(Put::Edge(edge_of(state, edge))),
            Change::Edge { edge, added: false } => {
                gone.push(Gone::Edge(edge.from.clone(), edge.to.clone(), edge.kind.word().to_owned()));
            }
        }
    }
    put.reverse();
    Ok((gone, put))
}

/// All rows of a state.
pub(super) fn all(state: &State) -> serde_json::Result<Vec<Put>> {
    let rows = state.rows();
    let mut put = Vec::new();
    for row in &rows.goals {
        put.push(goal(row)?);
    }
    for row in &rows.tasks {
        put.push(task(row)?);
    }
    put.extend(rows.edges.iter().map(|edge| Put::Edge(edge_of(state, edge))));
    for row in &rows.claims {
        put.push(Put::Claim {
            task: row.task.clone(),
            holder: row.holder.clone(),
            token: i64::try_from(row.token).unwrap_or(i64::MAX),
            expires_at_ms: row.expires_at,
            body: serde_json::to_string(row)?,
        });
    }
    for row in &rows.gates {
        put.push(gate(row)?);
    }
    Ok(put)
}

fn version(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

fn priority(priority: Priority) -> &'static str {
    match priority {
        Priority::High => "high",
        Priority::Medium => "medium",
        Priority::Low => "low",
    }
}

fn goal(row: &Goal) -> serde_json::Result<Put> {
    Ok(Put::Goal {
        id: row.id.clone(),
        alias: row.alias(),
        version: version(row.version),
        status: row.status.word(),
        priority: priority(row.priority),
        updated_ms: row.updated_at,
        body: serde_json::to_string(row)?,
    })
}

fn task(row: &Task) -> serde_json::Result<Put> {
    Ok(Put::Task {
        id: row.id.clone(),
        alias: row.alias(),
        goal: row.goal.clone(),
        version: version(row.version),
        status: row.status.word(),
        priority: priority(row.priority),
        updated_ms: row.updated_at,
        body: serde_json::to_string(row)?,
    })
}

fn gate(row: &Gate) -> serde_json::Result<Put> {
    Ok(Put::Gate {
        id: row.key(),
        task: row.task.clone(),
        kind: row.kind.word(),
        state: match row.state {
            GateState::Waiting => "waiting",
            GateState::Open => "open",
            GateState::Refused => "refused",
        },
        expires_at_ms: row.expires_at,
        body: serde_json::to_string(row)?,
    })
}

fn edge_of(state: &State, edge: &Edge) -> store::goals::Edge {
    let to = state.task_of_id(&edge.to).and_then(|at| state.task(at));
    store::goals::Edge {
        from: edge.from.clone(),
        to: edge.to.clone(),
        kind: edge.kind.word().to_owned(),
        goal: to.map(|slot| slot.row.goal.clone()).unwrap_or_default(),
    }
}

/// Rows as the store kept them.
///
/// # Errors
/// They are not what was written.
pub(super) fn read(all: All, seq: u64) -> Result<Rows, Damage> {
    let counters = all.counters.map(|text| one(&text)).transpose()?.unwrap_or_default();
    let edges = all.edges.into_iter().map(|edge| {
        let kind = EdgeKind::ALL.into_iter().find(|kind| kind.word() == edge.kind);
        let kind = kind.ok_or_else(|| Damage(format!("there are no edges of type {}", edge.kind)))?;
        Ok(Edge { from: edge.from, to: edge.to, kind })
    });
    Ok(Rows {
        seq,
        counters,
        goals: many(&all.goals)?,
        tasks: many(&all.tasks)?,
        edges: edges.collect::<Result<_, Damage>>()?,
        gates: many(&all.gates)?,
        claims: many(&all.claims)?,
    })
}

fn many<T: DeserializeOwned>(bodies: &[String]) -> Result<Vec<T>, Damage> {
    bodies.iter().map(|body| one(body)).collect()
}

fn one<T: DeserializeOwned>(body: &str) -> Result<T, Damage> {
    serde_json::from_str(body).map_err(|error| Damage(format!("a row cannot be read: {error}")))
}
