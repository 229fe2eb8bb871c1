//! The tables of goals: the rows as they are after the last event of the stream `goals`, written in
//! the transaction that appends it.
//!
//! What a row says is not known here but for the columns that people look things up by; the body is
//! the owner's.

use crate::tx::Tx;
use crate::value::{Value, values};
use crate::{Error, documents};

/// The stream that the tables follow from.
pub const STREAM: &str = "goals";
/// Where numbers that are never given twice are kept.
const COUNTERS: (&str, &str) = ("goals", "counters");

/// A row of any of the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    /// A goal.
    Goal {
        /// Its id.
        id: String,
        /// Its alias.
        alias: String,
        /// Its version.
        version: i64,
        /// Its status.
        status: &'static str,
        /// Its priority.
        priority: &'static str,
        /// When it changed last, in milliseconds since 1970.
        updated_ms: i64,
        /// The row.
        body: String,
    },
    /// A task.
    Task {
        /// Its id.
        id: String,
        /// Its alias.
        alias: String,
        /// The id of its goal.
        goal: String,
        /// Its version.
        version: i64,
        /// Its status.
        status: &'static str,
        /// Its priority.
        priority: &'static str,
        /// When it changed last, in milliseconds since 1970.
        updated_ms: i64,
        /// The row.
        body: String,
    },
    /// An edge.
    Edge(Edge),
    /// A claim.
    Claim {
        /// The id of its task.
        task: String,
        /// Who holds it.
        holder: String,
        /// Its token.
        token: i64,
        /// When it ends, in milliseconds since 1970.
        expires_at_ms: i64,
        /// The row.
        body: String,
    },
    /// A gate.
    Gate {
        /// Its key.
        id: String,
        /// The id of its task.
        task: String,
        /// What it waits for.
        kind: &'static str,
        /// Whether it is open.
        state: &'static str,
        /// When it expires, in milliseconds since 1970.
        expires_at_ms: Option<i64>,
        /// The row.
        body: String,
    },
}

/// An edge, which has no body.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edge {
    /// The id of the first task.
    pub from: String,
    /// The id of the second.
    pub to: String,
    /// How they belong together.
    pub kind: String,
    /// The id of the goal of the second.
    pub goal: String,
}

/// A row that is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gone {
    /// A goal, by its id.
    Goal(String),
    /// A task, by its id.
    Task(String),
    /// An edge, by its ends and kind.
    Edge(String, String, String),
    /// A claim, by the id of its task.
    Claim(String),
    /// A gate, by its key.
    Gate(String),
}

/// All rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct All {
    /// The numbers that are never given twice, as their owner wrote them.
    pub counters: Option<String>,
    /// Bodies of goals, by id.
    pub goals: Vec<String>,
    /// Bodies of tasks, by id.
    pub tasks: Vec<String>,
    /// Edges, by ends and kind.
    pub edges: Vec<Edge>,
    /// Bodies of claims, by task.
    pub claims: Vec<String>,
    /// Bodies of gates, by key.
    pub gates: Vec<String>,
}

/// Writes what changed up to the event `seq`: what is gone first.
///
/// # Errors
/// Those of the database.
pub async fn write(tx: &mut Tx, seq: i64, gone: Vec<Gone>, put: Vec<Put>) -> Result<(), Error> {
    for row in gone {
        remove(tx, row).await?;
    }
    let mut rows: [Vec<Vec<Value>>; 5] = Default::default();
    let [goals, tasks, edges, claims, gates] = &mut rows;
    for row in put {
        match row {
            Put::Goal { id, alias, version, status, priority, updated_ms, body } => {
                goals.push(vec![
                    id.into(),
                    alias.into(),
                    version.into(),
                    seq.into(),
                    status.into(),
                    priority.into(),
                    updated_ms.into(),
                    body.into(),
                ]);
            }
            Put::Task { id, alias, goal, version, status, priority, updated_ms, body } => tasks.push(vec![
                id.into(),
                alias.into(),
                goal.into(),
                version.into(),
                seq.into(),
                status.into(),
                priority.into(),
                updated_ms.into(),
                body.into(),
            ]),
            Put::Edge(Edge { from, to, kind, goal }) => {
                edges.push(vec![from.into(), to.into(), kind.into(), goal.into(), seq.into()]);
            }
            Put::Claim { task, holder, token, expires_at_ms, body } => {
                claims.push(vec![
                    task.into(),
                    holder.into(),
                    token.into(),
                    expires_at_ms.into(),
                    seq.into(),
                    body.into(),
                ]);
            }
            Put::Gate { id, task, kind, state, expires_at_ms, body } => gates.push(vec![
                id.into(),
                task.into(),
                kind.into(),
                state.into(),
                expires_at_ms.into(),
                seq.into(),
                body.into(),
            ]),
        }
    }
    for ((into, then), rows) in INTO.into_iter().zip(rows) {
        tx.insert_many(into, then, rows).await?;
    }
    Ok(())
}

