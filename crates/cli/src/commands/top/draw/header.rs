//! The first lines: whether the daemon is there, its figures, and the keys to begin with.

use super::{Theme, fit, width};
use crate::commands::top::facts::Link;
use crate::commands::top::rows::{age, plain, size};
use crate::commands::top::state::{State, Tone};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use std::collections::BTreeMap;

/// The states that are counted first; the others follow by name.
const FIRST: &str = "ready";

/// Draws the header.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &State, theme: Theme) {
    let most = usize::from(area.width);
    let (link, tone) = link(state);
    let facts = state.shown();
    let mut name = format!("switchboard {}", plain(&facts.figures.version));
    if !facts.figures.version.is_empty() {
        name.push_str(&format!("  up {}", age(facts.uptime_ms(state.now))));
    }
    if facts.figures.draining {
        name.push_str("  ending");
    }
    let link = fit(&link, most.saturating_sub(width(&name) + 2));
    let gap = " ".repeat(most.saturating_sub(width(&name) + width(&link)));
    let first = Line::from(vec![
        Span::styled(name, theme.style(Tone::Title)),
        Span::raw(gap),
        Span::styled(link, theme.style(tone)),
    ]);
    let (second, tone) = match &facts.figures.configuration {
        Some(wrong) => (format!("the configuration on disk is not in force: {}", plain(wrong)), Tone::Warn),
        None => (figures(state), Tone::Plain),
    };
    let second = Line::styled(fit(&second, most), theme.style(tone));
    let keys = "1 servers  2 calls  3 logs  4 tools  / filter  : command  ? help  q quit";
    let third = Line::styled(fit(keys, most), theme.style(Tone::Faint));
    frame.render_widget(ratatui::text::Text::from(vec![first, second, third]), area);
}

fn link(state: &State) -> (String, Tone) {
    match state.link() {
        Link::Connecting => ("connecting …".to_owned(), Tone::Warn),
        Link::Live => ("live".to_owned(), Tone::Good),
        Link::Lost { why, again_at } => {
            let left = again_at.saturating_sub(state.now).as_millis().div_ceil(1000);
            (format!("STALE: {}; again in {left}s", plain(why)), Tone::Bad)
        }
    }
}

/// The servers by state, and what is known of calls and of the daemon itself.
fn figures(state: &State) -> String {
    let (facts, figures) = (state.shown(), &state.shown().figures);
    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    for known in facts.servers.values() {
        *states.entry(&known.server.state).or_default() += 1;
    }
    let ready = states.remove(FIRST).unwrap_or_default();
    let mut texts = vec![format!("{ready}/{} ready", facts.servers.len())];
    texts.extend(states.iter().map(|(state, count)| format!("{count} {}", plain(state))));
    texts.extend(figures.calls_per_minute.map(|calls| format!("{calls:.0} calls/min")));
    texts.extend(figures.error_rate.map(|rate| format!("errors {:.1}%", rate * 100.0)));
    texts.extend(figures.p95_ms.map(|ms| format!("p95 {ms:.0}ms")));
    texts.extend(figures.in_flight.filter(|calls| *calls > 0).map(|calls| format!("{calls} now")));
    texts.extend(figures.sessions.filter(|sessions| *sessions > 0).map(|sessions| format!("{sessions} sessions")));
    texts.extend(figures.memory_bytes.map(size));
    texts.extend(figures.cpu_percent.map(|percent| format!("{percent:.1}% cpu")));
    texts.join("  ")
}
