//! How long a conversation goes on whose client says no more, and what ends it earlier.

use gateway::listener::duplex::{self, DuplexSettings};
use protocol::{Call, Principal, ReplyFuture, Service};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadHalf};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Answers nothing; holds its sender as long as a call runs.
struct Silent(mpsc::WeakSender<()>);

impl Service for Silent {
    fn call(&self, call: Call) -> ReplyFuture {
        let running = self.0.upgrade();
        Box::pin(async move {
            let (_running, _call) = (running, call);
            std::future::pending().await
        })
    }
}

/// A conversation with one call in flight whose client has ended its side.
struct Ended {
    serving: JoinHandle<std::io::Result<()>>,
    /// Ends when nothing is in flight.
    running: mpsc::Receiver<()>,
    reads: ReadHalf<DuplexStream>,
    since: Instant,
}

async fn ended(method: &str, gone: impl Future<Output = ()> + Send + 'static) -> Ended {
    let (ours, theirs) = tokio::io::duplex(1024);
    let (reader, writer) = tokio::io::split(theirs);
    let (reads, mut says) = tokio::io::split(ours);
    let (sender, running) = mpsc::channel(1);
    let settings = DuplexSettings::new(Principal::new("local"), &config::Limits::default());
    let service = Arc::new(Silent(sender.downgrade()));
    let gone = |_: &_| gone;
    let serving = tokio::spawn(duplex::serve(reader, writer, gone, service, settings, CancellationToken::new()));
    let request = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{"name":"t","_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
    );
    says.write_all(format!("{request}\n").as_bytes()).await.unwrap();
    // The call has begun, and is all that still holds the sender.
    while sender.strong_count() < 2 {
        tokio::task::yield_now().await;
    }
    drop(sender);
    says.shutdown().await.unwrap();
    Ended { serving, running, reads, since: Instant::now() }
}

#[tokio::test(start_paused = true)]
async fn what_is_in_flight_has_a_bounded_time() {
    let mut ended = ended("tools/call", std::future::pending()).await;
    assert_eq!(ended.running.recv().await, None);
    let took = ended.since.elapsed();
    assert!(took >= gateway::DRAIN_TIME_MAX && took < gateway::DRAIN_TIME_MAX + Duration::from_secs(1), "{took:?}");
    ended.serving.await.unwrap().unwrap();
    let mut said = Vec::new();
    ended.reads.read_to_end(&mut said).await.unwrap();
    assert!(said.is_empty(), "what was cancelled is not answered");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_kept_for_a_client_that_is_gone_or_only_listens() {
    let soon = Duration::from_secs(1);
    let mut gone = ended("tools/call", std::future::ready(())).await;
    assert_eq!(gone.running.recv().await, None);
    assert!(gone.since.elapsed() < soon, "nobody reads");
    let mut listening = ended("subscriptions/listen", std::future::pending()).await;
    assert_eq!(listening.running.recv().await, None);
    assert!(listening.since.elapsed() < soon, "a subscription has no answer to wait for");
    listening.serving.await.unwrap().unwrap();
}
