//! Values of secrets are never shown: not in `Debug`, not in `config show`, not under a caret.

use config::{show, to_json};

use crate::fixture::Fixture;

const SECRET: &str = "hunter2-hunter2-hunter2";

fn fixture() -> Fixture {
    let text = r#"
[listen]
token = "${env:THE_SECRET}"

[servers.local]
command = "x"
args = ["--key", "${THE_SECRET}"]
env = { KEY = "${THE_SECRET}", OTHER = "hunter2-hunter2-hunter2" }

[servers."remote one"]
url = "https://h/mcp?key=${THE_SECRET}"
headers = { Authorization = "Bearer ${THE_SECRET}" }

[mcp_servers.codex]
command = "x"
oauth = { client_secret = "hunter2-hunter2-hunter2" }
"#;
    Fixture::named("c.toml", text).var("THE_SECRET", SECRET)
}

#[test]
fn nothing_that_is_printed_holds_a_secret() {
    let fixture = fixture();
    let loaded = fixture.good();
    let printed = [
        format!("{loaded:?}"),
        format!("{:?}", fixture.sources),
        show(&loaded.config),
        to_json(&loaded.config).to_string(),
    ];
    for text in printed {
        assert!(!text.contains(SECRET), "{text}");
    }
}

#[test]
fn what_is_shown_is_toml_again_and_says_where_it_came_from() {
    let fixture = fixture();
    let shown = show(&fixture.good().config);
    assert!(toml::from_str::<toml::Table>(&shown).is_ok(), "{shown}");
    insta::assert_snapshot!(shown);
}

#[test]
fn a_caret_under_a_secret_shows_only_the_reference() {
    let text = format!(
        "[servers.a]\nurl = \"https://h/mcp\"\nheaders = {{ K = \"{SECRET}${{NONE}}\" }}\nwrong = 1\n[listen]\ntoken = \"hunter2\"\n"
    );
    let rendered = Fixture::named("c.toml", &text).rendered();
    assert!(rendered.contains("${NONE}") && !rendered.contains("hunter2"), "{rendered}");
}
