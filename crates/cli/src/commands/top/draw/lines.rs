//! A text: the log or a page, wrapped or cut, and how far it is scrolled.

use super::{Theme, fit, width};
use crate::commands::top::pages;
use crate::commands::top::state::{State, Tone, View};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Text};

/// Draws the text on top.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &mut State, theme: Theme) {
    let Some(lines) = state.text() else {
        frame.render_widget(Line::styled("asking …", theme.style(Tone::Faint)), area);
        return;
    };
    let (most, height) = (usize::from(area.width), usize::from(area.height));
    let shown: Vec<(String, Tone)> = match state.layer().wraps {
        true => lines.iter().flat_map(|line| wrapped(line, most)).collect(),
        false => lines.iter().map(|line| (fit(&line.text, most), line.tone)).collect(),
    };
    let top = state.layer_mut().scroll.window(shown.len(), height);
    if shown.is_empty() {
        let text = match (&state.layer().view, state.layer().filter.is_empty()) {
            (_, false) => "nothing fits the filter; Esc takes it away",
            (View::Logs(_), true) => "nothing was logged yet: lines show as they come",
            (_, true) => "",
        };
        frame.render_widget(Line::styled(fit(text, most), theme.style(Tone::Faint)), area);
        return;
    }
    let seen = shown.into_iter().skip(top).take(height);
    frame.render_widget(Text::from_iter(seen.map(|(text, tone)| Line::styled(text, theme.style(tone)))), area);
}

/// A line in pieces that fit.
fn wrapped(line: &pages::Line, most: usize) -> Vec<(String, Tone)> {
    if width(&line.text) <= most {
        return vec![(line.text.clone(), line.tone)];
    }
    let mut pieces = vec![(String::new(), line.tone)];
    let mut room = most;
    for letter in line.text.chars() {
        let cells = width(letter.encode_utf8(&mut [0; 4]));
        if cells > room {
            pieces.push((String::new(), line.tone));
            room = most;
        }
        room = room.saturating_sub(cells);
        if let Some((piece, _)) = pieces.last_mut() {
            piece.push(letter);
        }
    }
    pieces
}
