//! A small server of typed functions: what it says of itself, and what its calls answer.

use super::{Effect, Failure, FailureKind, ResourceTemplate, Tool, ToolServer};
use crate::{Call, CallContext, Object, Principal, Raw, Service, Text};
use futures_util::FutureExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Deserialize, JsonSchema)]
struct Add {
    /// What to add up.
    numbers: Vec<i64>,
    label: Option<String>,
    #[serde(default)]
    times: u32,
}

#[derive(Serialize, JsonSchema)]
struct Sum {
    sum: i64,
    label: Option<String>,
    parts: Vec<i64>,
}

#[derive(Deserialize, JsonSchema)]
struct Nothing {}

async fn add(_context: CallContext, add: Add) -> Result<Sum, Failure> {
    if add.numbers.is_empty() {
        return Err(Failure::new(FailureKind::Http { status: 503 }, "nothing to add").next("give numbers"));
    }
    let times = i64::from(add.times.max(1));
    Ok(Sum { sum: add.numbers.iter().sum::<i64>() * times, label: add.label, parts: add.numbers })
}

fn server() -> ToolServer {
    let read = |_context, id: String| async move { Ok((id == "1").then(|| "one".to_owned())) };
    ToolServer::new("sums", "Adds up.")
        .tool(Tool::new("add", Effect::reads(), "Adds up.", add))
        .tool(Tool::new("parts", Effect::writes().idempotent(), "Lists.", add).text_of("parts"))
        .tool(Tool::new("fall", Effect::destroys().open_world(), "Falls.", |_, _: Nothing| async {
            panic!("on purpose");
            #[expect(unreachable_code, reason = "gives the result its type")]
            Ok(0)
        }))
        .resources(ResourceTemplate::new("sum://{id}", "sum", "text/plain", read))
}

fn ask(method: &'static str, params: &Value) -> crate::Reply {
    let params = Object::of(&Raw::of(params)).unwrap();
    let context = CallContext::internal(Principal::new("test"));
    server().call(Call { method: Text::from_static(method), params, context }).now_or_never().unwrap()
}

fn call(name: &str, arguments: &Value) -> Value {
    let result = ask("tools/call", &json!({ "name": name, "arguments": arguments })).unwrap();
    serde_json::from_slice(result.to_raw().as_bytes()).unwrap()
}

fn failed(name: &str, arguments: &Value) -> Value {
    let result = call(name, arguments);
    assert_eq!(result["isError"], json!(true), "{result}");
    assert!(result.get("structuredContent").is_none());
    serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap()
}

#[test]
fn a_definition_says_what_there_is_to_say_and_no_more() {
    let listed: Value = serde_json::from_slice(server().definitions().as_bytes()).unwrap();
    assert_eq!(
        listed[0],
        json!({
            "name": "add",
            "description": "Adds up.",
            "inputSchema": {
                "type": "object",
                "properties": {
                    "numbers": { "description": "What to add up.", "type": "array", "items": { "type": "integer" } },
                    "label": { "type": "string" },
                    "times": { "type": "integer" },
                },
                "required": ["numbers"],
            },
            "outputSchema": {
                "type": "object",
                "properties": { "sum": { "type": "integer" }, "label": {}, "parts": { "type": "array" } },
            },
            "annotations": { "readOnlyHint": true, "openWorldHint": false },
        })
    );
    assert_eq!(
        listed[1]["annotations"],
        json!({ "destructiveHint": false, "idempotentHint": true, "openWorldHint": false })
    );
    assert_eq!(listed[2]["annotations"], json!({ "destructiveHint": true }));
}

#[test]
fn a_call_gives_text_and_structure() {
    let result = call("add", &json!({ "numbers": [1, 2], "times": 2 }));
    assert_eq!(result["structuredContent"], json!({ "sum": 6, "label": null, "parts": [1, 2] }));
    let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(text, result["structuredContent"]);
    assert_eq!(call("parts", &json!({ "numbers": [1] }))["content"][0]["text"], json!("[1]"));
}

#[test]
fn a_string_that_holds_a_list_is_taken_for_it() {
    assert_eq!(call("add", &json!({ "numbers": "[3, 4]" }))["structuredContent"]["sum"], json!(7));
}

#[test]
fn what_is_wrong_is_named() {
    let cases = [
        (json!({}), "`numbers` is missing"),
        (json!({ "numbers": 3 }), "`numbers` must be array, not number"),
        (json!({ "numbers": "3" }), "`numbers` must be array, not string"),
        (json!({ "numbers": [1], "lable": "x" }), "there is no argument `lable`"),
        (json!({ "numbers": [1], "times": "2" }), "`times` must be integer, not string"),
        (json!([1]), "`arguments` is not an object"),
    ];
    for (arguments, message) in cases {
        let failure = failed("add", &arguments);
        assert_eq!((failure["error"].as_str(), failure["type"].as_str()), (Some(message), Some("validation")));
    }
    let failure = failed("add", &json!({ "numbers": ["x"] }));
    assert_eq!(failure["type"], json!("validation"), "{failure}");
}

#[test]
fn a_failure_has_type_reason_and_next_step() {
    let failure = failed("add", &json!({ "numbers": [] }));
    let expected =
        json!({ "error": "nothing to add", "type": "http_error", "status_code": 503, "next": "give numbers" });
    assert_eq!(failure, expected);
}

#[test]
fn a_tool_that_panics_fails_alone() {
    assert_eq!(failed("fall", &json!({}))["type"], json!("unexpected"));
}

#[test]
fn resources_are_read_by_template() {
    let read = ask("resources/read", &json!({ "uri": "sum://1" })).unwrap();
    let read: Value = serde_json::from_slice(read.to_raw().as_bytes()).unwrap();
    assert_eq!(read["contents"][0]["text"], json!("one"));
    assert!(ask("resources/read", &json!({ "uri": "sum://2" })).is_err());
    assert!(ask("resources/read", &json!({ "uri": "other://1" })).is_err());
    assert!(ask("tools/call", &json!({ "name": "none" })).is_err());
    assert!(ask("prompts/list", &json!({})).is_err());
}
