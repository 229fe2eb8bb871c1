//! The tools that the switchboard itself offers beside those of servers, and who answers them.
//!
//! Every word of a definition is read by a model each time: they are short.

use super::{Mode, inner};
use crate::Scope;
use crate::gateway::{Gateway, Snapshot};
use crate::record::Open;
use crate::results;
use config::{Exposure, Profile};
use protocol::{Call, Raw, Reply};
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};

use super::effect::Effect;

/// A tool of the switchboard's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnTool {
    /// Finds tools.
    SearchTools,
    /// Shows definitions of tools.
    DescribeTool,
    /// Calls a tool.
    CallTool,
    /// The same for tools that change nothing.
    CallReadTool,
    /// The same for tools that take nothing away.
    CallWriteTool,
    /// The same for tools that may.
    CallDestructiveTool,
    /// Reads on in a result that was cut.
    ReadResult,
}

// === impl OwnTool ===

impl OwnTool {
    const ALL: [Self; 7] = [
        Self::SearchTools,
        Self::DescribeTool,
        Self::CallTool,
        Self::CallReadTool,
        Self::CallWriteTool,
        Self::CallDestructiveTool,
        Self::ReadResult,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SearchTools => "search_tools",
            Self::DescribeTool => "describe_tool",
            Self::CallTool => "call_tool",
            Self::CallReadTool => "call_read_tool",
            Self::CallWriteTool => "call_write_tool",
            Self::CallDestructiveTool => "call_destructive_tool",
            Self::ReadResult => results::READ_RESULT,
        }
    }

    /// Those that a client of the profile is listed in `mode`.
    pub(crate) fn listed(profile: &Profile, mode: Mode) -> impl Iterator<Item = Self> + use<> {
        let cuts = profile.result_tokens_max > 0;
        Self::ALL.into_iter().filter(move |own| if *own == Self::ReadResult { cuts } else { mode == Mode::Search })
    }

    /// Those that can be called in the profile: in whichever mode somebody may see them.
    pub(crate) fn offered(profile: &Profile) -> impl Iterator<Item = Self> {
        let may_search = profile.exposure != Exposure::All;
        Self::listed(profile, if may_search { Mode::Search } else { Mode::All })
    }

    /// The strongest effect of tools that it calls.
    pub(crate) const fn calls_up_to(self) -> Option<Effect> {
        match self {
            Self::CallReadTool => Some(Effect::Reads),
            Self::CallWriteTool => Some(Effect::Writes),
            Self::CallTool | Self::CallDestructiveTool => Some(Effect::Destroys),
            Self::SearchTools | Self::DescribeTool | Self::ReadResult => None,
        }
    }

    /// The one that calls tools of `effect` and no stronger ones.
    pub(crate) const fn for_effect(effect: Effect) -> Self {
        match effect {
            Effect::Reads => Self::CallReadTool,
            Effect::Writes => Self::CallWriteTool,
            Effect::Destroys => Self::CallDestructiveTool,
        }
    }

    /// Its definition, as lists have it.
    pub(crate) fn definition(self) -> &'static Raw {
        static DEFINITIONS: OnceLock<Vec<Raw>> = OnceLock::new();
        static NONE: Raw = Raw::from_static("{}");
        let all = DEFINITIONS.get_or_init(|| Self::ALL.iter().map(|own| Raw::of(&own.define())).collect());
        Self::ALL.iter().position(|own| *own == self).and_then(|at| all.get(at)).unwrap_or(&NONE)
    }

    fn define(self) -> Value {
        let text = || json!({ "type": "string" });
        let schema = |properties: Value, required: &[&str]| json!({ "type": "object", "properties": properties, "required": required });
        let inner = || schema(json!({ "name": text(), "arguments": { "type": "object" } }), &["name"]);
        let reads = || json!({ "readOnlyHint": true, "openWorldHint": false });
        let (description, input, annotations) = match self {
            Self::ReadResult => return results::definition(),
            Self::SearchTools => (
                "Find tools for what you want to do. Most tools are not listed: search before you say that something \
                 cannot be done. Ask for one capability at a time (\"create a calendar event\"), not for a whole task.",
                schema(
                    json!({
                        "query": text(),
                        "limit": { "type": "integer", "minimum": 1, "maximum": inner::FOUND_MAX, "default": inner::FOUND },
                        "server": { "type": "string", "description": "Only tools of this server." },
                    }),
                    &["query"],
                ),
                reads(),
            ),
            Self::DescribeTool => (
                "Full definitions of tools that search_tools named.",
                schema(
                    json!({ "names": { "type": "array", "items": text(), "maxItems": inner::DESCRIBED_MAX } }),
                    &["names"],
                ),
                reads(),
            ),
            Self::CallTool => {
                ("Call a tool that search_tools found, with arguments of its input schema.", inner(), json!({}))
            }
            Self::CallReadTool => ("call_tool for tools that only read.", inner(), json!({ "readOnlyHint": true })),
            Self::CallWriteTool => {
                ("call_tool for tools that read or add.", inner(), json!({ "destructiveHint": false }))
            }
            Self::CallDestructiveTool => {
                ("call_tool for tools that may delete or overwrite.", inner(), json!({ "destructiveHint": true }))
            }
        };
        let mut definition = json!({ "name": self.name(), "description": description, "inputSchema": input });
        if annotations.as_object().is_some_and(|said| !said.is_empty()) {
            definition["annotations"] = annotations;
        }
        definition
    }
}

impl Gateway {
    /// Answers a call of one of our own tools.
    pub(crate) async fn call_own(
        self: &Arc<Self>,
        own: OwnTool,
        scope: &Scope,
        snapshot: Arc<Snapshot>,
        call: Call,
        record: &mut Open,
    ) -> Reply {
        match own {
            OwnTool::SearchTools => self.search_tools(scope, call, record).await,
            OwnTool::DescribeTool => self.describe_tools(scope, &snapshot, &call, record),
            OwnTool::ReadResult => {
                record.note(|record| record.own = Some(own.name().into()));
                self.read_result(scope, &call.context.principal, call.params.get("arguments")).await
            }
            OwnTool::CallTool | OwnTool::CallReadTool | OwnTool::CallWriteTool | OwnTool::CallDestructiveTool => {
                self.call_inner(own, scope, snapshot, call, record).await
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_tools_cost_little_and_say_what_they_do() {
        let tokens: usize = OwnTool::ALL.iter().map(|own| tokens::count(own.definition().as_str())).sum();
        assert!(tokens <= 900, "{tokens} tokens");
        for own in OwnTool::ALL {
            let said: Value = own.definition().read().unwrap();
            assert_eq!(said["name"], own.name());
            let read_only = said["annotations"]["readOnlyHint"] == true;
            assert_eq!(read_only, own.calls_up_to().is_none_or(|effect| effect == Effect::Reads), "{}", own.name());
        }
        for effect in [Effect::Reads, Effect::Writes, Effect::Destroys] {
            assert_eq!(OwnTool::for_effect(effect).calls_up_to(), Some(effect));
        }
    }
}
