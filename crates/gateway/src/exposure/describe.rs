//! `describe_tool`: definitions of tools that are not listed.

use super::Scope;
use super::effect::Effect;
use super::inner::DESCRIBED_MAX;
use crate::call::{tool_failure, unknown, view};
use crate::catalog::Kind;
use crate::gateway::{Gateway, Snapshot};
use crate::record::Open;
use protocol::{Call, Error, ErrorKind, Object, Raw, Reply, Text};
use serde_json::json;

use super::OwnTool;

impl Gateway {
    /// The definitions of the tools that the arguments name.
    pub(super) fn describe_tools(&self, scope: &Scope, snapshot: &Snapshot, call: &Call, record: &mut Open) -> Reply {
        record.note(|record| record.own = Some(Text::from_static(OwnTool::DescribeTool.name())));
        let view = view(snapshot, scope)?;
        let names = match asked(&call.params) {
            Ok(names) => names,
            Err(error) => return Ok(tool_failure(&error)),
        };
        let (mut texts, mut found) = (Vec::new(), Vec::new());
        for name in names {
            let listed = view.tool(&name).and_then(|route| Some((route, view.list(Kind::Tools).named(&name)?)));
            match listed {
                Some((route, definition)) => {
                    let effect = Effect::of(snapshot, route);
                    let with = OwnTool::for_effect(effect).name();
                    texts.push(json!({ "type": "text", "text": format!("{name} {}: call it with {with}.\n{}", effect.as_str(), definition.as_str()) }));
                    found.push(definition);
                }
                None => {
                    let error = unknown("tool", &name, view.tool_names());
                    let hint = error.hint.unwrap_or_default();
                    texts.push(json!({ "type": "text", "text": format!("{}; {hint}", error.message) }));
                }
            }
        }
        let mut result: Object = [("content", Raw::of(&texts))].into_iter().collect();
        if found.is_empty() {
            result.set("isError", Raw::from_static("true"));
        }
        let tools: Object = [("tools", Raw::array(&found.iter().collect::<Vec<_>>()))].into_iter().collect();
        result.set("structuredContent", tools.to_raw());
        Ok(result)
    }
}

/// The names that are asked for; one `name` is understood too.
fn asked(params: &Object) -> Result<Vec<Text>, Error> {
    let arguments = params.object("arguments").unwrap_or_default();
    let names: Vec<Text> = match (arguments.get("names"), arguments.text("name")) {
        (Some(names), _) => names.read().unwrap_or_default(),
        (None, Some(name)) => vec![name],
        (None, None) => Vec::new(),
    };
    if names.is_empty() || names.len() > DESCRIBED_MAX {
        let message = format!("`names` must be a list of one to {DESCRIBED_MAX} names of tools");
        return Err(Error::new(ErrorKind::InvalidParams, message).hint("find names with search_tools"));
    }
    Ok(names)
}
