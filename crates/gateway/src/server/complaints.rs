//! What a program says on stderr, on its way into the log: started here, and known when it has been
//! read to its end, so that whoever quotes the last words of a program does not do it too early.

use std::time::Duration;
use supervisor::{ServerLog, Stream};
use tokio::io::AsyncRead;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How long the last words of a program that has ended may take. Somebody else may have its stderr
/// open, and then they never end.
const LAST_WORDS_MAX: Duration = Duration::from_millis(200);

/// The stderr of one program.
#[derive(Debug, Clone)]
pub(super) struct Complaints(CancellationToken);

impl Complaints {
    /// Reads `stderr` into `log`, no more than `rate` bytes in a second.
    pub(super) fn of(stderr: impl AsyncRead + Send + Unpin + 'static, log: &ServerLog, rate: u64) -> Self {
        let (read_out, log) = (CancellationToken::new(), log.clone());
        let done = read_out.clone().drop_guard();
        tokio::spawn(async move {
            supervisor::pump_at(stderr, log, Stream::Stderr, rate).await;
            drop(done);
        });
        Self(read_out)
    }

    /// Waits until they have been read to their end, for a short time.
    pub(super) async fn read_out(&self) {
        // What came until then is quoted.
        let _ = timeout(LAST_WORDS_MAX, self.0.cancelled()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn last_words_are_waited_for_and_not_for_ever() {
        let log = ServerLog::in_memory();
        let (mut program, stderr) = tokio::io::duplex(64);
        let complaints = Complaints::of(stderr, &log, 1 << 20);
        let begun = Instant::now();
        complaints.read_out().await;
        assert_eq!(begun.elapsed(), LAST_WORDS_MAX);
        program.write_all(b"the end").await.unwrap();
        drop(program);
        complaints.read_out().await;
        assert_eq!(begun.elapsed(), LAST_WORDS_MAX);
        assert_eq!(log.tail(1)[0].text, "the end");
    }
}
