//! `search_tools`: an answer that a model reads well, and the same for programs.

use super::effect::Effect;
use super::inner::{FOUND, FOUND_MAX};
use super::{OwnTool, Scope};
use crate::call::{tool_failure, view};
use crate::finder::{Find, Found};
use crate::gateway::{Gateway, Snapshot};
use crate::record::Open;
use protocol::{Call, Error, ErrorKind, Object, Raw, Reply, Text};
use search::Band;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// How many tools are shown with their input schema.
const WHOLE: usize = 3;
/// The largest input schema that is shown, in bytes; describe_tool shows larger ones.
const SCHEMA_BYTES_MAX: usize = 8 * 1024;
/// Reasons that are told of a tool.
const REASONS: usize = 2;

impl Gateway {
    /// The tools that fit what the arguments ask for.
    pub(super) async fn search_tools(&self, scope: &Scope, call: Call, record: &mut Open) -> Reply {
        record.note(|record| record.own = Some(Text::from_static(OwnTool::SearchTools.name())));
        let asked = match asked(&call.params) {
            Ok(asked) => asked,
            Err(error) => return Ok(tool_failure(&error)),
        };
        self.first_listed().await;
        let snapshot = self.snapshot.load_full();
        let server = asked.server.as_deref().map(|name| named(&snapshot, scope, name)).transpose();
        let server = match server {
            Ok(server) => server,
            Err(error) => return Ok(tool_failure(&error)),
        };
        let found = self.find(scope, &call.context.principal, Find { server, ..asked }).await;
        let snapshot = self.snapshot.load_full();
        let effects: Vec<Effect> = found.tools.iter().map(|tool| effect(&snapshot, scope, &tool.public)).collect();
        let content = json!([{ "type": "text", "text": told(&found, &effects) }]);
        let structured = structured(&found, &effects);
        Ok([("content", Raw::of(&content)), ("structuredContent", Raw::of(&structured))].into_iter().collect())
    }
}

fn effect(snapshot: &Snapshot, scope: &Scope, name: &str) -> Effect {
    let route = view(snapshot, scope).ok().and_then(|view| view.tool(&name.into()).cloned());
    route.map_or(Effect::Destroys, |route| Effect::of(snapshot, &route))
}

fn asked(params: &Object) -> Result<Find, Error> {
    let arguments = params.object("arguments").unwrap_or_default();
    let wrong = |what: &str| {
        Error::new(ErrorKind::InvalidParams, what.to_owned()).hint("such as {\"query\": \"create a calendar event\"}")
    };
    let text = arguments.text("query").filter(|text| !text.trim().is_empty());
    let text = text.ok_or_else(|| wrong("`query` is missing: what you want to do, in a few words"))?;
    let limit = match arguments.get("limit") {
        None => FOUND,
        Some(limit) => limit.read::<usize>().map_err(|_| wrong("`limit` is no number"))?.clamp(1, FOUND_MAX),
    };
    let server = arguments.text("server").filter(|server| !server.is_empty()).map(|server| server.to_string());
    Ok(Find { text: text.to_string(), limit, server })
}

/// The declared name of the server that is called so, of those in the scope.
fn named(snapshot: &Snapshot, scope: &Scope, name: &str) -> Result<String, Error> {
    let view = view(snapshot, scope)?;
    let mut servers = view.servers.iter().filter_map(|known| snapshot.servers.get(known));
    let found = servers.find(|server| *server.name == *name || server.entry.reduced == name);
    found.map(|server| server.name.to_string()).ok_or_else(|| {
        let known: Vec<&str> = view.servers.iter().map(|known| &**known).take(FOUND_MAX).collect();
        Error::new(ErrorKind::UnknownName, format!("there is no server `{name}` here"))
            .hint(format!("leave `server` out, or name one of: {}", known.join(", ")))
    })
}

/// For a model: the best with their schemas, the others in a line.
fn told(found: &Found, effects: &[Effect]) -> String {
    let mut text = match (found.answer.band, found.tools.is_empty()) {
        (_, true) => return "No tool fits. Say it in other words, one capability at a time.".to_owned(),
        (Band::Confident, _) => String::new(),
        (Band::Weak, _) => "These may fit; read what they do before you call one.\n\n".to_owned(),
        (Band::Nothing, _) => "Probably none of these fits: there may be no tool for it.\n\n".to_owned(),
    };
    for (at, (tool, effect)) in found.tools.iter().zip(effects).enumerate() {
        let with = OwnTool::for_effect(*effect).name();
        let _ = writeln!(text, "{}. {} ({}: {with}) {}", at + 1, tool.public, effect.as_str(), tool.description);
        if at < WHOLE {
            let _ = writeln!(text, "   arguments: {}", schema(&tool.definition).as_str());
        }
    }
    if found.tools.len() > WHOLE {
        text.push_str("Arguments of the others: describe_tool.\n");
    }
    if !found.answer.parts.is_empty() {
        text.push_str("This was searched step by step; a search for each step alone finds more.\n");
    }
    text
}

fn structured(found: &Found, effects: &[Effect]) -> Value {
    let hits = found.answer.tools.iter().zip(&found.tools).zip(effects).enumerate();
    let tools = hits.map(|(at, ((hit, tool), effect))| {
        let reasons: Vec<String> = hit.reasons.iter().take(REASONS).map(ToString::to_string).collect();
        let mut said = json!({
            "name": tool.public,
            "server": tool.server,
            "description": tool.description,
            "call_with": OwnTool::for_effect(*effect).name(),
            "score": (f64::from(hit.score) * 100.0).round() / 100.0,
            "reasons": reasons,
        });
        if at < WHOLE {
            said["inputSchema"] = schema(&tool.definition).read().unwrap_or_default();
        }
        said
    });
    json!({ "band": found.answer.band, "tools": tools.collect::<Vec<_>>() })
}

/// The input schema, where it is not too large to be shown unasked.
fn schema(definition: &Raw) -> Raw {
    let schema = Object::of(definition).ok().and_then(|tool| tool.get("inputSchema").cloned());
    let schema = schema.unwrap_or_else(|| Raw::from_static("{}"));
    match schema.as_bytes().len() > SCHEMA_BYTES_MAX {
        true => Raw::from_static("\"too large to show: describe_tool\""),
        false => schema,
    }
}
