//! What is done in each scenario. Most of them want nothing but a client that lists and calls what
//! is there; the others are told apart here.

use crate::front::Front;
use crate::person::filled_in;
use serde_json::{Value, json};

/// Does what the scenario wants to see.
///
/// # Errors
/// What a user would not have liked.
pub(crate) fn play(front: &dyn Front, scenario: &str, context: &Value) -> Result<(), String> {
    let tools = all(front, "tools/list", "tools")?;
    match scenario {
        "http-custom-headers" => {
            let calls = context["toolCalls"].as_array().cloned().unwrap_or_default();
            calls.iter().try_for_each(|wanted| {
                let tool = tools.iter().find(|tool| tool["name"] == wanted["name"]);
                call(front, tool.ok_or(format!("there is no {}", wanted["name"]))?, wanted["arguments"].clone())
            })
        }
        "json-schema-2020-12-preservation" => {
            let find = |name: &str| tools.iter().find(|tool| tool["name"] == name).ok_or(format!("there is no {name}"));
            let seen = find("json_schema_2020_12_tool")?["inputSchema"].clone();
            call(front, find("json_schema_echo")?, json!({"schema": seen}))
        }
        "http-standard-headers" => {
            call_each(front, &tools)?;
            for resource in all(front, "resources/list", "resources")? {
                front.ask("resources/read", json!({"uri": resource["uri"]}), &[])?;
            }
            for prompt in all(front, "prompts/list", "prompts")? {
                front.ask("prompts/get", json!({"name": prompt["name"]}), &[])?;
            }
            Ok(())
        }
        // Their servers have no tools, or none that answers.
        "initialize" | "request-metadata" | "json-schema-ref-no-deref" => Ok(()),
        _ if tools.is_empty() => Err("there are no tools".to_owned()),
        _ => call_each(front, &tools),
    }
}

fn all(front: &dyn Front, method: &str, member: &str) -> Result<Vec<Value>, String> {
    let mut found = Vec::new();
    let mut params = json!({});
    loop {
        let page = front.ask(method, params, &[])?;
        found.extend(page[member].as_array().cloned().unwrap_or_default());
        match page["nextCursor"].as_str() {
            Some(cursor) => params = json!({"cursor": cursor}),
            None => return Ok(found),
        }
    }
}

/// Calls every tool, also after one has failed.
fn call_each(front: &dyn Front, tools: &[Value]) -> Result<(), String> {
    let called = tools.iter().map(|tool| call(front, tool, filled_in(&tool["inputSchema"])));
    let problems: Vec<String> = called.filter_map(Result::err).collect();
    if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
}

fn call(front: &dyn Front, tool: &Value, arguments: Value) -> Result<(), String> {
    let mirrored = mirrored(&tool["inputSchema"], &arguments);
    let params = json!({"name": tool["name"], "arguments": arguments});
    let result = front.ask("tools/call", params, &mirrored)?;
    if result["isError"] == true { Err(format!("{} failed: {result}", tool["name"])) } else { Ok(()) }
}

/// The headers of arguments that the schema wants to see mirrored (SEP-2243).
fn mirrored(schema: &Value, arguments: &Value) -> Vec<(String, String)> {
    let properties = schema["properties"].as_object().into_iter().flatten();
    let marked = properties.filter_map(|(name, property)| Some((name, property["x-mcp-header"].as_str()?)));
    let headers = marked.filter_map(|(name, header)| {
        let value = match &arguments[name] {
            Value::Null => return None,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        Some((format!("Mcp-Param-{header}"), encoded(&value)))
    });
    headers.collect()
}

/// A header value as it is, or in the base64 form where a header cannot carry it.
fn encoded(value: &str) -> String {
    let plain = value.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    let taken = value.starts_with("=?base64?") && value.ends_with("?=");
    if plain && value.trim() == value && !taken { value.to_owned() } else { format!("=?base64?{}?=", base64(value)) }
}

fn base64(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits = chunk.iter().enumerate().fold(0_u32, |bits, (at, byte)| bits | u32::from(*byte) << (16 - 8 * at));
        for at in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * at)) as usize & 63];
            out.push(if at <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    out
}
