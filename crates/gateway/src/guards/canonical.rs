//! JSON in one form, whatever its spacing and the order of its keys: sorted keys, numbers and strings
//! as `serde_json` writes them. What it gives is what `serde_json::Value` gives when it is sorted and
//! written, at a third of the cost, since strings are borrowed and nothing is hashed.
//!
//! It is no canonical JSON of any standard: what was approved is kept on disk by digests of this form.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Serialize, Serializer};
use serde_json::Number;
use std::borrow::Cow;
use std::fmt;

/// A value whose objects are sorted.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Canonical<'a> {
    #[default]
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
    List(Vec<Self>),
    Object(Vec<(Cow<'a, str>, Self)>),
}

struct Reading;

impl Canonical<'_> {
    /// The object without its member `key`; anything else as it is.
    pub(super) fn without(mut self, key: &str) -> Self {
        if let Self::Object(members) = &mut self {
            members.retain(|(name, _)| name != key);
        }
        self
    }

    /// As it is hashed.
    pub(super) fn text(&self) -> Vec<u8> {
        // Writing to memory cannot fail, and every key is a string.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for Canonical<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reading)
    }
}

impl<'de> Visitor<'de> for Reading {
    type Value = Canonical<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Canonical::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Canonical::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Canonical::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Canonical::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Number::from_f64(value).map_or(Canonical::Null, Canonical::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Canonical::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Canonical::Text(Cow::Borrowed(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = values.next_element()? {
            list.push(value);
        }
        Ok(Canonical::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut values: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        // JSON has no other keys than strings.
        while let Some((Canonical::Text(key), value)) = values.next_entry()? {
            members.push((key, value));
        }
        members.sort_by(|(left, _), (right, _)| left.cmp(right));
        // Of a key that comes twice the last one counts; the sort has kept their order.
        members.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
        Ok(Canonical::Object(members))
    }
}

impl Serialize for Canonical<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(list) => serializer.collect_seq(list),
            Self::Object(members) => serializer.collect_map(members.iter().map(|(key, value)| (key, value))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn ours(text: &str) -> String {
        String::from_utf8(serde_json::from_str::<Canonical<'_>>(text).unwrap().without("_meta").text()).unwrap()
    }

    /// The form by which the first approvals were made.
    fn theirs(text: &str) -> String {
        let mut value: Value = serde_json::from_str(text).unwrap();
        if let Some(members) = value.as_object_mut() {
            members.remove("_meta");
        }
        value.sort_all_objects();
        value.to_string()
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::vec((".{0,3}|_meta", inner), 0..8).prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_is_the_form_that_was_always_hashed(value in json()) {
            let text = value.to_string();
            prop_assert_eq!(ours(&text), theirs(&text));
        }
    }

    #[test]
    fn numbers_escapes_and_keys_that_come_twice() {
        let texts = [
            r#"{"b":1.0,"a":-0,"c":1e3,"d":18446744073709551616,"e":0.1e-7,"f":-0.0}"#,
            r#"{"b":"\u00e9\n\/\ud83d\ude00","a":"é","\u0061":1,"_meta":{"x":1}}"#,
            r#"{"a":1,"b":{"z":1,"y":{"_meta":2},"z":3},"a":[{"k":1,"j":2},null,true],"a":4}"#,
            r#"["_meta"]"#,
            " null ",
        ];
        for text in texts {
            assert_eq!(ours(text), theirs(text));
        }
        assert_eq!(ours(texts[2]), r#"{"a":4,"b":{"y":{"_meta":2},"z":3}}"#);
    }
}
