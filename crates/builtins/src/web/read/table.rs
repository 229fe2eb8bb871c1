//! Tables of data as Markdown tables; tables that only lay a page out are none.
//!
//! Cells that span columns or rows leave the places that they cover empty.

use super::inline::{Inline, is_hidden};
use super::tree::{Id, Tree};

/// The widest table that is written as one.
const COLUMNS_MAX: usize = 40;
/// The longest cell that a table of data has, in bytes.
const CELL_BYTES_MAX: usize = 600;

/// The table at `id`, or nothing when it is no table of data.
pub(super) fn read(tree: &Tree, id: Id, inline: &Inline<'_>) -> Option<String> {
    if matches!(tree.attribute(id, "role"), Some("presentation" | "none")) {
        return None;
    }
    let whole = tree.below(id, |_| true).skip(1);
    for inner in whole {
        if matches!(tree.name(inner), Some("table" | "h1" | "h2" | "h3" | "pre" | "ul" | "ol" | "blockquote")) {
            return None;
        }
    }
    let rows = rows(tree, id, inline)?;
    let width = rows.iter().map(Vec::len).max().filter(|width| (2..=COLUMNS_MAX).contains(width))?;
    let mut out = String::new();
    for (index, row) in rows.iter().enumerate() {
        out.push('|');
        for column in 0..width {
            out.push(' ');
            out.push_str(row.get(column).map_or("", String::as_str));
            out.push_str(" |");
        }
        out.push('\n');
        if index == 0 {
            out.push('|');
            out.push_str(&" --- |".repeat(width));
            out.push('\n');
        }
    }
    Some(out)
}

fn rows(tree: &Tree, id: Id, inline: &Inline<'_>) -> Option<Vec<Vec<String>>> {
    let mut rows = Vec::new();
    // How many more rows each column is covered for.
    let mut covered: Vec<usize> = Vec::new();
    for row in tree.below(id, |_| true).filter(|id| tree.name(*id) == Some("tr") && !is_hidden(tree, *id)) {
        let mut cells = Vec::new();
        let mut cover = |cells: &mut Vec<String>| {
            while let Some(left) = covered.get_mut(cells.len()).filter(|left| **left > 0) {
                *left -= 1;
                cells.push(String::new());
            }
        };
        let mut spans = Vec::new();
        for cell in tree.children(row).filter(|id| matches!(tree.name(*id), Some("td" | "th"))) {
            cover(&mut cells);
            let text = inline.line(cell).replace('|', "\\|");
            if text.len() > CELL_BYTES_MAX {
                return None;
            }
            let span = |name| tree.attribute(cell, name).and_then(|count| count.trim().parse().ok()).unwrap_or(1_usize);
            let (columns, down) = (span("colspan").clamp(1, COLUMNS_MAX), span("rowspan").clamp(1, 1000));
            for column in 0..columns {
                if down > 1 {
                    spans.push((cells.len(), down - 1));
                }
                cells.push(if column == 0 { text.clone() } else { String::new() });
            }
            if cells.len() > COLUMNS_MAX {
                return None;
            }
        }
        cover(&mut cells);
        for (column, down) in spans {
            covered.resize(covered.len().max(column + 1), 0);
            covered[column] = down;
        }
        if cells.iter().any(|cell| !cell.is_empty()) {
            rows.push(cells);
        }
    }
    (!rows.is_empty()).then_some(rows)
}
