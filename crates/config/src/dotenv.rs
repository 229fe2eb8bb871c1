//! The `.env` of the working folder, and for which files it counts: those beside it and below. A file
//! that stands elsewhere, such as a person's own, must not say other things in another folder.

use crate::diagnostic::Report;
use crate::environment::Environment;
use crate::load::{Document, read_environment_file, real};
use crate::origin::Layer;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What stands in the `.env` of the working folder.
#[derive(Debug)]
pub(crate) struct Dotenv {
    /// The folder, and where links to it lead.
    folders: [PathBuf; 2],
    variables: BTreeMap<String, String>,
    none: BTreeMap<String, String>,
}

// === impl Dotenv ===

impl Dotenv {
    /// Reads it if there is one.
    pub(crate) fn read(environment: &Environment, report: &mut Report) -> Self {
        let variables = read_environment_file(&Self::path(environment), report);
        let folders = [environment.cwd.clone(), real(&environment.cwd)];
        Self { folders, variables, none: BTreeMap::new() }
    }

    /// Where it is, or would be.
    pub(crate) fn path(environment: &Environment) -> PathBuf {
        environment.cwd.join(".env")
    }

    /// What counts for a file.
    pub(crate) fn of(&self, document: &Document) -> &BTreeMap<String, String> {
        let below = self.folders.iter().any(|folder| document.file.starts_with(folder));
        if document.layer == Layer::Project || below { &self.variables } else { &self.none }
    }
}
