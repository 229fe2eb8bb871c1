//! What principals called after they had searched: within ten minutes, of what they had found. It is kept
//! as vectors, for each person apart, and deliberately knows no text.
//!
//! While nobody has searched lately, a call costs one load of a number here.

use super::shelf::{Kept, Shelf};
use crate::catalog::Route;
use crate::gateway::Snapshot;
use protocol::{CallContext, Principal, Text};
use search::{Uses, Vector, embed};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::now_ms;
use crate::exposure::Days;

/// How long after a search a call counts as its use (ms).
const AFTER_MS: u64 = 600_000;
/// Searches of one person that are remembered.
const SEARCHES_MAX: usize = 8;
/// People whose uses are remembered.
const PEOPLE_MAX: usize = 256;
/// How long uses gather before they are written.
const WRITE_PAUSE: Duration = Duration::from_secs(2);
/// What stored uses begin with.
const MAGIC: &[u8] = b"switchboard uses 1\n";

/// What is remembered.
#[derive(Default)]
pub(crate) struct Memory {
    /// Until when calls are looked at, in milliseconds since 1970; 0 while nobody has searched.
    until_ms: AtomicU64,
    people: Mutex<BTreeMap<String, Person>>,
    shelf: OnceLock<Arc<dyn Shelf>>,
    /// Whether there is something that was not written.
    dirty: AtomicBool,
    restored: AtomicBool,
}

/// What is remembered of one person.
#[derive(Default)]
struct Person {
    uses: Uses,
    days: Days,
    searches: VecDeque<Search>,
    /// The tool called last, by session.
    last: HashMap<Option<Arc<str>>, Text>,
}

struct Search {
    vector: Vector,
    at_ms: u64,
    /// What was found and not called yet.
    open: Vec<Text>,
    /// What was found.
    found: Vec<Text>,
}

/// A call that is the use of a search, if it succeeds.
#[derive(Debug)]
pub(crate) struct Noted {
    person: String,
    session: Option<Arc<str>>,
    tool: Text,
}

// === impl Memory ===

impl Memory {
    pub(super) fn keep(&self, shelf: Arc<dyn Shelf>) {
        // As in the finder: the first counts.
        let _ = self.shelf.set(shelf);
    }

    /// Whether somebody has searched lately.
    pub(crate) fn is_watching(&self) -> bool {
        let until = self.until_ms.load(Ordering::Relaxed);
        until != 0 && now_ms() < until
    }

    /// Somebody searched and found these.
    pub(super) fn asked(&self, principal: &Principal, text: &str, found: Vec<Text>, now_ms: u64) {
        if found.is_empty() {
            return;
        }
        self.until_ms.store(now_ms + AFTER_MS, Ordering::Relaxed);
        let mut people = self.lock();
        let Some(person) = person(&mut people, principal) else { return };
        if person.searches.len() >= SEARCHES_MAX {
            person.searches.pop_front();
        }
        person.searches.push_back(Search { vector: embed(text), at_ms: now_ms, open: found.clone(), found });
    }

    /// The call that is about to be made, when its tool was found lately by whoever calls.
    pub(crate) fn noted(&self, snapshot: &Snapshot, route: &Route, context: &CallContext) -> Option<Box<Noted>> {
        let person = Principal::person(context.principal.as_str());
        let people = self.lock();
        let known = people.get(person)?;
        let is_it = |id: &&Text| {
            let found = snapshot.catalog.all.tool(id);
            found.is_some_and(|found| found.server == route.server && found.own == route.own)
        };
        let tool = known.searches.iter().rev().flat_map(|search| &search.found).find(is_it)?.clone();
        Some(Box::new(Noted { person: person.to_owned(), session: context.session.clone(), tool }))
    }

    /// The call has ended.
    pub(crate) fn called(self: &Arc<Self>, noted: Noted, ok: bool, now_ms: u64) {
        let mut people = self.lock();
        let Some(person) = people.get_mut(&noted.person) else { return };
        person.searches.retain(|search| search.at_ms + AFTER_MS > now_ms);
        let of_it = |search: &&mut Search| search.open.contains(&noted.tool);
        if let Some(search) = person.searches.iter_mut().rev().find(of_it) {
            // One search says once that the tool was meant.
            search.open.retain(|open| *open != noted.tool);
            person.uses.note(&search.vector, &noted.tool, ok, now_ms);
        }
        if ok {
            if person.last.len() >= SEARCHES_MAX && !person.last.contains_key(&noted.session) {
                person.last.clear();
            }
            let before = person.last.insert(noted.session, noted.tool.clone());
            if let Some(before) = before.filter(|before| *before != noted.tool) {
                person.uses.note_hand_off(&before, &noted.tool, now_ms);
            }
        }
        drop(people);
        self.changed();
    }

    /// Does something with what `principal` used.
    pub(super) fn with<T>(&self, principal: &Principal, work: impl FnOnce(Option<&Uses>) -> T) -> T {
        let people = self.lock();
        work(people.get(Principal::person(principal.as_str())).map(|person| &person.uses))
    }

    /// `principal` called the tool of this public name, on this day since 1970.
    pub(crate) fn used(self: &Arc<Self>, principal: &Principal, public: &Text, day: u32) {
        let mut people = self.lock();
        let new = person(&mut people, principal).is_some_and(|person| person.days.note(public, day));
        drop(people);
        if new {
            self.changed();
        }
    }

    /// Public names of the tools that `principal` uses daily, as of this day.
    pub(crate) fn daily(&self, principal: &Principal, day: u32) -> Vec<Text> {
        let people = self.lock();
        let known = people.get(Principal::person(principal.as_str()));
        known.map(|person| person.days.daily(day)).unwrap_or_default()
    }

