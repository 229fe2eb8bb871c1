//! The question before something is done.

use super::{Theme, fit, width};
use crate::commands::top::rows::plain;
use crate::commands::top::state::Tone;
use crate::commands::turn::Way;
use ratatui::Frame;
use ratatui::layout::{Alignment, Rect};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Clear, Paragraph};

/// Cells of the question at most.
const WIDTH: u16 = 60;
/// Lines of it, with its frame.
const HEIGHT: u16 = 6;

/// Draws the question in the middle of `area`.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, asked: (Way, &str, bool), theme: Theme) {
    let (way, server, on_yes) = asked;
    let what = match way {
        Way::Start => "It is started and waited for.",
        Way::Stop => "Its calls end, and it stays stopped until it is started.",
        Way::Restart => "Its calls end; it is started anew and waited for.",
    };
    let (wide, high) = (WIDTH.min(area.width), HEIGHT.min(area.height));
    let place = Rect::new(area.x + (area.width - wide) / 2, area.y + (area.height - high) / 2, wide, high);
    let room = usize::from(wide).saturating_sub(4);
    let question = format!("{} the server ", way.word());
    let name = fit(&plain(server), room.saturating_sub(width(&question) + 1));
    let button = |text: &'static str, is_chosen: bool| {
        let style = if is_chosen { Theme::chosen() } else { theme.style(Tone::Plain) };
        Span::styled(text, style)
    };
    let text = Text::from(vec![
        Line::from(vec![Span::raw(question), Span::styled(name, theme.style(Tone::Title)), Span::raw("?")]),
        Line::styled(fit(what, room), theme.style(Tone::Faint)),
        Line::raw(""),
        Line::from(vec![button("[ no ]", !on_yes), Span::raw("    "), button("[ yes ]", on_yes)]),
    ]);
    let block = Block::bordered().title(" y / n ").border_style(theme.style(Tone::Warn));
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(text).alignment(Alignment::Center).block(block), place);
}
