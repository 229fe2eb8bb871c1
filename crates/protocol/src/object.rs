//! The shallow, ordered view of a JSON object: its members in order, each value still raw.
//!
//! It is how `params`, `result` and `_meta` are read and edited. Values that nobody touches keep
//! every byte; members keep their order. Duplicate keys are refused here, since two readers of
//! the same bytes must never see different objects (protocol.md section 7, item 1).

use crate::scan::{self, ScanError, ScanErrorKind};
use crate::{Output, Raw, Text};
use bytes::Bytes;
use std::collections::HashSet;

/// Members of an object, in order, without duplicates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Object {
    members: Vec<Member>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Member {
    /// The key as it was written, quotes included.
    quoted: Bytes,
    value: Raw,
}

/// Why bytes are not an object that we accept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// Not JSON.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// JSON, but no object.
    #[error("not an object")]
    NotAnObject,
    /// The same key twice.
    #[error("duplicate key {key:?}")]
    Duplicate {
        /// The key, decoded.
        key: String,
    },
}

/// Above this many members, duplicates are looked for with a hash set.
const PAIRWISE_MAX: usize = 12;

impl Object {
    /// An object without members.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the members of a checked value.
    ///
    /// # Errors
    /// When it is no object or has a key twice.
    pub fn of(raw: &Raw) -> Result<Self, ObjectError> {
        let (object, _) = Self::scan(raw.bytes(), 0, scan::DEPTH_MAX)?;
        Ok(object)
    }

    /// Checks and reads the object that begins at `at`; returns it and where it ends.
    pub(crate) fn scan(source: &Bytes, at: usize, depth_max: u32) -> Result<(Self, usize), ObjectError> {
        let unexpected = |at| ScanError {
            at,
            kind: if at < source.len() { ScanErrorKind::Unexpected } else { ScanErrorKind::Truncated },
        };
        if source.get(at) != Some(&b'{') {
            return Err(ObjectError::NotAnObject);
        }
        if depth_max == 0 {
            return Err(ScanError { at, kind: ScanErrorKind::TooDeep }.into());
        }
        let mut object = Self::new();
        let mut at = scan::blanks(source, at + 1);
        if source.get(at) == Some(&b'}') {
            return Ok((object, at + 1));
        }
        loop {
            let key_end = scan::key_string(source, at)?;
            let quoted = source.slice(at..key_end);
            let start = scan::after_colon(source, key_end)?;
            let end = scan::value(source, start, depth_max - 1)?;
            object.members.push(Member { quoted, value: Raw::trusted(source.slice(start..end)) });
            at = scan::blanks(source, end);
            match source.get(at) {
                Some(b',') => at = scan::blanks(source, at + 1),
                Some(b'}') => break,
                _ => return Err(unexpected(at).into()),
            }
        }
        object.refuse_duplicates()?;
        Ok((object, at + 1))
    }

    fn refuse_duplicates(&self) -> Result<(), ObjectError> {
        let duplicate = |key: Text| ObjectError::Duplicate { key: key.to_string() };
        if self.members.len() <= PAIRWISE_MAX && self.members.iter().all(|member| !member.is_escaped()) {
            for (index, member) in self.members.iter().enumerate() {
                if self.members[..index].iter().any(|earlier| earlier.quoted == member.quoted) {
                    return Err(duplicate(member.key()));
                }
            }
            return Ok(());
        }
        let mut seen = HashSet::with_capacity(self.members.len());
        match self.members.iter().map(Member::key).find(|key| !seen.insert(key.clone())) {
            Some(key) => Err(duplicate(key)),
            None => Ok(()),
        }
    }

