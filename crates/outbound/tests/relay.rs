//! The relay against a server that writes raw bytes.

#![expect(clippy::unwrap_used, reason = "what the tests set up must stand")]

use http::{HeaderMap, Method, StatusCode};
use outbound::relay::{Payload, Relay, RelayError, Target};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Serves one connection after the other: for each request on it the next of its answers, then
/// the connection is closed.
async fn serve(connections: Vec<Vec<&'static str>>) -> (Arc<Relay>, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        for answers in connections {
            let (mut stream, _) = listener.accept().await.unwrap();
            for answer in answers {
                let mut request = [0; 4096];
                assert!(stream.read(&mut request).await.unwrap() > 0);
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    });
    (Relay::new(Target::parse(&url).unwrap()), serving)
}

async fn get(relay: &Arc<Relay>) -> Result<String, RelayError> {
    let answer = relay.send(Method::GET, HeaderMap::new(), Payload::default()).await?;
    assert_eq!(answer.status(), StatusCode::OK);
    Ok(String::from_utf8(answer.collect(100).await?.to_vec()).unwrap())
}

const FIRST: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirst";
const SECOND: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nsec\r\n3\r\nond\r\n0\r\n\r\n";

#[tokio::test]
async fn a_connection_is_used_again() {
    let (relay, serving) = serve(vec![vec![FIRST, SECOND, FIRST]]).await;
    assert_eq!(get(&relay).await.unwrap(), "first");
    assert_eq!(get(&relay).await.unwrap(), "second");
    assert_eq!(get(&relay).await.unwrap(), "first");
    serving.await.unwrap();
}

#[tokio::test]
async fn a_kept_connection_that_the_peer_closed_is_replaced() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relay = Relay::new(Target::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap());
    drop(kept(&relay, &listener).await);
    // Whatever the system has to say by now about sockets has been heard when this one stands.
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (connected, _) = tokio::join!(TcpStream::connect(other.local_addr().unwrap()), other.accept());
    connected.unwrap();
    let (second, ()) = tokio::join!(get(&relay), async {
        let (mut stream, _) = listener.accept().await.unwrap();
        answers(&mut stream, SECOND).await;
    });
    assert_eq!(second.unwrap(), "second");
}

/// A connection that was used once; the peer's end of it.
async fn kept(relay: &Arc<Relay>, listener: &TcpListener) -> TcpStream {
    let (first, stream) = tokio::join!(get(relay), async {
        let (mut stream, _) = listener.accept().await.unwrap();
        answers(&mut stream, FIRST).await;
        stream
    });
    assert_eq!((first.unwrap().as_str(), relay.idle_count()), ("first", 1));
    stream
}

async fn answers(stream: &mut TcpStream, answer: &str) {
    let mut request = [0; 4096];
    assert!(stream.read(&mut request).await.unwrap() > 0);
    stream.write_all(answer.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn a_connection_that_was_closed_a_moment_ago_is_replaced_after_a_pause() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relay = Relay::new(Target::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap());
    let stream = kept(&relay, &listener).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(1)).await;
    // Nothing has heard of this when the next request begins.
    drop(stream);
    let (second, ()) = tokio::join!(get(&relay), async {
        let (mut stream, _) = listener.accept().await.unwrap();
        answers(&mut stream, SECOND).await;
    });
    assert_eq!(second.unwrap(), "second");
}

#[tokio::test]
async fn a_connection_is_given_up_before_its_peer_is_likely_to_close_it() {
    let announced = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nkeep-alive: timeout=60\r\n\r\nfirst";
    for (first, pause, again) in [(FIRST, 3, true), (FIRST, 5, false), (announced, 5, true), (announced, 59, false)] {
        let connections = if again { vec![vec![first, SECOND]] } else { vec![vec![first], vec![SECOND]] };
        let (relay, serving) = serve(connections).await;
        assert_eq!(get(&relay).await.unwrap(), "first");
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(pause)).await;
        tokio::time::resume();
        assert_eq!(get(&relay).await.unwrap(), "second", "{first:?} after {pause} s");
        serving.await.unwrap();
    }
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_request_says_so() {
    let (relay, serving) = serve(vec![vec![""], vec!["HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"]]).await;
    assert!(get(&relay).await.unwrap_err().was_sent());
    assert!(matches!(get(&relay).await.unwrap_err(), RelayError::Broken { sent: true, .. }));
    serving.await.unwrap();
    let error = get(&relay).await.unwrap_err();
    assert!(matches!(error, RelayError::Connect { .. }) && !error.was_sent());
}

#[tokio::test]
async fn what_is_not_http_or_too_large_is_told_apart() {
    let large = "HTTP/1.1 200 OK\r\ncontent-length: 101\r\n\r\n";
    let (relay, _serving) = serve(vec![vec!["SSH-2.0-OpenSSH\r\n\r\n"], vec![large]]).await;
    assert!(matches!(get(&relay).await.unwrap_err(), RelayError::NotHttp { .. }));
    assert!(matches!(get(&relay).await.unwrap_err(), RelayError::TooLarge { bytes_max: 100 }));
    assert_eq!(relay.idle_count(), 0);
}
