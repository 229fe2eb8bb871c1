//! Every server inside, once: its name, what it is for, whether it is there without an entry, and
//! how it is made.

use crate::Spawner;
use config::Environment;
use protocol::{Service, ToolServer};
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::sync::Arc;
use store::Store;
use store::cache::Cache;

/// What servers inside stand on.
#[derive(Clone)]
pub struct Parts {
    /// What must last.
    pub store: Store,
    /// Where what may be forgotten is kept.
    pub cache: Cache,
    /// Starts processes.
    pub spawner: Arc<dyn Spawner>,
    /// What this program was started with.
    pub environment: Environment,
}

/// Looks up what an entry's environment says; nothing where the value is empty.
pub type Env = Arc<dyn Fn(&str) -> Option<SecretString> + Send + Sync>;

/// What one entry says.
#[derive(Clone)]
pub struct Given {
    /// `options` of the entry.
    pub options: Map<String, Value>,
    /// Its environment, and ours where it says nothing.
    pub env: Env,
}

/// A server inside.
pub struct Builtin {
    /// Its name, which `builtin` of an entry says.
    pub name: &'static str,
    /// What it is for, in a sentence.
    pub about: &'static str,
    /// Whether it is there without an entry.
    pub without_entry: bool,
    /// The variables that it reads.
    pub variables: &'static [&'static str],
    /// The JSON Schema of its options.
    pub options: fn() -> Value,
    make: fn(&Parts, &Given) -> Result<ToolServer, String>,
}

/// Every server inside, in the order of the documentation.
pub const ALL: &[Builtin] = &[
    Builtin {
        name: "cache",
        about: "Values under keys, each for a time.",
        without_entry: true,
        variables: &[],
        options: schema::<crate::cache::Options>,
        make: |parts, given| Ok(crate::cache::server(parts.cache.clone(), &given.options()?)),
    },
    Builtin {
        name: "goals",
        about: "Goals, their tasks, what waits for what, and who works on it.",
        without_entry: true,
        variables: &[],
        options: schema::<crate::goals::Options>,
        make: |parts, given| Ok(crate::goals::server(parts.store.clone(), given.options()?)),
    },
    Builtin {
        name: "memory",
        about: "Texts that are remembered across conversations, and found by their words and meaning.",
        without_entry: true,
        variables: &[],
        options: schema::<crate::memory::Options>,
        make: |parts, given| Ok(crate::memory::server(parts.store.clone(), given.options()?)),
    },
    Builtin {
        name: "web",
        about: "Searches the web and reads pages, PDF files and texts.",
        without_entry: true,
        variables: crate::web::VARIABLES,
        options: schema::<crate::web::Options>,
        make: |_, given| crate::web::server(given.options()?, &*given.env),
    },
    Builtin {
        name: "files",
        about: "Reads, writes and finds files in folders that you name.",
        without_entry: false,
        variables: &[],
        options: schema::<crate::files::Options>,
        make: |parts, given| said(crate::files::server(&given.options()?, &parts.environment)),
    },
    Builtin {
        name: "shell",
        about: "Runs programs that you allow, without a shell.",
        without_entry: false,
        variables: &[],
        options: schema::<crate::shell::Options>,
        make: |parts, given| {
            let spawner = Arc::clone(&parts.spawner);
            said(crate::shell::server(&given.options()?, &parts.environment, spawner))
        },
    },
    Builtin {
        name: "runner",
        about: "Runs the commands of Markdown task files, step by step.",
        without_entry: false,
        variables: &[],
        options: schema::<crate::runner::Options>,
        make: |parts, given| {
            let spawner = Arc::clone(&parts.spawner);
            said(crate::runner::server(&given.options()?, &parts.environment, spawner))
        },
    },
];

fn schema<T: JsonSchema>() -> Value {
    schemars::schema_for!(T).to_value()
}

fn said<E: std::fmt::Display>(made: Result<ToolServer, E>) -> Result<ToolServer, String> {
    made.map_err(|error| error.to_string())
}

// === impl Given ===

impl Default for Given {
    fn default() -> Self {
        Self { options: Map::new(), env: Arc::new(|_| None) }
    }
}

impl Given {
    /// The options of a server.
    ///
    /// # Errors
    /// What is wrong with them, with the names that there are.
    pub fn options<T: DeserializeOwned>(&self) -> Result<T, String> {
        let read = serde_json::from_value(Value::Object(self.options.clone()));
        read.map_err(|error| format!("its `options` cannot be used: {error}"))
    }
}

// === impl Builtin ===

impl Builtin {
    /// The server inside of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|builtin| builtin.name == name)
    }

    /// The server for an entry.
    ///
    /// # Errors
    /// What is wrong with the entry.
    pub fn make(&self, parts: &Parts, given: &Given) -> Result<ToolServer, String> {
        (self.make)(parts, given)
    }

    /// The same as the gateway takes it.
    ///
    /// # Errors
    /// What is wrong with the entry.
    pub fn service(&self, parts: &Parts, given: &Given) -> Result<Arc<dyn Service>, String> {
        Ok(Arc::new(self.make(parts, given)?))
    }

    /// The entry of this server, as TOML.
    #[must_use]
    pub fn entry(&self) -> String {
        let env: Vec<String> = self.variables.iter().map(|name| format!("{name} = \"${{{name}:-}}\"")).collect();
        format!("[servers.{0}]\nbuiltin = \"{0}\"\nenv = {{ {1} }}\n", self.name, env.join(", "))
    }
}

/// The entries of the servers that are there without being declared, as TOML.
#[must_use]
pub fn entries() -> String {
    let offered = ALL.iter().filter(|builtin| builtin.without_entry);
    offered.map(Builtin::entry).collect::<Vec<_>>().join("\n")
}
