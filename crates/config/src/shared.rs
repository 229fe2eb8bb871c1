//! What `[defaults]` shares with servers: whole keys where a server says nothing, and key by key inside
//! tables such as `cache`. It reads and checks no value: whoever wants one asks here for its field.

use crate::diagnostic::Span;
use crate::load::Document;
use crate::origin::Origin;
use crate::raw::RawServer;
use crate::read::{Field, Fields, Located, Settings, Value};
use std::collections::BTreeMap;

/// `[defaults]`, with where each key stands, by dotted key.
#[derive(Debug, Default)]
pub(crate) struct Shared(Vec<(&'static str, Field, BTreeMap<String, Origin>)>);

// === impl Shared ===

impl Shared {
    pub(crate) fn of(settings: &Settings, documents: &[Document]) -> Self {
        let all = settings.fields.iter().filter(|((section, _), _)| *section == "defaults");
        let owned = all.map(|((_, name), (at, field))| (*name, field.clone(), origins(name, field, &documents[*at])));
        Self(owned.collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Field> {
        self.0.iter().find(|(known, ..)| *known == name).map(|(_, field, _)| field)
    }

    /// The tables of a server that stand in both, with every key of either: its own are stronger.
    pub(crate) fn mixed(&self, raw: &RawServer) -> Fields {
        let mixed = self.0.iter().filter_map(|(name, shared, _)| {
            let own = raw.fields.get(name)?;
            let (Value::Section(shared), Value::Section(inner)) = (&shared.value, &own.value) else { return None };
            let mut all = shared.clone();
            all.extend(inner.clone());
            Some((*name, Field { value: Value::Section(all), ..own.clone() }))
        });
        mixed.collect()
    }

    /// Where every key of a server comes from, by dotted key.
    pub(crate) fn origins(&self, raw: &RawServer, document: &Document) -> BTreeMap<String, Origin> {
        let mut all = BTreeMap::new();
        self.0.iter().for_each(|(.., shared)| all.extend(shared.clone()));
        raw.fields.iter().for_each(|(name, field)| all.extend(origins(name, field, document)));
        all
    }

    /// Whether this is a place in `[defaults]`, as far as one can tell: spans know no file.
    pub(crate) fn holds(&self, span: Span) -> bool {
        self.0.iter().any(|(_, field, _)| stands_in(field, span))
    }
}

/// Where a key and, if it is a table, each key inside it stands.
fn origins(name: &str, field: &Field, document: &Document) -> BTreeMap<String, Origin> {
    let at = |field: &Field| document.origin(field.key_span.start);
    let inner = inner_keys(name, field).map(|(key, field)| (key, at(field)));
    inner.chain([(name.to_owned(), at(field))]).collect()
}

/// Whether a field begins, or something in it stands, exactly there.
pub(crate) fn stands_in(field: &Field, span: Span) -> bool {
    let is = |text: &Located| text.span == span;
    let inside = match &field.value {
        Value::Text(text) => is(text),
        Value::Texts(texts) => texts.iter().any(is),
        Value::Section(fields) => fields.values().any(|field| stands_in(field, span)),
        _ => false,
    };
    inside || field.span == span || field.key_span == span
}

/// The keys of a table, dotted.
pub(crate) fn inner_keys<'a>(name: &'a str, field: &'a Field) -> impl Iterator<Item = (String, &'a Field)> {
    let fields = match &field.value {
        Value::Section(fields) => Some(fields),
        _ => None,
    };
    fields.into_iter().flatten().map(move |(key, field)| (format!("{name}.{key}"), field))
}
