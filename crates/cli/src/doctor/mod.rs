//! What `doctor` examines, a file per place to look at. It reads files and asks the system and the
//! daemon; it starts nothing and changes nothing.

mod clients;
mod files;
mod host;
mod running;
mod sandbox;

use crate::context::Context;
use crate::preflight;
use config::{Loaded, Severity};
use serde::Serialize;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// Worth knowing.
    Note,
    /// Something does not work as well as it could.
    Warning,
    /// Something does not work.
    Error,
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was looked at.
    pub(crate) check: &'static str,
    pub(crate) level: Level,
    /// What is wrong, and why it matters.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) fix: Option<String>,
}

// === impl Finding ===

impl Finding {
    fn error(check: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, level: Level::Error, message: message.into(), fix: Some(fix.into()) }
    }

    fn warning(check: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { level: Level::Warning, ..Self::error(check, message, fix) }
    }

    fn note(check: &'static str, message: impl Into<String>) -> Self {
        Self { check, level: Level::Note, message: message.into(), fix: None }
    }
}

/// Everything that was found, the worst first.
pub(crate) fn examine(context: &Context) -> Vec<Finding> {
    let loaded = config::load(&context.sources());
    let mut findings = configuration(&loaded);
    findings.extend(files::examine(context, &loaded));
    findings.extend(host::examine(&loaded.config));
    findings.extend(clients::examine(context, &loaded.config));
    findings.extend(running::examine(context, &loaded.config));
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    findings
}

fn configuration(loaded: &Loaded) -> Vec<Finding> {
    let wrong = loaded.diagnostics.iter().filter(|found| found.severity != Severity::Note);
    let found = wrong.map(|found| Finding {
        check: "configuration",
        level: if found.severity == Severity::Error { Level::Error } else { Level::Warning },
        message: match (&found.file, found.line) {
            (Some(file), Some(line)) => format!("{}:{line}: {}", file.display(), found.message),
            _ => found.message.clone(),
        },
        fix: found.hint.clone(),
    });
    found.collect()
}

/// Programs, engines and servers that others need and that are not there.
fn programs(context: &Context, loaded: &Loaded) -> Vec<Finding> {
    let missing = preflight::check(&loaded.config, &context.environment).into_iter();
    let check = |what: &str| match what {
        "program" => "programs",
        "engine" => "container engine",
        _ => "dependencies",
    };
    missing.map(|missing| Finding::error(check(missing.what), missing.message, missing.hint)).collect()
}
