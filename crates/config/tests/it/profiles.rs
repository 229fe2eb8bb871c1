//! Profiles: read, resolved among the servers, refused where they cannot be meant.

use config::{Exposure, ToolTexts, json_schema, to_json};
use serde_json::Value;

use crate::fixture::Fixture;

const SERVERS: &str = "[servers.GitHub]\ncommand = 'g'\ntags = ['work']\n[servers.memo]\ncommand = 'm'\n";

fn said(text: &str) -> Vec<String> {
    Fixture::named("switchboard.toml", &format!("{text}\n{SERVERS}")).said()
}

#[test]
fn a_profile_is_read_with_everything_that_can_be_said() {
    let text = "[profiles.default]\nexposure = 'auto'\ncontext_budget = 7\ncontext_budgets = { claude = 9 }\n\
                allow = ['a*']\ndeny = ['*b']\nservers = ['github']\ntags = ['work']\npin = ['p']\nresult_tokens_max = 5\n\
                [profiles.default.tools.'github__x']\nname = 'y'\ndescription = 'd'\n[profiles.other]\n";
    let config = Fixture::named("switchboard.toml", &format!("{text}{SERVERS}")).good().config;
    let profile = &config.profiles["default"];
    assert_eq!((profile.exposure, profile.budget(None), profile.budget(Some("claude"))), (Exposure::Auto, 7, 9));
    assert_eq!((profile.budget(Some("x")), profile.result_tokens_max), (7, 5));
    assert_eq!(profile.servers, ["GitHub"], "a public name is understood");
    let texts = ToolTexts { name: Some("y".to_owned()), title: None, description: Some("d".to_owned()) };
    assert_eq!(profile.tools["github__x"], texts);
    assert!(profile.has_server("GitHub", &[]) && !profile.has_server("memo", &[]));
    assert!(profile.has_server("memo", &["work".to_owned()]));
    let other = &config.profiles["other"];
    assert!(other.exposure == Exposure::All && other.has_server("memo", &[]));
    assert_eq!(to_json(&config)["profiles"]["default"]["tools"]["github__x"]["name"], "y");
    assert!(config::show(&config).contains("[profiles.default.tools.github__x]\nname = \"y\"\n"));
}

#[test]
fn what_cannot_be_meant_is_refused_and_what_is_unknown_is_named() {
    let cases = [
        ("[profiles.'a/b']", "error: `a/b` is no name for a profile"),
        (
            "[profiles.p]\nallow = ['[']",
            "error: `profiles.p.allow` holds a broken pattern: unclosed character class; missing ']'",
        ),
        ("[profiles.p]\nexposure = 'some'", "error: `profiles.p.exposure` cannot be `some`"),
        ("[profiles.p]\ncontext_budgets = { c = 'x' }", "error: `profiles.p.context_budgets.c` is no number of tokens"),
        ("[profiles.p]\nshow = 1", "error: unknown key `profiles.p.show`"),
        ("[profiles.p.tools.t]\nname = 'a b'", "error: `a b` is no name that every client takes"),
        (
            "[profiles.p]\nservers = ['githbu']",
            "warning: the profile `p` names the server `githbu`, which there is not",
        ),
        ("[profiles.p]\ntags = ['wrk']", "warning: the profile `p` names the tag `wrk`, which no server has"),
    ];
    for (text, expected) in cases {
        assert_eq!(said(text), [expected], "{text}");
    }
    let fixture = Fixture::named("switchboard.toml", &format!("[profiles.p]\nservers = ['githbu']\n{SERVERS}"));
    assert!(fixture.rendered().contains("did you mean `GitHub`?"), "{}", fixture.rendered());
    assert!(!fixture.load().config.profiles["p"].has_server("memo", &[]), "a wrong name must not come to mean all");
}

#[test]
fn a_project_has_no_profiles() {
    let project = Fixture::new().file("switchboard.toml", "[profiles.default]\ndeny = ['*']\n");
    assert_eq!(project.said(), ["warning: `profiles.default` of a project is not used"]);
    assert!(project.load().config.profiles.is_empty());
}

#[test]
fn every_key_shows() {
    let schema = json_schema();
    let keys = schema["$defs"]["profile"]["properties"].as_object().unwrap();
    let shown = to_json(&Fixture::named("switchboard.toml", "[profiles.p]\n").good().config);
    for key in keys.keys() {
        assert_ne!(shown["profiles"]["p"][key], Value::Null, "{key}");
    }
}
