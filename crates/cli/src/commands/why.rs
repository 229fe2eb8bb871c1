//! `switchboard why`: what keeps a call from getting through.

use crate::client::encoded;
use crate::context::Context;
use crate::printer::{Paint, Printer, harmless};
use crate::report::Report;
use control::said::{Reasons, Verdict, Why};

/// Say why a server or a tool can or cannot be called
///
/// Shows every gate between a caller and the tool, from configuration to health, with pass or fail,
/// the rule and line that decided, and what to do next. Without a name, the servers that something
/// is wrong with. Ends with 1 when a call would be refused.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A server, a tool as clients see it, or SERVER.TOOL
    #[arg(value_name = "SERVER[.TOOL]")]
    name: Option<String>,

    /// In whose place to ask
    #[arg(long = "as", value_name = "PRINCIPAL")]
    principal: Option<String>,
}

/// Prints the gates.
///
/// # Errors
/// Without a daemon, for an unknown server, and when something cannot be called.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    let given = [("name", &args.name), ("as", &args.principal)];
    let query: Vec<String> =
        given.iter().filter_map(|(key, value)| Some(format!("{key}={}", encoded(value.as_deref()?)))).collect();
    let client = context.client()?;
    let Reasons { reasons } = context.block_on(client.get(&format!("/api/why?{}", query.join("&"))))?;
    let printer = &context.printer;
    let callable = reasons.iter().all(|why| why.callable);
    if printer.json {
        printer.document(&Reasons { reasons });
    } else {
        let quiet = |why: &&Why| args.name.is_some() || why.gates.iter().any(|gate| gate.verdict != Verdict::Pass);
        let shown: Vec<&Why> = reasons.iter().filter(quiet).collect();
        shown.iter().for_each(|why| show(why, args.name.is_some(), printer));
        if shown.is_empty() {
            printer.line("every server can be called");
        }
    }
    if callable { Ok(()) } else { Err(Report::failed("a call would be refused").said(true)) }
}

fn show(why: &Why, whole: bool, printer: &Printer) {
    let subject = match &why.tool {
        Some(tool) => format!("{}.{}", why.server, harmless(tool)),
        None => why.server.clone(),
    };
    let (verdict, paint) = match why.callable {
        true => ("can be called", Paint::Good),
        false => ("cannot be called", Paint::Error),
    };
    printer.line(&format!("{subject} {} by {}", printer.on_out(verdict, paint), harmless(&why.principal)));
    for gate in why.gates.iter().filter(|gate| whole || gate.verdict != Verdict::Pass) {
        let (word, paint) = match gate.verdict {
            Verdict::Pass => ("pass", Paint::Good),
            Verdict::Warn => ("warn", Paint::Warning),
            Verdict::Fail => ("FAIL", Paint::Error),
        };
        let by = gate.decided_by.as_ref().map(|by| format!("  ({})", harmless(by))).unwrap_or_default();
        printer.line(&format!("  {} {:<14} {}{by}", printer.on_out(word, paint), gate.gate, harmless(&gate.says)));
        if let Some(next) = &gate.next {
            printer.line(&format!("       next: {}", harmless(next)));
        }
    }
}
