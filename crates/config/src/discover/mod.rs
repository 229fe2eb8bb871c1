//! Servers that are declared elsewhere: in projects, in the files of AI clients, in those of the
//! predecessors. They are found and compared with what is configured; nothing found runs before a
//! person approves it, and nothing is written here.

mod folders;
mod projects;
mod read;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::approval::{Record, Subject, Verdict};
use crate::config::{Approval, Config, Server};
use crate::diagnostic::{Report, Severity};
use crate::dotenv::Dotenv;
use crate::load::{Document, Loaded, Sources, load, real};
use crate::names::reduce;
use crate::origin::Layer;
use crate::raw::{RawConfig, RawServer};
use crate::read::Fields;
use crate::read::Settings;
use crate::server::{Declaration, check_server};
use crate::service::Service;
use crate::services::{Surroundings, check_services};
use crate::settings::discovery;
use crate::shared::Shared;

/// What a search brought.
#[derive(Debug, Default, Serialize)]
pub struct Search {
    /// What was found, in the order of the places, each name once.
    pub found: Vec<Found>,
    /// What could not be read or was not searched to its end, in sentences.
    pub remarks: Vec<String>,
}

/// A server that is declared elsewhere.
#[derive(Debug, Serialize)]
pub struct Found {
    /// Its name there.
    pub name: String,
    /// The file that declares it, absolute.
    pub file: PathBuf,
    /// The line in it, from 1.
    pub line: usize,
    /// Command line or URL as written.
    pub target: String,
    /// How it stands to what is configured and approved.
    pub standing: Standing,
    /// Why it stands so, or what differs.
    pub lines: Vec<String>,
    /// Other places that declare the same name; the first one counts.
    pub also: Vec<String>,
    /// What would be approved; none where the entry cannot be used.
    #[serde(skip)]
    pub subject: Option<Subject>,
    /// Whether the file is one of the working folder, which is read without being searched for.
    #[serde(skip)]
    pub of_project: bool,
}

/// How something found stands to what is configured and approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Nothing like it is configured.
    New,
    /// It is configured already.
    Same,
    /// A server of this name is configured and is another one.
    Changed,
    /// It is approved and runs.
    Approved,
    /// It was approved once and is not what was approved.
    Pending,
    /// It cannot be used as it stands there.
    Unusable,
}

// === impl Found ===

impl Found {
    /// What is kept when a person approves it; none where it cannot be used.
    pub fn record(&self) -> Option<Record> {
        let subject = self.subject.clone()?;
        Some(Record { name: self.name.clone(), file: self.file.clone(), found: !self.of_project, subject })
    }
}

// === impl Standing ===

impl Standing {
    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Standing::New => "new",
            Standing::Same => "same",
            Standing::Changed => "changed",
            Standing::Approved => "approved",
            Standing::Pending => "pending",
            Standing::Unusable => "unusable",
        }
    }

    /// Whether a person could approve it.
    pub fn is_open(self) -> bool {
        matches!(self, Standing::New | Standing::Changed | Standing::Pending)
    }
}

/// A file that was found, read.
pub(crate) struct Brought {
    document: Document,
    raw: RawConfig,
    report: Report,
}

/// Searches the places of clients and predecessors, and `folders`; without any, those of
/// `[discovery]`, or else the working folder. Never fails: what went wrong is among the remarks.
pub fn discover(sources: &Sources, folders: &[PathBuf]) -> Search {
    let Loaded { config, .. } = load(sources);
    let environment = &sources.environment;
    let folders = match (folders, config.discovery.folders.as_slice()) {
        ([], []) => vec![environment.cwd.clone()],
        ([], configured) => configured.to_vec(),
        (asked, _) => asked.iter().map(|folder| environment.cwd.join(folder)).collect(),
    };
    let mut search = Search::default();
    let dotenv = Dotenv::read(environment, &mut Report::default());
    for Brought { document, mut raw, report } in collect(sources, &folders, &mut search.remarks) {
        for problem in report.diagnostics.iter().filter(|one| one.severity == Severity::Error) {
            let line = problem.line.map(|line| format!(":{line}")).unwrap_or_default();
            search.remarks.push(format!("{}{line}: {}", document.file.display(), problem.message));
        }
        let services = services(&document, &mut raw, &config, sources, &dotenv);
        for raw in &raw.servers {
            if let Some(found) = judge(&document, raw, &services, &config, sources, &dotenv) {
                add(found, &mut search.found);
            }
        }
    }
    search
}

