//! What one asker used before: vectors of texts and the tools that served them, never texts.
//!
//! It is a bounded ring that forgets by half every 30 days. What it adds to a tool is capped, and
//! given only to tools that match the text at all, so that no log can promote what does not fit.
//! It belongs to one principal; whoever owns it keeps principals apart.

use crate::vector::Vector;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// How many uses are remembered in all.
const USES_MAX: usize = 2048;

/// How many of them of one tool.
const USES_OF_TOOL_MAX: usize = 16;

/// How many tools are remembered to be used after others, and after how many others.
const NEXT_MAX: usize = 16;
const HAND_OFFS_MAX: usize = 512;

/// A use counts half after this time.
const HALF_LIFE_MS: f32 = 30.0 * 24.0 * 3600.0 * 1000.0;

/// After this time the tool used last is no longer part of what the asker does (ms).
const TASK_MS: u64 = 600_000;

/// Texts must be nearer than this for a use to say something.
const NEAR: f32 = 0.2;

/// How much nearness adds, with few and with [`PROVEN`] successes.
const GAIN: (f32, f32) = (0.5, 1.0);
const PROVEN: u32 = 3;

/// The most that uses add to a tool, of a range of 1.
pub(crate) const BOOST_MAX: f32 = 0.3;

/// What a hand-off adds.
const HAND_OFF_BOOST: f32 = 0.05;

/// A tool's id may be this long in bytes.
const ID_BYTES_MAX: usize = 1024;

const MAGIC: &[u8; 8] = b"SBUSES1\n";

/// What one asker used.
#[derive(Debug, Clone, Default)]
pub struct Uses {
    /// Oldest first.
    uses: VecDeque<Use>,
    next: BTreeMap<Arc<str>, VecDeque<(Arc<str>, u64)>>,
    last: Option<(Arc<str>, u64)>,
}

#[derive(Debug, Clone)]
struct Use {
    text: Vector,
    tool: Arc<str>,
    ok: bool,
    at_ms: u64,
}

/// What uses say of a tool.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Used {
    /// What they add, 0 to [`BOOST_MAX`] and a hand-off's.
    pub(crate) boost: f32,
    /// How near the nearest text was.
    pub(crate) similarity: f32,
    pub(crate) times: u32,
    /// After which tool it is often used.
    pub(crate) after: Option<Arc<str>>,
}

impl Uses {
    /// Notes that `tool` was called for a text, and how it went. The oldest use goes when there are
    /// too many.
    pub fn note(&mut self, text: &Vector, tool: &str, ok: bool, now_ms: u64) {
        if tool.is_empty() || tool.len() > ID_BYTES_MAX {
            return;
        }
        let known = self.uses.iter().find(|used| &*used.tool == tool).map(|used| Arc::clone(&used.tool));
        let tool = known.unwrap_or_else(|| tool.into());
        if self.uses.iter().filter(|used| used.tool == tool).count() >= USES_OF_TOOL_MAX {
            let oldest = self.uses.iter().position(|used| used.tool == tool);
            oldest.and_then(|oldest| self.uses.remove(oldest));
        }
        if self.uses.len() >= USES_MAX {
            self.uses.pop_front();
        }
        self.last = Some((Arc::clone(&tool), now_ms));
        self.uses.push_back(Use { text: text.clone(), tool, ok, at_ms: now_ms });
    }

    /// Notes that `after` was called after `before` in one session.
    pub fn note_hand_off(&mut self, before: &str, after: &str, now_ms: u64) {
        let fits = |id: &str| !id.is_empty() && id.len() <= ID_BYTES_MAX;
        if !fits(before) || !fits(after) {
            return;
        }
        self.last = Some((after.into(), now_ms));
        if before == after {
            return;
        }
        if !self.next.contains_key(before) && self.next.len() >= HAND_OFFS_MAX {
            let newest = |next: &VecDeque<(Arc<str>, u64)>| next.back().map(|(_, at)| *at);
            let stale = self.next.iter().min_by_key(|(_, next)| newest(next)).map(|(before, _)| Arc::clone(before));
            stale.and_then(|stale| self.next.remove(&stale));
        }
        let next = self.next.entry(before.into()).or_default();
        next.retain(|(tool, _)| &**tool != after);
        if next.len() >= NEXT_MAX {
            next.pop_front();
        }
        next.push_back((after.into(), now_ms));
    }

