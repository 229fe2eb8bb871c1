//! A call within a call: `call_tool` and its variants become the call of the tool that they name. Policy,
//! limits, guards and records see that tool; progress, questions and tasks are those of that call.

use super::effect::Effect;
use super::{OwnTool, Scope};
use crate::call::{tool_failure, unknown, view};
use crate::finder::Find;
use crate::gateway::{Gateway, Snapshot};
use crate::record::Open;
use protocol::{Call, Error, ErrorKind, Object, Raw, Reply, Text, scan};
use search::Band;
use std::sync::Arc;

/// How many tools are found unless somebody asks for another number.
pub(crate) const FOUND: usize = 5;
/// How many may be asked for.
pub(crate) const FOUND_MAX: usize = 25;
/// How many are named where one is not there.
const ALIKE: usize = 3;
/// How many definitions are shown at once.
pub(crate) const DESCRIBED_MAX: usize = 10;

/// Puts the inner call in the place of the outer one. Answers to questions, their state and what else
/// stands beside the name stays: it is about the inner call.
///
/// # Errors
/// When it names no tool, or its arguments are no object.
pub(crate) fn unwrap(params: &mut Object) -> Result<Text, Error> {
    let wrong = |what: &str| {
        Error::new(ErrorKind::InvalidParams, what.to_owned())
            .hint("such as {\"name\": \"github__create_issue\", \"arguments\": {\"title\": \"…\"}}")
    };
    let outer =
        params.object("arguments").ok_or_else(|| wrong("`arguments` must be an object with the `name` of a tool"))?;
    let name = outer.text("name").ok_or_else(|| wrong("`name` is missing: the name of the tool to call"))?;
    let arguments = match outer.get("arguments") {
        None => Raw::from_static("{}"),
        Some(raw) if raw.is_null() => Raw::from_static("{}"),
        Some(raw) if raw.is_object() => raw.clone(),
        // Models write objects as texts where a schema does not say what is in them.
        Some(raw) => {
            let read = raw.string().and_then(|text| Raw::parse(text.to_string().into(), scan::DEPTH_MAX).ok());
            read.filter(Raw::is_object).ok_or_else(|| wrong("`arguments` of the tool must be an object"))?
        }
    };
    params.set_json("name", &*name);
    params.set("arguments", arguments);
    Ok(name)
}

impl Gateway {
    /// A request of a method as the server saw it: where it called one of our tools that call others, that
    /// call is put in its place.
    pub(crate) fn unwrap_own(&self, scope: &Scope, method: &str, params: &mut Object) {
        let snapshot = self.snapshot();
        let name = params.text("name").filter(|_| method == "tools/call");
        let own = name.zip(snapshot.catalog.shown(scope)).and_then(|(name, shown)| shown.own(&name));
        if own.is_some_and(|own| own.calls_up_to().is_some()) {
            // What names no tool has asked nothing either.
            let _ = unwrap(params);
        }
    }

    /// Calls the tool that the arguments name.
    pub(super) async fn call_inner(
        self: &Arc<Self>,
        own: OwnTool,
        scope: &Scope,
        mut snapshot: Arc<Snapshot>,
        mut call: Call,
        record: &mut Open,
    ) -> Reply {
        record.note(|record| record.via = Some(own.name()));
        let name = match unwrap(&mut call.params) {
            Ok(name) => name,
            Err(error) => return Ok(tool_failure(&error)),
        };
        // What clients over HTTP mirror in headers they mirror of tools that they were listed.
        call.context.param_headers = None;
        let mut route = view(&snapshot, scope)?.tool(&name).cloned();
        if route.is_none() && self.is_first_listing() {
            self.first_listed().await;
            snapshot = self.snapshot.load_full();
            route = view(&snapshot, scope)?.tool(&name).cloned();
        }
        let Some(route) = route else {
            record.note(|record| record.own = Some(name.as_str().into()));
            return Ok(tool_failure(&self.unknown_tool(scope, &snapshot, &name, &call).await?));
        };
        if let Some(shown) = snapshot.catalog.shown(scope) {
            self.note_day(shown, &call.context.principal, &name);
        }
        let effect = Effect::of(&snapshot, &route);
        if own.calls_up_to().is_some_and(|allowed| effect > allowed) {
            record.note(|record| record.own = Some(route.own.clone()));
            return Err(too_strong(own, &name, effect));
        }
        self.call_named(&snapshot, &route, call, record).await
    }
}

impl Gateway {
    /// There is no such tool; what there is that may be meant.
    async fn unknown_tool(&self, scope: &Scope, snapshot: &Snapshot, name: &str, call: &Call) -> Result<Error, Error> {
        let view = view(snapshot, scope)?;
        let error = unknown("tool", name, view.tool_names());
        if error.hint.as_deref().is_some_and(|hint| hint.starts_with("did you mean")) {
            return Ok(error);
        }
        let asked = Find { text: name.to_owned(), limit: ALIKE, server: None };
        let found = self.look_for(scope, &call.context.principal, asked).await;
        let names: Vec<String> = found.tools.iter().map(|tool| format!("`{}`", tool.public)).collect();
        Ok(match names.is_empty() || found.answer.band == Band::Nothing {
            true => error.hint("find it with search_tools"),
            false => error.hint(format!("did you mean {}? search_tools finds more", names.join(" or "))),
        })
    }
}

fn too_strong(own: OwnTool, name: &str, effect: Effect) -> Error {
    let message = format!("`{name}` {}, and {} does not call such tools", effect.as_str(), own.name());
    Error::new(ErrorKind::Denied, message).hint(format!("call it with {}", OwnTool::for_effect(effect).name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unwrapped(json: &'static str) -> Result<String, String> {
        let mut params = Object::of(&Raw::from_static(json)).unwrap();
        match unwrap(&mut params) {
            Ok(_) => Ok(params.to_raw().as_str().to_owned()),
            Err(error) => Err(error.message.into_owned()),
        }
    }

    #[test]
    fn the_inner_call_takes_the_place_of_the_outer_one_and_the_rest_stays() {
        let outer = r#"{"name":"call_tool","arguments":{"name":"a__b","arguments":{"x":1.0}},"requestState":"s"}"#;
        assert_eq!(unwrapped(outer).unwrap(), r#"{"name":"a__b","arguments":{"x":1.0},"requestState":"s"}"#);
        let none = r#"{"name":"call_tool","arguments":{"name":"a__b"}}"#;
        assert_eq!(unwrapped(none).unwrap(), r#"{"name":"a__b","arguments":{}}"#);
        let text = r#"{"name":"call_tool","arguments":{"name":"a__b","arguments":"{\"x\": [1]}"}}"#;
        assert_eq!(unwrapped(text).unwrap(), r#"{"name":"a__b","arguments":{"x": [1]}}"#);
    }

    #[test]
    fn what_names_no_tool_is_refused_with_an_example() {
        for (outer, why) in [
            (r#"{"name":"call_tool"}"#, "must be an object"),
            (r#"{"arguments":{"arguments":{}}}"#, "`name` is missing"),
            (r#"{"arguments":{"name":"a","arguments":[1]}}"#, "must be an object"),
            (r#"{"arguments":{"name":"a","arguments":"x"}}"#, "must be an object"),
        ] {
            assert!(unwrapped(outer).unwrap_err().contains(why), "{outer}");
        }
    }
}
