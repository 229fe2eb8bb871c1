//! How many tokens definitions are, by the hash of their bytes. It counts when it is asked and must
//! therefore not be asked on async threads for what is not known.

use protocol::Raw;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Definitions that are remembered; beyond, all are forgotten and counted again.
const DEFINITIONS_MAX: usize = 65_536;

/// Remembers what was counted: 16 bytes or so for each definition.
#[derive(Debug, Default)]
pub(crate) struct Prices(Mutex<HashMap<u64, u32>>);

/// The hash of some bytes: good within this process.
pub(super) fn hash<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for part in parts {
        hasher.write_usize(part.len());
        hasher.write(part);
    }
    hasher.finish()
}

impl Prices {
    /// How many tokens a definition is.
    pub(crate) fn of(&self, definition: &[u8]) -> usize {
        let key = hash([definition]);
        if let Some(known) = self.lock().get(&key) {
            return *known as usize;
        }
        // Servers send UTF-8, or their message is none; what is not is shown as such, and costs as much.
        let tokens = tokens::count(&String::from_utf8_lossy(definition));
        let mut known = self.lock();
        if known.len() >= DEFINITIONS_MAX {
            known.clear();
        }
        known.insert(key, u32::try_from(tokens).unwrap_or(u32::MAX));
        tokens
    }

    /// The same, if it has been counted.
    pub(crate) fn known(&self, definition: &[u8]) -> Option<usize> {
        self.lock().get(&hash([definition])).map(|tokens| *tokens as usize)
    }

    /// What all items of a list cost: `pages` are arrays of them.
    pub(super) fn of_pages(&self, pages: &[Raw]) -> u64 {
        let items = pages.iter().flat_map(|page| page.read::<Vec<Raw>>().unwrap_or_default());
        items.map(|item| self.of(item.as_bytes()) as u64).sum()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_remembered_and_a_list_is_the_sum_of_its_items() {
        let prices = Prices::default();
        let (one, two) = (r#"{"name":"search"}"#, r#"{"name":"create_issue"}"#);
        assert_eq!(prices.known(one.as_bytes()), None);
        let list = [Raw::parse(format!("[{one}, {two}]").into_bytes().into(), 8).unwrap()];
        let sum = tokens::count(one) + tokens::count(two);
        assert_eq!(prices.of_pages(&list), sum as u64);
        assert_eq!(prices.known(one.as_bytes()), Some(tokens::count(one)));
        assert_eq!(prices.of_pages(&[Raw::from_static("[]")]), 0);
    }
}
