//! Every server inside, once: its name, what it is for, whether it is there without an entry, and
//! how it is made.

use protocol::{Service, ToolServer};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::sync::Arc;

/// What servers inside stand on.
#[derive(Clone)]
pub struct Parts {
    /// What lasts: goals and memories.
    pub store: store::Store,
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
    /// The variables that its entry is given where there is none in the files; `None` for a server
    /// that needs an entry.
    pub without_entry: Option<&'static [&'static str]>,
    make: fn(&Parts, &Given) -> Result<ToolServer, String>,
}

/// Every server inside, in the order of the documentation.
pub const ALL: &[Builtin] = &[];

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
        let names = self.without_entry.unwrap_or_default();
        let env: Vec<String> = names.iter().map(|name| format!("{name} = \"${{{name}:-}}\"")).collect();
        format!("[servers.{0}]\nbuiltin = \"{0}\"\nenv = {{ {1} }}\n", self.name, env.join(", "))
    }
}

/// The entries of the servers that are there without being declared, as TOML.
#[must_use]
pub fn entries() -> String {
    let offered = ALL.iter().filter(|builtin| builtin.without_entry.is_some());
    offered.map(Builtin::entry).collect::<Vec<_>>().join("\n")
}
