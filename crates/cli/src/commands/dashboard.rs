//! `switchboard dashboard`: the page that shows everything, in the browser.

use crate::browser;
use crate::context::Context;
use crate::report::Report;
use crate::store_files;
use secrecy::ExposeSecret as _;
use serde_json::json;

/// Open the dashboard in the browser
///
/// The address carries the token that lets the page change something, behind a `#`, where it is sent
/// to nobody; the page keeps it. Whoever has the token can do what this command line can do with
/// servers: treat the address like a password. Where no browser can be opened it is printed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only print the address
    #[arg(long)]
    print: bool,
}

/// Opens it.
///
/// # Errors
/// Without a daemon; where it serves no dashboard.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    let client = context.client()?;
    let status: control::said::Status = context.block_on(client.get("/api/overview"))?;
    let Some(base) = status.dashboard else {
        let report = Report::failed("the daemon serves no dashboard: it was started with --servers-only");
        return Err(report
            .hint(format!("start it without: {}", context.command("stop")))
            .hint(context.command("start")));
    };
    let url = address(&base, store_files::token(&client.data)?.expose_secret());
    if context.printer.json {
        context.printer.document(&json!({ "url": url }));
    } else if args.print || !browser::open(&url, context) {
        context.printer.line(&url);
    } else {
        context.printer.say(&format!("opened {base}"));
    }
    Ok(())
}

/// The first address of the dashboard. What stands behind the `#` stays in the browser.
pub(crate) fn address(base: &str, token: &str) -> String {
    format!("{base}#token={token}")
}
