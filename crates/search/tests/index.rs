//! The index from outside: the same answers however it came to be, names first, bounded praise.

use proptest::prelude::*;
use search::{Band, Index, Query, Reason, Rules, Tool, Uses, embed};
use std::borrow::Cow;
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq)]
struct Spec {
    id: String,
    server: String,
    name: String,
    description: String,
}

fn spec(server: &str, name: &str, description: &str) -> Spec {
    let id = format!("{server}__{name}");
    Spec { id, server: server.into(), name: name.into(), description: description.into() }
}

impl Spec {
    fn tool(&self) -> Tool<'_> {
        Tool {
            id: &self.id,
            server: &self.server,
            server_title: "",
            server_description: "",
            name: Cow::Borrowed(&self.name),
            description: Cow::Borrowed(&self.description),
            params: Vec::new(),
        }
    }
}

fn office() -> Vec<Spec> {
    vec![
        spec("github", "create_issue", "Create a new issue in a GitHub repository"),
        spec("github", "create_pull_request", "Open a pull request from a branch"),
        spec("github", "search_repositories", "Search for GitHub repositories"),
        spec("github", "list_commits", "List the commits of a branch of a repository"),
        spec("memory", "save_note", "Save a note so that it can be recalled later"),
        spec("memory", "search_notes", "Search the notes that were saved"),
        spec("slack", "post_message", "Send a message to a channel"),
        spec("slack", "list_channels", "List all channels of the workspace"),
        spec("weather", "get_forecast", "Weather forecast for a place and a day"),
        spec("files", "read_file", "Read the contents of a file on disk"),
        spec("files", "write_file", "Write text to a file on disk"),
        spec("calendar", "create_event", "Put an event into a calendar and invite people"),
    ]
}

fn build(specs: &[Spec]) -> Index {
    Index::build(specs.iter().map(Spec::tool))
}

fn ids(index: &Index, text: &str) -> Vec<String> {
    let answer = index.search(&Query { limit: 100, ..Query::new(text) });
    answer.tools.into_iter().map(|hit| hit.id).collect()
}

fn rank(index: &Index, text: &str, id: &str) -> usize {
    ids(index, text).iter().position(|found| found == id).unwrap_or(usize::MAX)
}

#[test]
fn the_sentence_of_the_predecessor_wakes_both_servers_and_a_preference_wakes_none_of_them() {
    let index = build(&office());
    let answer = index.search(&Query::new("I want to work with GitHub repositories and save notes"));
    let chosen: Vec<&str> =
        answer.servers.iter().filter(|server| server.chosen).map(|server| server.server.as_str()).collect();
    assert!(chosen.contains(&"github") && chosen.contains(&"memory"), "{chosen:?}");
    assert_eq!(answer.parts.len(), 2);
    let answer = index.search(&Query::new("I prefer Python"));
    assert!(!answer.servers.iter().any(|server| server.chosen && server.server == "github"), "{answer:?}");
}

#[test]
fn a_name_that_is_written_out_comes_first() {
    let index = build(&office());
    for text in ["files__write_file", "files:write_file", "write_file", "use `write_file` for the weather forecast"] {
        let answer = index.search(&Query::new(text));
        assert_eq!((answer.tools[0].id.as_str(), answer.band), ("files__write_file", Band::Confident), "{text}");
        assert!(matches!(&answer.tools[0].reasons[0], Reason::Exact { .. }), "{text}");
    }
}

#[test]
fn filters_limit_what_is_seen_and_do_not_change_the_order() {
    let index = build(&office());
    let text = "create something new";
    let all = ids(&index, text);
    let only = |id: &str| !id.starts_with("github");
    let found = index.search(&Query { limit: 100, only: Some(&only), ..Query::new(text) });
    let expected: Vec<String> = all.iter().filter(|id| only(id)).cloned().collect();
    assert_eq!(found.tools.iter().map(|hit| hit.id.clone()).collect::<Vec<_>>(), expected);
    assert!(found.servers.iter().all(|server| server.server != "github"));
    let found = index.search(&Query { limit: 100, server: Some("github"), ..Query::new(text) });
    assert_eq!(found.tools.len(), 4);
    assert_eq!(index.search(&Query { server: Some("nobody"), ..Query::new(text) }).tools, []);
}

#[test]
fn other_scripts_are_found_by_their_words() {
    let mut specs = office();
    specs.push(spec("wiki", "search_zh", "搜索维基百科的文章"));
    specs.push(spec("wiki", "search_ru", "Найти файл по имени"));
    let index = build(&specs);
    assert_eq!(ids(&index, "维基百科 文章").first().map(String::as_str), Some("wiki__search_zh"));
    assert_eq!(ids(&index, "найти файл").first().map(String::as_str), Some("wiki__search_ru"));
}

