//! Who may turn an HTTP request into a WebSocket, and into which conversation.

use crate::board::Board;
use gateway::listener::{DoorSettings, Http};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const VERSION: &str = "Sec-WebSocket-Version: 13\r\n";

async fn listen(board: &Board, address: &str, token: Option<&str>) -> SocketAddr {
    let socket = TcpListener::bind(address).await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let settings = DoorSettings { token: token.map(Into::into), ..DoorSettings::default() };
    let http = Http::new(socket, board.gateway.clone(), settings, &board.limits);
    tokio::spawn(http.serve(CancellationToken::new()));
    ([127, 0, 0, 1], port).into()
}

/// The head of the answer to an upgrade of `path` with these headers more.
async fn upgrade(address: SocketAddr, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n{headers}\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = String::new();
    while !head.contains("\r\n\r\n") {
        head.push(char::from(stream.read_u8().await.unwrap()));
    }
    head.to_lowercase()
}

#[tokio::test]
async fn an_upgrade_is_checked_before_it_is_made() {
    let board = Board::start().await;
    let address = listen(&board, "127.0.0.1:0", None).await;
    let good = format!("{KEY}{VERSION}");
    let cases = [
        ("/mcp", good.clone(), "101"),
        ("/mcp/back", format!("{good}Sec-WebSocket-Protocol: a, mcp\r\n"), "101"),
        ("/mcp/other", good.clone(), "404"),
        ("/mcp", format!("{good}Origin: http://evil.example\r\n"), "403"),
        ("/mcp", format!("{good}Sec-WebSocket-Protocol: a\r\n"), "400"),
        ("/mcp", VERSION.to_owned(), "400"),
        ("/mcp", format!("{VERSION}Sec-WebSocket-Key: short\r\n"), "400"),
        ("/mcp", format!("{KEY}Sec-WebSocket-Version: 8\r\n"), "426"),
    ];
    for (path, headers, status) in cases {
        let head = upgrade(address, path, &headers).await;
        assert!(head.starts_with(&format!("http/1.1 {status}")), "{path} {headers}: {head}");
        let protocol = head.contains("sec-websocket-protocol: mcp");
        assert_eq!(protocol, headers.contains("a, mcp"), "{head}");
        if status == "101" {
            // RFC 6455 section 1.3 has this pair.
            assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
        }
        assert_eq!(head.contains("sec-websocket-version: 13"), status == "426");
    }
}

#[tokio::test]
async fn a_token_is_asked_for_and_other_machines_are_refused() {
    let board = Board::start().await;
    let good = format!("{KEY}{VERSION}");
    let guarded = listen(&board, "127.0.0.1:0", Some("0123456789abcdef")).await;
    assert!(upgrade(guarded, "/mcp", &good).await.starts_with("http/1.1 401"));
    let bearer = format!("{good}Authorization: Bearer 0123456789abcdef\r\n");
    assert!(upgrade(guarded, "/mcp", &bearer).await.starts_with("http/1.1 101"));
    let open = listen(&board, "0.0.0.0:0", Some("0123456789abcdef")).await;
    assert!(upgrade(open, "/mcp", &good).await.starts_with("http/1.1 401"), "the doorkeeper comes first");
    assert!(upgrade(open, "/mcp", &bearer).await.starts_with("http/1.1 403"));
}
