//! What one server last said about itself: the part of the catalog that is kept on disk.
//!
//! It is handed in at start and handed out on every change; this crate reads and writes no file.

use protocol::{Era, Raw};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The lists of one server as it gave them, own names unchanged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerCatalog {
    /// Hash of the entry that this was learnt from; another entry makes it worthless.
    pub definition: String,
    /// The era in which it was reached.
    pub era: Option<Era>,
    /// `capabilities`.
    pub capabilities: Raw,
    /// `serverInfo`.
    pub server_info: Option<Raw>,
    /// `instructions`.
    pub instructions: Option<String>,
    /// Tools, in the order of the server.
    pub tools: Vec<Raw>,
    /// Prompts.
    pub prompts: Vec<Raw>,
    /// Resources.
    pub resources: Vec<Raw>,
    /// Resource templates.
    pub templates: Vec<Raw>,
    /// Freshness that the server promised for its lists, in milliseconds; 0 when it said none.
    pub ttl_ms: u64,
}

/// Everything that is kept on disk of the catalog, by declared server name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StoredCatalog {
    /// One entry per server that was ever listed.
    pub servers: BTreeMap<String, ServerCatalog>,
}

/// The four lists of MCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `tools/list`.
    Tools,
    /// `prompts/list`.
    Prompts,
    /// `resources/list`.
    Resources,
    /// `resources/templates/list`.
    Templates,
}

impl Kind {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Tools, Self::Prompts, Self::Resources, Self::Templates];

    /// The method that lists it.
    #[must_use]
    pub const fn method(self) -> &'static str {
        match self {
            Self::Tools => "tools/list",
            Self::Prompts => "prompts/list",
            Self::Resources => "resources/list",
            Self::Templates => "resources/templates/list",
        }
    }

    /// The kind that `method` lists.
    #[must_use]
    pub fn of_method(method: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.method() == method)
    }

    /// The member of the result that holds the items.
    #[must_use]
    pub const fn member(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Prompts => "prompts",
            Self::Resources => "resources",
            Self::Templates => "resourceTemplates",
        }
    }

    /// The capability under which servers advertise it.
    #[must_use]
    pub const fn capability(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Prompts => "prompts",
            Self::Resources | Self::Templates => "resources",
        }
    }
}

impl ServerCatalog {
    /// A catalog without items, for a server that was reached but not yet listed.
    #[must_use]
    pub fn empty(definition: String) -> Self {
        Self {
            definition,
            era: None,
            capabilities: Raw::from_static("{}"),
            server_info: None,
            instructions: None,
            tools: Vec::new(),
            prompts: Vec::new(),
            resources: Vec::new(),
            templates: Vec::new(),
            ttl_ms: 0,
        }
    }

    /// The items of `kind`.
    #[must_use]
    pub fn items(&self, kind: Kind) -> &[Raw] {
        match kind {
            Kind::Tools => &self.tools,
            Kind::Prompts => &self.prompts,
            Kind::Resources => &self.resources,
            Kind::Templates => &self.templates,
        }
    }

    /// The items of `kind`, to change them.
    pub fn items_mut(&mut self, kind: Kind) -> &mut Vec<Raw> {
        match kind {
            Kind::Tools => &mut self.tools,
            Kind::Prompts => &mut self.prompts,
            Kind::Resources => &mut self.resources,
            Kind::Templates => &mut self.templates,
        }
    }
}
