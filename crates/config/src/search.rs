//! `[search]`: what people say about which server is for what, and the file in which a predecessor
//! kept the same (`~/.mcp-router-config.json`), read as it is.
//!
//! Nothing is searched here. A pattern that is none is named with its file and key, and the others work.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::diagnostic::{Diagnostic, Report, Severity, Source, Span};
use crate::environment::{Environment, read_value_file};
use crate::keys::{HOUR, Key, SECOND, Shape, flag, key, text, time};
use crate::load::Document;
use crate::read::{Field, Settings, Value, count_or_default, duration_or_default, text_of};
use crate::tree::{Entry, Kind, Node, parse_json};

pub(crate) const SEARCH_KEYS: &[Key] = &[
    flag(
        "feedback",
        Some(true),
        "Whether tools that were called after a search come first when somebody asks alike again. What was asked is kept as a vector, never as text, for each principal apart, on this machine.",
    ),
    text(
        "rules",
        Some(RULES_FILE),
        "A JSON file of further rules, as the prompt router had it: server_keywords, task_patterns, default_limits. Not there, or empty, is none.",
    ),
    key(
        "server_keywords",
        Shape::Object,
        "Words that speak for a server wherever they stand in a text: lists of words, by server. Stronger than those of the file for the same server.",
    ),
    key(
        "task_patterns",
        Shape::Object,
        "Regular expressions that speak for a server where they match a text, whatever the case: lists of patterns, by server. Stronger than those of the file for the same server.",
    ),
    key("default_limits", Shape::Section { keys: LIMIT_KEYS }, "How patient `route` is with a server that it chose."),
];

const LIMIT_KEYS: &[Key] = &[
    time("response_timeout", [10 * SECOND, 100, HOUR], "How long a tool may take that `route --tool` calls."),
    key(
        "max_retries",
        Shape::Count { default: 3, min: 0, max: 100 },
        "How often that call is tried again when it did not reach the server.",
    ),
    time("startup_wait", [5 * SECOND, 0, HOUR], "How long `route --start` waits for each server to be ready."),
];

/// Where the predecessor kept its rules.
const RULES_FILE: &str = "~/.mcp-router-config.json";
/// The most words and patterns of one server, in either kind.
const RULES_MAX: usize = 1000;
/// The longest word or pattern, in bytes.
const RULE_BYTES_MAX: usize = 1000;
/// The most memory that one compiled pattern may take, in bytes.
const PATTERN_SIZE_MAX: usize = 1 << 20;

/// `[search]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchSettings {
    /// Whether what is called after a search is learned from.
    pub feedback: bool,
    /// The file of further rules: as it is named, or the predecessor's if it is there.
    pub rules: Option<PathBuf>,
    /// Words that speak for a server, by declared name.
    pub server_keywords: BTreeMap<String, Vec<String>>,
    /// Patterns that speak for a server, by declared name; each is one.
    pub task_patterns: BTreeMap<String, Vec<String>>,
    /// How patient `route` is.
    pub default_limits: RouteLimits,
}

/// How patient `route` is with a server that it chose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteLimits {
    /// How long a call may take.
    pub response_timeout: Duration,
    /// How often it is tried again when it did not reach the server.
    pub max_retries: usize,
    /// How long a server is waited for.
    pub startup_wait: Duration,
}

/// Lists of words or patterns by server.
type Lists = BTreeMap<String, Vec<String>>;

/// What the file of a predecessor says.
#[derive(Default)]
struct File {
    server_keywords: Lists,
    task_patterns: Lists,
    response_timeout: Option<Duration>,
    max_retries: Option<usize>,
    startup_wait: Option<Duration>,
}

// === impl SearchSettings ===

