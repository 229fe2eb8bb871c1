//! Where a declared value came from, and what an entry carries for other tools.

use std::fmt;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Which layer said it.
    pub layer: Layer,
    /// The file, for layers that are files.
    pub file: Option<PathBuf>,
    /// Line in the file, from 1; 0 where there is none.
    pub line: usize,
}

/// The layers, the weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// This program itself: a server inside it that nobody declared.
    Inside,
    /// A file that discovery found.
    Found,
    /// The file in the user's configuration folder.
    User,
    /// A file found in the working folder.
    Project,
    /// A file named with `--config`.
    Named,
    /// An environment variable.
    Environment,
    /// A flag.
    Flag,
}

/// Keys of other tools beside an entry. Only their names show in `Debug`: values may be secret.
#[derive(Clone, Default, PartialEq)]
pub struct RawExtra(pub serde_json::Map<String, serde_json::Value>);

// === impl Origin ===

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.layer) {
            (_, Layer::Inside) => formatter.write_str("inside this program"),
            (Some(file), _) => write!(formatter, "{}:{}", file.display(), self.line),
            (None, Layer::Flag) => formatter.write_str("--listen"),
            (None, _) => formatter.write_str(crate::environment::LISTEN_VARIABLE),
        }
    }
}

// === impl RawExtra ===

impl fmt::Debug for RawExtra {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}
