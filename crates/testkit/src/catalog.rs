//! A stdio MCP server that offers tools out of a list: `mcp-catalog FILE SERVER`, one process for each
//! server of the list, so that a gateway can be given many servers with the definitions of real ones.
//!
//! The list is the routing data's `tools.jsonl`: one tool a line with `server`, `server_title`,
//! `server_description`, `name`, `description` and `params`. A tool does nothing: it says which tool of
//! which server was called and with what. It speaks both eras; it checks nothing, and offers neither
//! prompts nor resources.

use serde_json::{Map, Value, json};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::process::ExitCode;

const LEGACY: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];
const MODERN: &str = "2026-07-28";
const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const META_INFO: &str = "io.modelcontextprotocol/serverInfo";
/// First words of names of tools that only look.
const LOOKS: [&str; 12] =
    ["get", "list", "search", "read", "describe", "find", "query", "fetch", "show", "count", "check", "view"];
/// Words of names of tools that take something away.
const TAKES: [&str; 7] = ["delete", "remove", "drop", "destroy", "purge", "revoke", "wipe"];

/// One server of the list.
struct Server {
    name: String,
    title: String,
    description: String,
    /// Definitions, as they are listed.
    tools: Vec<Value>,
}

/// Serves stdin and stdout: `FILE SERVER`.
///
/// Exit codes: 0 at the end of stdin, 2 for wrong arguments or a list that cannot be read.
#[must_use]
pub fn main(args: impl IntoIterator<Item = String>) -> ExitCode {
    let args: Vec<String> = args.into_iter().collect();
    let outcome = match args.as_slice() {
        [file, server] => Server::of_list(file, server).and_then(|server| server.serve()),
        _ => Err(io::Error::other("say what to serve: FILE SERVER")),
    };
    outcome.map_or_else(
        |why| {
            // With stderr closed there is nobody left to tell.
            let _ = writeln!(io::stderr(), "mcp-catalog: {why}");
            ExitCode::from(2)
        },
        |()| ExitCode::SUCCESS,
    )
}

// === impl Server ===

impl Server {
    fn of_list(file: &str, name: &str) -> io::Result<Self> {
        let mut server =
            Self { name: name.to_owned(), title: String::new(), description: String::new(), tools: vec![] };
        for line in BufReader::new(File::open(file)?).lines() {
            let row: Value = serde_json::from_str(&line?)?;
            if row["server"] != name {
                continue;
            }
            let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
            (server.title, server.description) = (text("server_title"), text("server_description"));
            server.tools.push(definition(&row));
        }
        if server.tools.is_empty() {
            return Err(io::Error::other(format!("{file} has no tool of `{name}`")));
        }
        Ok(server)
    }

    fn serve(&self) -> io::Result<()> {
        let mut output = io::stdout().lock();
        for line in io::stdin().lock().lines() {
            let Ok(message) = serde_json::from_str::<Value>(&line?) else { continue };
            if let (Some(method), Some(id)) = (message["method"].as_str(), message.get("id")) {
                let answer = match self.answer(method, &message["params"]) {
                    Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
                    Err((code, why)) => {
                        json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": why}})
                    }
                };
                writeln!(output, "{answer}")?;
                output.flush()?;
            }
        }
        Ok(())
    }

    fn answer(&self, method: &str, params: &Value) -> Result<Value, (i32, String)> {
        let mut result = match method {
            "initialize" => return Ok(self.handshake(params)),
            "ping" => return Ok(json!({})),
            "server/discover" => json!({
                "supportedVersions": [MODERN],
                "capabilities": {"tools": {}},
                "instructions": self.description,
                "_meta": {META_INFO: self.info()},
                "ttlMs": 60_000,
                "cacheScope": "public",
            }),
            "tools/list" => json!({"tools": self.tools, "ttlMs": 60_000, "cacheScope": "public"}),
            "tools/call" => self.call(params)?,
            _ => return Err((-32601, format!("there is no method `{method}` here"))),
        };
        if let Some(members) = result.as_object_mut() {
            if params["_meta"][META_VERSION].is_string() {
                members.insert("resultType".to_owned(), json!("complete"));
            } else {
                members.retain(|key, _| key != "ttlMs" && key != "cacheScope");
            }
        }
        Ok(result)
    }

