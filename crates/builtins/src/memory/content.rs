//! What a memory holds: checked when it comes in, read back from its row, and taken apart into the
//! words that find it.
//!
//! A row is found by three kinds of words: those of its text and tags, `#` with a whole tag, and
//! marks (`=` with a digest of the text, `@` with a digest of the entity that it was imported as),
//! which no text has since its words are letters and digits. No database here.

use super::said::{EntitySource, Link, Source};
use super::words;
use super::{MemoryId, Options};
use protocol::tools::{Failure, FailureKind};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use store::memories::{Memory, Posting};

/// The most tags of one memory, and the most links that one call adds.
pub(crate) const TAGS_MAX: usize = 32;
/// The longest tag or kind of link, in bytes.
pub(crate) const TAG_BYTES_MAX: usize = 64;
/// Bytes of a digest that are kept: no two texts meet by chance.
const DIGEST_BYTES: usize = 16;

/// What a memory holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) text: String,
    pub(crate) tags: Vec<String>,
    pub(crate) source: Source,
}

/// The words that find a memory, and how many words it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Index {
    pub(crate) postings: Vec<Posting>,
    pub(crate) words: i64,
}

// === impl Content ===

impl Content {
    /// What the row holds. What cannot be read is nothing: the text is what counts.
    pub(crate) fn of(memory: &Memory) -> Self {
        Self {
            text: memory.text.clone(),
            tags: serde_json::from_str(&memory.tags).unwrap_or_default(),
            source: serde_json::from_str(&memory.origin).unwrap_or_default(),
        }
    }

    pub(crate) fn index(&self) -> Index {
        let texts = std::iter::once(&self.text).chain(&self.tags).map(String::as_str);
        let counted = words::count(texts);
        let words = counted.counts.into_iter();
        let mut postings: Vec<Posting> =
            words.map(|(word, count)| Posting { word: word.into_bytes(), count: count.into() }).collect();
        let tags: BTreeSet<Vec<u8>> = self.tags.iter().map(|tag| tag_word(tag)).collect();
        let entity =
            self.source.entity.iter().filter(|entity| entity.is_first()).map(|entity| entity_word(&entity.name));
        let marks = tags.into_iter().chain([text_word(&self.text)]).chain(entity);
        postings.extend(marks.map(|word| Posting { word, count: 1 }));
        Index { postings, words: counted.length.into() }
    }

    /// Its columns, as JSON where they are.
    pub(crate) fn tags_json(&self) -> String {
        serde_json::json!(self.tags).to_string()
    }

    pub(crate) fn origin_json(&self) -> String {
        serde_json::json!(self.source).to_string()
    }
}

// === impl EntitySource ===

impl EntitySource {
    /// Whether relations mean this memory, where an entity has several.
    pub(crate) fn is_first(&self) -> bool {
        self.part.is_none_or(|part| part == 1)
    }
}

