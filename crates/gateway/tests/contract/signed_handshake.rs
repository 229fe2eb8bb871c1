//! WebSockets to servers that want a token: it goes with the handshake, and a refusal of that is
//! what it is over HTTP. How tokens are come by is tested beside the sign-in itself.

use crate::wire::{FrameWire, Wire};
use config::OAuth;
use gateway::upstream::{ConnectError, ConnectOptions, Connection, EraChoice, connect_websocket};
use outbound::oauth::{Account, Held, SignIn, Tokens, Vault};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

/// One account, in memory.
#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Option<Account>>>);

impl Vault for Kept {
    fn read(&self, _name: &str) -> Result<Option<Account>, String> {
        Ok(self.0.lock().unwrap().clone())
    }

    fn hold(&self, _name: &str) -> Result<Box<dyn Held>, String> {
        Ok(Box::new(self.clone()))
    }
}

impl Held for Kept {
    fn read(&self) -> Result<Option<Account>, String> {
        Vault::read(self, "")
    }

    fn write(&mut self, account: Option<&Account>) -> Result<(), String> {
        *self.0.lock().unwrap() = account.cloned();
        Ok(())
    }
}

/// A server that opens a WebSocket to whoever has the token, and what it was shown.
struct World {
    address: SocketAddr,
    shown: Arc<Mutex<Vec<String>>>,
    vault: Kept,
    sign_in: Arc<SignIn>,
}

impl World {
    async fn start(accepted: &'static str, offers_sign_in: bool) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let shown: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = shown.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                tokio::spawn(serve(stream, address, accepted, offers_sign_in, seen.clone()));
            }
        });
        let vault = Kept::default();
        let settings = OAuth { client_id: Some("we".into()), ..OAuth::default() };
        let sign_in = SignIn::new("peer", &format!("http://{address}/mcp"), &settings, Arc::new(vault.clone()));
        Self { address, shown, vault, sign_in: sign_in.unwrap() }
    }

    /// As a person who signs in by another process.
    fn signed_in(&self, token: &str) {
        let issuer = format!("http://{}", self.address);
        let tokens = Tokens {
            resource: format!("{issuer}/mcp"),
            access: token.into(),
            refresh: None,
            given: 0,
            expires: None,
            scopes: BTreeSet::new(),
            token_endpoint: format!("{issuer}/token"),
            revocation_endpoint: None,
            methods: None,
            issuer: issuer.clone(),
        };
        let account = Account { server: format!("{issuer}/mcp"), tokens: Some(tokens), ..Account::default() };
        *self.vault.0.lock().unwrap() = Some(account);
    }

    async fn connect(&self) -> Result<Connection, ConnectError> {
        let options = ConnectOptions {
            era: EraChoice::Modern,
            sign_in: Some(self.sign_in.clone()),
            ..ConnectOptions::new("peer")
        };
        connect_websocket(&format!("ws://{}/mcp", self.address), Vec::new(), options, mpsc::channel(8).0).await
    }

    fn shown(&self) -> Vec<String> {
        self.shown.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    address: SocketAddr,
    accepted: &'static str,
    offers_sign_in: bool,
    shown: Arc<Mutex<Vec<String>>>,
) {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(char::from(stream.read_u8().await.unwrap()));
    }
    let header = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).next()
    };
    let say = |status: &str, headers: &str, body: Value| {
        let body = body.to_string();
        format!(
            "HTTP/1.1 {status}\r\n{headers}Content-Type: application/json\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let base = format!("http://{address}");
    let answer = match head.split(' ').nth(1).unwrap() {
        "/mcp" => {
            let token = header("authorization").unwrap_or_default();
            shown.lock().unwrap().push(token.clone());
            if token == accepted {
                return open(stream, &header("sec-websocket-key").unwrap()).await;
            }
            say("401 Unauthorized", "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n", json!({}))
        }
        "/.well-known/oauth-protected-resource/mcp" if offers_sign_in => {
            say("200 OK", "", json!({"resource": format!("{base}/mcp"), "authorization_servers": [base]}))
        }
        "/.well-known/oauth-authorization-server" if offers_sign_in => {
            let metadata = json!({
                "issuer": base,
                "authorization_endpoint": format!("{base}/authorize"),
                "token_endpoint": format!("{base}/token"),
                "response_types_supported": ["code"],
                "code_challenge_methods_supported": ["S256"],
            });
            say("200 OK", "", metadata)
        }
        _ => say("404 Not Found", "", json!({})),
    };
    stream.write_all(answer.as_bytes()).await.unwrap();
}

/// Opens the WebSocket and shakes hands as a modern server.
async fn open(mut stream: TcpStream, key: &str) {
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Protocol: mcp\r\nSec-WebSocket-Accept: {}\r\n\r\n",
        derive_accept_key(key.as_bytes())
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
    let mut wire: Box<dyn Wire> =
        Box::new(FrameWire(WebSocketStream::from_raw_socket(stream, Role::Server, None).await));
    let asked = wire.next().await;
    wire.answer(&asked, json!({"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}})).await;
    wire.ended().await;
}

#[tokio::test]
async fn the_handshake_carries_the_token() {
    let world = World::start("Bearer first", true).await;
    world.signed_in("first");
    world.connect().await.unwrap();
    assert_eq!(world.shown(), ["Bearer first"]);
}

#[tokio::test]
async fn a_refused_token_is_followed_by_another() {
    let world = World::start("Bearer second", true).await;
    world.signed_in("first");
    assert!(world.sign_in.tokens().await.unwrap().is_some());
    world.signed_in("second");
    world.connect().await.unwrap();
    assert_eq!(world.shown(), ["Bearer first", "Bearer second"]);
}

#[tokio::test]
async fn a_person_is_asked_for_where_nobody_has_signed_in() {
    let world = World::start("Bearer first", true).await;
    let refused = world.connect().await.err().unwrap();
    assert!(
        matches!(&refused, ConnectError::NeedsAuth { hint, .. } if hint.contains("switchboard auth login peer")),
        "{refused:?}"
    );
    let bare = World::start("Bearer first", false).await;
    let refused = bare.connect().await.err().unwrap();
    assert!(matches!(refused, ConnectError::Unauthorized { status: 401 }), "{refused:?}");
}