/// Everything that a person can approve: what is listed and comes from others, then what a search
/// of `folders` brings. What waits comes with the difference.
pub fn approvable(sources: &Sources, folders: &[PathBuf]) -> Vec<Found> {
    let config = load(sources).config;
    let foreign = config.servers.values().filter(|server| server.subject.is_some());
    let mut all: Vec<Found> = foreign.filter_map(|server| listed(server, sources)).collect();
    for found in discover(sources, folders).found {
        let known = all.iter().any(|one| one.file == found.file && one.name == found.name);
        if found.subject.is_some() && !known && found.standing != Standing::Same {
            all.push(found);
        }
    }
    all
}

/// A listed server of somebody else's file.
fn listed(server: &Server, sources: &Sources) -> Option<Found> {
    let file = real(&sources.environment.cwd.join(server.origin.file.as_ref()?));
    let (standing, lines) = match (server.approval, server.changed.is_empty()) {
        (Approval::Approved, _) => (Standing::Approved, Vec::new()),
        (Approval::Pending, true) => (Standing::New, Vec::new()),
        (Approval::Pending, false) => (Standing::Pending, server.changed.clone()),
    };
    Some(Found {
        name: server.name.clone(),
        file,
        line: server.origin.line,
        target: target(&server.written),
        standing,
        lines,
        also: Vec::new(),
        subject: server.subject.as_deref().cloned(),
        of_project: server.origin.layer == Layer::Project,
    })
}

/// The first of a name counts; the others are told.
fn add(found: Found, all: &mut Vec<Found>) {
    let reduced = reduce(&found.name);
    let Some(first) = all.iter_mut().find(|other| reduce(&other.name) == reduced) else {
        all.push(found);
        return;
    };
    let other = if first.target == found.target { "" } else { " (another command)" };
    first.also.push(format!("{}:{}{other}", found.file.display(), found.line));
}

/// Everything that the places and folders hold, each file once.
fn collect(sources: &Sources, folders: &[PathBuf], remarks: &mut Vec<String>) -> Vec<Brought> {
    let mut files = folders::places(&sources.environment);
    for folder in folders {
        folders::walk(folder, &mut files, remarks);
    }
    let mut seen: Vec<PathBuf> = Vec::new();
    let mut all = Vec::new();
    for file in files {
        let file = real(&file);
        if !seen.contains(&file) {
            all.extend(read::file(&file, &sources.environment));
            seen.push(file);
        }
    }
    all
}

/// Adds what was found to what is loaded: everything if `[discovery]` says `auto`, else only what
/// a person approved once.
pub(crate) fn join(
    sources: &Sources,
    settings: &Settings,
    documents: &mut Vec<Document>,
    raws: &mut Vec<RawConfig>,
    report: &mut Report,
) {
    let asked = discovery(settings, documents, &sources.environment);
    let mut brought = match asked.auto {
        true => collect(sources, &asked.folders, &mut Vec::new()),
        false => Vec::new(),
    };
    let approved = sources.approvals.entries.iter().filter(|record| record.found);
    for record in approved {
        if !brought.iter().any(|one| one.document.file == record.file) {
            brought.extend(read::file(&record.file, &sources.environment));
        }
    }
    for Brought { document, mut raw, report: problems } in brought {
        if documents.iter().any(|other| other.file == document.file) {
            continue;
        }
        raw.settings.clear();
        if !asked.auto {
            raw.servers.retain(|server| sources.approvals.find(&server.name, &document.file).is_some());
        }
        for mut problem in problems.diagnostics.into_iter().filter(|one| one.severity == Severity::Error) {
            problem.severity = Severity::Warning;
            report.push(problem);
        }
        documents.push(document);
        raws.push(raw);
    }
}

