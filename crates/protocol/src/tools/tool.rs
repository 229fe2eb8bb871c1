//! One tool: a typed function with its definition.

use super::{Effect, Failure, arguments, schema};
use crate::{CallContext, Object, Raw};
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::fmt;
use std::future::Future;

type Run = dyn Fn(CallContext, Option<&Raw>, &Value) -> BoxFuture<'static, Result<Value, Failure>> + Send + Sync;

/// A typed function that a model may call.
pub struct Tool {
    pub(super) name: &'static str,
    pub(super) definition: Raw,
    effect: Effect,
    input: Value,
    run: Box<Run>,
    /// The member of the result that the text block holds alone.
    text_of: Option<&'static str>,
}

// === impl Tool ===

impl Tool {
    /// A tool that runs `function`. Its arguments and its result are structs: their types and doc
    /// comments become the schemas. A result that is no object is wrapped as `{"result": …}`.
    #[must_use]
    pub fn new<A, R, F, D>(name: &'static str, effect: Effect, description: &'static str, function: F) -> Self
    where
        A: DeserializeOwned + JsonSchema + Send + 'static,
        R: Serialize + JsonSchema,
        F: Fn(CallContext, A) -> D + Send + Sync + 'static,
        D: Future<Output = Result<R, Failure>> + Send + 'static,
    {
        let input = schema::input::<A>();
        let definition = json!({
            "name": name,
            "description": description,
            "inputSchema": input,
            "outputSchema": schema::output::<R>(),
            "annotations": effect.annotations(),
        });
        let run = move |context: CallContext, raw: Option<&Raw>, input: &Value| {
            let done = arguments::read::<A>(raw, input).map(|arguments| function(context, arguments));
            let answer: BoxFuture<'static, Result<Value, Failure>> = match done {
                Err(failure) => Box::pin(std::future::ready(Err(failure))),
                Ok(done) => Box::pin(async move { done.await.map(|result| structured(&result)) }),
            };
            answer
        };
        Self { name, definition: Raw::of(&definition), effect, input, run: Box::new(run), text_of: None }
    }

    /// The text block holds only this member of the result, as the predecessors answered where
    /// the result was a list; the structured content is whole.
    #[must_use]
    pub fn text_of(mut self, member: &'static str) -> Self {
        self.text_of = Some(member);
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What it does to the world.
    #[must_use]
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// Runs it; the answer is the result object of `tools/call`.
    pub(super) fn call(
        &self,
        context: CallContext,
        arguments: Option<&Raw>,
    ) -> impl Future<Output = Result<Object, Failure>> + Send + 'static + use<> {
        let running = (self.run)(context, arguments, &self.input);
        let text_of = self.text_of;
        async move {
            let value = running.await?;
            let text = text_of.and_then(|member| value.get(member)).unwrap_or(&value);
            let content = json!([{ "type": "text", "text": text.to_string() }]);
            Ok([("content", Raw::of(&content)), ("structuredContent", Raw::of(&value))].into_iter().collect())
        }
    }
}

impl fmt::Debug for Tool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tool").field("name", &self.name).field("effect", &self.effect).finish_non_exhaustive()
    }
}

fn structured<R: Serialize>(result: &R) -> Value {
    match serde_json::to_value(result).unwrap_or_default() {
        object @ Value::Object(_) => object,
        other => Value::Object(Map::from_iter([("result".to_owned(), other)])),
    }
}
