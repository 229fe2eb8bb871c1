//! The experimental tasks of 2025-11-25, made to look like the tasks extension (protocol.md
//! section 2.2, row 20): a legacy server gets `params.task` and `tasks/result`, whoever calls it
//! sees flat tasks whose result stands in `tasks/get`.
//!
//! Whether a call is to be a task is decided before; ids here are the server's own. What a server
//! asks while a task runs comes with `tasks/result`, and goes to the asker of that.

use super::Connection;
use crate::asking::Asker;
use crate::tasks::shape::{self, Status};
use protocol::{Call, Era, Error, ErrorKind, Object, Raw, Reply, Text};

/// Whether a call to a server of `era` is a matter of tasks.
pub(super) fn concerns(era: Era, call: &Call) -> bool {
    era == Era::Legacy
        && (call.method.starts_with("tasks/") || (call.method == *"tools/call" && call.params.get("task").is_some()))
}

/// Answers a request about tasks in the modern way. With an `asker` somebody waits for the end of
/// the task and can be asked.
pub(super) async fn call(connection: Connection, call: Call, asker: Option<Asker>) -> Reply {
    match &*call.method {
        "tools/call" => create(&connection, call, asker).await,
        "tasks/get" => get(&connection, call, asker).await,
        "tasks/cancel" => cancel(&connection, call).await,
        "tasks/result" => connection.carry(call, asker).await,
        other => {
            Err(Error::new(ErrorKind::MethodNotFound, format!("2025-11-25 has no method `{other}` to translate to")))
        }
    }
}

/// A server that made no task of it has answered at once.
async fn create(connection: &Connection, call: Call, asker: Option<Asker>) -> Reply {
    let mut result = connection.carry(call, asker).await?;
    let Some(task) = result.object("task") else { return Ok(result) };
    result.remove("task");
    shape::without_related_task(&mut result);
    let mut flat = shape::to_modern(&task);
    flat.set("resultType", Raw::from_static("\"task\""));
    for (key, value) in result.iter() {
        flat.set(&key, value.clone());
    }
    Ok(flat)
}

/// A server puts its questions while it is asked for the result, which waits for the end.
async fn get(connection: &Connection, call: Call, asker: Option<Asker>) -> Reply {
    let about_result = Call { method: Text::from_static("tasks/result"), ..call.clone() };
    let mut task = shape::to_modern(&connection.carry(call, None).await?);
    match Status::of(&task) {
        Some(Status::Completed | Status::Failed) => {}
        Some(Status::InputRequired) if asker.is_some() => {}
        _ => return Ok(task),
    }
    match connection.carry(about_result, asker).await {
        Ok(mut result) => {
            shape::without_related_task(&mut result);
            // A tool that failed has a result that says so; the task has run to its end.
            task.set_json("status", Status::Completed.as_str());
            task.set("result", result.to_raw());
        }
        Err(error) if error.kind == ErrorKind::Upstream => {
            task.set_json("status", Status::Failed.as_str());
            task.set("error", shape::written(&error));
        }
        Err(error) => return Err(error),
    }
    Ok(task)
}

/// Cancelling what has ended is no error in the modern model.
async fn cancel(connection: &Connection, call: Call) -> Reply {
    let about_state = Call { method: Text::from_static("tasks/get"), ..call.clone() };
    match connection.carry(call, None).await {
        Ok(_) => Ok(Object::new()),
        Err(refused) if refused.kind == ErrorKind::Upstream => match connection.carry(about_state, None).await {
            Ok(task) if Status::of(&task).is_some_and(Status::is_terminal) => Ok(Object::new()),
            _ => Err(refused),
        },
        Err(error) => Err(error),
    }
}
