//! Whether a tool may run as a task, and what a call to it must say (row 20 of table 2.2).

use super::shape;
use crate::catalog::{Route, ServerCatalog};
use protocol::{Call, Era, Error, ErrorKind, Object, Raw};

/// What a tool and its server say about tasks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TaskSupport {
    /// Every call is answered at once.
    #[default]
    Never,
    /// A legacy server makes a task of it when it is asked to.
    Optional,
    /// A legacy server makes a task of every call, and refuses plain ones.
    Required,
    /// A modern server decides by itself, when the client knows tasks.
    ServerDecides,
}

impl TaskSupport {
    /// Reads what `tool` and the server behind `catalog` say.
    pub(crate) fn of(tool: &Object, catalog: &ServerCatalog) -> Self {
        match catalog.era {
            Some(Era::Modern) if shape::named_in(&catalog.capabilities) => Self::ServerDecides,
            Some(Era::Legacy) if makes_tasks(&catalog.capabilities) => {
                match tool.object("execution").and_then(|execution| execution.text("taskSupport")).as_deref() {
                    Some("optional") => Self::Optional,
                    Some("required") => Self::Required,
                    _ => Self::Never,
                }
            }
            _ => Self::Never,
        }
    }

    /// The tool as a client of 2025-11-25 must see it, where that differs from what the server
    /// says: whatever the server wants, the client may choose, since we wait where it does not.
    pub(crate) fn shown_to_legacy(self, tool: &Object) -> Option<Raw> {
        if !matches!(self, Self::Required | Self::ServerDecides) {
            return None;
        }
        let mut execution = tool.object("execution").unwrap_or_default();
        execution.set("taskSupport", Raw::from_static("\"optional\""));
        let mut shown = tool.clone();
        shown.set("execution", execution.to_raw());
        Some(shown.to_raw())
    }
}

/// Whether the capabilities of a legacy server offer tasks for tools.
pub(crate) fn makes_tasks(capabilities: &Raw) -> bool {
    let tasks = Object::of(capabilities).ok().and_then(|object| object.object("tasks"));
    let tools = tasks.and_then(|tasks| tasks.object("requests")).and_then(|requests| requests.object("tools"));
    tools.is_some_and(|tools| tools.get("call").is_some())
}

/// Makes `params.task` of a call what the server wants: only a legacy server gets it, where the
/// tool needs it or a legacy client asked for it. It means nothing in the extension, so a modern
/// client's is dropped.
///
/// # Errors
/// When a legacy client asks for a task of a tool that makes none.
pub(crate) fn mark(route: &Route, call: &mut Call) -> Result<(), Error> {
    let wanted = call.params.remove("task").filter(|_| call.context.era() == Era::Legacy);
    match (route.tasks, wanted) {
        (TaskSupport::Required, wanted) => {
            call.params.set("task", wanted.unwrap_or_else(|| Raw::from_static("{}")));
        }
        (TaskSupport::Optional, Some(wanted)) => call.params.set("task", wanted),
        (TaskSupport::Never, Some(_)) => {
            let message = format!("the tool `{}` of the server `{}` does not run as a task", route.own, route.server);
            return Err(Error::new(ErrorKind::MethodNotFound, message).hint("call it without `task`"));
        }
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{CallContext, Client, Principal, Text, Version};

    fn support(era: Era, capabilities: &'static str, tool: &'static str) -> TaskSupport {
        let mut catalog = ServerCatalog::empty(String::new());
        catalog.era = Some(era);
        catalog.capabilities = Raw::from_static(capabilities);
        TaskSupport::of(&Object::of(&Raw::from_static(tool)).unwrap(), &catalog)
    }

    #[test]
    fn only_what_the_server_offers_counts() {
        let offers = r#"{"tasks":{"requests":{"tools":{"call":{}}}}}"#;
        let required = r#"{"execution":{"taskSupport":"required"}}"#;
        assert_eq!(support(Era::Legacy, offers, required), TaskSupport::Required);
        assert_eq!(support(Era::Legacy, "{}", required), TaskSupport::Never);
        assert_eq!(support(Era::Legacy, offers, "{}"), TaskSupport::Never);
        let extension = r#"{"extensions":{"io.modelcontextprotocol/tasks":{}}}"#;
        assert_eq!(support(Era::Modern, extension, required), TaskSupport::ServerDecides);
        assert_eq!(support(Era::Modern, offers, required), TaskSupport::Never);
    }

    #[test]
    fn the_marker_reaches_only_servers_that_know_it() {
        let marked = |tasks, version, task: Option<&'static str>| {
            let route = Route {
                server: "s".into(),
                own: "t".into(),
                own_json: Raw::from_static("\"t\""),
                mirrored: Vec::new().into(),
                tasks,
                members: std::sync::Arc::from([]),
            };
            let mut context = CallContext::internal(Principal::new("p"));
            context.client = Client { version, ..(*context.client).clone() }.into();
            let mut call = Call { method: Text::from_static("tools/call"), params: Object::new(), context };
            if let Some(task) = task {
                call.params.set("task", Raw::from_static(task));
            }
            mark(&route, &mut call).map(|()| call.params.to_raw().as_str().to_owned())
        };
        let (old, new) = (Version::V2025_11_25, Version::V2026_07_28);
        assert_eq!(marked(TaskSupport::Required, new, None).unwrap(), r#"{"task":{}}"#);
        assert_eq!(marked(TaskSupport::Required, old, Some(r#"{"ttl":1}"#)).unwrap(), r#"{"task":{"ttl":1}}"#);
        assert_eq!(marked(TaskSupport::Optional, old, Some("{}")).unwrap(), r#"{"task":{}}"#);
        assert_eq!(marked(TaskSupport::Optional, new, Some("{}")).unwrap(), "{}");
        assert_eq!(marked(TaskSupport::ServerDecides, old, Some("{}")).unwrap(), "{}");
        assert_eq!(marked(TaskSupport::Never, new, Some("{}")).unwrap(), "{}");
        assert_eq!(marked(TaskSupport::Never, old, Some("{}")).unwrap_err().code(), -32601);
    }
}
