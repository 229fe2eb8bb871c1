//! What a person approves: everything about an entry that decides what runs or where it goes.
//! An entry that is not exactly what was approved waits again, with the difference.
//!
//! It judges and compares; where approvals are kept, and how a person is asked, is not known here.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::diagnostic::visible;
use crate::environment::Environment;
use crate::raw::RawServer;
use crate::read::Value;
use crate::variables::input_variable;

/// Everything that a person approved on this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approvals {
    /// One for each approved entry.
    pub entries: Vec<Record>,
}

/// One approved entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Name of the server as declared.
    pub name: String,
    /// The file that declares it, absolute.
    pub file: PathBuf,
    /// Whether discovery found the file: it is read again because of this record.
    pub found: bool,
    /// What was approved.
    pub subject: Subject,
}

/// What is approved of an entry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Keys with their values as written; of variables and headers only the names. Values that
    /// come from the project's `.env` stand here as hashes.
    pub keys: BTreeMap<String, String>,
    /// The program, and files among the arguments.
    pub files: Vec<Sealed>,
}

/// A file that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Its path as it is started or passed, absolute.
    pub path: PathBuf,
    /// Where links lead.
    pub real: PathBuf,
    /// SHA-256 in hex of its content; of files beyond 64 MiB, of length and time.
    pub sha256: String,
    /// Length and time of the last change.
    pub stamp: String,
    /// Whether it belongs to the project: a change of it needs a new approval.
    pub inside: bool,
}

/// What surrounds an entry.
#[derive(Debug)]
pub(crate) struct Project<'a> {
    /// Folders whose files belong to it.
    pub(crate) roots: Vec<PathBuf>,
    /// The folder of its file.
    pub(crate) folder: &'a Path,
    pub(crate) environment: &'a Environment,
    /// `.env` of the working folder.
    pub(crate) dotenv: &'a BTreeMap<String, String>,
}

/// What an entry runs on this machine.
#[derive(Debug, Default)]
pub(crate) struct Running<'a> {
    /// Command lines: the program, what installs it, what checks it.
    pub(crate) lines: Vec<Vec<String>>,
    /// Where they run.
    pub(crate) cwd: Option<&'a Path>,
    /// Variables of the program, with those of its file.
    pub(crate) env: Option<&'a BTreeMap<String, SecretString>>,
}

/// What a file is to an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Program,
    Argument,
}

/// Whether an entry may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is what was approved. Programs of the system that are others now are named.
    Approved(Vec<String>),
    /// Nobody has approved it.
    New,
    /// It is not what was approved; the lines say what differs.
    Changed(Vec<String>),
}

/// The most bytes of a file that are read for its hash.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The most files of one entry that are looked at; who approves more is told so.
const FILES_MAX: usize = 256;
/// Where what a project's file runs under a name stands, beside the command that runs it.
pub(crate) const SCRIPT: &str = "script";

/// Keys that change neither what runs nor where it goes. What is not here needs a new approval when
/// it changes: also limits, which a person counted on, and places in a group, which take over calls.
const HARMLESS: &[&str] = &[
    "description",
    "tags",
    "enabled",
    "disabled",
    "startup_timeout",
    "request_timeout",
    "request_timeout_max",
    "stop_timeout",
    "record_arguments",
    "record_results",
    "restart",
    "restart_delay",
    "restart_delay_max",
    "max_restarts",
    "restart_window",
    "stable_after",
    "start",
    "idle_timeout",
    "watch",
    "install_timeout",
    "health",
    "connect_timeout",
    "max_concurrent",
    "response_max",
    "rate_limit",
    "breaker",
    "retry",
    "cache",
    // Of services.
    "linger",
];

// === impl Approvals ===

impl Approvals {
    /// The record of the entry `name` of `file`.
    pub fn find(&self, name: &str, file: &Path) -> Option<&Record> {
        self.entries.iter().find(|record| record.name == name && record.file == file)
    }

    /// Adds a record, in place of an older one of the same entry.
    pub fn put(&mut self, record: Record) {
        self.entries.retain(|other| other.name != record.name || other.file != record.file);
        self.entries.push(record);
    }

