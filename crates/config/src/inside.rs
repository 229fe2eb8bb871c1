//! Servers inside this program: which are offered without an entry of their own, what their
//! entries may say, and where state and cache live that they and the switchboard use.
//!
//! It deliberately does not know what a server inside does: `options` are checked by that server.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Map, Value as Json};

use crate::diagnostic::{Diagnostic, Report, Severity, Source};
use crate::environment::BUILTINS_VARIABLE;
use crate::keys::CACHE_STORE_KEYS;
use crate::load::{Declared, Document, Sources};
use crate::names::reduce;
use crate::origin::Layer;
use crate::raw::read;
use crate::read::{Located, Settings, Value, texts_of};
use crate::server::Work;

/// What an entry says to the server inside; may hold secrets, so only its keys show in `Debug`.
#[derive(Clone, Default, PartialEq)]
pub struct Options(pub Map<String, Json>);

/// `[state]`: where what must last is kept.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// `postgres://…`; a SQLite file in the data folder if absent.
    pub url: Option<SecretString>,
}

/// `[cache]`: where what may be forgotten is kept.
#[derive(Debug, Clone)]
pub struct CacheStore {
    /// `redis://…`; in the memory of the process if absent.
    pub url: Option<SecretString>,
    /// The most entries of one namespace.
    pub entries_max: usize,
    /// The most bytes of one namespace.
    pub bytes_max: usize,
    /// How long Redis may take before it counts as gone.
    pub timeout: Duration,
}

// === impl Options ===

impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.0.keys()).finish()
    }
}

impl CacheStore {
    pub(crate) fn of(settings: &Settings, url: Option<SecretString>) -> Self {
        let count = |name| settings.count("cache", CACHE_STORE_KEYS, name);
        Self {
            url,
            entries_max: count("entries_max"),
            bytes_max: settings.bytes("cache", CACHE_STORE_KEYS, "bytes_max"),
            timeout: settings.duration("cache", CACHE_STORE_KEYS, "timeout"),
        }
    }
}

/// The options of an entry, with variables in its texts expanded.
pub(crate) fn options(work: &mut Work<'_>) -> Options {
    let Some(field) = work.field("options") else { return Options::default() };
    let Value::Object(object) = &field.value else { return Options::default() };
    let span = field.span;
    let mut object = Json::Object(object.clone());
    expand(&mut object, &mut |text| work.expand(&Located { text: text.to_owned(), span }));
    match object {
        Json::Object(object) => Options(object),
        _ => Options::default(),
    }
}

fn expand(value: &mut Json, expanded: &mut impl FnMut(&str) -> String) {
    match value {
        Json::String(text) => *text = expanded(text),
        Json::Array(items) => items.iter_mut().for_each(|item| expand(item, expanded)),
        Json::Object(object) => object.values_mut().for_each(|value| expand(value, expanded)),
        _ => {}
    }
}

/// The names of the servers inside that are offered without an entry: what the environment says,
/// else the files, else all that there are.
fn wanted(
    sources: &Sources,
    settings: &Settings,
    documents: &[Document],
    known: &[String],
    report: &mut Report,
) -> Vec<String> {
    let variable = sources.environment.vars.get(BUILTINS_VARIABLE);
    let field = settings.get("", "builtins");
    let names: Vec<String> = match (variable, field) {
        (Some(names), _) => names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(Into::into).collect(),
        (None, Some((_, field))) => texts_of(Some(field)).iter().map(|text| text.text.clone()).collect(),
        (None, None) => return known.to_vec(),
    };
    // Where nobody says what is inside, nothing can be wrong.
    let unknown = names.iter().filter(|name| !known.is_empty() && !known.contains(name));
    for name in unknown {
        let message = format!("`builtins` names `{name}`, which is no server that is offered without an entry");
        let diagnostic = match field.filter(|_| variable.is_none()) {
            Some((at, field)) => report.error(&documents[*at].source, field.span, message),
            None => report.push(Diagnostic::new(Severity::Error, message)),
        };
        let others = "the others get an entry: [servers.NAME] with builtin = \"NAME\"";
        diagnostic.hint(format!("there are {}; {others}", known.join(", ")));
    }
    names
}

/// Declares the servers inside that are wanted and whose names are free. Whoever declared a server
/// of that name has it.
pub(crate) fn declare(
    sources: &Sources,
    settings: &Settings,
    documents: &mut Vec<Document>,
    declared: &mut Declared,
    report: &mut Report,
) -> Vec<String> {
    let mut source = Source::new(&PathBuf::from("switchboard"), &sources.inside);
    let raw = read(&mut source, report);
    let known: Vec<String> = raw.servers.iter().map(|server| server.name.clone()).collect();
    let wanted = wanted(sources, settings, documents, &known, report);
    let taken: Vec<String> = declared.keys().map(|name| reduce(name)).collect();
    let folder = sources.environment.cwd.clone();
    let file = folder.join("switchboard");
    documents.push(Document { source, layer: Layer::Inside, folder, file });
    let at = documents.len() - 1;
    let free = raw.servers.into_iter().filter(|server| wanted.contains(&server.name) && !taken.contains(&server.name));
    declared.extend(free.map(|server| (server.name.clone(), (at, server))).collect::<BTreeMap<_, _>>());
    wanted
}
