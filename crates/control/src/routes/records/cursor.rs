//! Where a list of records goes on: a page of the store, and how many of its lines are left. To whoever
//! carries it, it is a word.

use crate::Problem;
use protocol::ErrorKind;
use std::fmt;

/// A place between two records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor {
    page: i64,
    line: usize,
}

// === impl Cursor ===

impl Cursor {
    /// Before this line of this page.
    pub(super) fn new(page: i64, line: usize) -> Self {
        Self { page, line }
    }

    /// Reads what [`fmt::Display`] wrote.
    ///
    /// # Errors
    /// Anything else.
    pub(super) fn read(text: &str) -> Result<Self, Problem> {
        let read = || {
            let (page, line) = text.strip_prefix('r')?.split_once('-')?;
            let page = i64::from_str_radix(page, 16).ok()?;
            Some(Self { page, line: usize::from_str_radix(line, 16).ok()? })
        };
        let found = read().filter(|cursor| cursor.page >= 0 && cursor.to_string() == text);
        found.ok_or_else(|| {
            let problem = Problem::new(ErrorKind::InvalidParams, "`before` is no cursor of this list");
            problem.hint("take `next` of the answer before as it is, or leave it out to begin with the newest")
        })
    }

    /// Pages before this one are to be read: its own, where lines of it are left.
    pub(super) fn page_after(self) -> i64 {
        if self.line > 0 { self.page.saturating_add(1) } else { self.page }
    }

    /// How many lines of a page are left, of `all` that it has.
    pub(super) fn lines_before(self, page: i64, all: usize) -> usize {
        if page == self.page { self.line.min(all) } else { all }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{:x}-{:x}", self.page, self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is() {
        for cursor in [Cursor::new(0, 0), Cursor::new(77, 999), Cursor::new(i64::MAX, usize::MAX)] {
            assert_eq!(Cursor::read(&cursor.to_string()), Ok(cursor));
        }
        for text in ["", "r", "1-1", "r1", "r-1-1", "r1-", "r1-1 ", "r01-1", "rA-1", "r+1-1", "rffffffffffffffff-0"] {
            assert_eq!(Cursor::read(text).unwrap_err().status, 400, "{text}");
        }
    }

    #[test]
    fn what_is_left_of_a_page_is_read_again_and_a_whole_one_is_not() {
        assert_eq!(Cursor::new(5, 3).page_after(), 6);
        assert_eq!(Cursor::new(5, 0).page_after(), 5);
        assert_eq!((Cursor::new(5, 3).lines_before(5, 9), Cursor::new(5, 3).lines_before(4, 9)), (3, 9));
    }
}
