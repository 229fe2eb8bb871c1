//! Servers behind sockets, and sockets that we listen on.

use config::Reach;

use crate::fixture::Fixture;

/// What the only server is reached over, and at what.
fn reach(text: &str) -> (&'static str, String) {
    let loaded = Fixture::named("c.toml", text).good();
    let server = loaded.config.servers.values().next().expect("a server");
    let at = match &server.reach {
        Reach::WebSocket { url, .. } | Reach::Http { url, .. } => url.clone(),
        Reach::Tcp { address } => address.clone(),
        Reach::Unix { path } => path.display().to_string(),
        Reach::Stdio { command, .. } => command.clone(),
        Reach::Builtin { builtin, .. } => builtin.clone(),
        Reach::Container { container, .. } => container.image.clone(),
    };
    (server.reach.transport(), at)
}

#[test]
fn the_transport_follows_from_the_scheme_and_may_be_said() {
    let cases = [
        ("url = \"ws://h:1/mcp\"", "websocket", "ws://h:1/mcp"),
        ("type = \"ws\"\nurl = \"wss://h/mcp?a=b\"\nheaders = { A = \"b\" }", "websocket", "wss://h/mcp?a=b"),
        ("type = \"websocket\"\nurl = \"ws://h\"", "websocket", "ws://h"),
        ("type = \"websocket\"\nurl = \"https://h/mcp\"", "websocket", "wss://h/mcp"),
        ("url = \"tcp://localhost:9000\"", "tcp", "localhost:9000"),
        ("type = \"tcp\"\nurl = \"tcp://[::1]:9000/\"", "tcp", "[::1]:9000"),
        ("url = \"unix:///run/a.sock\"", "unix", "/run/a.sock"),
        ("type = \"unix\"\nurl = \"unix:/run/a.sock\"", "unix", "/run/a.sock"),
        ("type = \"streamable-http\"\nurl = \"https://h/mcp\"", "http", "https://h/mcp"),
    ];
    for (entry, transport, at) in cases {
        assert_eq!(reach(&format!("[servers.a]\n{entry}\n")), (transport, at.to_owned()), "{entry}");
    }
    let home = Fixture::named("c.toml", "[servers.a]\nurl = \"unix:~/a.sock\"\n");
    let path = home.path("home/a.sock");
    let loaded = home.good();
    assert!(matches!(&loaded.config.servers["a"].reach, Reach::Unix { path: found } if *found == path));
}

#[test]
fn files_of_other_tools_may_name_websockets() {
    let text = r#"{ "mcpServers": { "a": { "type": "ws", "url": "ws://127.0.0.1:3000/", "headers": { "X-A": "b" } },
        "b": { "type": "websocket", "url": "wss://h/" } } }"#;
    let loaded = Fixture::named(".mcp.json", text).good();
    let transports: Vec<&str> = loaded.config.servers.values().map(|server| server.reach.transport()).collect();
    assert_eq!(transports, ["websocket", "websocket"]);
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
}

#[test]
fn what_does_not_fit_is_explained() {
    let text = r#"
[listen]
tcp = "0.0.0.0:7421"
unix = ""

[servers.a]
type = "websocket"
url = "tcp://h:1"

[servers.b]
type = "http"
url = "unix:///run/a.sock"

[servers.c]
url = "tcp://h"

[servers.d]
url = "ftp://h/"

[servers.e]
url = "tcp://h:1"
headers = { A = "b" }

[servers.f]
type = "tcp"
command = "x"

[servers.g]
type = "websockets"
url = "ws://h"
"#;
    insta::assert_snapshot!(Fixture::named("c.toml", text).rendered());
}

#[test]
fn clients_may_be_listened_for_on_loopback_and_on_a_socket() {
    let fixture = Fixture::named("conf/c.toml", "[listen]\ntcp = \"[::1]:7421\"\nunix = \"own.sock\"\n");
    let listen = fixture.good().config.listen;
    assert_eq!(listen.tcp.map(|address| address.to_string()).as_deref(), Some("[::1]:7421"));
    assert_eq!(listen.unix, Some(fixture.path("conf/own.sock")));
    let long = Fixture::named("c.toml", &format!("[listen]\nunix = \"/tmp/{}\"\n", "x".repeat(120)));
    assert_eq!(long.said(), ["error: `listen.unix` is longer than 100 bytes, and no socket can have it"]);
}

#[test]
fn a_builtin_server_is_neither_run_nor_reached() {
    assert_eq!(reach("[servers.a]\nbuiltin = \"switchboard\"\n"), ("in-process", "switchboard".to_owned()));
    for wrong in [
        "builtin = \"switchboard\"\nurl = \"http://h\"",
        "builtin = \"other\"",
        "command = \"a\"\nallow_changes = true",
    ] {
        let loaded = Fixture::named("c.toml", &format!("[servers.a]\n{wrong}\n")).load();
        assert!(loaded.has_errors(), "{wrong}");
    }
}
