//! `switchboard search`: which tool fits what somebody wants.

use crate::context::Context;
use crate::printer::{Printer, harmless, one_line};
use crate::report::Report;
use bytes::Bytes;
use control::said::{FoundBecause, SearchAsked, ToolFound, ToolsFound};
use std::io::{IsTerminal as _, Read as _};

/// Find the tools that fit what you want, in your own words
///
/// Every tool of every server is looked at, best first, with what speaks for it and what its
/// definition costs a model. It is done in the daemon, without any model or network. When nothing
/// fits, it says so, and shows what is nearest.
///
/// Examples:
///   switchboard search "open an issue about the login page"
///   git log -1 --format=%B | switchboard search
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// What you want; `-`, or nothing and a pipe, reads it from stdin
    text: Vec<String>,

    /// How many tools at most
    #[arg(short = 'n', long, default_value_t = 10, value_name = "N")]
    limit: usize,

    /// Only tools of this server
    #[arg(long, value_name = "NAME")]
    server: Option<String>,

    /// Only what this profile shows
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
}

/// The longest text that is read from stdin, in bytes.
const TEXT_BYTES_MAX: u64 = 64 * 1024;
/// Reasons shown of one find, and the characters that all of them take.
const REASONS_MAX: usize = 3;
const WHY_CHARS_MAX: usize = 70;
/// Characters of a description.
const ABOUT_CHARS_MAX: usize = 60;

/// Prints the tools.
///
/// # Errors
/// Without a daemon or a text, or an unknown server.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    let asked = SearchAsked {
        query: text(&args.text, "search")?,
        limit: Some(args.limit),
        server: args.server.clone(),
        profile: args.profile.clone(),
    };
    let client = context.client()?;
    let body = Bytes::from(serde_json::to_vec(&asked).unwrap_or_default());
    let found: ToolsFound = context.block_on(client.post("/api/search", body))?;
    match context.printer.json {
        true => context.printer.document(&found),
        false => show(&found, &context.printer),
    }
    Ok(())
}

/// What was typed, or what comes from a pipe.
///
/// # Errors
/// When there is neither, or it is no text.
pub(super) fn text(words: &[String], command: &str) -> Result<String, Report> {
    let typed = words.join(" ");
    if typed != "-" && !words.is_empty() {
        return Ok(typed);
    }
    if words.is_empty() && std::io::stdin().is_terminal() {
        let hint = format!("such as: switchboard {command} \"save a note\"");
        return Err(Report::usage("say what you want").hint(hint));
    }
    let mut read = String::new();
    let done = std::io::stdin().lock().take(TEXT_BYTES_MAX + 1).read_to_string(&mut read);
    done.map_err(|error| Report::usage("stdin cannot be read").cause(error))?;
    if read.len() as u64 > TEXT_BYTES_MAX {
        return Err(Report::usage(format!("the text is longer than {TEXT_BYTES_MAX} bytes")).hint("say it shorter"));
    }
    match read.trim() {
        "" => Err(Report::usage("stdin is empty").hint(format!("such as: switchboard {command} \"save a note\""))),
        text => Ok(text.to_owned()),
    }
}

fn show(found: &ToolsFound, printer: &Printer) {
    if found.tools.is_empty() {
        printer.say("there is no such tool; see what there is: switchboard tools");
        return;
    }
    let rows: Vec<Vec<String>> = found.tools.iter().map(row).collect();
    printer.table(&["SCORE", "TOOL", "TOKENS", "WHY", "DESCRIPTION"], &rows);
    if let Some(remark) = remark(&found.band) {
        printer.say(remark);
    }
}

fn row(tool: &ToolFound) -> Vec<String> {
    vec![
        format!("{:.2}", tool.score),
        one_line(&tool.name, 100),
        tool.tokens.to_string(),
        why(&tool.reasons),
        one_line(&tool.description, ABOUT_CHARS_MAX),
    ]
}

/// What a band says to a person, where it is no certainty.
fn remark(band: &str) -> Option<&'static str> {
    match band {
        "confident" => None,
        "weak" => Some("none of them fits surely; more words of the task may help"),
        _ => Some("nothing fits: these are only the nearest; see what there is: switchboard tools"),
    }
}

/// Reasons on one line. Names in them are those of servers.
pub(super) fn why(reasons: &[FoundBecause]) -> String {
    let texts: Vec<String> = reasons.iter().take(REASONS_MAX).map(|reason| harmless(&reason.text)).collect();
    one_line(&texts.join("; "), WHY_CHARS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_what_was_typed() {
        assert_eq!(text(&["save".into(), "a note".into()], "search").unwrap(), "save a note");
    }

    #[test]
    fn reasons_are_one_short_line() {
        let reason = |text: &str| FoundBecause { kind: "terms".into(), text: text.into(), more: Default::default() };
        assert_eq!(why(&[reason("words: issue"), reason("rule\u{1b}[31m")]), "words: issue; rule[31m");
        assert_eq!(why(&vec![reason(&"long ".repeat(40)); 2]).chars().count(), WHY_CHARS_MAX);
    }
}