/// The tables in the order of [`write`], and what happens to a row that is there.
const INTO: [(&str, &str); 5] = [
    (
        "goals (id, alias, version, seq, status, priority, updated, body)",
        "ON CONFLICT (id) DO UPDATE SET version = excluded.version, seq = excluded.seq, status = excluded.status,
            priority = excluded.priority, updated = excluded.updated, body = excluded.body",
    ),
    (
        "tasks (id, alias, goal, version, seq, status, priority, updated, body)",
        "ON CONFLICT (id) DO UPDATE SET version = excluded.version, seq = excluded.seq, status = excluded.status,
            priority = excluded.priority, updated = excluded.updated, body = excluded.body",
    ),
    ("edges (from_id, to_id, kind, goal, seq)", "ON CONFLICT (from_id, to_id, kind) DO UPDATE SET seq = excluded.seq"),
    (
        "claims (task, holder, token, expires_at, seq, body)",
        "ON CONFLICT (task) DO UPDATE SET holder = excluded.holder, token = excluded.token,
            expires_at = excluded.expires_at, seq = excluded.seq, body = excluded.body",
    ),
    (
        "gates (id, task, kind, state, expires_at, seq, body)",
        "ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, state = excluded.state,
            expires_at = excluded.expires_at, seq = excluded.seq, body = excluded.body",
    ),
];

async fn remove(tx: &mut Tx, row: Gone) -> Result<u64, Error> {
    match row {
        Gone::Goal(id) => tx.execute("DELETE FROM goals WHERE id = $1", values![id]).await,
        Gone::Task(id) => tx.execute("DELETE FROM tasks WHERE id = $1", values![id]).await,
        Gone::Claim(task) => tx.execute("DELETE FROM claims WHERE task = $1", values![task]).await,
        Gone::Gate(id) => tx.execute("DELETE FROM gates WHERE id = $1", values![id]).await,
        Gone::Edge(from, to, kind) => {
            let sql = "DELETE FROM edges WHERE from_id = $1 AND to_id = $2 AND kind = $3";
            tx.execute(sql, values![from, to, kind]).await
        }
    }
}

/// The tables hold what their owner did not write.
#[must_use]
pub fn damaged(tx: &Tx, detail: String) -> Error {
    Error::Corrupt { place: tx.place().to_string(), detail }
}

/// Empties the tables, to be written anew from the log.
///
/// # Errors
/// Those of the database.
pub async fn clear(tx: &mut Tx) -> Result<(), Error> {
    for sql in
        ["DELETE FROM gates", "DELETE FROM claims", "DELETE FROM edges", "DELETE FROM tasks", "DELETE FROM goals"]
    {
        tx.execute(sql, &[]).await?;
    }
    Ok(())
}

/// Keeps the numbers that are never given twice.
///
/// # Errors
/// Those of the database.
pub async fn keep_counters(tx: &mut Tx, body: &str) -> Result<(), Error> {
    documents::put(tx, COUNTERS.0, COUNTERS.1, documents::Expected::Any, body).await.map(drop)
}

/// Reads everything.
///
/// # Errors
/// Those of the database.
pub async fn load(tx: &mut Tx) -> Result<All, Error> {
    let counters = documents::get(tx, COUNTERS.0, COUNTERS.1).await?.map(|document| document.body);
    let mut edges = Vec::new();
    let mut failure = None;
    tx.each("SELECT from_id, to_id, kind, goal FROM edges", &[], |mut row| {
        let edge = (|| Ok(Edge { from: row.take(0)?, to: row.take(1)?, kind: row.take(2)?, goal: row.take(3)? }))();
        match edge {
            Ok(edge) => edges.push(edge),
            Err(error) => failure = Some(error),
        }
    })
    .await?;
    if let Some(error) = failure {
        return Err(error);
    }
    edges.sort();
    Ok(All {
        counters,
        goals: bodies(tx, "SELECT id, body FROM goals").await?,
        tasks: bodies(tx, "SELECT id, body FROM tasks").await?,
        edges,
        claims: bodies(tx, "SELECT task, body FROM claims").await?,
        gates: bodies(tx, "SELECT id, body FROM gates").await?,
    })
}

/// Bodies in the order of the bytes of their keys, which the databases do not agree on.
async fn bodies(tx: &mut Tx, sql: &'static str) -> Result<Vec<String>, Error> {
    let mut rows: Vec<(String, String)> = Vec::new();
    let mut failure = None;
    tx.each(sql, &[], |mut row| match row.take(0).and_then(|key| Ok((key, row.take(1)?))) {
        Ok(row) => rows.push(row),
        Err(error) => failure = Some(error),
    })
    .await?;
    if let Some(error) = failure {
        return Err(error);
    }
    rows.sort();
    Ok(rows.into_iter().map(|(_, body)| body).collect())
}
