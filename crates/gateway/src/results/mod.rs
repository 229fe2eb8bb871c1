//! Results that are too long for a model (`result_tokens_max` of a profile): they are cut at a boundary and
//! end with how to read on. A result is never refused for its length.
//!
//! Cutting happens after everything else, to the answer that a client gets: policy, records of results and
//! kept results see it whole.

mod cut;

mod kept;
pub(crate) use kept::{Kept, KeptLimits};

use crate::Scope;
use crate::gateway::Gateway;
use crate::interactive::now_ms;
use protocol::seal::Binding;
use protocol::{Error, ErrorKind, Object, Principal, Raw, Reply};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// The name of the tool that reads on.
pub(crate) const READ_RESULT: &str = "read_result";

/// What the sentence at the end of a cut result may cost, cursor included.
const SENTENCE_TOKENS: usize = 160;

/// Texts beyond this are not counted to say how much is left, in bytes.
const COUNTED_BYTES_MAX: usize = 256 * 1024;

/// How the tool that reads on is listed.
pub(crate) fn definition() -> Value {
    json!({
        "name": READ_RESULT,
        "description": "Read on in a tool result that was cut. Its last line has the cursor.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "cursor": { "type": "string" },
                "tokens": { "type": "integer", "minimum": 1, "description": "at most" }
            },
            "required": ["cursor"]
        },
        "annotations": { "readOnlyHint": true, "openWorldHint": false }
    })
}

/// How much of a result goes to the model before the sentence.
fn room(tokens_max: usize) -> usize {
    tokens_max.saturating_sub(SENTENCE_TOKENS).max(tokens_max / 2).max(1)
}

impl Gateway {
    /// How many tokens a result may have at this endpoint; 0 is no limit. Only profiles have one.
    fn result_tokens_max(&self, scope: &Scope) -> usize {
        self.snapshot().catalog.shown(scope).map_or(0, |shown| shown.profile.result_tokens_max)
    }

    /// Whether a result of `tools/call` may be more than an answer at this endpoint has: cheap, and wrong
    /// only where it says that it may.
    pub(crate) fn is_too_long(&self, scope: &Scope, result: &Object) -> bool {
        let tokens_max = self.result_tokens_max(scope);
        // Every token is a byte at least.
        tokens_max > 0 && result.size() > tokens_max && !crate::era::is_input_required(result)
    }

    /// A result as the client gets it: cut, where it is too long.
    pub(crate) async fn shortened(self: &Arc<Self>, scope: &Scope, principal: &Principal, result: Object) -> Object {
        let tokens_max = self.result_tokens_max(scope);
        let whole = result.clone();
        let cut = tokio::task::spawn_blocking(move || cut::cut(&result, tokens_max, room(tokens_max))).await;
        // Nothing in it panics; a runtime that ends answers nobody.
        let Ok(Some(cut::Cut { mut result, mut content, rest })) = cut else { return whole };
        let (said, meta) = self.keep(principal, rest);
        self.sweep_soon();
        content.push(Raw::of(&json!({ "type": "text", "text": said })));
        result.set_json("content", &content);
        let mut own = result.object("_meta").unwrap_or_default();
        own.set("dev.switchboard/cut", Raw::of(&meta));
        result.set("_meta", own.to_raw());
        result
    }

    /// Keeps the rest of a result; what is said of it, to people and to programs.
    fn keep(&self, principal: &Principal, rest: String) -> (String, Value) {
        let left = left(&rest);
        match self.kept.put(principal, rest, now_ms()).and_then(|id| self.cursor(principal, id, 0)) {
            Some(cursor) => read_on(&left, &cursor),
            None => {
                let said = format!(
                    "[The result was cut: {left} more. They are too many to be kept (limit \
                     results_kept_per_principal_bytes_max); ask for less.]"
                );
                (said, json!({ "left": left }))
            }
        }
    }

    fn cursor(&self, principal: &Principal, id: u64, at: usize) -> Option<String> {
        let content = [id.to_be_bytes(), (at as u64).to_be_bytes()].concat();
        self.sealer.seal(binding(principal), &content, now_ms().saturating_add(self.kept.time_ms())).ok()
    }