/// The services that the servers of a file may need: those that are configured, then its own.
fn services(
    document: &Document,
    raw: &mut RawConfig,
    config: &Config,
    sources: &Sources,
    dotenv: &Dotenv,
) -> BTreeMap<String, Service> {
    let documents = std::slice::from_ref(document);
    let declared = crate::services::take(std::slice::from_mut(raw), documents);
    let around = Surroundings {
        documents,
        environment: &sources.environment,
        dotenv,
        settings: &Settings::default(),
        approvals: &sources.approvals,
        listen: config.listen.address,
    };
    let mut services = check_services(&declared, &around, &mut Report::default(), &mut Vec::new());
    services.extend(config.services.iter().map(|(name, service)| (name.clone(), service.clone())));
    services
}

/// How an entry stands; `None` for this switchboard itself.
fn judge(
    document: &Document,
    raw: &RawServer,
    services: &BTreeMap<String, Service>,
    config: &Config,
    sources: &Sources,
    dotenv: &Dotenv,
) -> Option<Found> {
    let mut report = Report::default();
    let declaration = Declaration {
        document,
        raw,
        environment: &sources.environment,
        dotenv: dotenv.of(document),
        settings: &Settings::default(),
        shared: &Shared::default(),
        mixed: Fields::new(),
        approvals: &sources.approvals,
        services,
        listen: config.listen.address,
        what: "server",
    };
    let server = check_server(&declaration, &mut report, &mut Vec::new());
    let mut found = Found {
        name: raw.name.clone(),
        file: document.file.clone(),
        line: document.source.line_column(raw.name_span.start).0,
        target: target(&crate::reach::written(raw)),
        standing: Standing::Unusable,
        lines: Vec::new(),
        also: Vec::new(),
        subject: None,
        of_project: false,
    };
    // What is listed already is judged once.
    let listed = config.servers.get(&raw.name).filter(|listed| {
        listed.subject.is_some() && listed.origin.file.as_ref().is_some_and(|file| same_file(file, document, sources))
    });
    if let Some(found) = listed.and_then(|server| self::listed(server, sources)) {
        return Some(found);
    }
    match server {
        Some(server) => {
            (found.standing, found.lines) = standing(&server, &document.file, config, sources);
            found.subject = server.subject.map(|subject| *subject);
        }
        None => {
            let problems = report.diagnostics.iter().filter(|one| one.severity != Severity::Note);
            found.lines = problems.map(|one| one.message.clone()).collect();
            // Only this switchboard itself is left out without a problem.
            if found.lines.is_empty() {
                return None;
            }
        }
    }
    Some(found)
}

fn standing(server: &Server, file: &Path, config: &Config, sources: &Sources) -> (Standing, Vec<String>) {
    let now = server.subject.as_deref();
    match now.map(|now| sources.approvals.judge(&server.name, file, now)) {
        Some(Verdict::Approved(_)) => return (Standing::Approved, Vec::new()),
        Some(Verdict::Changed(lines)) => return (Standing::Pending, lines),
        _ => {}
    }
    let configured = config.servers.values().filter(|other| other.origin.file.as_deref() != Some(file));
    let configured: Vec<&Server> = configured.collect();
    if let Some(other) = configured.iter().find(|other| other.reduced == server.reduced) {
        return match other.definition_hash() == server.definition_hash() {
            true => (Standing::Same, vec![format!("configured at {}", other.origin)]),
            false => {
                let (old, new) = (target(&other.written), target(&server.written));
                (Standing::Changed, vec![format!("configured at {}: {old} → {new}", other.origin)])
            }
        };
    }
    match configured.iter().find(|other| other.definition_hash() == server.definition_hash()) {
        Some(other) => (Standing::Same, vec![format!("configured as `{}` at {}", other.name, other.origin)]),
        None => (Standing::New, Vec::new()),
    }
}

fn same_file(file: &Path, document: &Document, sources: &Sources) -> bool {
    real(&sources.environment.cwd.join(file)) == document.file
}

/// Command line or URL as written.
fn target(written: &crate::config::Written) -> String {
    let command = written.command.iter().chain(&written.args);
    match &written.url {
        Some(url) => url.clone(),
        None => command.map(String::as_str).collect::<Vec<_>>().join(" "),
    }
}
