//! What becomes of one entry: types, variables, files of other tools.

use std::time::Duration;

use config::{EraChoice, HttpDialect, Prefix, Reach, Restart, Server, child_environment};
use secrecy::ExposeSecret;

use crate::fixture::Fixture;

fn env(server: &Server) -> Vec<(&str, &str)> {
    match &server.reach {
        Reach::Stdio { env, .. } => {
            let pairs = env.iter();
            pairs.map(|(name, value)| (name.as_str(), value.expose_secret())).collect()
        }
        Reach::Http { headers, .. } | Reach::WebSocket { headers, .. } => {
            let pairs = headers.iter();
            pairs.map(|(name, value)| (name.as_str(), value.expose_secret())).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn variables_come_from_the_process_then_dotenv_then_files() {
    let text = r#"
[servers.a]
command = "${BIN:-run}"
args = ["${A}", "$${A}", "${file:arg.txt}"]
env = { A = "${A}", B = "${env:B}" }
env_file = "a.env"
cwd = "sub"
"#;
    let fixture = Fixture::named("conf/c.toml", text)
        .var("A", "process")
        .file(".env", "A=dotenv\nB=\"from dotenv\"\n")
        .file("conf/a.env", "FILE=yes\nA=lost\n")
        .file("conf/arg.txt", "from a file\n");
    let loaded = fixture.good();
    let server = &loaded.config.servers["a"];
    let Reach::Stdio { command, args, cwd, .. } = &server.reach else {
        panic!("it is a program");
    };
    assert_eq!(command, "run");
    assert_eq!(args, &["process", "${A}", "from a file"]);
    assert_eq!(cwd.as_deref(), Some(fixture.path("conf/sub").as_path()));
    assert_eq!(env(server), [("A", "process"), ("B", "from dotenv"), ("FILE", "yes")]);
    for name in ["conf/a.env", "conf/arg.txt", "conf/c.toml"] {
        assert!(loaded.files.contains(&fixture.path(name)), "{name}");
    }
}

#[test]
fn a_dotenv_counts_for_files_beside_it_and_below() {
    let entry = "[servers.a]\nurl = \"http://${HOST:-mine}/\"\n";
    let url = |loaded: &config::Loaded| match &loaded.config.servers["a"].reach {
        Reach::Http { url, .. } => url.clone(),
        other => panic!("it is {other:?}"),
    };
    let mut fixture = Fixture::new()
        .file("home/.config/switchboard/switchboard.toml", entry)
        .file("project/.env", "HOST=evil\n")
        .file("elsewhere/c.toml", entry)
        .file("project/sub/c.toml", entry);
    fixture.sources.environment.cwd = fixture.path("project");
    // A person's own file says the same in every folder.
    assert_eq!(url(&fixture.good()), "http://mine/");
    for (named, expected) in [("sub/c.toml", "http://evil/"), ("../elsewhere/c.toml", "http://mine/")] {
        fixture.sources.files = vec![named.into()];
        assert_eq!(url(&fixture.good()), expected, "{named}");
    }
    // The listener of a person's own file as well.
    let fixture =
        fixture.file("../home/.config/switchboard/switchboard.toml", "listen.public_url = \"http://${HOST:-mine}\"\n");
    let mut sources = fixture.sources.clone();
    sources.files.clear();
    assert_eq!(config::load(&sources).config.listen.public_url.as_deref(), Some("http://mine"));
}

#[test]
fn defaults_and_own_values() {
    let text = "[records]\narguments = true\n[servers.a]\ncommand = \"x\"\n[servers.b]\nurl = \"http://h/mcp\"\nrequest_timeout = \"20m\"\nrestart = \"never\"\nprefix = \"never\"\nera = \"modern\"\nrecord_arguments = false\ntools.allow = [\"a*\"]\n";
    let loaded = Fixture::named("c.toml", text).good();
    let a = &loaded.config.servers["a"];
    let seconds = [a.startup_timeout, a.request_timeout, a.request_timeout_max, a.stop_timeout];
    assert_eq!(seconds.map(|time| time.as_secs()), [30, 60, 600, 5]);
    assert_eq!((a.restart, a.prefix, a.era), (Restart::Always, Prefix::Always, EraChoice::Auto));
    assert!(a.record_arguments && !a.record_results);
    let b = &loaded.config.servers["b"];
    assert_eq!(b.request_timeout_max, Duration::from_secs(1200));
    assert_eq!((b.restart, b.prefix, b.era), (Restart::Never, Prefix::Never, EraChoice::Modern));
    assert!(!b.record_arguments);
    assert_eq!(b.tools.allow, ["a*"]);
}

#[test]
fn a_server_that_is_not_used_may_lack_its_variables() {
    let text = "[servers.a]\ncommand = \"${NONE}\"\nenabled = false\nenv_file = \"none.env\"\n";
    let loaded = Fixture::named("c.toml", text).good();
    assert!(!loaded.config.servers["a"].enabled);
    assert!(loaded.diagnostics.is_empty());
}

#[test]
fn the_switchboard_does_not_serve_itself() {
    let text = r#"{"mcpServers": {
        "a": {"command": "/opt/switchboard", "args": ["--quiet", "connect"]},
        "b": {"url": "http://localhost:7420/mcp"},
        "c": {"url": "http://localhost:7421/mcp"}
    }}"#;
    let fixture = Fixture::named("mcp.json", text);
    let loaded = fixture.good();
    assert_eq!(loaded.config.servers.keys().collect::<Vec<_>>(), ["c"]);
    assert!(fixture.said().iter().all(|said| said.starts_with("note:")));
    assert_eq!(fixture.said().len(), 2);
}

#[test]
fn words_of_other_tools_are_understood() {
    let text = r#"{"mcpServers": {
        "windsurf": {"serverUrl": "https://h/mcp", "disabledTools": ["x"]},
        "gemini": {"httpUrl": "https://h/mcp", "trust": true, "timeout": 600000},
        "copilot": {"type": "local", "command": "x", "tools": ["*"]},
        "cline": {"type": "streamableHttp", "url": "https://h/mcp", "disabled": true}
    }}"#;
    let fixture = Fixture::named("mcp.json", text);
    let loaded = fixture.good();
    let servers = &loaded.config.servers;
    assert_eq!(servers.len(), 4);
    assert_eq!(servers["windsurf"].tools.deny, ["x"]);
    assert_eq!(servers["gemini"].raw_extra.0["timeout"], 600_000);
    assert!(!servers["cline"].enabled);
    assert_eq!(fixture.said().len(), 1, "{:?}", fixture.said());
}

