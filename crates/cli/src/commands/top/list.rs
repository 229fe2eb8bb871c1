//! A place in a list that changes under whoever looks: the line they chose stays chosen wherever
//! it goes. Nothing here knows what the lines are.

/// How a place moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Motion {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
}

/// The chosen line, by its key.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    key: Option<String>,
    /// Where it stood, for when it is gone.
    index: usize,
    /// The first line that is seen.
    top: usize,
}

/// How far a text is scrolled.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Scroll {
    /// The first line that is seen, unless the end is followed.
    top: usize,
    /// Whether the end stays in sight while more comes.
    pub(super) follows: bool,
    /// Lines in all and lines that fit, when it was drawn last.
    lines: usize,
    height: usize,
}

// === impl Place ===

impl Place {
    /// Which line is chosen now, of these keys.
    pub(super) fn index(&self, keys: &[String]) -> usize {
        let chosen = self.key.as_ref().and_then(|chosen| keys.iter().position(|key| key == chosen));
        chosen.unwrap_or(self.index.min(keys.len().saturating_sub(1)))
    }

    /// The key of the chosen line.
    pub(super) fn chosen<'a>(&self, keys: &'a [String]) -> Option<&'a str> {
        keys.get(self.index(keys)).map(String::as_str)
    }

    /// Moves, where `height` lines are seen.
    pub(super) fn shift(&mut self, motion: Motion, keys: &[String], height: usize) {
        let now = self.index(keys);
        let last = keys.len().saturating_sub(1);
        self.index = match motion {
            Motion::Up => now.saturating_sub(1),
            Motion::Down => (now + 1).min(last),
            Motion::PageUp => now.saturating_sub(height),
            Motion::PageDown => (now + height).min(last),
            Motion::First => 0,
            Motion::Last => last,
        };
        self.key = keys.get(self.index).cloned();
    }

    /// Holds no line any more: the first one is chosen, whichever that is.
    pub(super) fn let_go(&mut self) {
        *self = Self::default();
    }

    /// Chooses the line with this key.
    pub(super) fn choose(&mut self, key: &str) {
        self.key = Some(key.to_owned());
    }

    /// Which lines are seen of these where `height` fit: the first one, and the chosen one.
    pub(super) fn window(&mut self, keys: &[String], height: usize) -> (usize, usize) {
        let chosen = self.index(keys);
        self.index = chosen;
        let highest = (chosen + 1).saturating_sub(height);
        self.top = self.top.clamp(highest, chosen).min(keys.len().saturating_sub(height));
        (self.top, chosen)
    }
}

// === impl Scroll ===

impl Scroll {
    /// At the end, where it stays.
    pub(super) fn following() -> Self {
        Self { follows: true, ..Self::default() }
    }

    /// Moves; going up lets the end go, and coming to it again holds it where `may_follow`.
    pub(super) fn shift(&mut self, motion: Motion, may_follow: bool) {
        let last = self.lines.saturating_sub(self.height);
        let now = if self.follows { last } else { self.top.min(last) };
        self.top = match motion {
            Motion::Up => now.saturating_sub(1),
            Motion::Down => (now + 1).min(last),
            Motion::PageUp => now.saturating_sub(self.height),
            Motion::PageDown => (now + self.height).min(last),
            Motion::First => 0,
            Motion::Last => last,
        };
        let is_upward = matches!(motion, Motion::Up | Motion::PageUp | Motion::First);
        self.follows = may_follow && !is_upward && self.top == last;
    }

    /// The first line that is seen, of `lines` where `height` fit.
    pub(super) fn window(&mut self, lines: usize, height: usize) -> usize {
        (self.lines, self.height) = (lines, height);
        let last = lines.saturating_sub(height);
        self.top = if self.follows { last } else { self.top.min(last) };
        self.top
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_chosen_line_stays_chosen_wherever_it_goes() {
        let mut place = Place::default();
        place.shift(Motion::Down, &keys(&["a", "b", "c"]), 10);
        assert_eq!(place.chosen(&keys(&["0", "1", "a", "b"])), Some("b"));
        // Where it is gone, its neighbour is chosen.
        assert_eq!(place.chosen(&keys(&["a", "c"])), Some("c"));
        assert_eq!(place.chosen(&keys(&["a"])), Some("a"));
        assert_eq!(place.chosen(&[]), None);
    }

    #[test]
    fn the_window_moves_no_more_than_it_must() {
        let all: Vec<String> = (0..20).map(|number| number.to_string()).collect();
        let mut place = Place::default();
        assert_eq!(place.window(&all, 5), (0, 0));
        place.shift(Motion::PageDown, &all, 5);
        assert_eq!(place.window(&all, 5), (1, 5));
        place.shift(Motion::Up, &all, 5);
        assert_eq!(place.window(&all, 5), (1, 4));
        place.shift(Motion::Last, &all, 5);
        assert_eq!(place.window(&all, 5), (15, 19));
        assert_eq!(place.window(&all[..3], 5), (0, 2));
    }

    #[test]
    fn the_end_is_followed_until_somebody_scrolls_up() {
        let mut scroll = Scroll::following();
        assert_eq!(scroll.window(30, 10), 20);
        assert_eq!(scroll.window(31, 10), 21);
        scroll.shift(Motion::Up, true);
        assert_eq!((scroll.window(40, 10), scroll.follows), (20, false));
        scroll.shift(Motion::Last, true);
        assert_eq!((scroll.window(50, 10), scroll.follows), (40, true));
    }
}
