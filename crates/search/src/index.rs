//! The index: every tool in a slot, versions that share what did not change.
//!
//! It is immutable; a change makes another one that copies the touched blocks and buckets alone. It
//! deliberately keeps no description: whoever shows a result has the definition.

use crate::entry::{self, Entry, Row, Server};
use crate::postings::{Change, Postings, SLOTS_MAX};
use crate::table::DIM;
use crate::tool::Tool;
use crate::vector::Wide;
use crate::words::Stems;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Tools of a block, which is copied when one of them changes.
pub(crate) const BLOCK: usize = 64;

/// Which tool fits a text. Share it as `Arc<Index>`.
#[derive(Debug, Clone)]
pub struct Index {
    pub(crate) blocks: Vec<Arc<Block>>,
    pub(crate) postings: Postings,
    /// By name.
    pub(crate) servers: Vec<Arc<Server>>,
    len: usize,
}

/// Some tools with their vectors side by side.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Block {
    pub(crate) entries: [Option<Arc<Entry>>; BLOCK],
    pub(crate) rows: Vec<Wide>,
    pub(crate) steps: [f32; BLOCK],
}

/// What a slot is to hold from now on.
type Placed = (u32, Option<(Arc<Entry>, Row)>);

impl Default for Block {
    fn default() -> Self {
        Self { entries: [const { None }; BLOCK], rows: vec![[0; DIM]; BLOCK], steps: [0.0; BLOCK] }
    }
}

impl Default for Index {
    fn default() -> Self {
        Self { blocks: Vec::new(), postings: Postings::empty(), servers: Vec::new(), len: 0 }
    }
}

