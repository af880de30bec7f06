//! Finds objects with a repeated key. serde writes one if a flattened map has a key with the name of another field.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, de};

/// Tells whether an object of the event repeats a key.
pub(crate) fn repeat(event: &str) -> bool {
    Once::deserialize(&mut serde_json::Deserializer::from_str(event)).is_err()
}

/// JSON without repeated keys.
struct Once;

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Once)
    }
}

macro_rules! plain {
    ($($visit:ident: $type:ty),+) => {$(
        fn $visit<E: de::Error>(self, _: $type) -> Result<Once, E> {
            Ok(Once)
        }
    )+};
}

impl<'de> Visitor<'de> for Once {
    type Value = Once;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON in which no key repeats")
    }

    plain! { visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_i128: i128, visit_u128: u128, visit_f64: f64, visit_str: &str }

    fn visit_unit<E: de::Error>(self) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Once, A::Error> {
        while items.next_element::<Once>()?.is_some() {}
        Ok(Once)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Once, A::Error> {
        let mut keys = BTreeSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            if !keys.insert(key) {
                return Err(de::Error::custom("a key repeats"));
            }
            entries.next_value::<Once>()?;
        }
        Ok(Once)
    }
}
