//! `bench-load`: a closed-loop load generator for MCP endpoints, and what measures a cold start.
//!
//! ```text
//! bench-load http --url URL [--conns C] [--secs S] [--warmup S] [--op echo|payload|list]
//!                 [--bytes N] [--proto 2025-11-25|2026-07-28] [--tool NAME]
//! bench-load stdio [--depth D] [same flags] -- COMMAND ARG...
//! bench-load wait --url URL --tools N [--since UNIX_NS] [--timeout S] [--proto P]
//! ```
//!
//! Each connection keeps one call in flight (stdio: `--depth` calls). Every reply is checked; a
//! call that fails is an error and costs the connection. One JSON object is printed. Only loopback
//! is ever a target; there is no open-loop mode, so queueing at a given rate is not measured.

mod connection;
mod http;
mod plan;
mod stats;
mod stdio;
mod wait;

use bench::{Failure, Flags, finish, runtime};
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    finish(run())
}

fn run() -> Result<(), Failure> {
    let flags = Flags::of_process(&[])?;
    let report = match flags.words.first().map(String::as_str) {
        Some("http") => runtime(1)?.block_on(http::run(&flags))?,
        Some("wait") => runtime(1)?.block_on(wait::run(&flags))?,
        Some("stdio") => stdio::run(&flags)?,
        _ => return Err("say what to do: http, stdio or wait".into()),
    };
    writeln!(std::io::stdout(), "{report}")?;
    Ok(())
}
