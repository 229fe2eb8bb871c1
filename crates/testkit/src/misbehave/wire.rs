//! Writing lines to stdout, whole ones, from any thread.

use serde_json::{Value, json};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// The server's output.
#[derive(Clone)]
pub(super) struct Wire {
    lock: Arc<Mutex<()>>,
    noisy: bool,
}

impl Wire {
    /// Stdout; `noisy` puts text that is no message before each line and on stderr.
    pub(super) fn stdout(noisy: bool) -> Self {
        let lock = Arc::default();
        Self { lock, noisy }
    }

    pub(super) fn send(&self, message: &Value) -> io::Result<()> {
        self.send_raw(&message.to_string())
    }

    /// Writes a line as it is, whether it is JSON or not.
    pub(super) fn send_raw(&self, line: &str) -> io::Result<()> {
        let _turn = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let mut output = io::stdout();
        if self.noisy {
            writeln!(output, "[info] listening on nothing\n\n{{not json}}\n[1, 2")?;
            writeln!(io::stderr(), "debug: about to answer")?;
        }
        writeln!(output, "{line}")?;
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
