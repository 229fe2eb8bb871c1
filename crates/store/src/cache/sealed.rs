//! How a kept result is written, so that garbage, half of one, or the result of another key is told
//! from it. A check sum against accidents: whoever may write into Redis can write results.

use super::Namespace;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use std::time::Duration;

/// What a kept result begins with: who wrote it, and in which form.
const MARK: &[u8; 4] = b"sb1\n";
/// Bytes of the check sum.
const SUM: usize = 12;
/// Bytes before the result: mark, check sum, and what it cost in milliseconds.
const HEAD: usize = MARK.len() + SUM + 4;

pub(super) fn seal(name: &Namespace, key: &str, cost: Duration, value: &[u8]) -> Bytes {
    let cost = u32::try_from(cost.as_millis()).unwrap_or(u32::MAX).to_be_bytes();
    let mut bytes = Vec::with_capacity(HEAD + value.len());
    bytes.extend_from_slice(MARK);
    bytes.extend_from_slice(&sum(name, key, &[&cost, value]));
    bytes.extend_from_slice(&cost);
    bytes.extend_from_slice(value);
    bytes.into()
}

/// What it cost, and the result; nothing when it was not written for this key.
pub(super) fn open(name: &Namespace, key: &str, bytes: &Bytes) -> Option<(Duration, Bytes)> {
    let (found, rest) = bytes.strip_prefix(MARK)?.split_first_chunk::<SUM>()?;
    let cost = rest.first_chunk::<4>()?;
    if *found != sum(name, key, &[rest]) {
        return None;
    }
    let cost = Duration::from_millis(u32::from_be_bytes(*cost).into());
    Some((cost, bytes.slice(HEAD..)))
}

fn sum(name: &Namespace, key: &str, parts: &[&[u8]]) -> [u8; SUM] {
    let mut hash = Sha256::new();
    hash.update(name.prefix());
    hash.update(key);
    hash.update([0]);
    parts.iter().for_each(|part| hash.update(part));
    let whole: [u8; 32] = hash.finalize().into();
    let mut sum = [0; SUM];
    sum.copy_from_slice(&whole[..SUM]);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_changed_or_moved_is_nothing(
            value in proptest::collection::vec(any::<u8>(), 0..64),
            at in 0_usize..200,
            cost in 0_u64..100_000,
        ) {
            let (name, cost) = (Namespace::new("a", "b"), Duration::from_millis(cost));
            let sealed = seal(&name, "key", cost, &value);
            prop_assert_eq!(open(&name, "key", &sealed), Some((cost, Bytes::from(value))));
            prop_assert_eq!(open(&name, "other", &sealed), None);
            prop_assert_eq!(open(&Namespace::new("a", "c"), "key", &sealed), None);
            let mut changed = sealed.to_vec();
            changed[at % sealed.len()] ^= 1;
            prop_assert_eq!(open(&name, "key", &changed.into()), None);
            prop_assert_eq!(open(&name, "key", &sealed.slice(..at % sealed.len())), None);
        }
    }
}
