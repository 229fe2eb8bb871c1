//! From files, environment and flags to one `Config` with every problem that was found.
//!
//! The order of layers and the merging stand here; what a value may be is said by `settings` and
//! `server`, what it is written like by `raw`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::approval::Approvals;
use crate::config::{Approval, Config};
use crate::depends::check_depends;
use crate::diagnostic::{Diagnostic, Report, Severity, Source};
use crate::discover::join;
use crate::dotenv::Dotenv;
use crate::environment::{Environment, read_dotenv, read_value_file};
use crate::host;
use crate::names::reduce;
use crate::origin::{Layer, Origin};
use crate::raw::{RawConfig, RawServer, read};
use crate::read::Settings;
use crate::server::{Declaration, check_server};
use crate::services::{Surroundings, check_services};
use crate::settings::check_settings;
use crate::shared::Shared;

/// Where configuration comes from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Files named by a person (`--config`), the last one strongest. If there are none, the user's
    /// and the project's files are looked for.
    pub files: Vec<PathBuf>,
    /// Environment variables, home and working folder.
    pub environment: Environment,
    /// Values given on the command line.
    pub flags: Flags,
    /// What a person approved on this machine.
    pub approvals: Approvals,
    /// The entries of servers inside this program that are offered without being declared, as TOML.
    pub inside: String,
    /// Texts that stand for files, by absolute path: what would be if they were written.
    pub drafts: BTreeMap<PathBuf, String>,
}

/// Values given on the command line; they win over everything.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--listen`: overrides `listen.address`.
    pub listen: Option<String>,
}

/// What [`load`] found.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration, without what could not be used. Only to be run if there are no errors.
    pub config: Config,
    /// Every problem, in the order of files and lines.
    pub diagnostics: Vec<Diagnostic>,
    /// Files to watch: those that were read and those that would be if they existed.
    pub files: Vec<PathBuf>,
}

// === impl Loaded ===

