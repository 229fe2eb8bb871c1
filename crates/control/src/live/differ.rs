//! What is different between two pictures of the same things, as whoever draws them sees it. What changes
//! by itself is no difference: ages, times until something, and figures inside of words, which the page
//! works out from when they began. These are functions on values; nothing is looked at here.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The members of a thing.
pub(crate) type Members = Map<String, Value>;

/// Members that grow or shrink without anything happening.
const AGES: &[&str] = &["at", "uptime_ms", "in_state_ms", "next_try_ms"];
/// Members in words, whose figures are such ages: "open for 3 s".
const WORDS: &[&str] = &["breaker", "reason", "hint", "health_reason", "health_action", "text"];

/// The members of `new` that differ from those of `old`, with null for those that are gone.
pub(crate) fn changed(old: &Members, new: &Members) -> Members {
    let mut changed = Members::new();
    for (name, value) in new {
        if !AGES.contains(&name.as_str()) && !old.get(name).is_some_and(|old| is_same(name, old, value)) {
            changed.insert(name.clone(), value.clone());
        }
    }
    let gone = old.keys().filter(|name| !new.contains_key(*name) && !AGES.contains(&name.as_str()));
    changed.extend(gone.map(|name| (name.clone(), Value::Null)));
    changed
}

/// Brings a picture up to date with what [`changed`] said.
pub(crate) fn apply(picture: &mut Members, changed: &Members) {
    for (name, value) in changed {
        if value.is_null() {
            picture.remove(name);
        } else {
            picture.insert(name.clone(), value.clone());
        }
    }
}

/// Whether two things are as good as one.
pub(crate) fn is_alike(old: &Members, new: &Members) -> bool {
    changed(old, new).is_empty()
}

/// The names that are in `old` and not in `new`.
pub(crate) fn gone<T, U>(old: &BTreeMap<String, T>, new: &BTreeMap<String, U>) -> Vec<String> {
    old.keys().filter(|name| !new.contains_key(*name)).cloned().collect()
}

fn is_same(name: &str, old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::String(old), Value::String(new)) if WORDS.contains(&name) => {
            let letters = |text: &str| text.chars().filter(|letter| !letter.is_ascii_digit()).collect::<String>();
            old == new || letters(old) == letters(new)
        }
        (Value::Object(old), Value::Object(new)) => is_alike(old, new),
        (Value::Array(old), Value::Array(new)) => {
            old.len() == new.len() && old.iter().zip(new).all(|(old, new)| is_same(name, old, new))
        }
        _ => old == new,
    }
}

/// A figure that is measured: it is shown anew when it has moved by a step.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Steady(Option<f64>);

impl Steady {
    /// What is shown.
    pub(crate) fn now(self) -> Option<f64> {
        self.0
    }

    /// What is shown after `now` was measured.
    pub(crate) fn shown(&mut self, now: Option<f64>, step: f64) -> Option<f64> {
        let stays = match (self.0, now) {
            (Some(shown), Some(now)) => (shown - now).abs() < step,
            (None, None) => true,
            _ => false,
        };
        if !stays {
            self.0 = now;
        }
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn members(value: Value) -> Members {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn what_changes_by_itself_is_no_change() {
        let old = members(json!({"state": "ready", "uptime_ms": 5, "in_state_ms": 5, "breaker": "open for 3 s: x"}));
        let new = members(json!({"state": "ready", "uptime_ms": 9, "in_state_ms": 9, "breaker": "open for 9 s: x"}));
        assert!(is_alike(&old, &new));
        let nested = |reason: &str, pid: u32| members(json!({"all": [{"reason": reason, "pid": pid}]}));
        assert!(is_alike(&nested("waits (3 s)", 1), &nested("waits (40 s)", 1)));
        assert!(!is_alike(&nested("waits", 1), &nested("waits", 2)));
        assert!(!is_alike(&old, &members(json!({"state": "ready", "breaker": "half-open"}))));
    }

    #[test]
    fn a_figure_moves_in_steps() {
        let mut figure = Steady::default();
        let shown: Vec<_> = [10.0, 10.4, 10.9, 11.0, 10.2].map(|now| figure.shown(Some(now), 1.0)).into();
        assert_eq!(shown, [10.0, 10.0, 10.0, 11.0, 11.0].map(Some));
        assert_eq!(figure.shown(None, 1.0), None);
    }

    fn picture() -> impl Strategy<Value = Members> {
        let value = prop_oneof![
            (0..4_u8).prop_map(Value::from),
            "[ab1]{0,3}".prop_map(Value::from),
            prop::collection::vec(0..3_u8, 0..3).prop_map(Value::from)
        ];
        let name = prop::sample::select(vec!["a", "b", "uptime_ms", "reason", "state"]);
        prop::collection::btree_map(name.prop_map(str::to_owned), value, 0..5)
            .prop_map(|members| members.into_iter().collect())
    }

    proptest! {
        /// Whoever begins with a snapshot and applies every delta sees what there is, as far as it is not
        /// an age; and nothing is sent for what is alike.
        #[test]
        fn a_snapshot_and_its_deltas_are_the_picture(pictures in prop::collection::vec(picture(), 1..12)) {
            let mut sent = pictures[0].clone();
            let mut reader = sent.clone();
            for now in &pictures[1..] {
                let delta = changed(&sent, now);
                apply(&mut reader, &delta);
                apply(&mut sent, &delta);
                prop_assert!(is_alike(&reader, now), "{reader:?} {now:?}");
                prop_assert!(changed(&sent, now).is_empty());
            }
            prop_assert_eq!(reader, sent);
        }
    }
}
