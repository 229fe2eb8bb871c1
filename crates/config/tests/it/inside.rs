//! Servers inside the program are there without an entry, until somebody wants their names, or
//! does not want them.

use crate::fixture::Fixture;
use config::{Config, Layer, Reach};
use secrecy::ExposeSecret;

const INSIDE: &str = "[servers.cache]\nbuiltin = \"cache\"\n\
                      [servers.web]\nbuiltin = \"web\"\nenv = { KEY = \"${KEY:-}\" }\n";

fn with(text: &str) -> Fixture {
    let mut fixture = Fixture::named("switchboard.toml", text);
    fixture.sources.inside = INSIDE.to_owned();
    fixture
}

fn names(config: &Config) -> Vec<&str> {
    config.servers.keys().map(String::as_str).collect()
}

#[test]
fn they_are_there_without_an_entry() {
    let config = with("").var("KEY", "word").good().config;
    assert_eq!(names(&config), ["cache", "web"]);
    assert_eq!(config.servers["cache"].origin.layer, Layer::Inside);
    assert_eq!(config.servers["cache"].origin.to_string(), "inside this program");
    let Reach::Builtin { builtin, env, .. } = &config.servers["web"].reach else { panic!("no builtin") };
    assert_eq!((builtin.as_str(), env["KEY"].expose_secret()), ("web", "word"));
}

#[test]
fn whoever_declares_the_name_has_it() {
    let fixture = with("[servers.Cache]\ncommand = \"redis-mcp\"\n");
    assert_eq!(fixture.said(), [""; 0]);
    assert_eq!(names(&fixture.good().config), ["Cache", "web"]);
}

#[test]
fn a_setting_or_a_variable_chooses() {
    assert_eq!(names(&with("builtins = [\"web\"]\n").good().config), ["web"]);
    assert_eq!(names(&with("builtins = []\n").good().config), [""; 0]);
    assert_eq!(
        names(&with("builtins = []\n").var("SWITCHBOARD_BUILTINS", "cache, web").good().config),
        ["cache", "web"]
    );
    assert_eq!(names(&with("").var("SWITCHBOARD_BUILTINS", "").good().config), [""; 0]);
}

#[test]
fn an_unknown_name_is_refused_with_those_that_there_are() {
    let fixture = with("builtins = [\"wep\"]\n");
    let said = fixture.said();
    assert_eq!(said, ["error: `builtins` names `wep`, which is no server that is offered without an entry"]);
    assert!(fixture.rendered().contains("there are cache, web"), "{}", fixture.rendered());
}

#[test]
fn a_project_chooses_nothing_of_this() {
    let mut fixture = Fixture::new().file(
        "switchboard.toml",
        "builtins = []\n[state]\nurl = \"postgres://evil/d\"\n[cache]\nurl = \"redis://evil\"\n",
    );
    fixture.sources.inside = INSIDE.to_owned();
    let config = fixture.good().config;
    assert_eq!(names(&config), ["cache", "web"]);
    assert!(config.state.url.is_none() && config.cache.url.is_none());
}

#[test]
fn options_are_kept_with_their_variables_filled_in_and_never_printed() {
    let text = "[servers.files]\nbuiltin = \"files\"\noptions = { roots = [\"${WHERE}/notes\"], depth = 3 }\n";
    let config = with(text).var("WHERE", "/home/ann").good().config;
    let Reach::Builtin { options, .. } = &config.servers["files"].reach else { panic!("no builtin") };
    assert_eq!(options.0["roots"][0], "/home/ann/notes");
    assert_eq!(options.0["depth"], 3);
    assert!(!format!("{config:?}").contains("/home/ann/notes"));
}

#[test]
fn a_url_of_another_kind_is_refused() {
    let fixture = with("[state]\nurl = \"mysql://h/d\"\n");
    assert_eq!(fixture.said(), ["error: `state.url` is none that is known"]);
    assert!(fixture.rendered().contains("postgres://"), "{}", fixture.rendered());
}