    /// Compares an entry with what was approved of it.
    pub fn judge(&self, name: &str, file: &Path, now: &Subject) -> Verdict {
        let Some(record) = self.find(name, file) else {
            return Verdict::New;
        };
        let differences = record.subject.differences(now);
        match differences.is_empty() {
            true => Verdict::Approved(record.subject.other_programs(now)),
            false => Verdict::Changed(differences),
        }
    }
}

// === impl Subject ===

impl Subject {
    /// What is to be approved of an entry. `known` is what was approved: programs of the system
    /// with the same stamp are not read again.
    pub(crate) fn of(raw: &RawServer, runs: &Running<'_>, project: &Project<'_>, known: Option<&Subject>) -> Subject {
        let mut keys = BTreeMap::new();
        for (name, field) in &raw.fields {
            if !HARMLESS.contains(name) {
                keys.insert((*name).to_owned(), shown(&field.value));
            }
        }
        for script in raw.extra.iter().filter(|extra| extra.key == SCRIPT) {
            keys.insert(SCRIPT.to_owned(), visible(script.value.text().unwrap_or_default()));
        }
        let mut files: Vec<Sealed> = Vec::new();
        refer(&mut keys, &mut files, project, known);
        if let Some(env) = runs.env {
            let names: Vec<&str> = env.keys().map(String::as_str).collect();
            keys.remove("env");
            if !names.is_empty() {
                keys.insert("env".to_owned(), visible(&names.join(", ")));
            }
        }
        let folder = runs.cwd.unwrap_or(project.folder);
        let path = project.environment.vars.get("PATH").map(String::as_str).unwrap_or_default();
        let search: Vec<PathBuf> = std::env::split_paths(path).collect();
        let mut named: Vec<(PathBuf, Role)> = Vec::new();
        for (command, args) in runs.lines.iter().filter_map(|line| line.split_first()) {
            let program = program(command, folder, &search).map(|path| (path, Role::Program));
            let arguments = args.iter().map(|arg| (folder.join(arg_path(arg)), Role::Argument));
            for one in program.into_iter().chain(arguments) {
                if !named.contains(&one) {
                    named.push(one);
                }
            }
        }
        if named.len() > FILES_MAX {
            keys.insert("files".to_owned(), format!("only the first {FILES_MAX} words are looked at as files"));
        }
        for (path, role) in named.into_iter().take(FILES_MAX) {
            files.extend(seal(&path, role, &project.roots, known));
        }
        Subject { keys, files }
    }

    /// Takes in what is to be approved of a service that the entry needs.
    pub(crate) fn with_service(&mut self, name: &str, service: &Subject) {
        let keys = service.keys.iter();
        self.keys.extend(keys.map(|(key, value)| (format!("services.{name}.{key}"), value.clone())));
        let new = service.files.iter().filter(|file| !self.files.contains(file));
        let new: Vec<Sealed> = new.cloned().collect();
        self.files.extend(new);
    }

    /// What of the project's files is not what it was when this was looked at, a line each. It reads
    /// the files again.
    pub fn altered(&self) -> Vec<String> {
        let inside = self.files.iter().filter(|file| file.inside);
        let again = inside.filter_map(|file| seal(&file.path, Role::Argument, std::slice::from_ref(&file.path), None));
        self.differences(&Subject { keys: self.keys.clone(), files: again.collect() })
    }

    /// What it is, a line each, for a person who is asked.
    pub fn lines(&self) -> Vec<String> {
        let keys = self.keys.iter().map(|(key, value)| format!("{key}: {value}"));
        let files = self.files.iter().map(|file| {
            let role = if file.inside { "in the project" } else { "of the system" };
            format!("{}: sha256 {} ({role})", visible(&file.path.display().to_string()), file.sha256)
        });
        keys.chain(files).collect()
    }

