//! The process environment as a value: read once, passed in everywhere. Also `.env` files, which
//! are only looked up in, never set.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Overrides `listen.address`.
pub const LISTEN_VARIABLE: &str = "SWITCHBOARD_LISTEN";
/// Overrides `builtins`: names separated by commas.
pub const BUILTINS_VARIABLE: &str = "SWITCHBOARD_BUILTINS";
/// Stands in for `telemetry.otlp_url` (OpenTelemetry Protocol Exporter, section 1), and so on.
pub(crate) const OTLP_URL_VARIABLE: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// For `telemetry.otlp_headers`.
pub(crate) const OTLP_HEADERS_VARIABLE: &str = "OTEL_EXPORTER_OTLP_HEADERS";
/// For `telemetry.service_name`.
pub(crate) const OTEL_NAME_VARIABLE: &str = "OTEL_SERVICE_NAME";

/// What the process was started with.
#[derive(Clone, Default)]
pub struct Environment {
    /// Variables; those that are not valid Unicode are left out.
    pub vars: BTreeMap<String, String>,
    /// The person's home folder.
    pub home: Option<PathBuf>,
    /// The working folder.
    pub cwd: PathBuf,
}

// === impl Environment ===

impl Environment {
    /// Reads the environment of this process: the only place that does.
    pub fn from_process() -> Environment {
        let unicode = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let vars: BTreeMap<String, String> = std::env::vars_os().filter_map(unicode).collect();
        let home = vars.get("HOME").or_else(|| vars.get("USERPROFILE"));
        Environment {
            home: home.filter(|home| !home.is_empty()).map(PathBuf::from),
            cwd: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
            vars,
        }
    }

    /// `$XDG_CONFIG_HOME`, or `~/.config`. `None` without a home folder.
    pub fn config_folder(&self) -> Option<PathBuf> {
        let named = self.vars.get("XDG_CONFIG_HOME").map(PathBuf::from);
        let named = named.filter(|folder| folder.is_absolute());
        named.or_else(|| Some(self.home.as_ref()?.join(".config")))
    }

    /// The path with `~/` expanded, and relative to `folder` if it is relative.
    pub fn resolve(&self, path: &str, folder: &Path) -> PathBuf {
        match (&self.home, path.strip_prefix("~/"), path) {
            (Some(home), Some(rest), _) => home.join(rest),
            (Some(home), None, "~") => home.clone(),
            _ => folder.join(path),
        }
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Environment")
            .field("vars", &self.vars.len())
            .field("home", &self.home)
            .field("cwd", &self.cwd)
            .finish()
    }
}

/// The most bytes of a `.env` file, and of a file read by `${file:…}`.
pub(crate) const VALUE_FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Reads a small file whole.
pub(crate) fn read_value_file(path: &Path) -> Result<String, String> {
    let error = |error: std::io::Error| error.to_string();
    let size = std::fs::metadata(path).map_err(error)?.len();
    if size > VALUE_FILE_BYTES_MAX {
        return Err(format!("it is larger than {VALUE_FILE_BYTES_MAX} bytes"));
    }
    std::fs::read_to_string(path).map_err(error)
}

/// Reads `NAME=value` lines. The second value counts the lines that could not be read: what is in
/// them is not repeated, since it may be secret.
pub(crate) fn read_dotenv(text: &str) -> (BTreeMap<String, String>, usize) {
    let mut vars = BTreeMap::new();
    let mut broken = 0;
    for line in dotenvy::from_read_iter(text.as_bytes()) {
        match line {
            Ok((name, value)) => {
                vars.insert(name, value);
            }
            Err(_) => broken += 1,
        }
    }
    (vars, broken)
}
