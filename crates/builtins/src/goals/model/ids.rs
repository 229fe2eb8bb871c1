//! Ids: time-ordered, random, with a check letter that tells a mistyped id from an unknown one.
//!
//! The alphabet has 31 letters, a prime, so that one wrong letter and two swapped ones are always
//! noticed. It deliberately knows no table: whether an id is taken, its user looks up.

use super::random::Random;
use super::rows::Ms;

/// Digits and letters without i, l, o, u and z.
const ALPHABET: &[u8; 31] = b"0123456789abcdefghjkmnpqrstvwxy";
const TIME_LETTERS: usize = 9;
const RANDOM_LETTERS: usize = 7;

/// A new id: `prefix`, the moment, chance, the check letter.
#[must_use]
pub(crate) fn new(prefix: char, now: Ms, random: &mut Random) -> String {
    let mut letters = [0_u8; TIME_LETTERS + RANDOM_LETTERS];
    let mut time = u64::try_from(now).unwrap_or(0);
    for letter in letters[..TIME_LETTERS].iter_mut().rev() {
        *letter = (time % 31) as u8;
        time /= 31;
    }
    let mut chance = random.next();
    for letter in &mut letters[TIME_LETTERS..] {
        *letter = (chance % 31) as u8;
        chance /= 31;
    }
    let last = check(&letters);
    let text = letters.into_iter().chain([last]).map(|letter| ALPHABET[usize::from(letter)] as char);
    std::iter::once(prefix).chain(text).collect()
}

/// Whether `id` is one that [`new`] could have made with `prefix`.
#[must_use]
pub(crate) fn is_sound(prefix: char, id: &str) -> bool {
    let Some(rest) = id.strip_prefix(prefix) else { return false };
    let letters: Option<Vec<u8>> = rest
        .bytes()
        .map(|byte| ALPHABET.iter().position(|letter| *letter == byte).and_then(|at| u8::try_from(at).ok()))
        .collect();
    letters.is_some_and(|letters| {
        letters.len() == TIME_LETTERS + RANDOM_LETTERS + 1
            && letters.split_last().is_some_and(|(last, before)| *last == check(before))
    })
}

/// Whether `text` looks like an id with `prefix`, sound or not.
#[must_use]
pub(crate) fn is_like(prefix: char, text: &str) -> bool {
    text.len() == TIME_LETTERS + RANDOM_LETTERS + 2
        && text.starts_with(prefix)
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn check(letters: &[u8]) -> u8 {
    let sum: u32 = letters.iter().zip(1_u32..).map(|(letter, weight)| u32::from(*letter) * weight).sum();
    (sum % 31) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_ordered_by_time() {
        let mut random = Random::new(7);
        let mut ids: Vec<_> = (0..100).map(|at| new('t', 1_800_000_000_000 + at * 1_000, &mut random)).collect();
        let made = ids.clone();
        ids.sort();
        assert_eq!(ids, made);
        assert!(ids.iter().all(|id| is_sound('t', id) && id.len() == 18), "{}", ids[0]);
    }

    #[test]
    fn one_wrong_letter_or_two_swapped_ones_are_noticed() {
        let mut random = Random::new(3);
        let id = new('g', 1_800_000_000_000, &mut random);
        let letters = id.as_bytes();
        for at in 1..letters.len() {
            for other in ALPHABET.iter().filter(|other| **other != letters[at]) {
                let mut wrong = letters.to_vec();
                wrong[at] = *other;
                assert!(!is_sound('g', std::str::from_utf8(&wrong).unwrap()));
            }
            for with in at + 1..letters.len() - 1 {
                let mut wrong = letters.to_vec();
                wrong.swap(at, with);
                assert_eq!(is_sound('g', std::str::from_utf8(&wrong).unwrap()), letters[at] == letters[with]);
            }
        }
        assert!(!is_sound('t', &id) && !is_sound('g', "") && !is_sound('g', "gö"));
    }
}
