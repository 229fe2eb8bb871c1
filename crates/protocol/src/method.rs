//! The method table: what the gateway must know of a method, as data.
//!
//! A new method or extension is a row here. A method without a row is still carried: it is routed
//! by whatever routing key its parameters have.

use crate::Era;

/// What says where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoutingKey {
    /// `params.name`, a public name.
    Name,
    /// `params.uri`.
    Uri,
    /// `params.taskId`.
    TaskId,
    /// `params.ref`: a prompt's name or a template's URI.
    Ref,
    /// Asked of every server that knows it; the lists in the answers are joined.
    Every,
    /// Answered from the merged catalog.
    Catalog,
    /// Answered by the gateway or the listener itself.
    Own,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Method {
    /// The name on the wire.
    pub name: &'static str,
    /// Where it goes.
    pub key: RoutingKey,
    /// Which eras know it; the other answers "method not found".
    pub eras: Eras,
    /// Its complete result carries `ttlMs` and `cacheScope` (protocol.md section 1.12).
    pub cacheable: bool,
    /// It may be answered with `input_required` (protocol.md section 1.9).
    pub may_ask: bool,
    /// The parameter that the header `Mcp-Name` repeats (protocol.md section 1.3).
    pub header_name: Option<&'static str>,
}

/// Which eras know a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eras {
    /// All revisions.
    Both,
    /// Only up to 2025-11-25.
    Legacy,
    /// Only from 2026-07-28 on.
    Modern,
}

const fn row(name: &'static str, key: RoutingKey, eras: Eras) -> Method {
    Method { name, key, eras, cacheable: false, may_ask: false, header_name: None }
}

impl Method {
    const fn cacheable(mut self) -> Self {
        self.cacheable = true;
        self
    }

    const fn may_ask(mut self) -> Self {
        self.may_ask = true;
        self
    }

    const fn header(mut self, parameter: &'static str) -> Self {
        self.header_name = Some(parameter);
        self
    }
}

/// Every method that the specification and its extensions name.
pub const TABLE: &[Method] = &[
    row("tools/call", RoutingKey::Name, Eras::Both).may_ask().header("name"),
    row("tools/list", RoutingKey::Catalog, Eras::Both).cacheable(),
    row("prompts/get", RoutingKey::Name, Eras::Both).may_ask().header("name"),
    row("prompts/list", RoutingKey::Catalog, Eras::Both).cacheable(),
    row("resources/read", RoutingKey::Uri, Eras::Both).cacheable().may_ask().header("uri"),
    row("resources/list", RoutingKey::Catalog, Eras::Both).cacheable(),
    row("resources/templates/list", RoutingKey::Catalog, Eras::Both).cacheable(),
    row("completion/complete", RoutingKey::Ref, Eras::Both),
    row("server/discover", RoutingKey::Own, Eras::Modern).cacheable(),
    row("subscriptions/listen", RoutingKey::Own, Eras::Modern),
    row("initialize", RoutingKey::Own, Eras::Legacy),
    row("ping", RoutingKey::Own, Eras::Legacy),
    row("logging/setLevel", RoutingKey::Own, Eras::Legacy),
    row("resources/subscribe", RoutingKey::Own, Eras::Legacy),
    row("resources/unsubscribe", RoutingKey::Own, Eras::Legacy),
    row("tasks/get", RoutingKey::TaskId, Eras::Both).header("taskId"),
    row("tasks/update", RoutingKey::TaskId, Eras::Modern).header("taskId"),
    row("tasks/cancel", RoutingKey::TaskId, Eras::Both).header("taskId"),
    row("tasks/result", RoutingKey::TaskId, Eras::Legacy).may_ask(),
    row("tasks/list", RoutingKey::TaskId, Eras::Legacy),
    row("skills/list", RoutingKey::Every, Eras::Modern).cacheable(),
    row("skills/get", RoutingKey::Uri, Eras::Modern).cacheable(),
    row("resources/directory/read", RoutingKey::Uri, Eras::Modern),
];

/// The row of `name`.
#[must_use]
pub fn find(name: &str) -> Option<&'static Method> {
    TABLE.iter().find(|method| method.name == name)
}

impl Eras {
    /// Whether `era` knows the method.
    #[must_use]
    pub fn include(self, era: Era) -> bool {
        match self {
            Self::Both => true,
            Self::Legacy => era == Era::Legacy,
            Self::Modern => era == Era::Modern,
        }
    }
}
