//! A checked JSON value that is carried and not looked into, and text that shares its bytes.
//!
//! Both are slices of the message they came in: cloning one copies no content.

use crate::scan::{self, ScanError};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use std::fmt;
use std::ops::Deref;

/// One well-formed JSON value, byte for byte as it came, without blanks around it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Raw(Bytes);

/// UTF-8 text that may be a slice of a message. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Text(Bytes);

// === impl Raw ===

impl Raw {
    /// Checks `bytes` and keeps the value in them.
    ///
    /// # Errors
    /// Where `bytes` stop being one JSON value nested at most `depth_max` deep.
    pub fn parse(bytes: Bytes, depth_max: u32) -> Result<Self, ScanError> {
        let (start, end) = scan::document(&bytes, depth_max)?;
        Ok(Self(bytes.slice(start..end)))
    }

    /// For slices that the scanner has just checked.
    pub(crate) fn trusted(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// A value of ours as JSON. What cannot be written (a map with keys that are no strings)
    /// becomes `null`; none of our types is such.
    pub fn of<T: serde::Serialize + ?Sized>(value: &T) -> Self {
        serde_json::to_vec(value).map_or_else(|_| Self::from_static("null"), |bytes| Self(bytes.into()))
    }

    /// JSON that is part of this program. It must be one well-formed value.
    #[must_use]
    pub const fn from_static(json: &'static str) -> Self {
        Self(Bytes::from_static(json.as_bytes()))
    }

    /// The array of `items`.
    #[must_use]
    pub fn array(items: &[&Self]) -> Self {
        let mut bytes = Vec::with_capacity(items.iter().map(|item| item.0.len() + 1).sum::<usize>() + 2);
        bytes.push(b'[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                bytes.push(b',');
            }
            bytes.extend_from_slice(&item.0);
        }
        bytes.push(b']');
        Self(bytes.into())
    }

    /// The same in memory of its own, for what is kept: a part of a message keeps all of it, and the
    /// buffer of 8 KiB or more that it was read into.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self(Bytes::copy_from_slice(&self.0))
    }

    /// The bytes of the value.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes of the value, shared.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }

    /// The value as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("null")
    }

    /// Reads the value as a `T`.
    ///
    /// # Errors
    /// When the value has another shape.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.0)
    }

    /// The text of a JSON string: a slice when it has no escapes, else decoded. `None` when the
    /// value is no string or has an unpaired surrogate.
    #[must_use]
    pub fn string(&self) -> Option<Text> {
        let inner = self.0.get(1..self.0.len().checked_sub(1)?)?;
        if self.0.first() != Some(&b'"') {
            return None;
        }
        if memchr::memchr(b'\\', inner).is_none() {
            return Some(Text(self.0.slice(1..self.0.len() - 1)));
        }
        serde_json::from_slice::<String>(&self.0).ok().map(Text::from)
    }

    /// Whether the value is an object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        self.0.first() == Some(&b'{')
    }

    /// Whether the value is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        &self.0[..] == b"null"
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for Raw {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::Error;
        let raw: &serde_json::value::RawValue = serde_json::from_slice(&self.0).map_err(S::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for Raw {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<serde_json::value::RawValue>::deserialize(deserializer)?;
        Ok(Self(Bytes::from(String::from(Box::<str>::from(raw)))))
    }
}

// === impl Text ===

impl Text {
    /// Text that is part of this program.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl std::borrow::Borrow<[u8]> for Text {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for Text {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Text {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}