impl Index {
    /// Reads all tools. The order in which they come does not matter; of two with the same id one
    /// is kept.
    #[must_use]
    pub fn build<'a>(tools: impl IntoIterator<Item = Tool<'a>>) -> Self {
        let mut by_id = BTreeMap::new();
        for tool in tools {
            let key = (tool.id, entry::fingerprint(&tool));
            by_id.insert(key, tool);
        }
        let mut tools: Vec<Tool<'_>> = by_id.into_values().collect();
        tools.dedup_by(|later, first| later.id == first.id);
        tools.truncate(SLOTS_MAX);
        let mut stems = Stems::new();
        let mut names: BTreeMap<&str, (Arc<str>, Vec<u32>)> = BTreeMap::new();
        let mut placed = Vec::with_capacity(tools.len());
        for (at, tool) in tools.iter().enumerate() {
            let (name, slots) = names.entry(tool.server).or_insert_with(|| (tool.server.into(), Vec::new()));
            slots.push(at as u32);
            let (entry, row) = entry::read(tool, name, &mut stems);
            placed.push((at as u32, Some((Arc::new(entry), row))));
        }
        let mut index = Self::default().placed(placed);
        let servers = names.into_values().map(|(name, slots)| Server { name, slots: slots.into() });
        index.servers = servers.map(Arc::new).collect();
        index
    }

    /// The index with `tools` as the tools of `server`, all others as they are. Tools whose texts
    /// are the same as before are not read again; without tools the server is gone.
    #[must_use]
    pub fn with_server<'a>(&self, server: &str, tools: impl IntoIterator<Item = Tool<'a>>) -> Self {
        let mut tools: Vec<Tool<'_>> = tools.into_iter().collect();
        tools.sort_by(|one, other| one.id.cmp(other.id));
        tools.dedup_by(|later, first| later.id == first.id);
        let place = self.servers.binary_search_by(|known| (*known.name).cmp(server));
        let known = place.ok().map(|at| Arc::clone(&self.servers[at]));
        let name = known.as_ref().map_or_else(|| Arc::from(server), |known| Arc::clone(&known.name));
        let mut before: HashMap<&str, (u32, u64)> = HashMap::new();
        for slot in known.iter().flat_map(|known| known.slots.iter()) {
            if let Some(entry) = self.entry(*slot as usize) {
                before.insert(&entry.id, (*slot, entry.fingerprint));
            }
        }
        let mut stems = Stems::new();
        let (mut slots, mut placed) = (Vec::with_capacity(tools.len()), Vec::new());
        let mut free = self.free_slots();
        for tool in &tools {
            let old = before.remove(tool.id);
            let slot = match old {
                Some((slot, _)) => slot,
                None => match free.next() {
                    Some(slot) => slot,
                    None => break,
                },
            };
            slots.push(slot);
            if old.is_none_or(|(_, fingerprint)| fingerprint != entry::fingerprint(tool)) {
                let (entry, row) = entry::read(tool, &name, &mut stems);
                placed.push((slot, Some((Arc::new(entry), row))));
            }
        }
        placed.extend(before.into_values().map(|(slot, _)| (slot, None)));
        let mut next = self.placed(placed);
        let read = (!slots.is_empty()).then(|| Arc::new(Server { name, slots: slots.into() }));
        match (place, read) {
            (Ok(at), Some(read)) => next.servers[at] = read,
            (Ok(at), None) => drop(next.servers.remove(at)),
            (Err(at), Some(read)) => next.servers.insert(at, read),
            (Err(_), None) => {}
        }
        next
    }

    /// How many tools there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no tool.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// About how many bytes of memory it takes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let entries = self.blocks.iter().flat_map(|block| block.entries.iter().flatten());
        let of_entries: usize = entries.map(|entry| 232 + entry.id.len() + 6 * entry.terms.terms.len()).sum();
        let of_blocks = self.blocks.len() * BLOCK * (2 * DIM + 12);
        let of_servers = self.servers.iter().map(|one| 64 + 4 * one.slots.len());
        of_entries + of_blocks + of_servers.sum::<usize>() + self.postings.size_bytes()
    }

    pub(crate) fn entry(&self, slot: usize) -> Option<&Arc<Entry>> {
        self.blocks.get(slot / BLOCK)?.entries[slot % BLOCK].as_ref()
    }

    pub(crate) fn server(&self, name: &str) -> Option<&Arc<Server>> {
        let at = self.servers.binary_search_by(|known| (*known.name).cmp(name)).ok()?;
        self.servers.get(at)
    }

    /// How many slots there are, empty ones included.
    pub(crate) fn slots(&self) -> usize {
        self.blocks.len() * BLOCK
    }

    /// An index of entries that were read before, in slots without gaps.
    pub(crate) fn of_parts(entries: Vec<(Arc<Entry>, Row)>, servers: Vec<Arc<Server>>) -> Self {
        let placed = entries.into_iter().enumerate().map(|(at, made)| (at as u32, Some(made)));
        Self { servers, ..Self::default().placed(placed.collect()) }
    }

    fn free_slots(&self) -> impl Iterator<Item = u32> + use<'_> {
        let full = self.slots();
        let inside = (0..full).filter(|slot| self.entry(*slot).is_none());
        inside.chain(full..SLOTS_MAX).map(|slot| slot as u32)
    }

    /// The index with some slots holding something else; servers are left to the caller.
    fn placed(&self, placed: Vec<Placed>) -> Self {
        let mut changes = Vec::new();
        let mut blocks = self.blocks.clone();
        let mut len = self.len;
        let touched: BTreeSet<usize> = placed.iter().map(|(slot, _)| *slot as usize / BLOCK).collect();
        blocks.resize_with(touched.last().map_or(0, |last| last + 1).max(blocks.len()), Arc::default);
        for (slot, made) in placed {
            let block = Arc::make_mut(&mut blocks[slot as usize / BLOCK]);
            let at = slot as usize % BLOCK;
            let (entry, (row, step)) = made.map_or((None, ([0; DIM], 0.0)), |(entry, row)| (Some(entry), row));
            (block.rows[at], block.steps[at]) = (row, step);
            let old = std::mem::replace(&mut block.entries[at], entry);
            len = len + usize::from(block.entries[at].is_some()) - usize::from(old.is_some());
            push_changes(slot, old.as_deref(), block.entries[at].as_deref(), &mut changes);
        }
        Self { blocks, postings: self.postings.changed(changes), servers: self.servers.clone(), len }
    }
}

/// How the terms of a slot change.
fn push_changes(slot: u32, old: Option<&Entry>, new: Option<&Entry>, changes: &mut Vec<Change>) {
    if let Some(new) = new {
        changes.extend(new.terms.iter().map(|(term, [weight, _])| Change { term, slot, weight: Some(weight) }));
    }
    let Some(old) = old else { return };
    let gone = old.terms.terms.iter().filter(|term| new.is_none_or(|new| new.terms.get(**term).is_none()));
    changes.extend(gone.map(|term| Change { term: *term, slot, weight: None }));
}