#[test]
fn nothing_fits_an_empty_or_meaningless_text() {
    let index = build(&office());
    for text in ["", "   ", "?!", "the"] {
        assert_eq!(index.search(&Query::new(text)).band, Band::Nothing, "{text:?}");
    }
    assert_eq!(build(&[]).search(&Query::new("create an issue")).band, Band::Nothing);
}

#[test]
fn rules_are_an_override_that_is_shown_and_name_servers_without_tools() {
    let index = build(&office());
    let keywords = BTreeMap::from([
        ("weather".to_owned(), vec!["umbrella".to_owned()]),
        ("asleep".to_owned(), vec!["umbrella".to_owned()]),
    ]);
    let rules = Rules::compile(&keywords, &BTreeMap::new()).unwrap();
    let answer = index.search(&Query { rules: &rules, ..Query::new("do I take an umbrella") });
    assert_eq!(answer.tools[0].id, "weather__get_forecast");
    assert!(answer.tools[0].reasons.contains(&Reason::Rule { rule: "umbrella".to_owned() }));
    let asleep = answer.servers.iter().find(|server| server.server == "asleep").unwrap();
    assert!(asleep.chosen && asleep.tools.is_empty());
}

#[test]
fn uses_lift_what_served_before_but_never_what_does_not_match() {
    let index = build(&office());
    let text = "tell the team that we are done";
    let before = rank(&index, text, "slack__post_message");
    let mut uses = Uses::default();
    for _ in 0..16 {
        uses.note(&embed(text), "slack__post_message", true, 0);
        uses.note(&embed("weather forecast for tomorrow in Berlin"), "files__read_file", true, 0);
    }
    let found = index.search(&Query { uses: Some(&uses), ..Query::new(text) });
    assert_eq!(found.tools[0].id, "slack__post_message", "was {before}");
    assert!(found.tools[0].reasons.iter().any(|reason| matches!(reason, Reason::Use { times: 16, .. })));
    let found = index.search(&Query { uses: Some(&uses), ..Query::new("weather forecast for tomorrow in Berlin") });
    assert_eq!(found.tools[0].id, "weather__get_forecast", "a poisoned log");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn the_order_of_insertion_and_the_way_there_do_not_matter(
        order in Just(office()).prop_shuffle(), text in "(create|search|file|a|message|weather| ){1,6}", changed in 0_usize..12,
    ) {
        let direct = build(&office());
        let query = Query { limit: 100, ..Query::new(&text) };
        let expected = direct.search(&query);
        prop_assert_eq!(&build(&order).search(&query), &expected);
        let mut grown = Index::default();
        let mut names: Vec<&String> = order.iter().map(|spec| &spec.server).collect();
        names.dedup();
        for name in &names {
            // First with a text that is replaced, and with a tool that goes again.
            let mut first: Vec<Spec> = order.iter().filter(|spec| spec.server == **name).cloned().collect();
            first.push(spec(name, "gone", "Create a weather message file"));
            let at = changed % first.len();
            first[at].description.push_str(" search");
            grown = grown.with_server(name, first.iter().map(Spec::tool));
        }
        for name in &names {
            grown = grown.with_server(name, order.iter().filter(|spec| spec.server == **name).map(Spec::tool));
        }
        prop_assert_eq!(&grown.search(&query), &expected);
        prop_assert_eq!(&Index::from_bytes(&grown.to_bytes()).unwrap().search(&query), &expected);
        for name in &names {
            grown = grown.with_server(name, []);
        }
        prop_assert_eq!((grown.len(), grown.search(&query).tools.len()), (0, 0));
    }

    #[test]
    fn garbage_is_no_index(garbage in prop::collection::vec(any::<u8>(), 0..400), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        prop_assert!(Index::from_bytes(&garbage).is_none());
        let mut bytes = build(&office()).to_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(Index::from_bytes(&bytes).is_none());
        bytes.truncate(at);
        prop_assert!(Index::from_bytes(&bytes).is_none());
    }
}

#[test]
fn a_server_that_comes_moves_no_other_tools_meaning() {
    let meaning = |index: &Index| {
        let answer = index.search(&Query { limit: 100, ..Query::new("write down what I said") });
        let cosine = |reasons: &[Reason]| {
            reasons.iter().find_map(|reason| match reason {
                Reason::Meaning { cosine } => Some(cosine.to_bits()),
                _ => None,
            })
        };
        answer.tools.iter().map(|hit| (hit.id.clone(), cosine(&hit.reasons))).collect::<BTreeMap<_, _>>()
    };
    let before = build(&office());
    let new = spec("new", "write_down", "Write down everything that was said, word by word, write, write");
    let after = before.with_server("new", [new.tool()]);
    let (before, after) = (meaning(&before), meaning(&after));
    assert!(before.iter().all(|(id, cosine)| after[id] == *cosine));
}
