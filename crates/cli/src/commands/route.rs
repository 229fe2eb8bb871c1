//! `switchboard route`: which servers a text is for, and what to do with them.

mod interactive;
mod shown;

use super::call;
use super::search::text;
use crate::client::Client;
use crate::context::Context;
use crate::report::Report;
use bytes::Bytes;
use control::said::{RouteAsked, Routed};
use protocol::Raw;
use std::ffi::OsString;

/// Find the servers that a task needs, start them, or call a tool on the best of them
///
/// Servers are judged by their tools, and by your own rules: server_keywords and task_patterns under
/// [search]. The few that are enough for the whole text are chosen; when nothing fits, none is.
///
/// With --tool the tool is called on the server that fits best among those that have it. Its
/// arguments are a JSON object: --args-json, or --data, which is the data folder unless its value
/// begins with `{`.
///
/// Examples:
///   switchboard route "work with GitHub repositories and save notes" --start
///   switchboard route "remember this" --tool save_memory --data '{"text": "I prefer Python"}'
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// What you want to do; `-`, or nothing and a pipe, reads it from stdin
    text: Vec<String>,

    /// Start the servers that are chosen, and wait until they are ready
    #[arg(long)]
    start: bool,

    /// Call this tool: a server's own name of it, a public name, or SERVER.TOOL
    #[arg(long, value_name = "NAME", conflicts_with = "env")]
    tool: Option<String>,

    /// Its arguments as one JSON object
    #[arg(short = 'a', long, value_name = "JSON", requires = "tool")]
    args_json: Option<String>,

    /// Ask for one text after the other, and before anything is started
    #[arg(short, long, conflicts_with_all = ["text", "start", "tool", "env"])]
    interactive: bool,

    /// Print the best server as variables of a shell: MCP_SERVER, MCP_PORT, MCP_URL
    #[arg(long)]
    env: bool,

    /// How many servers are shown at most
    #[arg(short = 'n', long, default_value_t = 5, value_name = "N")]
    limit: usize,
}

/// The flag of the predecessor that is a global one of ours.
const DATA: &str = "--data";
/// What it is where its value is JSON.
const ARGS_JSON: &str = "--args-json";

/// Does what was asked.
///
/// # Errors
/// Without a daemon or a text, and what fails: a start, the tool, or that there is none.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    let client = context.client()?;
    if args.interactive {
        return interactive::run(args.limit, context, &client);
    }
    let data = args.args_json.as_deref().map(arguments).transpose()?;
    let asked = RouteAsked { prompt: text(&args.text, "route")?, start: args.start, tool: args.tool.clone(), data };
    let routed = context.block_on(routed(&client, &asked))?;
    let printer = &context.printer;
    if printer.json {
        printer.document(&routed);
    } else if args.env && routed.primary.is_some() {
        printer.data(&shown::variables(&routed));
    } else if !args.env && asked.tool.is_none() {
        shown::table(&routed, args.limit, printer);
    }
    if let Some(error) = &routed.error {
        let report = Report::failed(error).said(printer.json);
        return Err(routed.suggestion.iter().fold(report, |report, next| report.hint(next)));
    }
    if args.env && routed.primary.is_none() {
        let report = Report::failed("no server fits").hint("see what each offers: switchboard search TEXT");
        return Err(report.said(printer.json));
    }
    match &routed.result {
        Some(result) => answered(&routed, result, context),
        None => shown::unstarted(&routed, printer),
    }
}

/// Asks the daemon.
async fn routed(client: &Client, asked: &RouteAsked) -> Result<Routed, Report> {
    client.post("/api/route", Bytes::from(serde_json::to_vec(asked).unwrap_or_default())).await
}

fn arguments(text: &str) -> Result<Raw, Report> {
    let example = "write them as '{\"key\": \"value\"}'";
    let value: serde_json::Value = serde_json::from_str(text)
        .map_err(|error| Report::usage("the arguments are not JSON").cause(error).hint(example))?;
    match value.is_object() {
        true => Ok(Raw::of(&value)),
        false => Err(Report::usage("the arguments are JSON but no object").hint(example)),
    }
}

/// Prints what a tool answered.
fn answered(routed: &Routed, result: &Raw, context: &Context) -> Result<(), Report> {
    let printer = &context.printer;
    if let Some(note) = &routed.note {
        printer.say(&crate::printer::harmless(note));
    }
    if call::is_error(result) {
        let report = Report::failed(format!("the tool failed: {}", call::text(result)));
        return Err(report.said(printer.json));
    }
    if !printer.json {
        printer.line(&call::text(result));
    }
    Ok(())
}

/// The command line with `--data` of the predecessor, where its value is a JSON object, as our flag.
pub(crate) fn with_data(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    if !arguments.iter().skip(1).any(|word| word == "route") {
        return arguments;
    }
    let is_json = |word: &OsString| word.to_str().is_some_and(|word| word.trim_start().starts_with('{'));
    for at in 0..arguments.len() {
        if arguments[at] == DATA && arguments.get(at + 1).is_some_and(is_json) {
            arguments[at] = ARGS_JSON.into();
        }
        let joined = arguments[at].to_str().and_then(|word| word.strip_prefix("--data="));
        if let Some(json) = joined.filter(|json| json.trim_start().starts_with('{')) {
            arguments[at] = format!("{ARGS_JSON}={json}").into();
        }
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(line: &[&str]) -> Vec<String> {
        let words = with_data(line.iter().map(OsString::from));
        words.into_iter().map(|word| word.into_string().unwrap()).collect()
    }

    #[test]
    fn the_data_of_a_tool_is_json_and_any_other_is_a_folder() {
        let routed = with(&["switchboard", "--data", "/d", "route", "x", "--tool", "t", "--data", "{\"a\": 1}"]);
        assert_eq!(routed[7..], ["--args-json", "{\"a\": 1}"]);
        assert_eq!(routed[1..3], ["--data", "/d"]);
        assert_eq!(with(&["switchboard", "route", "--data={}"])[2], "--args-json={}");
        assert_eq!(with(&["switchboard", "call", "x", "--data", "{}"])[3], "--data");
    }

    #[test]
    fn arguments_are_an_object() {
        assert_eq!(arguments("{\"a\":1}").unwrap().as_str(), "{\"a\":1}");
        assert!(arguments("[1]").unwrap_err().message.contains("no object"));
        assert!(arguments("{").unwrap_err().cause.is_some());
    }
}
