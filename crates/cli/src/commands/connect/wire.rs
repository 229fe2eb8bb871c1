//! The wire between a stdio client and the daemon, which outlives the daemon: when that goes away,
//! the next one is waited for, the client's handshake is repeated there, and what was not begun is
//! sent again. The client sees one slow call.
//!
//! What to remember and what to send again is decided in `memory.rs`; here bytes are moved.

use super::memory::{Lost, Memory, Said};
use crate::context::Context;
use crate::data_folder::DataFolder;
use crate::report::{Kind, Report};
use bytes::{BufMut as _, Bytes, BytesMut};
use gateway::listener::duplex;
use protocol::framing::{Line, LineDecoder};
use std::io;
use std::os::fd::AsFd as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Stdin, Stdout};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// The longest line; what a message may be is the daemon's business.
const LINE_BYTES_MAX: usize = 1 << 30;
/// How long the next daemon is waited for.
const RECONNECT_MAX: Duration = Duration::from_secs(30);
/// How often it is looked whether it is there.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long it may take to answer the repeated handshake.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// One client, from its first line to its last.
pub(super) struct Wire {
    data: DataFolder,
    /// The line that names the endpoint.
    endpoint: String,
    stdin: Stdin,
    lines: LineDecoder,
    stdout: Stdout,
    memory: Mutex<Memory>,
    /// The client has closed its side.
    left: CancellationToken,
}

/// Why a connection is not used any more.
enum Over {
    /// The client needs nothing any more.
    Done,
    Lost(Lost),
}

impl Wire {
    pub(super) fn new(data: DataFolder, endpoint: String) -> Self {
        Self {
            data,
            endpoint,
            stdin: tokio::io::stdin(),
            lines: LineDecoder::new(LINE_BYTES_MAX),
            stdout: tokio::io::stdout(),
            memory: Mutex::default(),
            left: CancellationToken::new(),
        }
    }

    /// Serves until the client leaves, or no daemon comes any more.
    ///
    /// # Errors
    /// When the daemon stays away.
    pub(super) async fn run(mut self, stream: UnixStream, context: &Context) -> Result<(), Report> {
        let broken = |error: io::Error| Report::failed("the connection to the daemon broke").cause(error);
        let (mut reader, mut writer) = stream.into_split();
        writer.write_all(self.endpoint.as_bytes()).await.map_err(broken)?;
        let mut heard = LineDecoder::new(LINE_BYTES_MAX);
        loop {
            let over = match self.converse(&mut reader, &mut heard, &mut writer).await {
                Ok(over) => over,
                // Whoever read our stdout has left.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                Err(error) => return Err(broken(error)),
            };
            let Over::Lost(lost) = over else { return Ok(()) };
            let unknown = locked(&self.memory).lost(lost);
            self.say(&unknown).await.map_err(broken)?;
            if self.left.is_cancelled() {
                // It says no more, so that nothing has to be kept up for it.
                let given_up = locked(&self.memory).given_up();
                return self.say(&given_up).await.map_err(broken);
            }
            context.printer.say("the daemon ended; the next one is waited for");
            (reader, writer, heard) = match self.reconnect().await {
                Ok(Some(connected)) => connected,
                Ok(None) => return Ok(()),
                Err(error) => {
                    let given_up = locked(&self.memory).given_up();
                    self.say(&given_up).await.map_err(broken)?;
                    let message = format!("the daemon ended, and none came within {} s", RECONNECT_MAX.as_secs());
                    return Err(Report::new(Kind::NoDaemon, message).cause(error).hint(context.command("start")));
                }
            };
            context.printer.say("connected again");
        }
    }

    /// Moves lines both ways until one side is done.
    async fn converse(
        &mut self,
        reader: &mut OwnedReadHalf,
        heard: &mut LineDecoder,
        writer: &mut OwnedWriteHalf,
    ) -> io::Result<Over> {
        let (memory, left) = (&self.memory, &self.left);
        let up = up(&mut self.stdin, &mut self.lines, writer, memory, left);
        let down = down(reader, heard, &mut self.stdout, memory);
        // The client may close its side and still wait for the answers to what it asked; the daemon
        // cancels them when we leave.
        let gone = async {
            left.cancelled().await;
            duplex::unread(std::io::stdout().as_fd()).await;
        };
        tokio::select! {
            lost = down => Ok(match lost? {
                // That the daemon hangs up is what closing our side asks for.
                Lost::AllRead if left.is_cancelled() && locked(memory).is_idle() => Over::Done,
                lost => Over::Lost(lost),
            }),
            failed = up => Err(failed),
            () = gone => Ok(Over::Done),
        }
    }

    /// The next daemon, with everything repeated that it has to know; none when the client has left.
    async fn reconnect(&mut self) -> io::Result<Option<(OwnedReadHalf, OwnedWriteHalf, LineDecoder)>> {
        let deadline = Instant::now() + RECONNECT_MAX;
        loop {
            match self.connected().await {
                Ok(connected) => return Ok(Some(connected)),
                Err(error) if Instant::now() >= deadline => return Err(error),
                Err(_) => {}
            }
            let next = next_line(&mut self.stdin, &mut self.lines);
            // What the client says meanwhile is kept, so that its leaving is noticed.
            let may_hear = !self.left.is_cancelled() && locked(&self.memory).has_place();
            tokio::select! {
                line = next, if may_hear => match line? {
                    Some(line) => locked(&self.memory).hold(line),
                    None => {
                        self.left.cancel();
                        if locked(&self.memory).is_idle() {
                            return Ok(None);
                        }
                    }
                },
                () = sleep(LOOK_EVERY) => {}
            }
        }
    }