impl Loaded {
    /// Whether the configuration must not be used.
    pub fn has_errors(&self) -> bool {
        let mut diagnostics = self.diagnostics.iter();
        diagnostics.any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// The most bytes of a configuration file.
const CONFIG_FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// A file to read.
struct Candidate {
    /// As it is shown to a person.
    shown: PathBuf,
    path: PathBuf,
    layer: Layer,
}

/// A file that was read.
pub(crate) struct Document {
    pub(crate) source: Source,
    pub(crate) layer: Layer,
    /// Its folder, absolute if the working folder is.
    pub(crate) folder: PathBuf,
    /// The file itself, absolute and without links where the system tells.
    pub(crate) file: PathBuf,
}

// === impl Document ===

impl Document {
    /// What a project brings waits for a person.
    pub(crate) fn approval(&self) -> Approval {
        match self.layer {
            Layer::Project | Layer::Found => Approval::Pending,
            _ => Approval::Approved,
        }
    }

    /// Whether an entry is a person's own, or was approved once.
    fn holds(&self, name: &str, approvals: &Approvals) -> bool {
        self.approval() == Approval::Approved || approvals.find(name, &self.file).is_some()
    }

    pub(crate) fn origin(&self, at: usize) -> Origin {
        Origin { layer: self.layer, file: Some(self.source.path.clone()), line: self.source.line_column(at).0 }
    }
}

/// Reads, merges and checks everything that people declared. Never fails: what is wrong is in
/// `diagnostics`.
pub fn load(sources: &Sources) -> Loaded {
    let environment = &sources.environment;
    let mut report = Report::default();
    let mut files = Vec::new();
    let mut documents = Vec::new();
    let mut raws = Vec::new();
    let mut broken = Vec::new();
    for candidate in candidates(sources) {
        files.push(candidate.path.clone());
        if let Some((document, raw)) = read_candidate(candidate, sources, &mut report) {
            if raw.broken {
                broken.push(document.source.path.clone());
            }
            documents.push(document);
            raws.push(raw);
        }
    }
    let dotenv = Dotenv::read(environment, &mut report);
    files.push(Dotenv::path(environment));

    let read_so_far = report.diagnostics.len();
    let settings = merge_settings(&mut raws, &documents, &mut report);
    join(sources, &settings, &mut documents, &mut raws, &mut report);
    files.extend(documents.iter().filter(|one| one.layer == Layer::Found).map(|one| one.file.clone()));
    let services = crate::services::take(&mut raws, &documents);
    let profiles = crate::profiles::take(&mut raws, &documents, &mut report);
    let mut declared = merge(raws, &documents, &sources.approvals, &mut report);
    let builtins = crate::inside::declare(sources, &settings, &mut documents, &mut declared, &mut report);
    let mut config = check_settings(&settings, &documents, sources, &dotenv, &mut report, &mut files);
    config.builtins = builtins;
    let shared = Shared::of(&settings, &documents);
    let around = Surroundings {
        documents: &documents,
        environment,
        dotenv: &dotenv,
        settings: &settings,
        approvals: &sources.approvals,
        listen: config.listen.address,
    };
    config.services = check_services(&services, &around, &mut report, &mut files);
    for (name, (at, raw)) in &declared {
        let declaration = Declaration {
            document: &documents[*at],
            raw,
            environment,
            dotenv: dotenv.of(&documents[*at]),
            settings: &settings,
            shared: &shared,
            mixed: shared.mixed(raw),
            approvals: &sources.approvals,
            services: &config.services,
            listen: config.listen.address,
            what: "server",
        };
        if let Some(server) = check_server(&declaration, &mut report, &mut files) {
            config.servers.insert(name.clone(), server);
        }
    }
    refuse_like_names(&mut config, &declared, &documents, &mut report);
    let raws = declared.values().map(|(at, raw)| (*at, raw));
    host::refuse_like_ports(&mut config, raws, &documents, &mut report);
    crate::services::approve_needed(&mut config);
    check_depends(&mut config, &declared, &services, &documents, &mut report);
    crate::guards::refuse_group_names(&mut config, &declared, &documents, &mut report);
    crate::profiles::check_profiles(&profiles, &mut config, &documents, &mut report);
    order(&mut report.diagnostics, read_so_far, &broken, &documents);
    files.sort();
    files.dedup();
    Loaded { config, diagnostics: report.diagnostics, files }
}

/// Leaves out what may only follow from other problems; the rest in the order of the files.
fn order(diagnostics: &mut Vec<Diagnostic>, read_so_far: usize, broken: &[PathBuf], documents: &[Document]) {
    drop_guesses(diagnostics, read_so_far, broken);
    sort_by_place(diagnostics, documents);
}

/// In a file with syntax errors, what is missing may only not have been understood.
fn drop_guesses(diagnostics: &mut Vec<Diagnostic>, read_so_far: usize, broken: &[PathBuf]) {
    let guess = |found: &Diagnostic| found.file.as_ref().is_some_and(|file| broken.contains(file));
    let checked = diagnostics.split_off(read_so_far);
    diagnostics.extend(checked.into_iter().filter(|found| !guess(found)));
}

/// What has no place first, then in the order of files and lines.
fn sort_by_place(diagnostics: &mut [Diagnostic], documents: &[Document]) {
    diagnostics.sort_by_key(|diagnostic| {
        let mut paths = documents.iter().map(|document| &document.source.path);
        let file = diagnostic.file.as_ref();
        (paths.position(|path| Some(path) == file), diagnostic.span)
    });
}

/// The files that discovery looks at, the weakest first.
/// The files of a person and of the project that are read, whether they are there or not; those of
/// other tools are not among them.
pub fn own_files(sources: &Sources) -> Vec<PathBuf> {
    candidates(sources).into_iter().map(|candidate| candidate.path).collect()
}

fn candidates(sources: &Sources) -> Vec<Candidate> {
    let environment = &sources.environment;
    let mut found: Vec<Candidate> = Vec::new();
    let mut add = |shown: PathBuf, layer: Layer| {
        let path = environment.cwd.join(&shown);
        let same = |other: &Candidate| real(&other.path) == real(&path);
        if !found.iter().any(same) {
            found.push(Candidate { shown, path, layer });
        }
    };
    if sources.files.is_empty() {
        if let Some(folder) = environment.config_folder() {
            add(folder.join("switchboard").join("switchboard.toml"), Layer::User);
        }
        add(PathBuf::from("switchboard.toml"), Layer::Project);
        add(PathBuf::from(".mcp.json"), Layer::Project);
    }
    for file in &sources.files {
        add(file.clone(), Layer::Named);
    }
    found
}

fn read_candidate(candidate: Candidate, sources: &Sources, report: &mut Report) -> Option<(Document, RawConfig)> {
    let draft = sources.drafts.get(&candidate.path).cloned();
    let text = match draft.map_or_else(|| read_text(&candidate.path), Ok) {
        Ok(text) => text,
        Err(Unread::Absent) if candidate.layer != Layer::Named => return None,
        Err(unread) => {
            let (cause, hint) = match unread {
                Unread::Absent => ("it does not exist".to_owned(), "check the path after --config"),
                Unread::Failed(cause) => (cause, "check who may read it"),
                Unread::NotText => ("it is not UTF-8 text".to_owned(), "save it as UTF-8"),
                Unread::Large => (format!("it is larger than {CONFIG_FILE_BYTES_MAX} bytes"), "is it the right file?"),
            };
            let message = format!("the configuration file cannot be read: {cause}");
            let diagnostic = Diagnostic::new(Severity::Error, message).in_file(&candidate.shown);
            report.push(diagnostic).hint(hint);
            return None;
        }
    };
    let mut source = Source::new(&candidate.shown, &text);
    let raw = read(&mut source, report);
    let folder = candidate.path.parent().unwrap_or(Path::new("."));
    let (layer, file) = (candidate.layer, real(&candidate.path));
    let document = Document { source, layer, folder: folder.to_path_buf(), file };
    Some((document, raw))
}

/// Where links lead; the path itself where nothing is.
pub(crate) fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

enum Unread {
    Absent,
    Large,
    NotText,
    Failed(String),
}

fn read_text(path: &Path) -> Result<String, Unread> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => Unread::Absent,
        _ => Unread::Failed(error.to_string()),
    };
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if metadata.len() > CONFIG_FILE_BYTES_MAX {
        return Err(Unread::Large);
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    String::from_utf8(bytes).map_err(|_| Unread::NotText)
}

/// Reads a `.env` file if there is one.
pub(crate) fn read_environment_file(path: &Path, report: &mut Report) -> BTreeMap<String, String> {
    if !path.exists() {
        return BTreeMap::new();
    }
    let warning = |message: String| Diagnostic::new(Severity::Warning, message).in_file(path);
    match read_value_file(path) {
        Ok(text) => {
            let (vars, broken) = read_dotenv(&text);
            if broken > 0 {
                report
                    .push(warning(format!("{broken} lines could not be read")))
                    .hint("each line is NAME=value; quote values with spaces");
            }
            vars
        }
        Err(cause) => {
            report.push(warning(format!("the file cannot be read: {cause}")));
            BTreeMap::new()
        }
    }
}

pub(crate) type Declared = BTreeMap<String, (usize, RawServer)>;

/// What a project must not set: where we listen, what is searched, how the servers of others
/// behave, what is kept of their calls, which folders they are shown, and who runs containers.
const NOT_OF_PROJECTS: &[&str] = &[
    "listen",
    "discovery",
    "defaults",
    "records",
    "roots",
    "container_engine",
    "builtins",
    "state",
    "cache",
    "telemetry",
    "log",
    "search",
];

/// Later layers win, one setting at a time.
fn merge_settings(raws: &mut [RawConfig], documents: &[Document], report: &mut Report) -> Settings {
    let mut settings = Settings::default();
    for (at, raw) in raws.iter_mut().enumerate() {
        let document = &documents[at];
        for (key, field) in std::mem::take(&mut raw.settings) {
            let top = if key.0.is_empty() { key.1 } else { key.0 };
            if document.layer == Layer::Project && NOT_OF_PROJECTS.contains(&top) {
                let whole = if key.0.is_empty() { top.to_owned() } else { format!("{}.{}", key.0, key.1) };
                let message = format!("`{whole}` of a project is not used");
                report
                    .at(&document.source, Severity::Warning, field.key_span, message)
                    .hint("set it in your own file, or name this file with --config");
                continue;
            }
            settings.fields.insert(key, (at, field));
        }
    }
    settings
}

/// Later layers win, servers whole; what was found comes first of all.
fn merge(raws: Vec<RawConfig>, documents: &[Document], approvals: &Approvals, report: &mut Report) -> Declared {
    let mut declared = Declared::new();
    let mut ordered: Vec<(usize, RawConfig)> = raws.into_iter().enumerate().collect();
    ordered.sort_by_key(|(at, _)| (documents[*at].layer != Layer::Found, *at));
    for (at, raw) in ordered {
        let document = &documents[at];
        for server in raw.servers {
            let (name, span) = (server.name.clone(), server.name_span);
            let former = declared.get(&name);
            let Some((before, place)) = former.map(|(before, former)| {
                let document = &documents[*before];
                (document, document.origin(former.name_span.start))
            }) else {
                declared.insert(name, (at, server));
                continue;
            };
            // What is not approved must not switch off what is, and of what was found the first counts.
            let held = before.holds(&name, approvals) && !document.holds(&name, approvals);
            let unasked = document.approval() == Approval::Pending && before.approval() == Approval::Approved;
            let found = document.layer == Layer::Found && before.layer == Layer::Found;
            let message = if held || unasked {
                let whose = if document.layer == Layer::Found { "was found and" } else { "of this project" };
                format!("`{name}` {whose} is not approved; the one from {place} is used")
            } else if found {
                format!("`{name}` was found twice; the one from {place} counts")
            } else {
                declared.insert(name.clone(), (at, server));
                format!("`{name}` replaces the server of that name from {place}")
            };
            report.at(&document.source, Severity::Note, span, message);
        }
    }
    declared
}

/// Two servers whose names reduce alike would have the same public names.
fn refuse_like_names(config: &mut Config, declared: &Declared, documents: &[Document], report: &mut Report) {
    let mut servers: Vec<(usize, &RawServer)> = declared.values().map(|(at, raw)| (*at, raw)).collect();
    // What is approved and strong keeps its name; what comes later, or unasked, gives way.
    servers.sort_by_key(|(at, raw)| {
        let foreign = documents[*at].approval() == Approval::Pending;
        (foreign, *at, raw.name_span.start)
    });
    let mut first: BTreeMap<String, (&str, Origin)> = BTreeMap::new();
    for (at, raw) in servers {
        let document = &documents[at];
        let reduced = reduce(&raw.name);
        if reduced.is_empty() {
            continue;
        }
        let Some((other, place)) = first.get(&reduced) else {
            let origin = document.origin(raw.name_span.start);
            first.insert(reduced, (&raw.name, origin));
            continue;
        };
        config.servers.remove(&raw.name);
        let message = format!("the servers `{}` and `{other}` have the same public name `{reduced}`", raw.name);
        let severity = severity_for(document.approval());
        report
            .at(&document.source, severity, raw.name_span, message)
            .label("the same after reduction to a-z, 0-9 and -")
            .hint(format!("rename one of them; the other stands at {place}"));
    }
}

/// What is pending is not run, so nothing in it can be fatal.
pub(crate) fn severity_for(approval: Approval) -> Severity {
    match approval {
        Approval::Approved => Severity::Error,
        Approval::Pending => Severity::Warning,
    }
}