    /// What differs between what was approved and what stands there now, old → new.
    pub fn differences(&self, now: &Subject) -> Vec<String> {
        let mut lines = Vec::new();
        let all = self.keys.keys().chain(now.keys.keys().filter(|key| !self.keys.contains_key(*key)));
        for key in all {
            let (old, new) = (self.keys.get(key), now.keys.get(key));
            if old != new {
                let said = |text: Option<&String>| text.map_or("nothing", String::as_str).to_owned();
                lines.push(format!("{key}: {} → {}", said(old), said(new)));
            }
        }
        let inside = |subject: &Subject| -> BTreeMap<PathBuf, Sealed> {
            let files = subject.files.iter().filter(|file| file.inside);
            files.map(|file| (file.path.clone(), file.clone())).collect()
        };
        let (old, new) = (inside(self), inside(now));
        for (path, before) in &old {
            match new.get(path) {
                None => lines.push(format!("{}: was there when it was approved, and is not now", path.display())),
                Some(after) if after.real != before.real => lines.push(format!(
                    "{}: leads to {} → leads to {}",
                    path.display(),
                    before.real.display(),
                    after.real.display()
                )),
                Some(after) if after.sha256 != before.sha256 => lines.push(format!(
                    "{}: sha256 {} → {}",
                    path.display(),
                    short(&before.sha256),
                    short(&after.sha256)
                )),
                Some(_) => {}
            }
        }
        let appeared = new.keys().filter(|path| !old.contains_key(*path));
        lines.extend(appeared.map(|path| format!("{}: was not there when it was approved", path.display())));
        lines
    }

    /// Programs of the system that are not what they were: worth a warning, no more.
    fn other_programs(&self, now: &Subject) -> Vec<String> {
        let others = now.files.iter().filter(|file| !file.inside);
        let changed = others.filter(|file| {
            let before = self.files.iter().find(|before| !before.inside && before.path == file.path);
            before.is_none_or(|before| before.sha256 != file.sha256)
        });
        changed.map(|file| file.path.display().to_string()).collect()
    }
}

/// Adds what is referred to by `${…}` in what is approved and can be changed in the project: files,
/// and variables of its `.env`.
fn refer(keys: &mut BTreeMap<String, String>, files: &mut Vec<Sealed>, project: &Project<'_>, known: Option<&Subject>) {
    let written: Vec<String> = keys.values().cloned().collect();
    for reference in written.iter().flat_map(|text| references(text)) {
        if let Some(path) = reference.strip_prefix("file:") {
            let path = project.environment.resolve(path, project.folder);
            files.extend(seal(&path, Role::Argument, std::slice::from_ref(&path), known));
            continue;
        }
        let input = reference.strip_prefix("input:").map(input_variable);
        let plain = reference.strip_prefix("env:").unwrap_or(reference).split(":-").next().unwrap_or_default();
        let name = input.as_deref().unwrap_or(plain);
        if let Some(value) = project.dotenv.get(name).filter(|_| !project.environment.vars.contains_key(name)) {
            let hash = hex(&Sha256::digest(value));
            keys.insert(format!("{name} of .env"), format!("sha256 {}", short(&hash)));
        }
    }
}

fn short(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}

/// A value as a person may see it: of tables of secrets the names only.
fn shown(value: &Value) -> String {
    match value {
        Value::Flag(flag) => flag.to_string(),
        Value::Count(number) => number.to_string(),
        Value::Duration(duration) => crate::quantity::show_duration(*duration),
        Value::Text(text) => visible(&text.text),
        Value::Texts(texts) => {
            let quoted = |text: &str| match text.contains([' ', ',']) || text.is_empty() {
                true => format!("{text:?}"),
                false => visible(text),
            };
            texts.iter().map(|text| quoted(&text.text)).collect::<Vec<_>>().join(" ")
        }
        Value::Map(map) => {
            let mut names: Vec<&str> = map.iter().map(|(name, _)| name.text.as_str()).collect();
            names.sort_unstable();
            visible(&names.join(", "))
        }
        Value::Object(object) => visible(&serde_json::Value::Object(object.clone()).to_string()),
        Value::Section(fields) => {
            let inner = fields.iter().filter(|(name, _)| !name.contains("secret"));
            inner.map(|(name, field)| format!("{name}={}", shown(&field.value))).collect::<Vec<_>>().join(" ")
        }
    }
}

/// What stands in `${…}`.
fn references(text: &str) -> impl Iterator<Item = &str> {
    text.split("${").skip(1).filter_map(|rest| Some(rest.split_once('}')?.0))
}

/// The part of an argument that may be a path: behind `--flag=`, if it is one.
fn arg_path(arg: &str) -> &str {
    match arg.split_once('=') {
        Some((flag, value)) if flag.starts_with('-') => value,
        _ => arg,
    }
}

