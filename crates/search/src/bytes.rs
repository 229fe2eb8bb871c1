//! An index as bytes, so that a start does not read every tool again.
//!
//! It is a cache of this version of this program: other bytes, older ones and broken ones give
//! nothing, and then the index is built anew. Lists of postings are not kept; they follow from the
//! tools.

use crate::entry::{Entry, Narrow, Server, Terms};
use crate::index::{BLOCK, Index};
use crate::postings::SLOTS_MAX;
use crate::table::DIM;
use crate::vector::{narrowed, widened};
use crate::words::Term;
use std::sync::Arc;

/// Changes whenever entries are made in another way, or the table is another one.
const MAGIC: &[u8; 8] = b"SBINDEX1";

impl Index {
    /// The index as bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut content = Vec::with_capacity(self.size_bytes());
        put(&mut content, self.len());
        // Slots are numbered anew, without gaps.
        let mut numbers = vec![u32::MAX; self.slots()];
        let mut next = 0;
        for (slot, number) in numbers.iter_mut().enumerate() {
            let Some(entry) = self.entry(slot) else { continue };
            (*number, next) = (next, next + 1);
            let block = &self.blocks[slot / BLOCK];
            put_text(&mut content, &entry.id);
            content.extend_from_slice(&entry.fingerprint.to_le_bytes());
            put_terms(&mut content, &entry.terms);
            put_row(&mut content, &entry.told);
            put_row(&mut content, &(narrowed(&block.rows[slot % BLOCK]), block.steps[slot % BLOCK]));
        }
        put(&mut content, self.servers.len());
        for server in &self.servers {
            put_text(&mut content, &server.name);
            put(&mut content, server.slots.len());
            for slot in &server.slots {
                content.extend_from_slice(&numbers[*slot as usize].to_le_bytes());
            }
        }
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&checksum(&content).to_le_bytes());
        bytes.extend_from_slice(&content);
        bytes
    }

    /// The index of [`Self::to_bytes`]; none when the bytes are something else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (sum, content) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<8>()?;
        if checksum(content) != u64::from_le_bytes(*sum) {
            return None;
        }
        let mut reader = Reader(content);
        let count = reader.number().filter(|count| *count <= SLOTS_MAX)?;
        let nobody: Arc<str> = Arc::from("");
        let mut read = Vec::new();
        for _ in 0..count {
            let id = reader.text()?.into();
            let fingerprint = u64::from_le_bytes(*reader.chunk()?);
            let terms = reader.terms()?;
            let (told, (row, step)) = (reader.row()?, reader.row()?);
            read.push((Entry { id, server: Arc::clone(&nobody), fingerprint, terms, told }, (widened(&row), step)));
        }
        let mut servers: Vec<Arc<Server>> = Vec::new();
        for _ in 0..reader.number()? {
            let name: Arc<str> = reader.text()?.into();
            if servers.last().is_some_and(|before| before.name >= name) {
                return None;
            }
            let slots = reader.numbers()?;
            for slot in &slots {
                let owner = &mut read.get_mut(*slot as usize)?.0.server;
                if !Arc::ptr_eq(owner, &nobody) {
                    return None;
                }
                *owner = Arc::clone(&name);
            }
            servers.push(Arc::new(Server { name, slots: slots.into() }));
        }
        let owned = read.iter().all(|(entry, _)| !Arc::ptr_eq(&entry.server, &nobody));
        if !reader.0.is_empty() || !owned {
            return None;
        }
        let entries = read.into_iter().map(|(entry, row)| (Arc::new(entry), row));
        Some(Self::of_parts(entries.collect(), servers))
    }
}

/// Tells torn and changed files from whole ones; it is no protection against intent, since whoever
/// can write the cache can write anything else of ours too.
fn checksum(content: &[u8]) -> u64 {
    let mix = |sum: u64, word: u64| (sum ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23);
    let (words, rest) = content.as_chunks::<8>();
    let sum = words.iter().fold(content.len() as u64, |sum, word| mix(sum, u64::from_le_bytes(*word)));
    rest.iter().fold(sum, |sum, byte| mix(sum, u64::from(*byte)))
}

fn put(bytes: &mut Vec<u8>, number: usize) {
    bytes.extend_from_slice(&(number as u32).to_le_bytes());
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put(bytes, text.len());
    bytes.extend_from_slice(text.as_bytes());
}

fn put_terms(bytes: &mut Vec<u8>, terms: &Terms) {
    put(bytes, terms.terms.len());
    terms.terms.iter().for_each(|term| bytes.extend_from_slice(&term.to_le_bytes()));
    bytes.extend_from_slice(terms.marks.as_flattened());
}

fn put_row(bytes: &mut Vec<u8>, (row, step): &Narrow) {
    bytes.extend_from_slice(&step.to_le_bytes());
    bytes.extend_from_slice(row);
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn chunk<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (chunk, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(chunk)
    }

    fn number(&mut self) -> Option<usize> {
        Some(u32::from_le_bytes(*self.chunk()?) as usize)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.number()?;
        std::str::from_utf8(self.0.split_off(..length)?).ok()
    }

    fn numbers(&mut self) -> Option<Vec<u32>> {
        let length = self.number()?.checked_mul(4)?;
        let (numbers, _) = self.0.split_off(..length)?.as_chunks::<4>();
        Some(numbers.iter().map(|number| u32::from_le_bytes(*number)).collect())
    }

    fn terms(&mut self) -> Option<Terms> {
        let terms: Vec<Term> = self.numbers()?;
        if !terms.is_sorted_by(|one, other| one < other) {
            return None;
        }
        let (marks, _) = self.0.split_off(..2 * terms.len())?.as_chunks::<2>();
        Some(Terms { terms: terms.into(), marks: marks.into() })
    }

    fn row(&mut self) -> Option<Narrow> {
        let step = f32::from_le_bytes(*self.chunk()?);
        let row: &[u8; DIM] = self.chunk()?;
        (step.is_finite() && step >= 0.0).then_some((*row, step))
    }
}