impl SearchSettings {
    /// Reads the section and its file; the file is watched where it is there, or named.
    pub(crate) fn of(
        settings: &Settings,
        documents: &[Document],
        environment: &Environment,
        report: &mut Report,
        files: &mut Vec<PathBuf>,
    ) -> Self {
        let rules = rules_file(settings, documents, environment, report, files);
        let there = rules.as_deref().filter(|path| path.is_file());
        let file = there.map(|path| File::read(path, report)).unwrap_or_default();
        let mut own = |name, pattern| {
            let found = settings.get("search", name);
            found.map(|(at, field)| lists_of(&documents[*at].source, field, name, pattern, report)).unwrap_or_default()
        };
        let (server_keywords, task_patterns) = (own("server_keywords", false), own("task_patterns", true));
        let limits = match settings.get("search", "default_limits").map(|(_, field)| &field.value) {
            Some(Value::Section(fields)) => Some(fields),
            _ => None,
        };
        let field = |name| limits.and_then(|fields| fields.get(name));
        let waited = |name, of_file: Option<Duration>| match (field(name), of_file) {
            (None, Some(of_file)) => of_file,
            (field, _) => duration_or_default(field, LIMIT_KEYS, name),
        };
        Self {
            feedback: settings.flag("search", SEARCH_KEYS, "feedback"),
            rules,
            server_keywords: file.server_keywords.into_iter().chain(server_keywords).collect(),
            task_patterns: file.task_patterns.into_iter().chain(task_patterns).collect(),
            default_limits: RouteLimits {
                response_timeout: waited("response_timeout", file.response_timeout),
                max_retries: match (field("max_retries"), file.max_retries) {
                    (None, Some(of_file)) => of_file,
                    (field, _) => count_or_default(field, LIMIT_KEYS, "max_retries"),
                },
                startup_wait: waited("startup_wait", file.startup_wait),
            },
        }
    }
}

/// The file to be read: the one that is named, or the predecessor's where that is there.
fn rules_file(
    settings: &Settings,
    documents: &[Document],
    environment: &Environment,
    report: &mut Report,
    files: &mut Vec<PathBuf>,
) -> Option<PathBuf> {
    let Some((at, field)) = settings.get("search", "rules") else {
        environment.home.as_ref()?;
        let path = environment.resolve(RULES_FILE, &environment.cwd);
        // One that is not there is not waited for: watching it would be to watch the home folder.
        path.is_file().then(|| files.push(path.clone()))?;
        return Some(path);
    };
    let named = text_of(Some(field)).filter(|named| !named.text.trim().is_empty())?;
    let path = environment.resolve(&named.text, &documents[*at].folder);
    files.push(path.clone());
    if !path.is_file() && named.text != RULES_FILE {
        report
            .at(&documents[*at].source, Severity::Warning, named.span, "the file of `search.rules` is not there")
            .hint("write it, or take the key out");
    }
    Some(path)
}

/// The lists of a key of ours; what is wrong is an error.
fn lists_of(source: &Source, field: &Field, name: &str, pattern: bool, report: &mut Report) -> Lists {
    let Value::Object(object) = &field.value else { return Lists::new() };
    let mut lists = Lists::new();
    for (server, value) in object {
        let one = std::slice::from_ref(value);
        let texts = value.as_array().map_or(one, Vec::as_slice).iter().map(|text| text.as_str().map(str::to_owned));
        let checked = match texts.collect::<Option<Vec<String>>>() {
            Some(texts) => checked(texts, pattern),
            None => (Vec::new(), vec!["must be a list of strings".to_owned()]),
        };
        for problem in checked.1 {
            let message = format!("`search.{name}.{server}` {problem}");
            report.error(source, field.key_span, message).hint(hint(name));
        }
        lists.insert(server.clone(), checked.0);
    }
    lists
}

fn hint(name: &str) -> String {
    match name {
        "server_keywords" => "such as server_keywords.github = [\"pull request\", \"repo\"]".to_owned(),
        _ => "such as task_patterns.github = [\"\\\\bopen (an )?issue\\\\b\"]; look-around and back-references are not known"
            .to_owned(),
    }
}

/// What of a list can be used, and what is wrong with the rest.
fn checked(texts: Vec<String>, pattern: bool) -> (Vec<String>, Vec<String>) {
    let (mut kept, mut problems) = (Vec::new(), Vec::new());
    for text in texts {
        if kept.len() == RULES_MAX {
            problems.push(format!("has more than {RULES_MAX} entries"));
            break;
        }
        match problem(&text, pattern) {
            Some(problem) => problems.push(problem),
            None => kept.push(text),
        }
    }
    (kept, problems)
}

