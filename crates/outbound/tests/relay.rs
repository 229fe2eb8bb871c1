//! The relay against a server that writes raw bytes.

#![expect(clippy::unwrap_used, reason = "what the tests set up must stand")]

use http::{HeaderMap, Method, StatusCode};
use outbound::relay::{Payload, Relay, RelayError, Target};
use std::sync::Arc;
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
    let mut request = [0; 4096];
    let (first, accepted) = tokio::join!(get(&relay), async {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(stream.read(&mut request).await.unwrap() > 0);
        stream.write_all(FIRST.as_bytes()).await.unwrap();
        stream
    });
    assert_eq!(first.unwrap(), "first");
    assert_eq!(relay.idle_count(), 1);
    drop(accepted);
    // Whatever the system has to say by now about sockets has been heard when this one stands.
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (connected, _) = tokio::join!(TcpStream::connect(other.local_addr().unwrap()), other.accept());
    connected.unwrap();
    let (second, ()) = tokio::join!(get(&relay), async {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(stream.read(&mut request).await.unwrap() > 0);
        stream.write_all(SECOND.as_bytes()).await.unwrap();
    });
    assert_eq!(second.unwrap(), "second");
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
