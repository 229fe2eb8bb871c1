//! On which of the last days a tool was used: what is used daily is worth its place in a list.

use protocol::Text;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Days that are looked at.
const WEEK: u32 = 7;
/// On how many of them a tool must have been used.
const DAYS_MIN: u32 = 3;
/// How many tools are pinned for it, at most.
const DAILY_MAX: usize = 10;
/// How many tools are remembered.
const TOOLS_MAX: usize = 512;

/// The days on which a person used tools, by public name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Days(BTreeMap<String, Used>);

/// The last day, counted from 1970, and a bit for each day before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Used {
    last: u32,
    days: u8,
}

// === impl Days ===

impl Days {
    /// The tool was used on `day`. Says whether that is new.
    pub(crate) fn note(&mut self, tool: &Text, day: u32) -> bool {
        let Some(used) = self.0.get_mut(tool.as_str()) else {
            if self.0.len() >= TOOLS_MAX {
                // Tools of this week stay: there are never so many of them.
                self.0.retain(|_, used| used.last + WEEK > day);
            }
            if self.0.len() < TOOLS_MAX {
                self.0.insert(tool.to_string(), Used { last: day, days: 1 });
            }
            return true;
        };
        if day <= used.last {
            return false;
        }
        let passed = day - used.last;
        *used = Used { last: day, days: used.days.checked_shl(passed).unwrap_or(0) | 1 };
        true
    }

    /// What was noted before `self` began comes before it.
    pub(crate) fn follow(&mut self, mut earlier: Self) {
        for (tool, used) in std::mem::take(&mut self.0) {
            earlier.note(&tool.into(), used.last);
        }
        *self = earlier;
    }

    /// The tools that were used on most of the seven days that end with `day`.
    pub(crate) fn daily(&self, day: u32) -> Vec<Text> {
        let counted = self.0.iter().map(|(tool, used)| (used.within(day), tool));
        let mut daily: Vec<(u32, &String)> = counted.filter(|(days, _)| *days >= DAYS_MIN).collect();
        daily.sort_by_key(|(days, tool)| (std::cmp::Reverse(*days), *tool));
        daily.into_iter().take(DAILY_MAX).map(|(_, tool)| Text::from(tool.as_str())).collect()
    }
}

impl Used {
    /// On how many of the seven days that end with `day`.
    fn within(self, day: u32) -> u32 {
        let passed = day.saturating_sub(self.last);
        let week = (1u16 << WEEK) - 1;
        (u16::from(self.days).checked_shl(passed).unwrap_or(0) & week).count_ones()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_on_three_of_seven_days_is_used_daily() {
        let mut days = Days::default();
        for (tool, on) in [("b", [1, 2, 3]), ("a", [1, 2, 2]), ("c", [3, 5, 6])] {
            on.iter().for_each(|day| {
                days.note(&tool.into(), *day);
            });
        }
        assert_eq!(days.daily(6), ["b", "c"].map(Text::from));
        assert_eq!(days.daily(8), ["c"].map(Text::from), "the first day of `b` is eight days ago");
        assert!(days.daily(40).is_empty());
        let mut later = Days::default();
        later.note(&"c".into(), 7);
        later.note(&"d".into(), 7);
        later.follow(days.clone());
        assert_eq!((later.daily(10), later.0.len()), (vec![Text::from("c")], 4), "what was before is remembered");
        assert!(!days.note(&"c".into(), 6), "once a day");
        days.note(&"c".into(), 7);
        assert_eq!(days.daily(8), ["c"].map(Text::from));
        days.note(&"c".into(), 100);
        assert!(days.daily(100).is_empty());
    }

    #[test]
    fn no_more_are_pinned_and_remembered_than_may_be() {
        let mut days = Days::default();
        for tool in 0..TOOLS_MAX + 9 {
            for day in 1..=4 {
                days.note(&format!("t{tool:04}").into(), day);
            }
        }
        assert_eq!((days.daily(4).len(), days.0.len()), (DAILY_MAX, TOOLS_MAX));
        days.note(&"late".into(), 40);
        assert_eq!(days.0.len(), 1);
    }
}
