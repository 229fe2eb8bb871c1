//! The state as a frame: a header of three lines, the view, and a line for what is typed or said.
//! Everything is drawn from the state alone; nothing is decided here but widths and colours.

mod dialog;

mod header;

mod lines;

mod table;

#[cfg(test)]
mod tests;

use super::state::{Mode, State, Subject, Tone, View};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

/// The least terminal that something sensible can be drawn on.
const LEAST: (u16, u16) = (40, 10);
/// Lines of the header.
const HEADER: u16 = 3;
/// Lines for what there is to say about the chosen row.
const NOTES: u16 = 2;

/// What things look like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Theme {
    pub(super) has_color: bool,
}

// === impl Theme ===

impl Theme {
    fn style(self, tone: Tone) -> Style {
        let colored = |color| if self.has_color { Style::new().fg(color) } else { Style::new() };
        match tone {
            Tone::Plain => Style::new(),
            Tone::Title => colored(Color::Cyan).add_modifier(Modifier::BOLD),
            Tone::Good => colored(Color::Green),
            Tone::Warn => colored(Color::Yellow),
            // It must be seen without colour too.
            Tone::Bad => colored(Color::Red).add_modifier(Modifier::BOLD),
            Tone::Faint => Style::new().add_modifier(Modifier::DIM),
        }
    }

    fn chosen() -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }
}

/// Draws everything.
pub(super) fn frame(frame: &mut Frame<'_>, state: &mut State, theme: Theme) {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let text = format!("too small: {} × {} at least", LEAST.0, LEAST.1);
        frame.render_widget(Line::raw(text), area);
        return;
    }
    let notes = if state.table().is_some() { NOTES } else { 0 };
    let parts = Layout::vertical([
        Constraint::Length(HEADER),
        Constraint::Length(1),
        Constraint::Min(1),
        Constraint::Length(notes),
        Constraint::Length(1),
    ]);
    let [head, title, body, noted, last] = parts.areas(area);
    header::draw(frame, head, state, theme);
    match state.table() {
        Some(list) => table::draw(frame, body, noted, &list, state, theme),
        None => lines::draw(frame, body, state, theme),
    }
    draw_title(frame, title, state, theme);
    draw_last(frame, last, state, theme);
    if let Mode::Confirm { way, server, on_yes } = &state.mode {
        dialog::draw(frame, body, (*way, server, *on_yes), theme);
    }
}

/// What is seen: the view, of which server, how many, through which filter.
fn draw_title(frame: &mut Frame<'_>, area: Rect, state: &State, theme: Theme) {
    let layer = state.layer();
    let of = |server: &Option<String>| server.clone().unwrap_or_else(|| "all".to_owned());
    let name = super::rows::plain(&match &layer.view {
        View::Servers => "servers".to_owned(),
        View::Calls(server) => format!("calls({})", of(server)),
        View::Logs(server) => format!("logs({})", of(server)),
        View::Tools(server) => format!("tools({})", of(server)),
        View::Page(Subject::Server(name)) => format!("server {name}"),
        View::Page(Subject::Config(name)) => format!("config of {name}"),
        View::Page(Subject::Call(_)) => "call".to_owned(),
        View::Page(Subject::Tool(name)) => format!("tool {name}"),
        View::Page(Subject::Help) => "help".to_owned(),
    });
    let count = match state.table() {
        Some(table) if table.rows.len() == table.total => format!("[{}]", table.total),
        Some(table) => format!("[{} of {}]", table.rows.len(), table.total),
        None => String::new(),
    };
    let mut said = format!(" {name}{count} ");
    if !layer.filter.is_empty() {
        said.push_str(&format!("/{} ", layer.filter));
    }
    if matches!(layer.view, View::Logs(_)) && layer.scroll.follows {
        said.push_str("following ");
    }
    if state.is_paused() {
        said.push_str("PAUSED ");
    }
    let said = fit(&said, usize::from(area.width).saturating_sub(2));
    let rule = "─".repeat(usize::from(area.width).saturating_sub(1 + width(&said)));
    let (title, faint) = (theme.style(Tone::Title), theme.style(Tone::Faint));
    let line = Line::from(vec![Span::styled("─", faint), Span::styled(said, title), Span::styled(rule, faint)]);
    frame.render_widget(line, area);
}

/// What is typed, or what happened, or what Esc does.
fn draw_last(frame: &mut Frame<'_>, area: Rect, state: &State, theme: Theme) {
    let most = usize::from(area.width);
    let typed = match &state.mode {
        Mode::Command(line) => Some((format!(":{line}"), state.names())),
        Mode::Filter(_) => Some((format!("/{}", state.layer().filter), Vec::new())),
        Mode::Normal | Mode::Confirm { .. } => None,
    };
    if let Some((line, names)) = typed {
        // The end of a long line is where it is typed.
        let shown = tail(&line, most.saturating_sub(1));
        let cursor = u16::try_from(width(&shown)).unwrap_or(area.width);
        let rest = line.strip_prefix(':').and_then(|line| super::command::completion(line, &names)).unwrap_or_default();
        let spans = vec![Span::raw(shown), Span::styled(rest.to_owned(), theme.style(Tone::Faint))];
        frame.render_widget(Line::from(spans), area);
        frame.set_cursor_position((area.x + cursor, area.y));
        return;
    }
    let (text, tone) = match &state.flash {
        Some(flash) => (super::rows::plain(&flash.text), flash.tone),
        None if state.depth() > 0 => ("Esc goes back".to_owned(), Tone::Faint),
        None => return,
    };
    frame.render_widget(Line::styled(fit(&text, most), theme.style(tone)), area);
}

/// Cells that a text takes.
fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// The begin of a text that fits into so many cells; where something is missing, `…` says so.
fn fit(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let mut fitting = String::new();
    let mut room = most.saturating_sub(1);
    for letter in text.chars() {
        let cells = width(letter.encode_utf8(&mut [0; 4]));
        if cells > room {
            break;
        }
        room -= cells;
        fitting.push(letter);
    }
    if most > 0 {
        fitting.push('…');
    }
    fitting
}

/// The end of a text that fits into so many cells.
fn tail(text: &str, most: usize) -> String {
    let mut from = 0;
    while width(&text[from..]) > most {
        from += text[from..].chars().next().map_or(1, char::len_utf8);
    }
    text[from..].to_owned()
}
