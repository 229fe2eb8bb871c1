//! What a person reads when a file is broken: all problems at once, each with its place and hint.

use proptest::prelude::*;

use crate::fixture::Fixture;

const BROKEN_TOML: &str = r#"roots = ["/home/ann"]
colour = "blue"

[listen]
address = "0.0.0.0:7420"
adress = "localhost:1"
public_url = "mcp.example.com"

[limits]
depth_max = 100000
body_bytes_max = "4 megs"
session_idle_timeout = true
sesions_max = 5

[servers.both]
command = "node"
url = "https://example.com/mcp"

[servers.neither]
description = "nothing to run"

[servers.GitHub]
comand = "github-mcp-server"
command = "github-mcp-server"
args = ["stdio", 8080]
restart = "allways"
startup_timeout = "soon"

[servers.github]
command = "npx -y github"
env = { TOKEN = "${MISSING_TOKEN}", PLAIN = "hunter2" }
tools.allow = ["issue_["]

[servers.old]
type = "tcp"
url = "https://example.com/sse"

[servers.vault]
url = "https://example.com/mcp"
headers = { Authorization = "Bearer ${keyring:vault}" }
request_timeout = "5m"
request_timeout_max = "1m"

[servers."!!!"]
command = "x"
disabled = true
enabled = true
"#;

const BROKEN_JSON: &str = r#"{
  "mcpServers": {
    // One entry per thing that goes wrong.
    "twice": { "command": "a", "args": [], "command": "b" },
    "both": { "command": "a", "url": "https://example.com/mcp" },
    "array": { "command": ["npx", "-y", "x"] },
    "list": [],
    "token": { "url": "https://example.com/mcp", "headers": { "X-Key": "secret ${input:api-key}" } },
    "socket": { "type": "ws", "url": "wss://example.com" },
    "kept": { "command": "a", "autoApprove": ["x"], "args": ["--port", 8080], },
    "local": { "url": "ftp://example.com" },
  },
  "theme": "dark",
}
"#;

#[test]
fn a_broken_toml_file_is_explained_at_once() {
    let fixture = Fixture::named("switchboard.toml", BROKEN_TOML);
    insta::assert_snapshot!(fixture.rendered());
}

#[test]
fn a_broken_json_file_is_explained_at_once() {
    let fixture = Fixture::named("mcp.json", BROKEN_JSON);
    insta::assert_snapshot!(fixture.rendered());
}

#[test]
fn syntax_errors_have_a_place_and_do_not_hide_the_rest() {
    let toml = "[servers.a]\ncommand = \"x\nargs = []\n\n[servers.b]\ncomand = 1\n[servers.b]\n";
    let fixture = Fixture::named("switchboard.toml", toml);
    insta::assert_snapshot!("syntax_toml", fixture.rendered());
    let fixture = Fixture::named("mcp.json", "{\n  \"mcpServers\": {\n    \"a\": { \"command\" \"x\" }\n  }\n}\n");
    insta::assert_snapshot!("syntax_json", fixture.rendered());
}

#[test]
fn a_diagnostic_as_json_has_its_place() {
    let fixture = Fixture::named("switchboard.toml", "[servers.a]\ncomand = \"x\"\ncommand = \"x\"\n");
    insta::assert_json_snapshot!(fixture.load().diagnostics);
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let fixture = Fixture::new().config("absent.toml");
    assert!(fixture.load().has_errors());
    insta::assert_snapshot!(fixture.rendered(), @r"
    error: the configuration file cannot be read: it does not exist
      in absent.toml
    hint: check the path after --config
    ");
}

#[test]
fn a_byte_order_mark_and_comments_are_fine() {
    let text = "\u{feff}{ /* one */ \"mcpServers\": { \"a\": { \"command\": \"x\", }, }, } // end";
    let loaded = Fixture::named("mcp.json", text).good();
    assert!(loaded.config.servers.contains_key("a"));
    let loaded = Fixture::named("s.toml", "\u{feff}[servers.a]\ncommand = \"x\"\n").good();
    assert!(loaded.config.servers.contains_key("a"));
}

#[test]
fn control_characters_of_a_file_do_not_reach_the_terminal() {
    let fixture = Fixture::named("switchboard.toml", "\"\\u001b[31mred\" = 1\n");
    assert!(!fixture.rendered().contains('\u{1b}'));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_text_is_loaded_and_rendered_without_a_panic(text in any_config(), json: bool) {
        let name = if json { "x.json" } else { "x.toml" };
        let fixture = Fixture::named(name, &text);
        for diagnostic in fixture.load().diagnostics {
            let _ = (diagnostic.render(false), diagnostic.render(true));
        }
    }
}

/// Plain noise, and noise put into files that nearly work.
fn any_config() -> impl Strategy<Value = String> {
    let mutated = |base: &'static str| {
        let boundaries: Vec<usize> = base.char_indices().map(|(at, _)| at).collect();
        let places = prop::sample::select(boundaries);
        (places.clone(), places, "\\PC{0,4}|[\"\\[\\]{}=,\n$é\0]{0,4}").prop_map(move |(from, to, noise)| {
            let (from, to) = (from.min(to), from.max(to));
            format!("{}{noise}{}", &base[..from], &base[to..])
        })
    };
    prop_oneof![".*", mutated(BROKEN_TOML), mutated(BROKEN_JSON)]
}

#[test]
fn deep_nesting_is_refused_and_does_not_exhaust_the_stack() {
    let deep = 100_000;
    let cases = [
        ("c.toml", format!("a = {}", "[".repeat(deep))),
        ("c.toml", format!("{}a = 1", "a.".repeat(deep))),
        ("c.toml", format!("[{}a]\nb = 1", "a.".repeat(deep))),
        ("c.json", "[".repeat(deep)),
        ("c.json", "{\"a\":".repeat(deep)),
    ];
    for (name, text) in cases {
        let start: String = text.chars().take(8).collect();
        assert!(Fixture::named(name, &text).load().has_errors(), "{start}");
    }
}
