//! The commands about keys and values: calls of the tools of the server `cache`, through the daemon,
//! as every client makes them. What a tool does, it decides; here it is asked and shown.

use crate::client::Client;
use crate::context::Context;
use crate::printer::{Printer, harmless};
use crate::report::Report;
use bytes::Bytes;
use protocol::Raw;
use serde_json::{Map, Value, json};

/// The server that is asked.
const SERVER: &str = "cache";

/// Commands about keys and values.
#[derive(Debug, clap::Subcommand)]
pub(super) enum What {
    /// Print a value; exit code 1 where there is none
    Get {
        /// The key
        key: String,
    },
    /// Keep a value under a key
    Set {
        /// The key
        key: String,
        /// The value: text, or JSON that is given back as JSON
        value: String,
        /// Forget it after so many seconds
        #[arg(long, value_name = "SECONDS")]
        ttl: Option<i64>,
    },
    /// Delete keys
    Delete {
        /// The keys
        #[arg(required = true)]
        keys: Vec<String>,
    },
    /// Tell which keys exist
    Exists {
        /// The keys
        #[arg(required = true)]
        keys: Vec<String>,
    },
    /// Forget a key after so many seconds
    Expire {
        /// The key
        key: String,
        /// The seconds, from now
        seconds: i64,
    },
    /// Print how many seconds a key has left
    Ttl {
        /// The key
        key: String,
    },
    /// List keys
    Keys {
        /// Such as user:*
        #[arg(default_value = "*")]
        pattern: String,
        /// At most so many
        #[arg(long, value_name = "COUNT", default_value_t = 1000)]
        limit: i64,
    },
    /// Print several values
    Mget {
        /// The keys
        #[arg(required = true)]
        keys: Vec<String>,
    },
    /// Keep several values at once
    Mset {
        /// KEY=VALUE
        #[arg(required = true, value_name = "KEY=VALUE")]
        entries: Vec<String>,
    },
    /// Add to a number and print it
    Incr {
        /// The key
        key: String,
        /// How much
        #[arg(default_value_t = 1, allow_negative_numbers = true)]
        amount: i64,
    },
    /// Subtract from a number and print it
    Decr {
        /// The key
        key: String,
        /// How much
        #[arg(default_value_t = 1)]
        amount: i64,
    },
    /// Delete all your keys; kept results of tools are not touched
    Flush,
    /// Show where the cache is and how it does
    Info,
    /// Check that the cache answers
    Ping,
}

/// Asks and shows.
///
/// # Errors
/// Without a daemon, where the server `cache` is switched off, and what the tool refuses.
pub(super) fn run(what: &What, context: &Context) -> Result<(), Report> {
    let (tool, arguments) = asked(what)?;
    let client = context.client()?;
    let answer = context.block_on(call(&client, tool, &arguments))?;
    let printer = &context.printer;
    if printer.json {
        printer.document(&answer);
        return Ok(());
    }
    show(what, &answer, printer)
}

/// The tool and its arguments.
fn asked(what: &What) -> Result<(&'static str, Value), Report> {
    Ok(match what {
        What::Get { key } => ("cache_get", json!({ "key": key })),
        What::Set { key, value, ttl: None } => ("cache_set", json!({ "key": key, "value": value })),
        What::Set { key, value, ttl } => ("cache_set", json!({ "key": key, "value": value, "ttl": ttl })),
        What::Delete { keys } => ("cache_delete", json!({ "keys": keys })),
        What::Exists { keys } => ("cache_exists", json!({ "keys": keys })),
        What::Expire { key, seconds } => ("cache_expire", json!({ "key": key, "seconds": seconds })),
        What::Ttl { key } => ("cache_ttl", json!({ "key": key })),
        What::Keys { pattern, limit } => ("cache_keys", json!({ "pattern": pattern, "limit": limit })),
        What::Mget { keys } => ("cache_mget", json!({ "keys": keys })),
        What::Mset { entries } => ("cache_mset", json!({ "data": pairs(entries)? })),
        What::Incr { key, amount } => ("cache_incr", json!({ "key": key, "amount": amount })),
        What::Decr { key, amount } => ("cache_decr", json!({ "key": key, "amount": amount })),
        What::Flush => ("cache_flush", json!({})),
        What::Info => ("cache_info", json!({})),
        What::Ping => ("cache_ping", json!({})),
    })
}

fn pairs(written: &[String]) -> Result<Map<String, Value>, Report> {
    let pair = |text: &String| {
        let (key, value) = text.split_once('=').ok_or_else(|| {
            Report::usage(format!("`{text}` is not KEY=VALUE")).hint("such as: switchboard cache mset a=1 b=2")
        })?;
        Ok((key.to_owned(), Value::from(value)))
    };
    written.iter().map(pair).collect()
}

async fn call(client: &Client, tool: &str, arguments: &Value) -> Result<Value, Report> {
    let body = json!({ "name": format!("{SERVER}.{tool}"), "arguments": arguments });
    let result: Raw = client.post("/api/call", Bytes::from(body.to_string())).await?;
    let result: Value = result.read().unwrap_or_default();
    if result["isError"] != true {
        return Ok(result["structuredContent"].clone());
    }
    // A tool of ours says what failed as an object; another server of this name may say anything.
    let text = result["content"][0]["text"].as_str().unwrap_or_default();
    let said: Value = serde_json::from_str(text).unwrap_or_default();
    let report = Report::failed(harmless(said["error"].as_str().unwrap_or(text)));
    Err(match said["next"].as_str() {
        Some(next) => report.hint(harmless(next)),
        None => report,
    })
}

fn show(what: &What, answer: &Value, printer: &Printer) -> Result<(), Report> {
    match what {
        What::Get { key } if answer["found"] == false => {
            return Err(
                Report::failed(format!("there is no key `{key}`")).hint("see which there are: switchboard cache keys")
            );
        }
        What::Get { .. } => printer.line(&text(&answer["value"])),
        What::Set { .. } | What::Mset { .. } => printer.say("kept"),
        What::Delete { .. } | What::Flush => printer.say(&format!("deleted keys: {}", answer["deleted"])),
        What::Exists { .. } => {
            printer.line(&format!("{} of {}", answer["exists"], answer["total"]));
            texts(&answer["missing"]).iter().for_each(|key| printer.say(&format!("missing: {key}")));
        }
        What::Expire { key, .. } if answer["success"] == false => {
            return Err(
                Report::failed(format!("there is no key `{key}`")).hint("see which there are: switchboard cache keys")
            );
        }
        What::Expire { .. } => printer.say(&format!("forgotten in {} s", answer["ttl"])),
        What::Ttl { .. } => printer.line(&match answer["status"].as_str() {
            Some("active") => format!("{} s", answer["ttl"]),
            Some("no_expiration") => "for ever".to_owned(),
            _ => "not there".to_owned(),
        }),
        What::Keys { .. } => {
            texts(&answer["keys"]).iter().for_each(|key| printer.line(key));
            if answer["complete"] == false {
                printer.say(&format!("the first {}; more with --limit, or a narrower pattern", answer["count"]));
            }
        }
        What::Mget { .. } | What::Info => printer.table(&["", ""], &rows(answer)),
        What::Incr { .. } | What::Decr { .. } => printer.line(&answer["value"].to_string()),
        What::Ping => printer.line(&text(&answer["message"])),
    }
    Ok(())
}

/// Members of an object, those of objects in it too, as rows.
fn rows(object: &Value) -> Vec<Vec<String>> {
    let members = object.as_object().into_iter().flatten();
    members.map(|(key, value)| vec![harmless(key), text(value)]).collect()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), harmless)
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().map(text).collect()
}