    /// The value of `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Raw> {
        self.members.iter().find(|member| member.is(key)).map(|member| &member.value)
    }

    /// The value of `key` as text, when it is a string.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<Text> {
        self.get(key)?.string()
    }

    /// The value of `key` as an object, when it is one without duplicate keys.
    #[must_use]
    pub fn object(&self, key: &str) -> Option<Self> {
        Self::of(self.get(key)?).ok()
    }

    /// The members in order, keys decoded.
    pub fn iter(&self) -> impl Iterator<Item = (Text, &Raw)> {
        self.members.iter().map(|member| (member.key(), &member.value))
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Sets `key`, in its old place when it was there, else at the end.
    pub fn set(&mut self, key: &str, value: Raw) {
        match self.members.iter_mut().find(|member| member.is(key)) {
            Some(member) => member.value = value,
            None => self.members.push(Member { quoted: quote(key), value }),
        }
    }

    /// Sets `key` to a value of ours.
    pub fn set_json<T: serde::Serialize + ?Sized>(&mut self, key: &str, value: &T) {
        self.set(key, Raw::of(value));
    }

    /// Takes `key` out; returns what it was.
    pub fn remove(&mut self, key: &str) -> Option<Raw> {
        let index = self.members.iter().position(|member| member.is(key))?;
        Some(self.members.remove(index).value)
    }

    /// Keeps the members whose key `keep` accepts.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.members.retain(|member| keep(&member.key()));
    }

    /// Writes the object; values are written byte for byte as they came.
    pub fn write(&self, out: &mut Output) {
        out.push(b"{");
        for (index, member) in self.members.iter().enumerate() {
            if index > 0 {
                out.push(b",");
            }
            out.push(&member.quoted);
            out.push(b":");
            out.push_raw(&member.value);
        }
        out.push(b"}");
    }

    /// Writes the members without the braces, leaving out `except`; returns whether there were
    /// any. For whoever adds members of its own while writing.
    pub fn write_members(&self, out: &mut Output, except: &str) -> bool {
        let mut any = false;
        for member in self.members.iter().filter(|member| !member.is(except)) {
            if any {
                out.push(b",");
            }
            any = true;
            out.push(&member.quoted);
            out.push(b":");
            out.push_raw(&member.value);
        }
        any
    }

    /// The object as one value.
    #[must_use]
    pub fn to_raw(&self) -> Raw {
        let mut out = Output::with_capacity(self.size() + 2);
        self.write(&mut out);
        Raw::trusted(out.into_bytes())
    }

    /// About how many bytes [`Object::write`] will write.
    #[must_use]
    pub fn size(&self) -> usize {
        2 + self.members.iter().map(|member| member.quoted.len() + member.value.as_bytes().len() + 2).sum::<usize>()
    }
}

// === impl Member ===

impl Member {
    fn is_escaped(&self) -> bool {
        memchr::memchr(b'\\', &self.quoted).is_some()
    }

    fn is(&self, key: &str) -> bool {
        let inner = &self.quoted[1..self.quoted.len() - 1];
        inner == key.as_bytes() || (self.is_escaped() && self.key() == *key)
    }

    /// The key decoded; one with an unpaired surrogate stays as it was written.
    fn key(&self) -> Text {
        Raw::trusted(self.quoted.clone())
            .string()
            .unwrap_or_else(|| String::from_utf8_lossy(&self.quoted).as_ref().into())
    }
}

fn quote(key: &str) -> Bytes {
    let plain = key.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
    if plain {
        let mut quoted = Vec::with_capacity(key.len() + 2);
        quoted.push(b'"');
        quoted.extend_from_slice(key.as_bytes());
        quoted.push(b'"');
        return quoted.into();
    }
    Raw::of(key).bytes().clone()
}

impl<'a> FromIterator<(&'a str, Raw)> for Object {
    fn from_iter<I: IntoIterator<Item = (&'a str, Raw)>>(pairs: I) -> Self {
        let mut object = Self::new();
        pairs.into_iter().for_each(|(key, value)| object.set(key, value));
        object
    }
}

impl serde::Serialize for Object {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_raw().serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &'static str) -> Result<Object, ObjectError> {
        Object::scan(&Bytes::from_static(text.as_bytes()), 0, 16).map(|(object, _)| object)
    }

    #[test]
    fn keeps_order_and_bytes() {
        let mut read = object(r#"{ "b" : 1.00, "a":[ 1 ] ,"c\u0064":"é"}"#).unwrap();
        assert_eq!(read.to_raw().as_str(), r#"{"b":1.00,"a":[ 1 ],"c\u0064":"é"}"#);
        assert_eq!(read.text("cd").unwrap(), "é");
        read.set_json("a", "x");
        read.set_json("new\"", &7);
        assert_eq!(read.remove("b").unwrap().as_str(), "1.00");
        assert_eq!(read.to_raw().as_str(), r#"{"a":"x","c\u0064":"é","new\"":7}"#);
    }

    #[test]
    fn refuses_duplicates_however_they_are_written() {
        for text in [r#"{"a":1,"a":2}"#, r#"{"a":1,"\u0061":2}"#] {
            assert_eq!(object(text).unwrap_err(), ObjectError::Duplicate { key: "a".to_owned() });
        }
        let many: String = (0..40).map(|n| format!("\"k{n}\":0,")).collect();
        let text = format!("{{{many}\"k7\":1}}");
        assert!(Object::scan(&text.into(), 0, 16).is_err());
    }

    #[test]
    fn refuses_what_is_no_object() {
        assert_eq!(object("[]").unwrap_err(), ObjectError::NotAnObject);
        for text in ["{", "{\"a\":1", "{\"a\":1,}", "{\"a\":}", "{\"a\":[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]}"] {
            assert!(object(text).is_err(), "{text}");
        }
    }
}