    /// `read_result`: what comes next, at most `tokens_max` tokens.
    pub(crate) async fn read_result(&self, scope: &Scope, principal: &Principal, arguments: Option<&Raw>) -> Reply {
        let tokens_max = match self.result_tokens_max(scope) {
            0 => usize::MAX,
            tokens_max => tokens_max,
        };
        let arguments = arguments.and_then(|arguments| Object::of(arguments).ok()).unwrap_or_default();
        let cursor = arguments
            .text("cursor")
            .ok_or_else(|| Error::new(ErrorKind::InvalidParams, "read_result needs a `cursor`"))?;
        let asked = arguments.get("tokens").and_then(|tokens| tokens.read::<usize>().ok());
        let tokens = asked.unwrap_or(usize::MAX).clamp(1, room(tokens_max));
        let Some((id, at, rest)) = self.opened(principal, &cursor) else {
            let text = "The cursor is not one of yours, or what it leads to is not kept any more. \
                        Call the tool again that gave it, if you still need the rest.";
            return Ok(answer(text, None).with_error());
        };
        let whole = rest.clone();
        let shown = tokio::task::spawn_blocking(move || {
            let text = whole.get(at..).unwrap_or_default();
            text.get(..tokens::cut(text, tokens)).unwrap_or_default().to_owned()
        });
        let shown = shown.await.unwrap_or_default();
        let next = at + shown.len();
        if next >= rest.len() {
            return Ok(answer(&shown, None).0);
        }
        let left = left(&rest[next..]);
        let further = self.cursor(principal, id, next).map(|cursor| read_on(&left, &cursor));
        Ok(answer(&shown, further).0)
    }

    fn opened(&self, principal: &Principal, cursor: &str) -> Option<(u64, usize, Arc<str>)> {
        let content = self.sealer.open(binding(principal), cursor, now_ms()).ok()?;
        let (id, at) = content.split_first_chunk::<8>()?;
        let (id, at) = (u64::from_be_bytes(*id), u64::from_be_bytes(*at.first_chunk::<8>()?));
        let rest = self.kept.get(principal, id, now_ms())?;
        let at = usize::try_from(at).ok().filter(|at| rest.is_char_boundary(*at))?;
        Some((id, at, rest))
    }

    /// What is kept for longer than it may be is dropped, in time, though nobody asks: spoken to once for
    /// each time that something is kept where nothing was.
    fn sweep_soon(self: &Arc<Self>) {
        if !self.kept.wants_sweeper() {
            return;
        }
        let gateway = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                let Some(left_ms) = gateway.upgrade().and_then(|gateway| gateway.kept.sweep(now_ms())) else { return };
                tokio::time::sleep(Duration::from_millis(left_ms)).await;
            }
        });
    }
}

fn binding(principal: &Principal) -> Binding<'_> {
    Binding { principal, method: "tools/call", name: READ_RESULT, digest: b"" }
}

/// How much a rest is, in words.
fn left(rest: &str) -> String {
    let (about, tokens) = match rest.len() <= COUNTED_BYTES_MAX {
        true => ("", tokens::count(rest)),
        false => ("about ", tokens::estimate(rest.len())),
    };
    format!("{about}{tokens} {}", if tokens == 1 { "token" } else { "tokens" })
}

fn read_on(left: &str, cursor: &str) -> (String, Value) {
    let said = format!("[The result was cut: {left} more. To read on: {READ_RESULT} with the cursor {cursor}]");
    (said, json!({ "left": left, "cursor": cursor }))
}

/// A result of texts.
struct Answer(Object);

fn answer(text: &str, further: Option<(String, Value)>) -> Answer {
    let mut content = vec![json!({ "type": "text", "text": text })];
    let mut result = Object::new();
    if let Some((said, meta)) = further {
        content.push(json!({ "type": "text", "text": said }));
        result.set_json("content", &content);
        result.set("_meta", Raw::of(&json!({ "dev.switchboard/cut": meta })));
    } else {
        result.set_json("content", &content);
    }
    Answer(result)
}

impl Answer {
    fn with_error(mut self) -> Object {
        self.0.set("isError", Raw::from_static("true"));
        self.0
    }
}

#[cfg(test)]
mod tests;
