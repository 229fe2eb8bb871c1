//! `switchboard logs`: what a server printed, and what we remarked about it.

use crate::client::encoded;
use crate::context::Context;
use crate::report::{Kind, Report};
use control::said::LogLine;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

/// Show the log of a server
///
/// Shows what the server wrote to stderr, lines on its stdout that were no messages, and remarks
/// about its life. Without a daemon the log file is read. With -f and --json each line is a JSON
/// object of its own.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The server
    server: String,

    /// Go on showing lines as they come
    #[arg(short, long)]
    follow: bool,

    /// How many lines to begin with
    #[arg(short = 'n', long, default_value_t = 100, value_name = "N")]
    lines: usize,
}

/// Prints the log.
///
/// # Errors
/// An unknown server; with -f, no daemon.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    let client = context.client()?;
    let path = format!("/api/logs/{}?n={}&follow={}", encoded(&args.server), args.lines, u8::from(args.follow));
    let shown = context.block_on(async {
        let body = client.stream(&path).await?;
        show(body, args.follow, context).await
    });
    let no_daemon = Report::new(Kind::NoDaemon, "").exit;
    match shown {
        Err(report) if report.exit == no_daemon && !args.follow => from_file(args, context),
        shown => shown,
    }
}

async fn show(mut body: Incoming, follow: bool, context: &Context) -> Result<(), Report> {
    let mut gathered: Vec<LogLine> = Vec::new();
    let mut rest: Vec<u8> = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map(|frame| frame.into_data().unwrap_or_default()) else { break };
        rest.extend_from_slice(&data);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            let Ok(line) = serde_json::from_slice::<LogLine>(&line) else { continue };
            match (context.printer.json, follow) {
                (true, true) => context.printer.document(&line),
                (true, false) => gathered.push(line),
                (false, _) => context.printer.line(&format!("{} {} {}", line.at, line.stream, line.text)),
            }
        }
    }
    if context.printer.json && !follow {
        context.printer.document(&serde_json::json!({ "lines": gathered }));
    }
    Ok(())
}

fn from_file(args: &Args, context: &Context) -> Result<(), Report> {
    let name = format!("{}.log", config::reduce(&args.server));
    let path = context.data_folder()?.logs().join(name);
    let lines = supervisor::read_tail(&path, args.lines)
        .map_err(|error| Report::failed(format!("{} cannot be read", path.display())).cause(error))?;
    if lines.is_empty() && !path.exists() {
        let message = format!("no daemon runs, and there is no log of a server `{}`", args.server);
        return Err(Report::new(Kind::NoDaemon, message).hint(format!("start one: {}", context.command("run"))));
    }
    if context.printer.json {
        let lines: Vec<LogLine> = lines.iter().filter_map(|line| read(line)).collect();
        context.printer.document(&serde_json::json!({ "lines": lines }));
    } else {
        lines.iter().for_each(|line| context.printer.line(line));
    }
    Ok(())
}

/// A line as it stands in the file.
fn read(line: &str) -> Option<LogLine> {
    let mut parts = line.splitn(3, ' ').map(str::to_owned);
    Some(LogLine { at: parts.next()?, stream: parts.next()?, text: parts.next().unwrap_or_default() })
}
