//! What keys and news make of a state.

use super::super::samples::{
    HOSTILE, SECOND, calls, control, lines, press, server, servers, state, three, tools, typed,
};
use super::*;
use ratatui::crossterm::event::KeyCode;
use serde_json::json;

fn rows(state: &State) -> Vec<String> {
    state.table().map(|table| table.keys()).unwrap_or_default()
}

fn texts(state: &State) -> Vec<String> {
    state.text().unwrap_or_default().into_iter().map(|line| line.text).collect()
}

fn said(state: &State) -> &str {
    state.flash.as_ref().map_or("", |flash| flash.text.as_str())
}

#[test]
fn a_server_is_stopped_only_after_yes() {
    let mut state = state();
    press(&mut state, KeyCode::Down);
    assert_eq!(state.chosen_server().as_deref(), Some("beta"));
    for refusal in [KeyCode::Enter, KeyCode::Esc, KeyCode::Char('n')] {
        control(&mut state, 'k');
        assert!(matches!(&state.mode, Mode::Confirm { way: Way::Stop, server, on_yes: false } if server == "beta"));
        assert_eq!(press(&mut state, refusal), []);
        assert_eq!(state.mode, Mode::Normal);
    }
    control(&mut state, 'd');
    press(&mut state, KeyCode::Tab);
    let stop = Effect::Turn { way: Way::Stop, server: "beta".to_owned() };
    assert_eq!(press(&mut state, KeyCode::Enter), [stop]);
    assert_eq!(said(&state), "stopping beta …");
    typed(&mut state, "r");
    assert_eq!(typed(&mut state, "y"), [Effect::Turn { way: Way::Restart, server: "beta".to_owned() }]);
    state.update(Event::Done(Err("it does not want to".to_owned())), SECOND * 2);
    assert_eq!(said(&state), "it does not want to");
    state.update(Event::Tick, SECOND * 13);
    assert_eq!(said(&state), "");
}

#[test]
fn the_server_of_a_question_is_the_one_that_was_chosen_whatever_comes() {
    let mut state = state();
    press(&mut state, KeyCode::Down);
    control(&mut state, 'k');
    let more = vec![server("aaa", "ready", json!({})), server("gamma", "ready", json!({}))];
    state.update(servers(more), SECOND);
    assert_eq!(typed(&mut state, "y"), [Effect::Turn { way: Way::Stop, server: "beta".to_owned() }]);
}

#[test]
fn the_filter_shows_what_fits_and_esc_takes_it_away() {
    let mut state = state();
    typed(&mut state, "/CRASH");
    assert_eq!(rows(&state), ["beta"]);
    press(&mut state, KeyCode::Enter);
    // Letters are keys again.
    typed(&mut state, "d");
    assert_eq!(state.layer().view, View::Page(Subject::Server("beta".to_owned())));
    press(&mut state, KeyCode::Esc);
    assert_eq!(rows(&state), ["beta"]);
    press(&mut state, KeyCode::Esc);
    assert_eq!(rows(&state), ["alpha", "beta", "gamma"]);
    typed(&mut state, "/!crash");
    assert_eq!(rows(&state), ["alpha", "gamma"]);
    press(&mut state, KeyCode::Esc);
    assert_eq!((rows(&state).len(), &state.mode), (3, &Mode::Normal));
}

#[test]
fn commands_go_where_they_say_and_say_what_is_wrong() {
    let mut state = state();
    typed(&mut state, ":log");
    press(&mut state, KeyCode::Tab);
    typed(&mut state, " be");
    press(&mut state, KeyCode::Tab);
    assert_eq!(state.mode, Mode::Command("logs beta".to_owned()));
    let effects = press(&mut state, KeyCode::Enter);
    assert!(matches!(&effects[..], [Effect::Follow { server: Some(server), .. }] if server == "beta"), "{effects:?}");
    typed(&mut state, ":tols");
    press(&mut state, KeyCode::Enter);
    assert_eq!(said(&state), "there is no command `tols`; did you mean `tools`?");
    typed(&mut state, ":stop alpha");
    press(&mut state, KeyCode::Enter);
    assert!(matches!(&state.mode, Mode::Confirm { way: Way::Stop, server, .. } if server == "alpha"));
    press(&mut state, KeyCode::Esc);
    typed(&mut state, ":q");
    assert_eq!(press(&mut state, KeyCode::Enter), [Effect::Quit]);
    // Deleting more than there is leaves the bar.
    typed(&mut state, ":x");
    press(&mut state, KeyCode::Backspace);
    press(&mut state, KeyCode::Backspace);
    assert_eq!(state.mode, Mode::Normal);
}

#[test]
fn a_log_is_followed_while_it_is_looked_at() {
    let mut state = state();
    let effects = typed(&mut state, "l");
    let Some(Effect::Follow { number, server: Some(whose) }) = effects.first() else { panic!("{effects:?}") };
    assert_eq!(whose, "alpha");
    state.update(lines(*number, &["one", HOSTILE]), SECOND);
    assert_eq!(texts(&state), ["10:00:01 one", "10:00:01 x[2J]0;owned31my z"]);
    // Lines of a log that nobody looks at any more come too late.
    let effects = typed(&mut state, "3");
    assert!(matches!(effects[..], [Effect::Follow { server: None, .. }]), "{effects:?}");
    state.update(lines(*number, &["late"]), SECOND);
    assert!(texts(&state).is_empty());
    // The daemon follows the servers that it has when it is asked: others mean to ask again.
    let effects = state.update(servers(vec![server("alpha", "ready", json!({}))]), SECOND);
    assert!(matches!(effects[..], [Effect::Follow { server: None, .. }]), "{effects:?}");
    assert_eq!(state.update(servers(vec![server("alpha", "asleep", json!({}))]), SECOND), []);
    assert_eq!(typed(&mut state, "1"), [Effect::FollowNothing]);
}