    /// How many uses are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.uses.len()
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.uses.is_empty() && self.next.is_empty()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// What the uses say for a text, by tool.
    pub(crate) fn boosts(&self, text: &Vector, now_ms: u64) -> BTreeMap<&str, Used> {
        let mut tools: BTreeMap<&str, Tally> = BTreeMap::new();
        for used in &self.uses {
            let similarity = text.cosine(&used.text);
            let weight = (-(now_ms.saturating_sub(used.at_ms) as f32) / HALF_LIFE_MS).exp2();
            tools.entry(&used.tool).or_default().add(similarity, weight, used.ok);
        }
        let mut found: BTreeMap<&str, Used> =
            tools.iter().filter_map(|(tool, tally)| Some((*tool, tally.said()?))).collect();
        let last = self.last.as_ref().filter(|(_, at_ms)| now_ms.saturating_sub(*at_ms) <= TASK_MS);
        let next = last.and_then(|(last, _)| Some((last, self.next.get(last)?)));
        if let Some((last, next)) = next {
            for (tool, _) in next {
                let used = found.entry(tool).or_default();
                used.boost += HAND_OFF_BOOST;
                used.after = Some(Arc::clone(last));
            }
        }
        found
    }

    /// The uses as bytes, to be kept. They hold no text.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        put_number(&mut bytes, self.uses.len() as u64);
        for used in &self.uses {
            put_text(&mut bytes, &used.tool);
            put_number(&mut bytes, used.at_ms);
            bytes.push(u8::from(used.ok));
            bytes.extend_from_slice(used.text.as_bytes());
        }
        put_number(&mut bytes, self.next.values().map(VecDeque::len).sum::<usize>() as u64);
        for (before, next) in &self.next {
            for (after, at_ms) in next {
                put_text(&mut bytes, before);
                put_text(&mut bytes, after);
                put_number(&mut bytes, *at_ms);
            }
        }
        bytes
    }

    /// The uses of [`Self::to_bytes`]; none when the bytes are something else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut bytes = bytes.strip_prefix(MAGIC)?;
        let mut uses = Self::default();
        for _ in 0..take_number(&mut bytes)? {
            let tool = take_text(&mut bytes)?;
            let at_ms = take_number(&mut bytes)?;
            let ok = *bytes.split_off_first()? != 0;
            let text = Vector::from_bytes(bytes.split_off(..crate::table::DIM)?)?;
            uses.note(&text, tool, ok, at_ms);
        }
        for _ in 0..take_number(&mut bytes)? {
            let (before, after) = (take_text(&mut bytes)?, take_text(&mut bytes)?);
            uses.note_hand_off(before, after, take_number(&mut bytes)?);
        }
        uses.last = None;
        bytes.is_empty().then_some(uses)
    }
}

/// The uses of one tool, added up.
#[derive(Default)]
struct Tally {
    nearest: f32,
    said: f32,
    all: f32,
    good: f32,
    times: u32,
    successes: u32,
}

impl Tally {
    fn add(&mut self, similarity: f32, weight: f32, ok: bool) {
        self.all += weight;
        self.times += 1;
        if ok {
            self.good += weight;
            self.successes += 1;
            self.nearest = self.nearest.max(similarity);
            self.said = self.said.max((similarity - NEAR).max(0.0) * weight);
        }
    }

