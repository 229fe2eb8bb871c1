//! What an entry asks of the machine: limits, a port, a program behind a URL, an install step.

use std::time::Duration;

use config::{Config, HttpDialect, Reach, Resources, changes, child_environment, show};

use crate::fixture::Fixture;

fn config(text: &str) -> Config {
    Fixture::named("c.toml", text).var("PATH", "/bin").good().config
}

fn errors(text: &str) -> String {
    Fixture::named("c.toml", text).said().join("\n")
}

#[test]
fn limits_are_read_and_nothing_is_a_limit_unless_it_is_written() {
    let text = "[servers.a]\ncommand = 'x'\n[servers.b]\ncommand = 'x'\nresources = { memory = '512MiB', cpu = 150, processes = 64, open_files = 1024, stderr = '1MiB' }\n";
    let config = config(text);
    let none = Resources { memory: None, cpu: None, processes: None, open_files: None, stderr: 256 * 1024 };
    assert_eq!(config.servers["a"].resources, none);
    let all = Resources {
        memory: Some(512 << 20),
        cpu: Some(150),
        processes: Some(64),
        open_files: Some(1024),
        stderr: 1 << 20,
    };
    assert_eq!(config.servers["b"].resources, all);
    assert_ne!(config.servers["a"].fingerprint(), {
        let mut other = config.servers["a"].clone();
        other.resources = all;
        other.fingerprint()
    });
    let small = "[servers.a]\ncommand = 'x'\nresources = { memory = '1MiB', open_files = 3 }\n";
    let said = errors(small);
    assert!(said.contains("`resources.memory` is out of range") && said.contains("`resources.open_files`"), "{said}");
}

#[test]
fn a_port_is_told_to_the_program() {
    let text =
        "[servers.a]\ncommand = 'x'\nport = 8051\n[servers.b]\ncommand = 'x'\nport = 8052\nenv = { PORT = 'mine' }\n";
    let config = config(text);
    let port = |name: &str| {
        let variables = child_environment(&config.servers[name], &config::Environment::default());
        variables.into_iter().find(|(name, _)| name == "PORT").map(|(_, value)| value)
    };
    assert_eq!((port("a").as_deref(), port("b").as_deref()), (Some("8051"), Some("mine")));
    assert_eq!(config.servers["a"].listens_on(), Some(8051));
}

#[test]
fn a_program_behind_a_url_has_both() {
    let text = "[servers.a]\ncommand = 'x'\nargs = ['y']\nport = 8051\ntype = 'http'\n\
        [servers.b]\ncommand = 'x'\nport = 8052\ntype = 'sse'\n\
        [servers.c]\ncommand = 'x'\nurl = 'http://localhost:8053/api'\nheaders = { A = 'b' }\n\
        [servers.d]\ncommand = 'x'\nurl = 'ws://[::1]:8054/mcp'\n";
    let config = config(text);
    let url = |name: &str| match &config.servers[name].reach {
        Reach::Http { url, dialect, .. } => (url.clone(), Some(*dialect)),
        Reach::WebSocket { url, .. } => (url.clone(), None),
        other => panic!("{other:?}"),
    };
    assert_eq!(url("a"), ("http://127.0.0.1:8051/mcp".into(), Some(HttpDialect::Streamable)));
    assert_eq!(url("b"), ("http://127.0.0.1:8052/sse".into(), Some(HttpDialect::Sse)));
    assert_eq!(url("c"), ("http://localhost:8053/api".into(), Some(HttpDialect::Any)));
    assert_eq!(url("d"), ("ws://[::1]:8054/mcp".into(), None));
    let ports = ["a", "b", "c", "d"].map(|name| config.servers[name].listens_on());
    assert_eq!(ports, [Some(8051), Some(8052), Some(8053), Some(8054)]);
    let runs = config.servers["a"].runs().unwrap();
    assert_eq!((runs.command, runs.args), ("x", &["y".to_owned()][..]));
    // What is shown is read back as the same.
    let again = self::config(&show(&config));
    assert_eq!(again.servers.len(), 4);
    for (name, server) in &config.servers {
        let shown = &again.servers[name];
        assert_eq!((shown.listens_on(), shown.hosted.is_some()), (server.listens_on(), true), "{}", show(&config));
    }
    let moved = text.replace("args = ['y']", "args = ['z']");
    assert_eq!(changes(&config, &self::config(&moved)).changed, ["a"]);
}

#[test]
fn what_cannot_be_is_said() {
    let cases = [
        ("url = 'http://h/mcp'\nport = 1\n", "goes with `command`"),
        ("url = 'http://h/mcp'\nresources.cpu = 5\n", "goes with `command`"),
        ("command = 'x'\nport = 1\nisolation = 'session'\n", "`port` does not go with `isolation`"),
        ("command = 'x'\nurl = 'https://example.com/mcp'\n", "it has both `command` and `url`"),
        ("command = 'x'\ntype = 'http'\n", "the type `http` does not go with `command`"),
        ("command = 'x'\ninstall = ''\n", "`install` is empty"),
        ("command = 'x'\ninstall = \"npm 'ci\"\n", "a command with every quote closed"),
    ];
    for (entry, expected) in cases {
        let said = errors(&format!("[servers.a]\n{entry}"));
        assert!(said.contains(expected), "{entry}: {said}");
    }
    let clash =
        "[servers.a]\ncommand = 'x'\nport = 8051\n[servers.b]\ncommand = 'x'\nurl = 'http://127.0.0.1:8051/mcp'\n";
    assert!(errors(clash).contains("error: the servers `b` and `a` have the same port 8051"), "{}", errors(clash));
    let off = clash.replace("[servers.b]\n", "[servers.b]\nenabled = false\n");
    assert_eq!(errors(&off), "");
}

#[test]
fn an_install_step_is_words_and_no_shell_line() {
    let text = "[servers.a]\ncommand = 'x'\ninstall = \"npm ci --prefix 'a b'\"\ninstall_timeout = '1m'\n\
        [servers.b]\ncommand = 'x'\ninstall = ['uv', 'sync']\n";
    let config = config(text);
    assert_eq!(config.servers["a"].install.0, ["npm", "ci", "--prefix", "a b"]);
    assert_eq!(config.servers["a"].install_timeout, Duration::from_secs(60));
    assert_eq!(config.servers["b"].install.0, ["uv", "sync"]);
}

#[test]
fn what_an_install_step_is_given_in_secret_is_not_shown() {
    let text = "[servers.a]\ncommand = 'x'\ninstall = ['pip', 'install', '--index-url=https://ann:${TOKEN}@host']\n";
    let config = Fixture::named("c.toml", text).var("TOKEN", "secret-value").good().config;
    assert_eq!(config.servers["a"].install[2], "--index-url=https://ann:secret-value@host");
    assert_eq!(config.servers["a"].written.install[2], "--index-url=https://ann:${TOKEN}@host");
    let shown = config::show(&config) + &config::to_json(&config).to_string() + &format!("{config:?}");
    assert!(!shown.contains("secret-value"), "{shown}");
}
