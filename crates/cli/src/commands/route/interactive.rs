//! `switchboard route --interactive`: one text after the other, and a question before anything starts.

use super::{routed, shown};
use crate::client::Client;
use crate::context::Context;
use crate::report::Report;
use control::said::RouteAsked;
use std::io::BufRead as _;

/// The longest line that is read, in bytes.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// Asks until stdin ends, or until somebody says that it is enough.
///
/// # Errors
/// Without a daemon; what fails of one text is said, and the next is asked for.
pub(super) fn run(limit: usize, context: &Context, client: &Client) -> Result<(), Report> {
    let printer = &context.printer;
    while let Some(prompt) = line("what do you want to do? (an empty line ends)", context)? {
        if prompt.is_empty() || matches!(prompt.as_str(), "exit" | "quit") {
            break;
        }
        let found = context.block_on(routed(client, &RouteAsked { prompt: prompt.clone(), ..Default::default() }))?;
        if printer.json {
            printer.document(&found);
            continue;
        }
        shown::table(&found, limit, printer);
        let waiting = found.servers.iter().filter(|server| server.chosen && server.state != "ready");
        let names: Vec<&str> = waiting.map(|server| server.name.as_str()).collect();
        if names.is_empty() {
            continue;
        }
        let answer = line(&format!("start {}? [y/N]", names.join(", ")), context)?;
        if !answer.is_some_and(|answer| matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes")) {
            continue;
        }
        let asked = RouteAsked { prompt, start: true, ..Default::default() };
        let started = context.block_on(routed(client, &asked))?;
        printer.line(&format!("ready: {}", started.started.join(", ")));
        if let Err(report) = shown::unstarted(&started, printer) {
            printer.failure(&report);
        }
    }
    Ok(())
}

/// The next line without the blanks around it; none at the end of stdin.
fn line(question: &str, context: &Context) -> Result<Option<String>, Report> {
    context.printer.say(question);
    let mut line = String::new();
    let read = std::io::Read::take(std::io::stdin().lock(), LINE_BYTES_MAX).read_line(&mut line);
    let read = read.map_err(|error| Report::usage("stdin cannot be read").cause(error))?;
    Ok((read > 0).then(|| line.trim().to_owned()))
}
