//! Showing something again whenever it has changed, until whoever looks ends it or has left. It asks
//! the daemon once a second; what is shown and how is the caller's.

use crate::printer::Printer;
use crate::report::Report;
use std::io::IsTerminal as _;
use std::time::Duration;

/// How often the daemon is asked.
const EVERY: Duration = Duration::from_secs(1);
/// Clears a terminal and goes to its first line.
pub(crate) const CLEAR: &str = "\u{1b}[2J\u{1b}[H";

/// Whether there is a person at a terminal, for whom a page is drawn anew; a line per change is for
/// everybody else.
pub(crate) fn is_page() -> bool {
    std::io::stdout().is_terminal()
}

/// Asks, and shows what came with what came before, whenever that differs.
///
/// # Errors
/// When it can be asked no more.
pub(crate) async fn watch<T: PartialEq>(
    mut ask: impl AsyncFnMut() -> Result<T, Report>,
    mut show: impl FnMut(Option<&T>, &T),
    printer: &Printer,
) -> Result<(), Report> {
    let mut before = None;
    while printer.is_read() {
        let now = ask().await?;
        if before.as_ref() != Some(&now) {
            show(before.as_ref(), &now);
            before = Some(now);
        }
        tokio::time::sleep(EVERY).await;
    }
    Ok(())
}
