//! `bench-echo`: an MCP server so thin that it is never what a gateway benchmark measures.
//!
//! ```text
//! bench-echo --listen 127.0.0.1:9000 [--count N] [--tools N] [--threads N]
//! bench-echo --stdio [--tools N] [--mark WORD]
//! ```
//!
//! Streamable HTTP serves sessions (2025-11-25) and stateless requests (2026-07-28) on every path;
//! stdio serves both too. Tools: `echo`, `payload` and `--tools` dummies whose schemas have the
//! size of real ones. `--mark` does nothing: whoever counts processes finds them by it. It is not a
//! conforming server: no notifications, no limits.

mod backend;
mod http;
mod stdio;
mod tools;

use backend::Backend;
use bench::{Failure, Flags, finish, runtime};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    finish(run())
}

fn run() -> Result<(), Failure> {
    let flags = Flags::of_process(&["stdio"])?;
    let backend = Backend::new(flags.number("tools", 0)?)?;
    if flags.has("stdio") {
        return stdio::serve(&backend);
    }
    let first: SocketAddr = flags.required("listen")?.parse()?;
    let count: u16 = flags.number("count", 1)?;
    let last = first.port().checked_add(count.saturating_sub(1));
    let ports = first.port()..=last.ok_or("--count: the last port is beyond 65535")?;
    runtime(flags.number("threads", 1)?)?.block_on(http::serve(Arc::new(backend), first.ip(), ports))
}
