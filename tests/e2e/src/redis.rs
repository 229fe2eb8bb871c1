//! A Redis of the test's own that can be killed, stopped and filled with nonsense. It is spoken to
//! over a plain socket, so that no library stands between the test and what it does.

use crate::peers::require_program;
use crate::programs::command;
use crate::waiting::{SOON, await_some};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Stdio};

/// A running Redis without a disk.
#[derive(Debug)]
pub struct Redis {
    child: Option<Child>,
    port: u16,
}

impl Redis {
    /// Starts one on a free port; nothing, with a line that says so, where it is not installed.
    ///
    /// # Panics
    /// In CI where it is not installed; when it does not come up.
    #[must_use]
    #[track_caller]
    pub fn start() -> Option<Self> {
        require_program("redis-server")?;
        // The port may be taken by others between looking and listening: then another is tried.
        await_some(SOON, "a Redis on a free port", || {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|free| free.local_addr());
            let mut redis = Self { child: None, port: free.expect("expected a free port").port() };
            redis.try_run().then_some(redis)
        })
        .into()
    }

    /// `redis://…` of its first database.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// Starts it again after a [`kill`](Self::kill), empty, where it was.
    ///
    /// # Panics
    /// When it does not come up.
    #[track_caller]
    pub fn run(&mut self) {
        assert!(self.try_run(), "expected Redis at its port again");
    }

    fn try_run(&mut self) -> bool {
        let mut server = command("redis-server");
        let port = self.port.to_string();
        server.args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        server.args(["--enable-debug-command", "yes"]).current_dir(std::env::temp_dir());
        server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = server.spawn().expect("expected to start redis-server");
        let runs = await_some(SOON, "a Redis that answers or ends", || {
            if child.try_wait().is_ok_and(|ended| ended.is_some()) {
                return Some(false);
            }
            let pid = self.try_say(&["INFO", "server"]).ok()?;
            Some(pid.contains(&format!("process_id:{}\r", child.id())))
        });
        self.child = Some(child);
        if !runs {
            self.kill();
        }
        runs
    }

    /// Kills it, as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Stops it where it is: it takes connections and questions and answers none.
    pub fn hold(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn release(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.as_ref().and_then(|child| Pid::from_raw(i32::try_from(child.id()).ok()?));
        kill_process(pid.expect("expected Redis to run"), signal).expect("expected to signal Redis");
    }

    /// Says one command and gives the answer, as it came.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn say(&self, words: &[&str]) -> String {
        self.try_say(words).expect("expected Redis to answer")
    }

    /// Says one command and waits for no answer.
    ///
    /// # Panics
    /// When it cannot be said.
    #[track_caller]
    pub fn tell(&self, words: &[&str]) {
        self.send(words).expect("expected to reach Redis");
    }

    fn send(&self, words: &[&str]) -> std::io::Result<TcpStream> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(SOON))?;
        let mut message = format!("*{}\r\n", words.len());
        for word in words {
            message += &format!("${}\r\n{word}\r\n", word.len());
        }
        stream.write_all(message.as_bytes())?;
        Ok(stream)
    }

    fn try_say(&self, words: &[&str]) -> std::io::Result<String> {
        let mut answers = BufReader::new(self.send(words)?);
        let mut line = String::new();
        answers.read_line(&mut line)?;
        let Some(length) = line.strip_prefix('$').and_then(|length| length.trim().parse::<usize>().ok()) else {
            return Ok(line.trim_end().to_owned());
        };
        let mut text = vec![0; length];
        answers.read_exact(&mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
