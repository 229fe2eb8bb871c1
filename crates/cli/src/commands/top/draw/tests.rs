//! What stands on the screen: whole frames of the smallest usual terminal, and of others.

use super::super::facts::News;
use super::super::samples::{HOSTILE, SECOND, control, figures, lines, press, server, servers, state, tools, typed};
use super::super::state::{Effect, Event};
use super::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::KeyCode;
use serde_json::json;

fn drawn(state: &mut State, width: u16, height: u16, has_color: bool) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|canvas| frame(canvas, state, Theme { has_color })).unwrap();
    terminal.backend().buffer().clone()
}

fn text(buffer: &Buffer) -> String {
    let rows = buffer.content.chunks(usize::from(buffer.area.width));
    let row = |cells: &[ratatui::buffer::Cell]| cells.iter().map(ratatui::buffer::Cell::symbol).collect::<String>();
    rows.map(|cells| row(cells).trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

fn screen(state: &mut State) -> String {
    text(&drawn(state, 80, 24, false))
}

#[test]
fn servers_fit_into_80_columns() {
    insta::assert_snapshot!("servers_80", screen(&mut state()));
}

#[test]
fn a_wide_terminal_shows_more() {
    insta::assert_snapshot!("servers_140", text(&drawn(&mut state(), 140, 12, false)));
}

#[test]
fn a_narrow_terminal_shows_less_and_a_tiny_one_says_so() {
    insta::assert_snapshot!("servers_40", text(&drawn(&mut state(), 40, 12, false)));
    assert_eq!(text(&drawn(&mut state(), 30, 3, false)).lines().next(), Some("too small: 40 × 10 at least"));
    for (width, height) in [(1, 1), (40, 10), (41, 11), (200, 80)] {
        for keys in ["", "2", "3", "4", "?", ":lo", "/al"] {
            let mut state = state();
            typed(&mut state, keys);
            drawn(&mut state, width, height, true);
            control(&mut state, 'k');
            drawn(&mut state, width, height, true);
        }
    }
}

#[test]
fn a_question_stands_above_the_list() {
    let mut state = state();
    control(&mut state, 'k');
    insta::assert_snapshot!("question", screen(&mut state));
}

#[test]
fn what_is_typed_is_completed_and_the_cursor_stands_behind_it() {
    let mut state = state();
    typed(&mut state, ":logs al");
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    terminal.draw(|canvas| frame(canvas, &mut state, Theme { has_color: false })).unwrap();
    assert_eq!(terminal.get_cursor_position().unwrap(), (8, 23).into());
    assert_eq!(text(terminal.backend().buffer()).lines().last(), Some(":logs alpha"));
}

#[test]
fn calls_and_one_of_them() {
    let mut state = state();
    typed(&mut state, "2");
    insta::assert_snapshot!("calls", screen(&mut state));
    press(&mut state, KeyCode::Down);
    press(&mut state, KeyCode::Enter);
    insta::assert_snapshot!("call", screen(&mut state));
}

#[test]
fn tools_and_one_of_them() {
    let mut state = state();
    typed(&mut state, "4");
    state.update(tools(), SECOND);
    insta::assert_snapshot!("tools", screen(&mut state));
    press(&mut state, KeyCode::Enter);
    insta::assert_snapshot!("tool", screen(&mut state));
}

#[test]
fn the_keys() {
    let mut state = state();
    typed(&mut state, "?");
    insta::assert_snapshot!("help", screen(&mut state));
}

#[test]
fn the_end_of_a_log_is_seen_and_long_lines_are_wrapped() {
    let mut state = state();
    let effects = typed(&mut state, "l");
    let Some(Effect::Follow { number, .. }) = effects.first() else { panic!("{effects:?}") };
    let many: Vec<String> = (0..100).map(|number| format!("line {number}")).collect();
    let mut many: Vec<&str> = many.iter().map(String::as_str).collect();
    let long = "wide 漢字 ".repeat(20);
    many.extend([long.as_str(), "ERROR at the end"]);
    state.update(lines(*number, &many), SECOND);
    insta::assert_snapshot!("log", screen(&mut state));
    typed(&mut state, "k");
    let up = screen(&mut state);
    assert!(!up.contains("following") && !up.contains("ERROR"), "{up}");
    typed(&mut state, "G");
    assert!(screen(&mut state).contains("following"));
}

#[test]
fn it_says_that_the_daemon_is_gone_and_until_when() {
    let mut state = state();
    let lost = News::Lost { why: "the daemon hung up".to_owned(), again: SECOND * 4 };
    state.update(Event::News(lost), SECOND * 2);
    state.update(Event::Tick, SECOND * 3);
    let first = screen(&mut state).lines().next().unwrap_or_default().to_owned();
    assert!(first.ends_with("STALE: the daemon hung up; again in 3s"), "{first}");
    state.update(figures(), SECOND * 6);
    assert!(screen(&mut state).lines().next().unwrap_or_default().ends_with("live"));
}

#[test]
fn strangers_cannot_steer_the_terminal() {
    let mut state = state();
    let evil = json!({ "reason": HOSTILE, "hint": HOSTILE, "description": HOSTILE, "health_reason": HOSTILE });
    state.update(servers(vec![server("a\u{1b}[2J", HOSTILE, evil)]), SECOND);
    state.update(Event::Done(Err(HOSTILE.to_owned())), SECOND);
    for key in ["1", "2", "l", "d"] {
        typed(&mut state, key);
        control(&mut state, 'k');
        let buffer = drawn(&mut state, 80, 24, true);
        let bad = |letter: char| letter.is_control() || letter == '\u{202e}';
        assert!(!buffer.content.iter().any(|cell| cell.symbol().contains(bad)), "{}", text(&buffer));
        press(&mut state, KeyCode::Esc);
    }
}

#[test]
fn without_colour_there_is_none() {
    use ratatui::style::Color;
    let has_color =
        |buffer: &Buffer| buffer.content.iter().any(|cell| (cell.fg, cell.bg) != (Color::Reset, Color::Reset));
    assert!(has_color(&drawn(&mut state(), 80, 24, true)));
    assert!(!has_color(&drawn(&mut state(), 80, 24, false)));
}

#[test]
fn texts_are_cut_by_cells() {
    assert_eq!([fit("abc", 3), fit("abcd", 3), fit("漢字x", 4), fit("x", 0)], ["abc", "ab…", "漢…", ""]);
    assert_eq!((tail("abcd", 2), tail("漢字", 3)), ("cd".to_owned(), "字".to_owned()));
}