    async fn connected(&mut self) -> io::Result<(OwnedReadHalf, OwnedWriteHalf, LineDecoder)> {
        let (mut reader, mut writer) = UnixStream::connect(self.data.sockets().mcp).await?.into_split();
        let mut heard = LineDecoder::new(LINE_BYTES_MAX);
        writer.write_all(self.endpoint.as_bytes()).await?;
        let handshake = locked(&self.memory).handshake();
        if let Some(hello) = handshake {
            writer.write_all(&ended(&hello)).await?;
            let answered = timeout(HANDSHAKE_MAX, shaken(&mut reader, &mut heard, &self.memory)).await;
            answered.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        }
        let (again, news) = locked(&self.memory).again();
        for line in again {
            writer.write_all(&ended(&line)).await?;
        }
        self.say(&news).await?;
        loop {
            let Some(line) = locked(&self.memory).next_held() else { break };
            if let Err(error) = send(&line, &mut writer, &self.memory).await {
                // It is the first again for the daemon after this one.
                let unknown = locked(&self.memory).lost(Lost::Reset);
                self.say(&unknown).await?;
                return Err(error);
            }
        }
        if self.left.is_cancelled() {
            writer.shutdown().await?;
        }
        Ok((reader, writer, heard))
    }

    /// Says lines to the client.
    async fn say(&mut self, lines: &[Bytes]) -> io::Result<()> {
        for line in lines {
            self.stdout.write_all(&ended(line)).await?;
        }
        self.stdout.flush().await
    }
}

/// Takes the client's lines to the daemon. Comes back only when the client cannot be heard.
async fn up(
    stdin: &mut Stdin,
    lines: &mut LineDecoder,
    writer: &mut OwnedWriteHalf,
    memory: &Mutex<Memory>,
    left: &CancellationToken,
) -> io::Error {
    while !left.is_cancelled() {
        match next_line(stdin, lines).await {
            Ok(Some(line)) => {
                if send(&line, writer, memory).await.is_err() {
                    // The other direction sees the end too, after what was answered.
                    break;
                }
            }
            Ok(None) => {
                left.cancel();
                // A daemon that is gone needs no goodbye.
                let _ = writer.shutdown().await;
            }
            Err(error) => return error,
        }
    }
    std::future::pending().await
}

async fn send(line: &Bytes, writer: &mut OwnedWriteHalf, memory: &Mutex<Memory>) -> io::Result<()> {
    locked(memory).sending(line);
    let written = writer.write_all(&ended(line)).await;
    if written.is_ok() {
        locked(memory).sent();
    }
    written
}

/// Takes the daemon's lines to the client, until the daemon is gone.
async fn down(
    reader: &mut OwnedReadHalf,
    heard: &mut LineDecoder,
    stdout: &mut Stdout,
    memory: &Mutex<Memory>,
) -> io::Result<Lost> {
    let mut out = BytesMut::new();
    loop {
        while let Some(line) = heard.next_line() {
            let Line::Text(line) = line else { continue };
            if locked(memory).heard(&line) == Said::Client {
                out.put_slice(&line);
                out.put_u8(b'\n');
            }
        }
        if !out.is_empty() {
            stdout.write_all(&out).await?;
            stdout.flush().await?;
            out.clear();
        }
        match reader.read_buf(heard.buffer()).await {
            Ok(0) => return Ok(Lost::AllRead),
            Ok(_) => {}
            // Something that we wrote was never read.
            Err(_) => return Ok(Lost::Reset),
        }
    }
}

/// Waits for the answer to the repeated handshake; what else comes is of no use before it.
async fn shaken(reader: &mut OwnedReadHalf, heard: &mut LineDecoder, memory: &Mutex<Memory>) -> io::Result<()> {
    loop {
        while let Some(line) = heard.next_line() {
            let Line::Text(line) = line else { continue };
            if locked(memory).heard(&line) == Said::Us {
                return Ok(());
            }
        }
        if reader.read_buf(heard.buffer()).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// The next line of the client; none when it has closed its side.
async fn next_line(stdin: &mut Stdin, lines: &mut LineDecoder) -> io::Result<Option<Bytes>> {
    loop {
        match lines.next_line() {
            Some(Line::Text(line)) => return Ok(Some(line)),
            Some(Line::TooLong) => return Err(io::Error::new(io::ErrorKind::InvalidData, "a line without an end")),
            None => {}
        }
        if stdin.read_buf(lines.buffer()).await? == 0 {
            return Ok(lines.rest());
        }
    }
}

fn ended(line: &Bytes) -> BytesMut {
    let mut ended = BytesMut::with_capacity(line.len() + 1);
    ended.put_slice(line);
    ended.put_u8(b'\n');
    ended
}

fn locked(memory: &Mutex<Memory>) -> MutexGuard<'_, Memory> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}