    fn said(&self) -> Option<Used> {
        if self.said <= 0.0 || self.all <= 0.0 {
            return None;
        }
        let gain = if self.successes >= PROVEN { GAIN.1 } else { GAIN.0 };
        let boost = (gain * self.said * self.good / self.all).min(BOOST_MAX);
        Some(Used { boost, similarity: self.nearest, times: self.times, after: None })
    }
}

fn put_number(bytes: &mut Vec<u8>, number: u64) {
    bytes.extend_from_slice(&number.to_le_bytes());
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.split_off(..8)?.try_into().ok()?))
}

fn take_text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    let length = u32::from_le_bytes(bytes.split_off(..4)?.try_into().ok()?);
    std::str::from_utf8(bytes.split_off(..length as usize)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector::embed;
    use proptest::prelude::*;

    const DAY: u64 = 24 * 3600 * 1000;

    #[test]
    fn a_use_says_more_the_nearer_the_text_the_fresher_and_the_more_often_it_went_well() {
        let mut uses = Uses::default();
        uses.note(&embed("send the report to my boss"), "mail", true, 0);
        let boost =
            |uses: &Uses, text: &str, now| uses.boosts(&embed(text), now).get("mail").map_or(0.0, |used| used.boost);
        let near = boost(&uses, "send a report to the boss", 0);
        assert!(near > 0.1 && near <= BOOST_MAX, "{near}");
        assert!(boost(&uses, "weather in Paris", 0) < near);
        let old = boost(&uses, "send a report to the boss", 30 * DAY);
        assert!(old < 0.7 * near && old > 0.1, "{old} {near}");
        uses.note(&embed("send the report to my boss"), "mail", false, 0);
        assert!(boost(&uses, "send a report to the boss", 0) < near);
        for _ in 0..100 {
            uses.note(&embed("send a report to the boss"), "mail", true, 0);
        }
        assert!(boost(&uses, "send a report to the boss", 0) <= BOOST_MAX);
        assert_eq!(uses.len(), USES_OF_TOOL_MAX);
    }

    #[test]
    fn the_ring_forgets_the_oldest() {
        let mut uses = Uses::default();
        for at in 0..USES_MAX + 10 {
            uses.note(&embed("x"), &format!("tool{at}"), true, at as u64);
            uses.note_hand_off(&format!("a{at}"), "b", at as u64);
        }
        assert_eq!((uses.len(), uses.next.len()), (USES_MAX, HAND_OFFS_MAX));
        assert!(!uses.uses.iter().any(|used| &*used.tool == "tool9"));
        assert!(!uses.next.contains_key("a9"));
        uses.clear();
        assert!(uses.is_empty());
    }

    #[test]
    fn a_hand_off_counts_within_the_task() {
        let mut uses = Uses::default();
        uses.note_hand_off("search", "read", 0);
        uses.note(&embed("look"), "search", true, 1000);
        let after = |now| uses.boosts(&embed("weather"), now).get("read").and_then(|used| used.after.clone());
        assert_eq!(after(2000).as_deref(), Some("search"));
        assert_eq!(after(2000 + TASK_MS), None);
    }

    #[test]
    fn bytes_and_back() {
        let mut uses = Uses::default();
        uses.note(&embed("one"), "a", true, 5);
        uses.note(&embed("two"), "b", false, 6);
        uses.note_hand_off("a", "b", 7);
        let bytes = uses.to_bytes();
        let back = Uses::from_bytes(&bytes).unwrap();
        assert_eq!((back.len(), back.to_bytes()), (2, bytes.clone()));
        assert_eq!(back.boosts(&embed("one"), 5), Uses { last: None, ..uses }.boosts(&embed("one"), 5));
        assert!(Uses::from_bytes(&bytes[..bytes.len() - 1]).is_none());
        assert!(Uses::from_bytes(b"").is_none());
    }

    proptest! {
        #[test]
        fn garbage_is_refused_without_a_panic(garbage in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = MAGIC.to_vec();
            bytes.extend(garbage);
            let _ = Uses::from_bytes(&bytes);
        }
    }
}
