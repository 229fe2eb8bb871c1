//! Newline-delimited JSON on stdin and stdout, one message at a time.

use crate::backend::{Answer, Backend};
use bench::{Failure, META_VERSION};
use memchr::{memchr, memmem};
use std::io::{BufRead, BufReader, BufWriter, Write};

/// As large as a pipe can be made, so that one read takes all that waits.
const BUFFER: usize = 1 << 18;

/// Serves until stdin ends.
pub(crate) fn serve(backend: &Backend) -> Result<(), Failure> {
    let mut input = BufReader::with_capacity(BUFFER, std::io::stdin().lock());
    let mut output = BufWriter::with_capacity(BUFFER, std::io::stdout().lock());
    let (mut line, mut reply) = (Vec::new(), Vec::new());
    let era = memmem::Finder::new(META_VERSION);
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        reply.clear();
        let modern = era.find(&line).is_some();
        if backend.answer(&line, modern, None, &mut reply) != Answer::Silence {
            output.write_all(&reply)?;
            output.write_all(b"\n")?;
        }
        // One write for everything that was waiting: a pipelining client pays for one wake-up.
        if memchr(b'\n', input.buffer()).is_none() {
            output.flush()?;
        }
    }
}