#[test]
fn codex_is_understood() {
    let text = r#"
[mcp_servers.a]
url = "https://h/mcp"
bearer_token_env_var = "TOKEN"
env_http_headers = { "X-Region" = "REGION" }
http_headers = { "X-Plain" = "p" }
startup_timeout_ms = 1500
tool_timeout_sec = 2.5
"#;
    let fixture = Fixture::named("config.toml", text).var("TOKEN", "t").var("REGION", "r");
    let loaded = fixture.good();
    let server = &loaded.config.servers["a"];
    let expected = [("X-Plain", "p"), ("Authorization", "Bearer t"), ("X-Region", "r")];
    let mut headers = env(server);
    headers.sort_unstable();
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(headers, expected);
    assert_eq!(server.startup_timeout, Duration::from_millis(1500));
    assert_eq!(server.request_timeout, Duration::from_millis(2500));
}

#[test]
fn a_type_says_what_is_spoken_over_http() {
    let dialect = |name: &str, text: &str| {
        let loaded = Fixture::named(name, text).good();
        match loaded.config.servers["a"].reach {
            Reach::Http { dialect, .. } => dialect,
            _ => panic!("it has a URL of HTTP"),
        }
    };
    for (kind, expected) in [
        ("", HttpDialect::Any),
        ("type = \"http\"\n", HttpDialect::Streamable),
        ("type = \"streamable-http\"\n", HttpDialect::Streamable),
        ("type = \"sse\"\n", HttpDialect::Sse),
    ] {
        assert_eq!(dialect("c.toml", &format!("[servers.a]\n{kind}url = \"https://h/sse\"\n")), expected, "{kind}");
    }
    let other = r#"{"mcpServers": {"a": {"type": "sse", "url": "https://h/sse", "headers": {"A": "b"}}}}"#;
    assert_eq!(dialect("c.json", other), HttpDialect::Sse);
    let wrong = Fixture::named("c.toml", "[servers.a]\ntype = \"sse\"\ncommand = \"x\"\n");
    assert_eq!(wrong.said(), ["error: server `a`: the type `sse` does not go with `command`"]);
    let wrong = Fixture::named("c.toml", "[servers.a]\ntype = \"sse\"\nurl = \"https://h/\"\nera = \"modern\"\n");
    assert_eq!(wrong.said(), ["error: server `a`: the era `modern` does not go with the type `sse`"]);
    let own = r#"{"mcpServers": {"a": {"type": "sse", "url": "http://127.0.0.1:7420/sse"}}}"#;
    assert_eq!(Fixture::named("c.json", own).said(), ["note: `a` is this switchboard itself and is left out"]);
}

