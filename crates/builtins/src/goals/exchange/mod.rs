//! Goals as text: our own JSON lines, the same for the same goals wherever they are; and what other
//! systems write.
//!
//! It deliberately touches neither files nor the state; what it reads becomes one command.

mod beads;
mod lines;
mod task_master;
#[cfg(test)]
mod tests;

use super::model::{Bundle, Ms, Refusal, ids, random::Random};
pub(super) use lines::export;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

/// Text that is read at once, bytes.
const IMPORT_BYTES_MAX: usize = 64 << 20;

/// Who wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Format {
    /// We did.
    #[default]
    Switchboard,
    /// claude-task-master: `tasks.json`, with tags or without.
    TaskMaster,
    /// beads: `.beads/issues.jsonl`.
    Beads,
}

impl JsonSchema for Format {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Format".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": ["switchboard", "task-master", "beads"] })
    }
}

/// Reads a text.
///
/// # Errors
/// It is not what it should be; where, and what to do.
pub(super) fn read(text: &str, format: Format) -> Result<Bundle, Refusal> {
    if text.len() > IMPORT_BYTES_MAX {
        let message = format!("the import has {} bytes, more than {IMPORT_BYTES_MAX}", text.len());
        return Err(Refusal::limit(message, "import it in parts"));
    }
    let text = text.trim_start_matches('\u{feff}');
    match format {
        Format::Switchboard => lines::read(text),
        Format::TaskMaster => task_master::read(text),
        Format::Beads => beads::read(text),
    }
}

/// The id of a thing of another system: the same thing has the same id each time it is read.
fn id_of(prefix: char, system: &str, name: &str, made: Ms) -> String {
    let digest = Sha256::digest(format!("{system}\0{name}").as_bytes());
    let seed = digest.iter().take(8).fold(0_u64, |seed, byte| seed << 8 | u64::from(*byte));
    ids::new(prefix, made, &mut Random::new(seed))
}

/// A text of a foreign object; none if it is empty.
fn text_of(of: &Map<String, Value>, name: &str) -> Option<String> {
    of.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A moment of a foreign object.
fn moment_of(of: &Map<String, Value>, name: &str) -> Option<Ms> {
    super::model::when::read(of.get(name)?.as_str()?)
}

/// What a foreign thing is called: a text or a number.
fn name_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
