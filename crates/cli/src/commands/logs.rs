//! `switchboard logs`: what a server printed, and what we remarked about it; or who called what.

mod calls;

use crate::client::encoded;
use crate::context::Context;
use crate::report::{Kind, Report};
use bytes::Bytes;
use clap::builder::PossibleValuesParser;
use control::said::LogLine;
use control::{LogFilter, LogLevel};
use http_body_util::BodyExt as _;
use hyper::body::{Frame, Incoming};
use std::time::Duration;

/// Show the log of a server, or of all
///
/// Shows what the server wrote to stderr, lines on its stdout that were no messages, and remarks
/// about its life; with --all those of every server, in the order of time, each with the name of
/// its server. Without a daemon the log file is read. With -f and --json each line is a JSON object
/// of its own.
///
/// How bad a line is, is guessed from its words: error, fatal, warning, debug and the like.
///
/// With --calls the records of calls are shown instead, of one server or of all: who called what,
/// how it ended and how long it took.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The server
    #[arg(required_unless_present_any = ["all", "calls"], conflicts_with = "all")]
    server: Option<String>,

    /// Every server
    #[arg(short, long)]
    all: bool,

    /// Records of calls instead of lines
    #[arg(long, conflicts_with_all = ["level", "follow"])]
    calls: bool,

    /// With --calls: those of the last 90s, 15m, 2h or 7d
    #[arg(long, requires = "calls", value_name = "TIME")]
    since: Option<String>,

    /// Only lines that look at least this bad
    #[arg(long, value_name = "LEVEL", value_parser = PossibleValuesParser::new(LogLevel::ALL.map(LogLevel::as_str)))]
    level: Option<String>,

    /// Only lines with this text, in capitals or not
    #[arg(long, value_name = "TEXT")]
    grep: Option<String>,

    /// Go on showing lines as they come
    #[arg(short, long)]
    follow: bool,

    /// How many lines to begin with
    #[arg(short = 'n', long, default_value_t = 100, value_name = "N")]
    lines: usize,
}

/// How often it is looked whether somebody still reads, while no line comes.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How many lines of a file are looked through for those that fit.
const FILTERED_LINES_MAX: usize = 100_000;

/// Prints the log.
///
/// # Errors
/// An unknown server; with -f, no daemon.
pub(crate) fn run(args: &Args, context: &Context) -> Result<(), Report> {
    if args.calls {
        return calls::run(args, context);
    }
    let client = context.client()?;
    let path = path(args);
    let shown = context.block_on(async {
        let body = client.stream(&path).await?;
        show(body, args.follow, context).await
    });
    let no_daemon = Report::new(Kind::NoDaemon, "").exit;
    match shown {
        Err(report) if report.exit == no_daemon && !args.follow => match &args.server {
            Some(server) => from_file(server, args, context),
            None => Err(report),
        },
        shown => shown,
    }
}

fn path(args: &Args) -> String {
    let log = args.server.as_ref().map_or_else(|| "log".to_owned(), |server| format!("logs/{}", encoded(server)));
    let mut path = format!("/api/{log}?n={}&follow={}", args.lines, u8::from(args.follow));
    for (key, value) in [("level", &args.level), ("grep", &args.grep)] {
        if let Some(value) = value {
            path.push_str(&format!("&{key}={}", encoded(value)));
        }
    }
    path
}

async fn show(mut body: Incoming, follow: bool, context: &Context) -> Result<(), Report> {
    let mut gathered: Vec<LogLine> = Vec::new();
    let mut rest: Vec<u8> = Vec::new();
    while let Some(frame) = next(&mut body, follow, context).await {
        let Ok(data) = frame.map(|frame| frame.into_data().unwrap_or_default()) else { break };
        rest.extend_from_slice(&data);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            let Ok(line) = serde_json::from_slice::<LogLine>(&line) else { continue };
            match (context.printer.json, follow) {
                (true, true) => context.printer.document(&line),
                (true, false) => gathered.push(line),
                (false, _) => {
                    let server = line.server.map(|server| format!("{server} ")).unwrap_or_default();
                    context.printer.line(&format!("{} {server}{} {}", line.at, line.stream, line.text));
                }
            }
        }
    }
    if context.printer.json && !follow {
        context.printer.document(&serde_json::json!({ "lines": gathered }));
    }
    Ok(())
}

/// What comes next; nothing at the end, and when nobody reads any more what is followed.
async fn next(body: &mut Incoming, follow: bool, context: &Context) -> Option<Result<Frame<Bytes>, hyper::Error>> {
    if !follow {
        return body.frame().await;
    }
    while context.printer.is_read() {
        if let Ok(frame) = tokio::time::timeout(LOOK_EVERY, body.frame()).await {
            return frame;
        }
    }
    None
}

fn from_file(server: &str, args: &Args, context: &Context) -> Result<(), Report> {
    let name = format!("{}.log", config::reduce(server));
    let path = context.data_folder()?.logs().join(name);
    let filter = LogFilter { level: args.level.as_ref().and_then(|word| word.parse().ok()), text: args.grep.clone() };
    // Of a filtered log the last lines that fit are wanted, wherever they stand.
    let read_max = if args.level.is_none() && args.grep.is_none() { args.lines } else { FILTERED_LINES_MAX };
    let mut lines = supervisor::read_tail(&path, read_max)
        .map_err(|error| Report::failed(format!("{} cannot be read", path.display())).cause(error))?;
    if lines.is_empty() && !path.exists() {
        let message = format!("no daemon runs, and there is no log of a server `{server}`");
        return Err(Report::new(Kind::NoDaemon, message).hint(format!("start one: {}", context.command("start"))));
    }
    lines.retain(|line| filter.fits(line.splitn(3, ' ').last().unwrap_or_default()));
    lines.drain(..lines.len().saturating_sub(args.lines));
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
    let (at, stream, text) = (parts.next()?, parts.next()?, parts.next().unwrap_or_default());
    Some(LogLine { at, server: None, stream, text })
}