/// Where a program is, as the system would find it.
fn program(command: &str, folder: &Path, search: &[PathBuf]) -> Option<PathBuf> {
    if command.contains('/') {
        return Some(folder.join(command));
    }
    search.iter().map(|place| folder.join(place).join(command)).find(|path| path.is_file())
}

fn seal(path: &Path, role: Role, roots: &[PathBuf], known: Option<&Subject>) -> Option<Sealed> {
    let real = path.canonicalize().ok()?;
    let metadata = std::fs::metadata(&real).ok().filter(std::fs::Metadata::is_file)?;
    let inside = roots.iter().any(|root| {
        let root = root.canonicalize().unwrap_or_else(|_| root.clone());
        path.starts_with(&root) || real.starts_with(&root)
    });
    if !inside && role == Role::Argument {
        return None;
    }
    let time = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let stamp = format!("{} bytes, {}.{:09}", metadata.len(), time.as_secs(), time.subsec_nanos());
    let known = known.into_iter().flat_map(|known| &known.files);
    let same = known.filter(|file| !inside && !file.inside).find(|file| file.real == real && file.stamp == stamp);
    let sha256 = match same {
        Some(same) => same.sha256.clone(),
        None if metadata.len() > FILE_BYTES_MAX => hex(&Sha256::digest(&stamp)),
        None => digest(&real)?,
    };
    // Without the dots of `./server.sh`.
    Some(Sealed { path: path.components().collect(), real, sha256, stamp, inside })
}

/// The hash of a file that is not larger than allowed, even if it grows meanwhile.
fn digest(path: &Path) -> Option<String> {
    let mut file = std::fs::File::open(path).ok()?.take(FILE_BYTES_MAX);
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer).ok()? {
            0 => return Some(hex(&hash.finalize())),
            read => hash.update(buffer.get(..read)?),
        }
    }
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn subject(args: &str, files: &[(&str, &str, bool)]) -> Subject {
        let sealed = |(path, sha256, inside): &(&str, &str, bool)| Sealed {
            path: path.into(),
            real: path.into(),
            sha256: (*sha256).to_owned(),
            stamp: String::new(),
            inside: *inside,
        };
        Subject { keys: [("args".to_owned(), args.to_owned())].into(), files: files.iter().map(sealed).collect() }
    }

    fn approved(subject: Subject) -> Approvals {
        let record = Record { name: "a".to_owned(), file: "/f".into(), found: false, subject };
        Approvals { entries: vec![record] }
    }

    #[test]
    fn only_what_was_approved_may_run() {
        let approvals = approved(subject("x", &[("/p/s.js", "1", true), ("/bin/node", "2", false)]));
        let judge = |subject: &Subject| approvals.judge("a", Path::new("/f"), subject);
        let same = subject("x", &[("/p/s.js", "1", true), ("/bin/node", "2", false)]);
        assert_eq!(judge(&same), Verdict::Approved(Vec::new()));
        let upgraded = subject("x", &[("/p/s.js", "1", true), ("/bin/node", "3", false)]);
        assert_eq!(judge(&upgraded), Verdict::Approved(vec!["/bin/node".to_owned()]));
        let script = subject("x", &[("/p/s.js", "9", true), ("/bin/node", "2", false)]);
        assert_eq!(judge(&script), Verdict::Changed(vec!["/p/s.js: sha256 1 → 9".to_owned()]));
        assert!(matches!(judge(&subject("y", &[])), Verdict::Changed(lines) if lines[0] == "args: x → y"));
        assert_eq!(approvals.judge("b", Path::new("/f"), &same), Verdict::New);
        assert_eq!(approvals.judge("a", Path::new("/g"), &same), Verdict::New);
    }

    proptest! {
        #[test]
        fn any_difference_is_said(one in "[a-c]{0,2}", two in "[a-c]{0,2}", hash in "[12]", other in "[12]") {
            let old = subject(&one, &[("/p/s", &hash, true)]);
            let new = subject(&two, &[("/p/s", &other, true)]);
            let verdict = approved(old.clone()).judge("a", Path::new("/f"), &new);
            prop_assert_eq!(old == new, verdict == Verdict::Approved(Vec::new()));
        }
    }
}