    fn handshake(&self, params: &Value) -> Value {
        let asked = params["protocolVersion"].as_str().unwrap_or_default();
        let known = LEGACY.iter().find(|version| **version == asked);
        json!({
            "protocolVersion": known.unwrap_or(&LEGACY[3]),
            "capabilities": {"tools": {}},
            "serverInfo": self.info(),
            "instructions": self.description,
        })
    }

    fn info(&self) -> Value {
        json!({"name": self.name, "title": self.title, "version": "1"})
    }

    /// What was called, as a text and as structured content.
    fn call(&self, params: &Value) -> Result<Value, (i32, String)> {
        let name = params["name"].as_str().unwrap_or_default();
        if !self.tools.iter().any(|tool| tool["name"] == name) {
            return Err((-32602, format!("there is no tool `{name}` here")));
        }
        let called = json!({"server": self.name, "tool": name, "arguments": params["arguments"]});
        let content = json!([{"type": "text", "text": called.to_string()}]);
        Ok(json!({"content": content, "structuredContent": called, "isError": false}))
    }
}

/// The definition of a row. What the tool does to the world is told by its name.
fn definition(row: &Value) -> Value {
    let name = row["name"].as_str().unwrap_or_default();
    let params = row["params"].as_array().map(Vec::as_slice).unwrap_or_default();
    let properties: Map<String, Value> = params
        .iter()
        .filter_map(|param| {
            let schema = json!({"type": "string", "description": param["description"]});
            Some((param["name"].as_str()?.to_owned(), schema))
        })
        .collect();
    let words: Vec<String> = words(name);
    let looks = words.first().is_some_and(|word| LOOKS.contains(&word.as_str()));
    let takes = words.iter().any(|word| TAKES.contains(&word.as_str()));
    json!({
        "name": name,
        "description": row["description"],
        "inputSchema": {"type": "object", "properties": properties},
        "annotations": {"readOnlyHint": looks && !takes, "destructiveHint": takes},
    })
}

/// The words of a name, in lower case: `getPod`, `get-pod` and `get_pod` have the same.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for letter in name.chars() {
        if letter.is_uppercase() || !letter.is_alphanumeric() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| letter.is_alphanumeric()) {
            word.extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn github() -> Server {
        let row = json!({"server": "github", "name": "delete_file", "description": "Deletes a file",
            "params": [{"name": "path", "description": "Where it is"}]});
        Server {
            name: "github".to_owned(),
            title: String::new(),
            description: String::new(),
            tools: vec![definition(&row)],
        }
    }

    #[test]
    fn a_row_becomes_a_definition() {
        let tool = &github().tools[0];
        assert_eq!(tool["inputSchema"]["properties"]["path"]["description"], "Where it is");
        assert_eq!(tool["annotations"], json!({"readOnlyHint": false, "destructiveHint": true}));
        assert_eq!(words("getPod-list"), ["get", "pod", "list"]);
    }

    #[test]
    fn a_call_says_what_was_called() {
        let server = github();
        let called = server.answer("tools/call", &json!({"name": "delete_file", "arguments": {"path": "a"}})).unwrap();
        let told = json!({"server": "github", "tool": "delete_file", "arguments": {"path": "a"}});
        assert_eq!(called["structuredContent"], told);
        assert!(server.answer("tools/call", &json!({"name": "create_file"})).is_err());
    }

    #[test]
    fn each_era_gets_its_own_shape() {
        let server = github();
        let modern = server.answer("tools/list", &json!({"_meta": {META_VERSION: MODERN}})).unwrap();
        assert_eq!(modern["resultType"], "complete");
        let legacy = server.answer("tools/list", &json!({})).unwrap();
        assert_eq!(legacy.as_object().unwrap().len(), 1);
    }
}
