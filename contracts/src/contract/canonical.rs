//! Canonical JSON: the same content gives the same bytes, whatever features `serde_json` was built with.

use std::fmt::Write as _;

use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::keyword;

/// Serializes a value with the keys of its objects sorted.
///
/// Any crate of a build may enable `serde_json/preserve_order`, which keeps the keys in insertion order.
pub(crate) struct Sorted<'a>(pub(crate) &'a Value);

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(object) => {
                let mut members: Vec<_> = object.iter().collect();
                members.sort_unstable_by_key(|(key, _)| *key);
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (key, value) in members {
                    map.serialize_entry(key, &Sorted(value))?;
                }
                map.end()
            }
            Value::Array(array) => {
                let mut seq = serializer.serialize_seq(Some(array.len()))?;
                for value in array {
                    seq.serialize_element(&Sorted(value))?;
                }
                seq.end()
            }
            value => value.serialize(serializer),
        }
    }
}

/// Sorts the lists that are sets: the names in `required` and in `x-tidings-aliases`.
pub(crate) fn sort_sets(schema: &mut Value) {
    keyword::walk(schema, &mut |_, schema| {
        if let Some(Value::Array(names)) = schema.get_mut("required") {
            sort_names(names);
        }
        if let Some(Value::Object(aliases)) = schema.get_mut(keyword::ALIASES) {
            for (_, names) in aliases {
                names.as_array_mut().into_iter().for_each(sort_names);
            }
        }
    });
}

fn sort_names(names: &mut Vec<Value>) {
    names.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
    names.dedup();
}

/// Returns the text of a file. The members keep their order, and the keys below them are sorted.
pub(crate) fn file(members: &[(&str, Value)]) -> String {
    struct File<'a>(&'a [(&'a str, Value)]);
    impl Serialize for File<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map(self.0.iter().map(|(key, value)| (key, Sorted(value))))
        }
    }
    let mut text = serde_json::to_string_pretty(&File(members)).expect("a JSON value can be written");
    text.push('\n');
    text
}

/// Returns the SHA-256 of the canonical form, as hexadecimal digits.
pub(crate) fn digest(value: &Value) -> String {
    let text = serde_json::to_vec(&Sorted(value)).expect("a JSON value can be written");
    Sha256::digest(text).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
