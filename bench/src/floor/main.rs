//! `bench-floor`: the least MCP-aware gateway there is, as a yardstick.
//!
//! ```text
//! bench-floor --listen 127.0.0.1:7000 --http N --base PORT [--threads N]
//! bench-floor --listen 127.0.0.1:7000 [--threads N] -- COMMAND ARG...
//! ```
//!
//! It has sessions of its own, parses the JSON-RPC envelope with the arguments left raw, cuts the
//! name's prefix, passes replies through and serves one merged, rendered list. It has no limits,
//! no policies, no records, no health and no mercy: it ends when a backend cannot be opened.
//! What it costs is what any gateway of this kind costs, so ratios to it hold on any machine.

mod gateway;
mod http_backend;
mod stdio_backend;

use bench::{Failure, Flags, finish, runtime};
use gateway::{Backend, Gateway};
use http_backend::HttpBackend;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use stdio_backend::StdioBackend;

fn main() -> ExitCode {
    finish(run())
}

fn run() -> Result<(), Failure> {
    let flags = Flags::of_process(&[])?;
    runtime(flags.number("threads", 2)?)?.block_on(serve(flags))
}

async fn serve(flags: Flags) -> Result<(), Failure> {
    let listen: SocketAddr = flags.required("listen")?.parse()?;
    let opened = if flags.command.is_empty() {
        let base: u16 = flags.number("base", 9000)?;
        open_http(base, flags.number("http", 1)?).await?
    } else {
        let (backend, list) = StdioBackend::open(&flags.command).await?;
        vec![(Backend::Stdio(backend), list)]
    };
    let gateway = Arc::new(Gateway::new(opened)?);
    bench::serve(listen, move |request| {
        let gateway = Arc::clone(&gateway);
        async move { gateway.serve(request).await }
    })
    .await
}

/// Opens all backends at once; the order of the ports is kept.
async fn open_http(base: u16, count: u16) -> Result<Vec<(Backend, Vec<u8>)>, Failure> {
    let opening: Vec<_> = (0..count).map(|index| tokio::spawn(HttpBackend::open(base.saturating_add(index)))).collect();
    let mut opened = Vec::with_capacity(opening.len());
    for backend in opening {
        let (backend, list) = backend.await??;
        opened.push((Backend::Http(backend), list));
    }
    Ok(opened)
}
