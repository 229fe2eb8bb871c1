//! The labelled sets: tools and queries, one JSON object a line.

use serde::Deserialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;

/// The sets, in the order of the tables.
const NAMES: [&str; 5] = ["mcp-registry", "mcpproxy-golden", "metatool", "sealtools", "toolbench"];

/// A catalog with questions.
pub(crate) struct Set {
    pub(crate) name: &'static str,
    pub(crate) definitions: Vec<Definition>,
    pub(crate) queries: Vec<Query>,
}

/// A tool as the files have it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Definition {
    pub(crate) id: String,
    pub(crate) server: String,
    #[serde(default)]
    pub(crate) server_title: String,
    #[serde(default)]
    pub(crate) server_description: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) params: Vec<Param>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Param {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) description: String,
}

impl Param {
    fn of_tool(&self) -> search::Param<'_> {
        search::Param { name: Cow::Borrowed(&self.name), description: Cow::Borrowed(&self.description) }
    }
}

/// A question.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Query {
    pub(crate) text: String,
    pub(crate) relevant: BTreeSet<String>,
    /// Each is one thing that is needed; any member is it.
    #[serde(default)]
    pub(crate) groups: Vec<Vec<String>>,
    #[serde(default)]
    pub(crate) servers: BTreeSet<String>,
    #[serde(default)]
    pub(crate) grades: BTreeMap<String, f64>,
}

impl Set {
    pub(crate) fn all(folder: &Path) -> Result<Vec<Self>, Box<dyn Error>> {
        let read = |name| {
            let folder = folder.join(name);
            Ok(Self {
                name,
                definitions: lines(&folder.join("tools.jsonl"))?,
                queries: queries(&folder.join("queries.jsonl"))?,
            })
        };
        NAMES.into_iter().map(read).collect()
    }

    pub(crate) fn tools(&self) -> impl Iterator<Item = search::Tool<'_>> {
        self.definitions.iter().map(Definition::tool)
    }
}

impl Definition {
    pub(crate) fn tool(&self) -> search::Tool<'_> {
        search::Tool {
            id: &self.id,
            server: &self.server,
            server_title: &self.server_title,
            server_description: &self.server_description,
            name: Cow::Borrowed(&self.name),
            description: Cow::Borrowed(&self.description),
            params: self.params.iter().map(Param::of_tool).collect(),
        }
    }

    /// The six fields of BM25F.
    pub(crate) fn fields(&self) -> [String; 6] {
        let join = |get: fn(&Param) -> &str| self.params.iter().map(get).collect::<Vec<_>>().join(" ");
        [
            self.name.clone(),
            self.description.clone(),
            join(|param| &param.name),
            join(|param| &param.description),
            format!("{} {}", self.server, self.server_title),
            self.server_description.clone(),
        ]
    }
}

pub(crate) fn queries(path: &Path) -> Result<Vec<Query>, Box<dyn Error>> {
    lines(path)
}

fn lines<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Vec<T>, Box<dyn Error>> {
    let text = std::fs::read_to_string(path).map_err(|why| format!("{}: {why}", path.display()))?;
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}