#[test]
fn a_page_is_asked_for_once_and_again_when_its_server_changes() {
    let mut state = state();
    let subject = Subject::Server("alpha".to_owned());
    assert_eq!(press(&mut state, KeyCode::Enter), [Effect::Ask(subject.clone())]);
    assert_eq!(state.text(), None);
    let page = |text: &str| Event::Page(subject.clone(), Ok(vec![Line::new(Tone::Plain, text)]));
    assert_eq!(state.update(page("first"), SECOND), []);
    assert_eq!(texts(&state), ["first"]);
    assert_eq!(state.update(three(), SECOND), [], "nothing that it shows is different");
    let stopped = vec![server("alpha", "stopped", json!({}))];
    assert_eq!(state.update(servers(stopped), SECOND), [Effect::Ask(subject.clone())]);
    assert_eq!(control(&mut state, 'r'), [Effect::Ask(subject.clone())]);
    press(&mut state, KeyCode::Esc);
    state.update(page("late"), SECOND);
    assert_eq!((state.text(), &state.layer().view), (None, &View::Servers));
}

#[test]
fn tools_are_asked_for_when_they_are_looked_at_and_when_they_change() {
    let mut state = state();
    assert_eq!(state.update(Event::News(News::Catalog), SECOND), []);
    assert_eq!(typed(&mut state, "4"), [Effect::AskTools]);
    state.update(tools(), SECOND);
    assert_eq!(rows(&state), ["alpha__search"]);
    assert_eq!(state.update(Event::News(News::Catalog), SECOND), [Effect::AskTools]);
    press(&mut state, KeyCode::Enter);
    assert!(texts(&state).iter().any(|line| line == "Quickly."));
}

#[test]
fn pausing_keeps_what_is_seen_and_goes_on_with_what_came() {
    let mut state = state();
    typed(&mut state, " ");
    state.update(servers(Vec::new()), SECOND);
    assert_eq!((rows(&state).len(), state.is_paused()), (3, true));
    let again = SECOND * 4;
    state.update(Event::News(News::Lost { why: "gone".to_owned(), again }), SECOND);
    assert!(matches!(state.link(), Link::Lost { .. }), "expected a lost daemon to show while paused");
    typed(&mut state, " ");
    assert_eq!((rows(&state).len(), state.is_paused()), (0, false));
}

#[test]
fn the_newest_call_stays_chosen_until_somebody_moves() {
    let mut state = state();
    typed(&mut state, "2");
    assert_eq!(rows(&state), ["3", "2", "1"]);
    press(&mut state, KeyCode::Down);
    press(&mut state, KeyCode::Enter);
    assert_eq!(state.layer().view, View::Page(Subject::Call("2".to_owned())));
    assert!(texts(&state).iter().any(|line| line.contains("the disk is full")));
    press(&mut state, KeyCode::Esc);
    assert_eq!(state.chosen_server().as_deref(), Some("alpha"));
    state.update(calls(), SECOND);
    assert_eq!(state.layer().place.chosen(&rows(&state)), Some("2"));
    typed(&mut state, "g");
    assert_eq!(state.layer().place.chosen(&["4".to_owned(), "3".to_owned()]), Some("4"));
}

#[test]
fn servers_are_sorted_as_it_is_asked() {
    let mut state = state();
    for (key, first) in [("F", "beta"), ("M", "alpha"), ("N", "alpha")] {
        typed(&mut state, key);
        assert_eq!(rows(&state)[0], first, "sorted by {key}");
    }
}

#[test]
fn it_ends_by_every_key_that_people_try() {
    for mode in ["", ":", "/", "s"] {
        let mut state = state();
        typed(&mut state, mode);
        assert_eq!(control(&mut state, 'c'), [Effect::Quit], "after `{mode}`");
    }
    assert_eq!(typed(&mut state(), "q"), [Effect::Quit]);
    assert_eq!(state().update(Event::Gone, SECOND), [Effect::Quit]);
}

#[test]
fn any_keys_in_any_order_break_nothing() {
    let keys: Vec<KeyCode> = "jkgG/:?1234slrcdtyw NCMAFx"
        .chars()
        .map(KeyCode::Char)
        .chain([KeyCode::Enter, KeyCode::Esc, KeyCode::Tab, KeyCode::Backspace, KeyCode::PageDown, KeyCode::PageUp])
        .collect();
    // A generator of the plainest kind: the same keys at every run.
    let mut random: u64 = 7;
    let mut state = state();
    for step in 0..5000_u32 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let key = keys[usize::try_from(random >> 33).unwrap_or_default() % keys.len()];
        press(&mut state, key);
        match step % 50 {
            10 => drop(state.update(servers(Vec::new()), SECOND)),
            20 => drop(state.update(three(), SECOND)),
            30 => drop(state.update(calls(), SECOND)),
            _ => {}
        }
        assert!(state.depth() < LAYERS_MAX);
        let _ = (state.table(), state.text(), state.chosen_server());
    }
}
