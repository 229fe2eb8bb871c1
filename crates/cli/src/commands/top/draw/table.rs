//! A list: columns as wide as what stands in them, the least important left out where there is no
//! room, and what there is to say about the chosen row.

use super::{NOTES, Theme, fit, width};
use crate::commands::top::rows::{Column, Row, Table};
use crate::commands::top::state::{State, Tone, View};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span, Text};

/// Cells between columns.
const GAP: usize = 1;
/// A column of texts that is made narrower keeps this many cells.
const LEAST: usize = 8;

/// Draws the list and the notes of its chosen row.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, noted: Rect, table: &Table, state: &mut State, theme: Theme) {
    let height = usize::from(area.height).saturating_sub(1).max(1);
    state.height = height;
    let (top, chosen) = state.layer_mut().place.window(&table.keys(), height);
    let rows: Vec<&Row> = table.rows.iter().skip(top).take(height).collect();
    let widths = widths(table.columns, &table.rows, usize::from(area.width));
    let sorted = (state.layer().view == View::Servers).then(|| state.sort.title());
    let mut lines = vec![header(table.columns, &widths, sorted, theme)];
    for (index, row) in rows.iter().enumerate() {
        let line = line(table.columns, row, &widths, theme);
        let is_chosen = top + index == chosen;
        lines.push(if is_chosen { filled(line, area.width).style(Theme::chosen()) } else { line });
    }
    if table.rows.is_empty() {
        let text = if table.total == 0 { table.empty } else { "nothing fits the filter; Esc takes it away" };
        lines.push(Line::styled(fit(text, usize::from(area.width)), theme.style(Tone::Faint)));
    }
    frame.render_widget(Text::from(lines), area);
    if let Some(row) = table.rows.get(chosen) {
        let notes = row.notes.iter().take(usize::from(NOTES));
        let notes = notes.map(|(text, tone)| Line::styled(fit(text, usize::from(noted.width)), theme.style(*tone)));
        frame.render_widget(Text::from_iter(notes), noted);
    }
}

/// How wide each column is; 0 where it is left out.
fn widths(columns: &[Column], rows: &[Row], most: usize) -> Vec<usize> {
    let wanted = |(index, column): (usize, &Column)| {
        let cells = rows.iter().filter_map(|row| row.cells.get(index)).map(|(text, _)| width(text));
        cells.chain([column.title.len()]).max().unwrap_or(0).min(column.width_max)
    };
    let mut widths: Vec<usize> = columns.iter().enumerate().map(wanted).collect();
    let taken = |widths: &[usize]| {
        let shown = widths.iter().filter(|width| **width > 0);
        shown.clone().sum::<usize>() + GAP * shown.count().saturating_sub(1)
    };
    loop {
        let missing = taken(&widths).saturating_sub(most);
        if missing == 0 {
            return widths;
        }
        // What is least important goes; where it is a long text, it is only made shorter.
        let shown = columns.iter().zip(&widths).enumerate().filter(|(_, (_, width))| **width > 0);
        let least = shown.max_by_key(|(index, (column, _))| (column.rank, *index));
        let Some((index, rank)) = least.map(|(index, (column, _))| (index, column.rank)) else { return widths };
        if rank == 0 {
            shorten(columns, &mut widths, missing);
            return widths;
        }
        let width = widths[index];
        let can_shrink = columns[index].width_max > 40 && width.saturating_sub(missing) >= LEAST * 2;
        widths[index] = if can_shrink { width - missing } else { 0 };
    }
}

/// Makes texts that must stay shorter, the widest first.
fn shorten(columns: &[Column], widths: &mut [usize], missing: usize) {
    for _ in 0..missing {
        let texts = columns.iter().zip(widths.iter_mut()).filter(|(column, _)| !column.is_number);
        match texts.map(|(_, width)| width).max() {
            Some(width) if *width > LEAST => *width -= 1,
            _ => return,
        }
    }
}

fn header(columns: &[Column], widths: &[usize], sorted: Option<&str>, theme: Theme) -> Line<'static> {
    let shown = columns.iter().zip(widths).filter(|(_, width)| **width > 0);
    let titles = shown.map(|(column, width)| {
        let tone = if sorted == Some(column.title) { Tone::Title } else { Tone::Faint };
        Span::styled(padded(column.title, *width, column.is_number), theme.style(tone))
    });
    spaced(titles)
}

fn line(columns: &[Column], row: &Row, widths: &[usize], theme: Theme) -> Line<'static> {
    let shown = columns.iter().zip(&row.cells).zip(widths).filter(|(_, width)| **width > 0);
    let cells = shown.map(|((column, (text, tone)), width)| {
        Span::styled(padded(text, *width, column.is_number), theme.style(*tone))
    });
    spaced(cells)
}

fn spaced(cells: impl Iterator<Item = Span<'static>>) -> Line<'static> {
    let mut spans = Vec::new();
    for cell in cells {
        if !spans.is_empty() {
            spans.push(Span::raw(" ".repeat(GAP)));
        }
        spans.push(cell);
    }
    Line::from(spans)
}

fn padded(text: &str, cells: usize, is_number: bool) -> String {
    let text = fit(text, cells);
    let space = " ".repeat(cells.saturating_sub(width(&text)));
    if is_number { format!("{space}{text}") } else { format!("{text}{space}") }
}

/// The line to the end of the screen, so that it is seen as a whole.
fn filled(mut line: Line<'static>, cells: u16) -> Line<'static> {
    let space = usize::from(cells).saturating_sub(line.width());
    line.push_span(Span::raw(" ".repeat(space)));
    line
}