    /// Brings back what an earlier run kept. Blocks: not for threads that answer.
    pub(crate) fn restore(&self, shelf: Option<&dyn Shelf>) {
        if self.restored.swap(true, Ordering::AcqRel) {
            return;
        }
        let Some(stored) = shelf.and_then(|shelf| shelf.read(Kept::Uses)).and_then(|bytes| read(&bytes)) else {
            return;
        };
        let mut people = self.lock();
        for (name, uses, days) in stored.into_iter().take(PEOPLE_MAX) {
            let person = people.entry(name).or_default();
            person.days.follow(days);
            person.uses = uses;
        }
    }

    /// Whether what an earlier run kept is here.
    pub(crate) fn is_restored(&self) -> bool {
        self.restored.load(Ordering::Acquire)
    }

    /// Where things are kept.
    pub(crate) fn shelf(&self) -> Option<&Arc<dyn Shelf>> {
        self.shelf.get()
    }

    /// Has it written a little later: calls come in bursts.
    fn changed(self: &Arc<Self>) {
        if self.shelf.get().is_none() || self.dirty.swap(true, Ordering::AcqRel) {
            return;
        }
        let memory = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(WRITE_PAUSE).await;
            memory.write().await;
        });
    }

    /// Writes what was not written yet.
    pub(crate) async fn write(self: &Arc<Self>) {
        let memory = self.clone();
        let write = move || {
            if let Some(shelf) = memory.shelf.get()
                && memory.dirty.swap(false, Ordering::AcqRel)
            {
                // What was kept and nobody asked for yet must not be lost.
                memory.restore(Some(&**shelf));
                shelf.write(Kept::Uses, &memory.to_bytes());
            }
        };
        // A runtime that ends writes no more.
        let _ = tokio::task::spawn_blocking(write).await;
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let mut part = |part: &[u8]| {
            bytes.extend(u32::try_from(part.len()).unwrap_or(0).to_le_bytes());
            bytes.extend(part);
        };
        for (name, person) in &*self.lock() {
            part(name.as_bytes());
            part(&person.uses.to_bytes());
            part(&serde_json::to_vec(&person.days).unwrap_or_default());
        }
        bytes
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Person>> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The entry of a person; none where there are too many already.
fn person<'a>(people: &'a mut BTreeMap<String, Person>, principal: &Principal) -> Option<&'a mut Person> {
    let name = Principal::person(principal.as_str());
    if people.len() >= PEOPLE_MAX && !people.contains_key(name) {
        return None;
    }
    Some(people.entry(name.to_owned()).or_default())
}

/// Bytes of [`Memory::to_bytes`]; what is none of them is nothing.
fn read(bytes: &[u8]) -> Option<Vec<(String, Uses, Days)>> {
    let mut rest = bytes.strip_prefix(MAGIC)?;
    let mut part = || {
        let (size, after) = rest.split_first_chunk::<4>()?;
        let (part, after) = after.split_at_checked(usize::try_from(u32::from_le_bytes(*size)).ok()?)?;
        rest = after;
        Some(part)
    };
    let mut people = Vec::new();
    while let Some(name) = part() {
        let (uses, days) = (part()?, part()?);
        let name = String::from_utf8(name.to_vec()).ok()?;
        people.push((name, Uses::from_bytes(uses)?, serde_json::from_slice(days).ok()?));
    }
    Some(people)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(memory: &Memory, who: &str, text: &str, found: &[&'static str], at_ms: u64) {
        let found = found.iter().map(|name| Text::from_static(name)).collect();
        memory.asked(&Principal::new(who), text, found, at_ms);
    }

    fn call(memory: &Arc<Memory>, tool: &'static str, at_ms: u64) {
        let noted = Noted { person: "local".to_owned(), session: None, tool: Text::from_static(tool) };
        memory.called(noted, true, at_ms);
    }

    fn uses(memory: &Memory, who: &str) -> usize {
        memory.with(&Principal::new(who), |uses| uses.map_or(0, Uses::len))
    }

    #[test]
    fn one_search_says_once_what_was_meant_and_only_for_a_while() {
        let memory = Arc::new(Memory::default());
        asked(&memory, "local", "open an issue", &["a", "b"], 1000);
        call(&memory, "a", 2000);
        call(&memory, "a", 3000);
        assert_eq!(uses(&memory, "token"), 1, "whichever door the person came in by");
        assert_eq!(uses(&memory, "bob"), 0);
        asked(&memory, "local", "close it", &["b"], 4000);
        call(&memory, "b", 4000 + AFTER_MS);
        assert_eq!(uses(&memory, "local"), 1, "that was too late");
    }

    #[test]
    fn what_is_kept_comes_back_and_damaged_bytes_are_nothing() {
        let memory = Arc::new(Memory::default());
        asked(&memory, "bob", "x", &["a"], 1000);
        memory.called(Noted { person: "bob".to_owned(), session: None, tool: "a".into() }, true, 1000);
        memory.lock().get_mut("bob").unwrap().days.note(&"t".into(), 20_000);
        let bytes = memory.to_bytes();
        let people = read(&bytes).unwrap();
        assert_eq!((people.len(), people[0].0.as_str(), people[0].1.len()), (1, "bob", 1));
        for end in [0, 3, MAGIC.len() + 2, bytes.len() - 1] {
            assert!(read(&bytes[..end]).is_none_or(|people| people.is_empty()), "{end}");
        }
    }
}
