//! The streams of a container on one connection: stdin as it is, stdout and stderr in frames of an
//! eight-byte head (which stream, how long) and data. Memory is bounded: frames are passed on in
//! pieces, and who does not read one stream stops both, as a pipe would.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex, split};

/// What of each stream may wait to be read, in bytes.
const WAITING_BYTES_MAX: usize = 256 * 1024;
/// What is passed on at once, in bytes.
const PIECE_BYTES: usize = 64 * 1024;
/// The number of stderr in the head of a frame.
const STDERR: u8 = 2;

/// The streams of a container that is connected to.
pub struct Attached {
    /// Its stdin. Dropping it closes it.
    pub stdin: Box<dyn AsyncWrite + Send + Unpin>,
    /// Its stdout.
    pub stdout: DuplexStream,
    /// Its stderr.
    pub stderr: DuplexStream,
}

// === impl Attached ===

impl std::fmt::Debug for Attached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attached").finish_non_exhaustive()
    }
}

/// Takes a connection apart.
pub(super) fn attached<S>(connection: S) -> Attached
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (reader, writer) = split(connection);
    let (stdin, ours) = duplex(WAITING_BYTES_MAX);
    let (out, stdout) = duplex(WAITING_BYTES_MAX);
    let (err, stderr) = duplex(WAITING_BYTES_MAX);
    tokio::spawn(part(reader, out, err));
    // A half of a connection cannot be closed by dropping it; this task closes it.
    tokio::spawn(feed(ours, writer));
    Attached { stdin: Box::new(stdin), stdout, stderr }
}

async fn feed(mut from: DuplexStream, mut to: impl AsyncWrite + Unpin) {
    let mut piece = vec![0; PIECE_BYTES];
    while let Ok(count @ 1..) = from.read(&mut piece).await {
        let written = async {
            to.write_all(&piece[..count]).await?;
            to.flush().await
        };
        if written.await.is_err() {
            return;
        }
    }
    // The other side may have gone first.
    let _ = to.shutdown().await;
}

/// Passes frames on until the connection ends, or is no sequence of frames.
async fn part(mut from: impl AsyncRead + Unpin, out: DuplexStream, err: DuplexStream) {
    let (mut out, mut err) = (Some(out), Some(err));
    let mut head = [0; 8];
    let mut piece = vec![0; PIECE_BYTES];
    while from.read_exact(&mut head).await.is_ok() {
        let to = if head[0] == STDERR { &mut err } else { &mut out };
        let mut left = u32::from_be_bytes([head[4], head[5], head[6], head[7]]) as usize;
        while left > 0 {
            let most = left.min(PIECE_BYTES);
            let Ok(count @ 1..) = from.read(&mut piece[..most]).await else { return };
            left -= count;
            // Whoever does not want a stream any more must not hold up the other.
            let closed = match to {
                Some(stream) => stream.write_all(&piece[..count]).await.is_err(),
                None => false,
            };
            if closed {
                *to = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(stream: u8, data: &[u8]) -> Vec<u8> {
        let mut frame = vec![stream, 0, 0, 0];
        frame.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
        frame.extend(data);
        frame
    }

    #[tokio::test]
    async fn streams_are_taken_apart_however_they_are_cut() {
        let (engine, ours) = duplex(7);
        let mut attached = attached(ours);
        let sent: Vec<u8> = [frame(1, b"one "), frame(2, b"oops"), frame(1, b""), frame(1, &[b'x'; 100_000])].concat();
        let (mut theirs, mut engine) = split(engine);
        let writing = tokio::spawn(async move {
            engine.write_all(&sent).await.unwrap();
            engine.shutdown().await.unwrap();
        });
        attached.stdin.write_all(b"hello").await.unwrap();
        drop(attached.stdin);
        let mut heard = String::new();
        theirs.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "hello", "expected stdin, and its end");
        let (mut out, mut err) = (Vec::new(), Vec::new());
        attached.stdout.read_to_end(&mut out).await.unwrap();
        attached.stderr.read_to_end(&mut err).await.unwrap();
        writing.await.unwrap();
        assert_eq!((out.len(), err.as_slice()), (100_004, b"oops".as_slice()));
        assert!(out.starts_with(b"one x"));
    }

    #[tokio::test]
    async fn a_stream_that_nobody_reads_does_not_hold_up_the_other() {
        let (engine, ours) = duplex(1024);
        let Attached { stdin: _stdin, mut stdout, stderr } = attached(ours);
        drop(stderr);
        let (_theirs, mut engine) = split(engine);
        tokio::spawn(async move {
            engine.write_all(&frame(2, &[b'e'; 1_000_000])).await.unwrap();
            engine.write_all(&frame(1, b"answer")).await.unwrap();
            engine.shutdown().await.unwrap();
        });
        let mut out = String::new();
        stdout.read_to_string(&mut out).await.unwrap();
        assert_eq!(out, "answer");
    }
}