fn problem(text: &str, pattern: bool) -> Option<String> {
    if text.trim().is_empty() {
        return Some("holds an empty text".to_owned());
    }
    if text.len() > RULE_BYTES_MAX {
        return Some(format!("holds a text of more than {RULE_BYTES_MAX} bytes"));
    }
    let built = pattern.then(|| regex::RegexBuilder::new(text).size_limit(PATTERN_SIZE_MAX).build());
    let error = built?.err()?.to_string();
    let last = error.lines().last().unwrap_or_default();
    Some(format!("holds `{text}`, which is no pattern: {}", last.trim_start_matches("error: ")))
}

// === impl File ===

impl File {
    /// Reads the predecessor's file. What is wrong in it is a warning: it was right for another program.
    fn read(path: &Path, report: &mut Report) -> Self {
        let mut read = Self::default();
        let text = match read_value_file(path) {
            Ok(text) => text,
            Err(cause) => {
                let message = format!("the rules cannot be read: {cause}");
                let unread = Diagnostic::new(Severity::Warning, message).in_file(path);
                report.push(unread).hint("mend it, or say rules = \"\" under [search]");
                return read;
            }
        };
        let source = Source::new(path, &text);
        let mut syntax = Report::default();
        let tree = parse_json(&source, &mut syntax);
        for found in syntax.diagnostics {
            report
                .at(&source, Severity::Warning, found.span.unwrap_or_default(), found.message)
                .hint("nothing of this file is used; mend it, or say rules = \"\" under [search]");
        }
        for entry in tree.as_ref().map(Node::entries).unwrap_or_default() {
            match entry.key.as_str() {
                "server_keywords" => read.server_keywords = file_lists(&source, entry, false, report),
                "task_patterns" => read.task_patterns = file_lists(&source, entry, true, report),
                "default_limits" => read.limits(&source, entry, report),
                other => {
                    let message = format!("`{other}` of the rules has no effect: nothing is known about it");
                    report.at(&source, Severity::Note, entry.key_span, message);
                }
            }
        }
        read
    }

    fn limits(&mut self, source: &Source, limits: &Entry, report: &mut Report) {
        for entry in limits.value.entries() {
            let seconds = match entry.value.kind {
                Kind::Integer(number) => u32::try_from(number).ok().map(f64::from),
                Kind::Float(number) => Some(number),
                _ => None,
            };
            let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            let time = time.filter(|time| *time <= Duration::from_millis(HOUR));
            let count = match entry.value.kind {
                Kind::Integer(number) => usize::try_from(number).ok().filter(|count| *count <= 100),
                _ => None,
            };
            let taken = match entry.key.as_str() {
                "response_timeout" => {
                    time.filter(|time| !time.is_zero()).map(|time| self.response_timeout = Some(time))
                }
                "startup_wait" => time.map(|time| self.startup_wait = Some(time)),
                "max_retries" => count.map(|count| self.max_retries = Some(count)),
                _ => None,
            };
            if taken.is_none() {
                let message = format!("`default_limits.{}` of the rules is not used", entry.key);
                report
                    .at(source, Severity::Warning, entry.value.span, message)
                    .hint("response_timeout and startup_wait are seconds, max_retries is at most 100");
            }
        }
    }
}

/// The lists of a key of the file; each text that cannot be used is named, and the others work.
fn file_lists(source: &Source, entry: &Entry, pattern: bool, report: &mut Report) -> Lists {
    let mut lists = Lists::new();
    let mut refuse = |span: Span, message: String| {
        report.at(source, Severity::Warning, span, message).hint(hint(&entry.key));
    };
    for server in entry.value.entries() {
        let name = format!("{}.{}", entry.key, server.key);
        let Kind::List(nodes) = &server.value.kind else {
            refuse(server.value.span, format!("`{name}` is not used: it must be a list of strings"));
            continue;
        };
        let kept = lists.entry(server.key.clone()).or_default();
        for node in nodes {
            let problem = match node.text() {
                None => Some("holds what is no string".to_owned()),
                Some(_) if kept.len() == RULES_MAX => Some(format!("has more than {RULES_MAX} entries")),
                Some(text) => problem(text, pattern),
            };
            match (problem, node.text()) {
                (None, Some(text)) => kept.push(text.to_owned()),
                (problem, _) => refuse(node.span, format!("`{name}` {}", problem.unwrap_or_default())),
            }
        }
    }
    lists
}
