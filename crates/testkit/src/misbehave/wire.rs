//! Writing lines to stdout, whole ones, from any thread.

use serde_json::{Value, json};
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The server's output.
#[derive(Clone)]
pub(super) struct Wire {
    lock: Arc<Mutex<()>>,
    /// Of a hundred lines, so many have noise before them.
    noise: u64,
    lines: Arc<AtomicU64>,
}

/// What programs print besides messages: text, colours, half of something, bytes that are no text.
const NOISE: [&[u8]; 5] =
    [b"[info] listening on nothing\n", b"\n", b"{not json}\n[1, 2\n", b"\x1b[31mred\x1b[0m\r\n", b"\x00\xff\xfe\xc3\n"];

impl Wire {
    /// Stdout; of a hundred lines `noise` have what is no message before them.
    pub(super) fn stdout(noise: u64) -> Self {
        Self { lock: Arc::default(), noise, lines: Arc::default() }
    }

    pub(super) fn send(&self, message: &Value) -> io::Result<()> {
        self.send_raw(&message.to_string())
    }

    /// Writes a line as it is, whether it is JSON or not.
    pub(super) fn send_raw(&self, line: &str) -> io::Result<()> {
        let _turn = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let mut output = io::stdout();
        // Spread evenly: noise comes where the share passes the next whole number.
        let line_number = self.lines.fetch_add(1, Ordering::Relaxed);
        if (line_number + 1) * self.noise / 100 > line_number * self.noise / 100 {
            output.write_all(&NOISE.concat())?;
            writeln!(io::stderr(), "debug: about to answer")?;
        }
        writeln!(output, "{line}")?;
        output.flush()
    }

    /// Writes a line byte by byte.
    pub(super) fn drip(&self, line: &str, pause: Duration) -> io::Result<()> {
        let _turn = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let mut output = io::stdout();
        for byte in line.bytes().chain([b'\n']) {
            output.write_all(&[byte])?;
            output.flush()?;
            super::pause(pause);
        }
        Ok(())
    }

    /// Writes one line of so many bytes.
    pub(super) fn flood_line(&self, bytes: u64) -> io::Result<()> {
        static PIECE: [u8; 1 << 16] = [b'x'; 1 << 16];
        let _turn = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let mut output = io::stdout();
        let mut left = bytes;
        while left > 0 {
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE.len());
            output.write_all(PIECE.get(..count).unwrap_or(&PIECE))?;
            left -= count as u64;
        }
        output.write_all(b"\n")?;
        output.flush()
    }

    /// Writes bytes that are no whole line.
    pub(super) fn half(&self, text: &str) -> io::Result<()> {
        let _turn = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let mut output = io::stdout();
        output.write_all(text.as_bytes())?;
        output.flush()
    }

    pub(super) fn result(&self, id: &Value, result: &Value) -> io::Result<()> {
        self.send(&json!({"jsonrpc": "2.0", "id": id, "result": result}))
    }

    pub(super) fn error(&self, id: &Value, code: i32, why: &str, data: &Value) -> io::Result<()> {
        let mut error = json!({"code": code, "message": why});
        if !data.is_null() {
            error["data"] = data.clone();
        }
        self.send(&json!({"jsonrpc": "2.0", "id": id, "error": error}))
    }
}
