//! A stdio MCP server that goes wrong in one chosen way.
//!
//! `mode` says which ways there are; `server` answers messages; `wire` writes lines. It offers
//! tools only: no prompts, no resources, no authentication.

mod greed;
mod mode;
mod server;
mod tools;
mod wire;

pub use mode::{Era, Mode};

use server::{Next, Server};
use std::io::{self, BufRead, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;
use wire::Wire;

/// What the exits on purpose return, so that a test can tell them from a crash.
const ON_PURPOSE: u8 = 3;
/// The third argument of the process that already ignores TERM.
const DEAF: &str = "deaf";
/// How long something that ignores its end stays at most, in seconds.
const STUBBORN: u64 = 1_000;

/// Runs the server on this process's stdin and stdout: `MODE [ERA]`.
///
/// Exit codes: 0 at the end of stdin, 2 for wrong arguments, 3 where the mode exits on purpose.
#[must_use]
pub fn main(args: impl IntoIterator<Item = String>) -> ExitCode {
    let args: Vec<String> = args.into_iter().collect();
    let outcome = parse(&args).and_then(|(mode, era)| {
        if mode.is_stubborn() && args.get(2).is_none_or(|word| word != DEAF) {
            return Err(become_deaf(&args[0], era));
        }
        run(mode, era).map_err(|why| why.to_string())
    });
    outcome.unwrap_or_else(|why| {
        // With stderr closed there is nobody left to tell.
        let _ = writeln!(io::stderr(), "mcp-misbehave: {why}");
        ExitCode::from(2)
    })
}

fn parse(args: &[String]) -> Result<(Mode, Era), String> {
    let mode = args.first().ok_or("say how to misbehave: MODE [legacy|modern|dual]")?;
    let era = args.get(1).map_or(Ok(Era::Legacy), |era| era.parse())?;
    Ok((mode.parse()?, era))
}

fn run(mode: Mode, era: Era) -> io::Result<ExitCode> {
    match mode {
        Mode::DieAtStart => {
            writeln!(io::stderr(), "fatal: the database is on fire")?;
            return Ok(ExitCode::from(ON_PURPOSE));
        }
        Mode::Flood => return flood(),
        Mode::SlowStart(wait) => pause(wait),
        Mode::IgnoreEof => leave_grandchild()?,
        Mode::Daemonize => greed::daemonize()?,
        Mode::StderrFlood(mib) => drop(thread::spawn(move || flood_stderr(mib))),
        _ => {}
    }
    let noise = if let Mode::Noise(percent) = mode { percent } else { 0 };
    let mut server = Server::new(mode, era, Wire::stdout(noise));
    for line in io::stdin().lock().lines() {
        let line = line?;
        if mode == Mode::Hang || line.trim().is_empty() {
            continue;
        }
        match server.handle(&line)? {
            Next::Continue => {}
            Next::Exit => return Ok(ExitCode::from(ON_PURPOSE)),
            Next::ExitWith(code) => return Ok(ExitCode::from(code)),
            Next::Rest => pause(Duration::from_secs(STUBBORN)),
        }
    }
    if mode.is_stubborn() {
        pause(Duration::from_secs(STUBBORN));
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes garbage to both streams until whoever reads it is gone.
fn flood() -> io::Result<ExitCode> {
    let line = "not JSON at all ".repeat(64) + "\n";
    let (mut output, mut errors) = (io::stdout(), io::stderr());
    loop {
        let written = output.write_all(line.as_bytes());
        if written.and_then(|()| errors.write_all(line.as_bytes())).is_err() {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

/// Writes so many MiB to stderr, as fast as they are read.
fn flood_stderr(mib: u64) {
    let line = "stderr is cheap, so here is more of it ".repeat(26) + "\n";
    let lines = mib.saturating_mul(1 << 20) / line.len() as u64;
    let mut errors = io::stderr();
    for _ in 0..lines {
        if errors.write_all(line.as_bytes()).is_err() {
            return;
        }
    }
}

/// Replaces this process by itself with TERM and HUP ignored: what is ignored stays so in a
/// program that a shell executes. Returns only if that failed.
#[expect(clippy::disallowed_methods, reason = "a test peer that has to misbehave")]
fn become_deaf(mode: &str, era: Era) -> String {
    let own = match std::env::current_exe() {
        Ok(own) => own,
        Err(why) => return format!("where am I: {why}"),
    };
    let script = r#"trap "" TERM HUP; exec "$0" "$@""#;
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).arg(own).args([mode, era.word(), DEAF]);
    format!("cannot run sh: {}", shell.exec())
}

/// Starts a process in a session of its own that ignores TERM and HUP too.
#[expect(clippy::disallowed_methods, reason = "a test peer that has to misbehave")]
fn leave_grandchild() -> io::Result<()> {
    let script = format!(r#"trap "" TERM HUP; sleep {STUBBORN}"#);
    let child = Command::new("setsid")
        .args(["sh", "-c", &script])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    // A test finds it by this line: setsid keeps its pid when it is no group leader.
    writeln!(io::stderr(), "grandchild {}", child.id())
}

#[expect(clippy::disallowed_methods, reason = "being slow is what it is for")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}