#[test]
fn a_child_gets_a_short_environment() {
    let text = "[servers.a]\ncommand = \"x\"\ninherit_env = [\"EXTRA\"]\nenv = { HOME = \"/own\" }\n";
    let fixture = Fixture::named("c.toml", text)
        .var("PATH", "/bin")
        .var("HOME", "/home/ann")
        .var("LC_ALL", "C")
        .var("XDG_DATA_HOME", "/data")
        .var("EXTRA", "more")
        .var("AWS_SECRET_ACCESS_KEY", "not for children");
    let loaded = fixture.good();
    let child = child_environment(&loaded.config.servers["a"], &fixture.sources.environment);
    let expected = [("EXTRA", "more"), ("HOME", "/own"), ("LC_ALL", "C"), ("PATH", "/bin"), ("XDG_DATA_HOME", "/data")];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(child, expected);
}

#[test]
fn a_remote_server_says_how_it_is_signed_in_to() {
    let text = r#"
[servers.a]
url = "https://h/mcp"

[servers.b]
url = "https://h/b"
auth = "auto"
oauth = { client_id = "me", client_secret = "${SECRET}", scopes = ["x"], redirect_port = 99, headless = true }

[servers.c]
url = "https://h/c"
auth = "none"

[servers.d]
url = "https://h/d"
headers = { authorization = "Bearer x" }

[servers.e]
command = "x"
"#;
    let fixture = Fixture::named("c.toml", text).var("SECRET", "hush");
    let loaded = fixture.good();
    let oauth = |name: &str| loaded.config.servers[name].oauth.as_ref();
    assert!(oauth("a").is_some_and(|oauth| oauth.client_id.is_none() && !oauth.headless && !oauth.allow_private));
    let b = oauth("b").expect("it is signed in to");
    assert_eq!((b.client_id.as_deref(), b.redirect_port, b.headless), (Some("me"), 99, true));
    assert_eq!(b.client_secret.as_ref().map(ExposeSecret::expose_secret), Some("hush"));
    assert!(oauth("c").is_none() && oauth("d").is_none() && oauth("e").is_none());
    let shown = config::show(&loaded.config);
    assert!(shown.contains("client_secret = \"***\"") && !shown.contains("hush"), "{shown}");
    assert!(!format!("{:?}", loaded.config).contains("hush"));
    let mut changed = loaded.config.clone();
    changed.servers.get_mut("b").and_then(|server| server.oauth.as_mut()).expect("it").redirect_port = 98;
    assert_eq!(config::changes(&loaded.config, &changed).changed, ["b"]);
}

#[test]
fn what_cannot_sign_in_is_said() {
    let wrong = [
        ("url = \"tcp://localhost:1\"\nauth = \"auto\"", "`auth` and `oauth` go with a `url` of HTTP or a WebSocket"),
        ("command = \"x\"\nauth = \"auto\"", "`auth` and `oauth` go with a `url` of HTTP or a WebSocket"),
        ("url = \"https://h\"\noauth.client_secret = \"s\"", "belongs to a `client_id`"),
        ("url = \"https://h\"\noauth.client_metadata_url = \"http://h/c\"", "is not an https URL with a path"),
        ("url = \"https://h\"\noauth.scopes = [\"a b\"]", "this cannot be a scope"),
        ("url = \"https://h\"\nauth = \"none\"\noauth.headless = true", "has no effect"),
        ("url = \"https://h\"\nheaders.Authorization = \"x\"\noauth.headless = true", "has no effect"),
        ("url = \"https://h\"\noauth.clientid = \"x\"", "unknown key `servers.a.oauth.clientid`"),
    ];
    for (entry, expected) in wrong {
        let fixture = Fixture::named("c.toml", &format!("[servers.a]\n{entry}\n"));
        let said = fixture.said().join("; ");
        assert!(fixture.load().has_errors() && said.contains(expected), "{entry}: {said}");
    }
    // Other tools have an `auth` and an `oauth` of their own.
    let text = r#"{"mcpServers": {"a": {"url": "https://h", "auth": {"CLIENT_ID": "x"}, "oauth": {"clientId": "y"}}}}"#;
    let loaded = Fixture::named("c.json", text).good();
    assert!(loaded.config.servers["a"].oauth.is_some());
}
