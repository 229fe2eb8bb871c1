//! What the predecessor's `/ws` sends, in its shapes, without HTTP: `status`, `servers`, `goals` and `logs`.
//! Whoever sends it decides when; here it is only looked up.

use super::{goals, logs, overview, servers};
use crate::Control;
use crate::access::Asker;
use serde_json::{Value, json};

/// Lines of each server.
const LINES: usize = 30;

/// As `GET /api/status`. Its figures of the machine and of the cache change by themselves.
pub(crate) async fn status(control: &Control) -> Value {
    json!(overview::read(control).await)
}

/// As `GET /api/servers`.
pub(crate) async fn servers(control: &Control) -> Value {
    json!(servers::read(control).await)
}

/// As `GET /api/goals`; a problem where there are none to be had.
pub(crate) async fn goals(control: &Control, asker: &Asker) -> Value {
    match goals::summarised(control, asker).await {
        Ok(summary) => json!(summary),
        Err(problem) => json!({ "error": problem.title, "recent_goals": [], "active_tasks": [] }),
    }
}

/// As `GET /api/logs`: the last 30 lines of every server.
pub(crate) fn logs(control: &Control) -> Value {
    json!(logs::read(control, LINES))
}
