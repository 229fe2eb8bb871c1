//! `switchboard call`: one call of a tool, from the command line.

mod typed;

use crate::client::{Client, encoded};
use crate::context::Context;
use crate::printer::harmless;
use crate::report::Report;
use bytes::Bytes;
use control::said::Tool;
use protocol::Raw;
use serde_json::{Map, Value, json};
use std::path::Path;

/// Call a tool
///
/// TOOL is SERVER.TOOL, with the server's own name of the tool, or the public name that clients
/// see. Arguments are key=value; each value is read as the type that the tool's schema gives it,
/// so that n=5 is a number where a number is wanted. key=@FILE takes the value from a file. All
/// arguments at once are one JSON object ('{"a": 1}') or @FILE with one; key=value then adds to it.
///
/// Prints the text of the result, or with --json the result as the server gave it. The exit code
/// is 1 when the tool fails.
///
/// Examples:
///   switchboard call time.get_current_time timezone=Europe/Berlin
///   switchboard call fetch__fetch --json '{"url": "http://127.0.0.1/"}'
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// SERVER.TOOL or a public name
    tool: String,

    /// key=value, key=@FILE, a JSON object, or @FILE with one
    #[arg(value_name = "ARGUMENT")]
    arguments: Vec<String>,

    /// All arguments as one JSON object, or @FILE with one
    #[arg(short = 'a', long, value_name = "JSON")]
    args_json: Option<String>,
}

/// Calls and prints the result.
///
/// # Errors
/// Without a daemon, an unknown tool, arguments that do not fit, and what fails.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    let client = context.client()?;
    let result = context.block_on(call(args, context, &client))?;
    if context.printer.json {
        context.printer.line(result.as_str());
    }
    if is_error(&result) {
        let report = Report::failed(format!("the tool failed: {}", text(&result)));
        return Err(report.said(context.printer.json));
    }
    if !context.printer.json {
        context.printer.line(&text(&result));
    }
    Ok(())
}

async fn call(args: &Args, context: &Context, client: &Client) -> Result<Raw, Report> {
    let tool: Tool = client.get(&format!("/api/tool?name={}", encoded(&args.tool))).await?;
    let definition: Value = tool.definition.read().unwrap_or_default();
    let arguments = arguments(args, &definition["inputSchema"], &context.environment.cwd)?;
    let body = json!({ "name": args.tool, "arguments": arguments });
    client.post("/api/call", Bytes::from(body.to_string())).await
}

fn arguments(args: &Args, schema: &Value, folder: &Path) -> Result<Map<String, Value>, Report> {
    let mut arguments = Map::new();
    for written in args.args_json.iter().chain(&args.arguments) {
        if written.starts_with(['{', '@']) {
            arguments.extend(object(&from_file(written, folder)?)?);
            continue;
        }
        let Some((key, value)) = written.split_once('=') else {
            let message = format!("`{written}` is neither key=value nor a JSON object");
            return Err(Report::usage(message).hint("such as: switchboard call time.get_current_time timezone=UTC"));
        };
        let value = typed::value(schema, key, &from_file(value, folder)?)?;
        arguments.insert(key.to_owned(), value);
    }
    Ok(arguments)
}

fn object(text: &str) -> Result<Map<String, Value>, Report> {
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => {
            Err(Report::usage("the arguments are JSON but no object").hint("write them as '{\"key\": \"value\"}'"))
        }
        Err(error) => Err(Report::usage("the arguments are not JSON").cause(error)),
    }
}

/// `@FILE` stands for what is in the file; `@@` for one `@`.
fn from_file(written: &str, folder: &Path) -> Result<String, Report> {
    match written.strip_prefix('@') {
        None => Ok(written.to_owned()),
        Some(plain) if plain.starts_with('@') => Ok(plain.to_owned()),
        Some(file) => std::fs::read_to_string(folder.join(file))
            .map_err(|error| Report::usage(format!("the file `{file}` cannot be read")).cause(error)),
    }
}

/// Whether the tool failed.
pub(super) fn is_error(result: &Raw) -> bool {
    let result: Value = result.read().unwrap_or_default();
    result["isError"] == true
}

/// What a person reads of a result: texts as they are, everything else as JSON.
pub(super) fn text(result: &Raw) -> String {
    let result: Value = result.read().unwrap_or_default();
    let blocks = result["content"].as_array().cloned().unwrap_or_default();
    let shown = blocks.iter().map(|block| match block["text"].as_str() {
        Some(text) => harmless(text),
        None => summary(block),
    });
    let shown: Vec<String> = shown.collect();
    if shown.is_empty() {
        let structured = result.get("structuredContent").unwrap_or(&result);
        return structured.to_string();
    }
    shown.join("\n")
}

fn summary(block: &Value) -> String {
    let kind = block["type"].as_str().unwrap_or("content");
    match (block["mimeType"].as_str(), block["data"].as_str()) {
        (Some(mime), Some(data)) => format!("[{kind} {mime}, {} bytes of base64: see it with --json]", data.len()),
        _ => block.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_come_in_every_form_and_the_later_wins() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("f"), "from file").unwrap();
        let args = Args {
            tool: "s.t".into(),
            arguments: vec![r#"{"a":1,"b":2}"#.into(), "b=3".into(), "c=@f".into(), "d=@@x".into()],
            args_json: None,
        };
        let schema = json!({"properties": {"b": {"type": "integer"}, "c": {"type": "string"}}});
        let found = arguments(&args, &schema, folder.path()).unwrap();
        assert_eq!(Value::Object(found), json!({"a": 1, "b": 3, "c": "from file", "d": "@x"}));
    }

    #[test]
    fn a_result_is_shown_as_text() {
        let result = Raw::of(&json!({"content": [
            {"type": "text", "text": "one"},
            {"type": "image", "mimeType": "image/png", "data": "AAAA"},
        ]}));
        assert_eq!(text(&result), "one\n[image image/png, 4 bytes of base64: see it with --json]");
        assert_eq!(text(&Raw::from_static(r#"{"structuredContent":{"n":1}}"#)), r#"{"n":1}"#);
    }
}