/// The first `letters` characters of a text, on one line.
pub(crate) fn beginning(text: &str, letters: usize) -> String {
    let line = text.split('\n').next().unwrap_or_default();
    let mut shown: String = line.chars().take(letters).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// The word that a whole tag is found by: tags are told apart by everything but case.
pub(crate) fn tag_word(tag: &str) -> Vec<u8> {
    format!("#{}", tag.to_lowercase()).into_bytes()
}

/// The word that the very text is found by.
pub(crate) fn text_word(text: &str) -> Vec<u8> {
    marked(b'=', text)
}

/// The word that an imported entity is found by.
pub(crate) fn entity_word(name: &str) -> Vec<u8> {
    marked(b'@', name)
}

fn marked(mark: u8, text: &str) -> Vec<u8> {
    std::iter::once(mark).chain(Sha256::digest(text).into_iter().take(DIGEST_BYTES)).collect()
}

// === what comes in ===

/// A text that may be kept. PostgreSQL keeps no NUL, so that no store does.
pub(crate) fn text(text: &str, options: &Options) -> Result<String, Failure> {
    if text.trim().is_empty() {
        return Err(Failure::validation("`text` is empty").next("say what to remember"));
    }
    if text.len() > options.text_bytes_max {
        let message = format!("`text` is {} bytes, at most {}", text.len(), options.text_bytes_max);
        return Err(Failure::validation(message).next("save it in parts, linked to each other"));
    }
    Ok(text.replace('\0', "\u{fffd}"))
}

/// Tags as they are kept: trimmed, each once whatever its case, in the order given.
pub(crate) fn tags(tags: &[String]) -> Result<Vec<String>, Failure> {
    let mut seen = BTreeSet::new();
    let mut kept = Vec::new();
    for tag in tags {
        let tag = name("tags", tag)?;
        if seen.insert(tag_word(&tag)) {
            kept.push(tag);
        }
    }
    if kept.len() > TAGS_MAX {
        return Err(Failure::validation(format!("{} tags, at most {TAGS_MAX}", kept.len())));
    }
    Ok(kept)
}

/// Links to memories, as ids and kinds.
pub(crate) fn links(links: &[Link]) -> Result<Vec<(MemoryId, String)>, Failure> {
    if links.len() > TAGS_MAX {
        return Err(Failure::validation(format!("{} links, at most {TAGS_MAX} in one call", links.len())));
    }
    links.iter().map(|link| Ok((id(&link.to)?, name("kind", &link.kind)?))).collect()
}

/// An id, as people and models write it.
pub(crate) fn id(text: &str) -> Result<MemoryId, Failure> {
    MemoryId::parse(text).ok_or_else(|| {
        let message = format!("`{}` is no id of a memory", beginning(text, 40));
        Failure::validation(message).next("take the id from search_memories or get_all_memories")
    })
}

fn name(what: &str, text: &str) -> Result<String, Failure> {
    let text = text.trim();
    if text.is_empty() || text.len() > TAG_BYTES_MAX || text.chars().any(char::is_control) {
        let message = format!("`{what}`: {text:?} must have 1 to {TAG_BYTES_MAX} bytes and no control characters");
        return Err(Failure::new(FailureKind::Validation, message));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_memory_is_found_by_text_tags_and_marks() {
        let content = Content { text: "red red fox".into(), tags: strings(&["Big Fish"]), ..Content::default() };
        let index = content.index();
        assert_eq!(index.words, 5);
        let count = |word: &[u8]| index.postings.iter().find(|one| one.word == word).map(|one| one.count);
        assert_eq!((count(b"red"), count(b"fish"), count(b"#big fish")), (Some(2), Some(1), Some(1)));
        assert_eq!(count(&text_word("red red fox")), Some(1));
    }

    #[test]
    fn only_the_first_part_of_an_entity_is_the_entity() {
        let part = |part| {
            let entity = EntitySource { name: "a".into(), kind: None, part };
            let source = Source { entity: Some(entity), ..Source::default() };
            let postings = Content { text: "x".into(), source, ..Content::default() }.index().postings;
            postings.iter().any(|one| one.word == entity_word("a"))
        };
        assert!(part(None) && part(Some(1)) && !part(Some(2)));
    }

    #[test]
    fn tags_are_kept_once_as_they_were_written() {
        assert_eq!(tags(&strings(&[" C++ ", "c++", "C#"])).unwrap(), ["C++", "C#"]);
        assert_ne!(tag_word("C++"), tag_word("C#"));
        for wrong in ["", " ", "a\nb", &"x".repeat(65)] {
            assert!(tags(&strings(&[wrong])).is_err(), "{wrong:?}");
        }
        let many: Vec<String> = (0..33).map(|number| number.to_string()).collect();
        assert!(tags(&many).is_err());
    }

    #[test]
    fn a_text_is_checked_and_has_no_nul() {
        let options = Options { text_bytes_max: 8, ..Options::default() };
        assert_eq!(text("a\0b", &options).unwrap(), "a\u{fffd}b");
        assert!(text(" \n", &options).is_err());
        assert!(text("123456789", &options).unwrap_err().message.contains("9 bytes, at most 8"));
    }

    #[test]
    fn the_beginning_is_one_line() {
        assert_eq!(beginning("one two", 3), "one…");
        assert_eq!(beginning("one\ntwo", 30), "one…");
        assert_eq!(beginning("one", 3), "one");
    }
}
