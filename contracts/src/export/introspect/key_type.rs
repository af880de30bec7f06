//! The type that the keys of a map have in Rust. JSON writes every key as a text.

use std::collections::BTreeMap;

/// The type that a map requests for its keys.
#[derive(Debug, Clone)]
pub(crate) enum KeyType {
    /// The format of the integer type.
    Integer(&'static str),
    Bool,
    Char,
    /// A text. The Rust type may still refuse some texts.
    Text,
    /// A unit variant with one of these names.
    Variant(&'static [&'static str]),
}

/// The key type of each map, by the pointer of its schema.
pub(crate) type KeyTypes = BTreeMap<String, KeyType>;

/// The pointer of the map that has an entry at `pointer`.
pub(crate) fn map_of(pointer: &str) -> Option<&str> {
    let list = parent(pointer)?;
    pointer
        .strip_suffix("/additionalProperties")
        .or_else(|| list.strip_suffix("/patternProperties"))
        .or_else(|| list.strip_suffix("/properties"))
}

fn parent(pointer: &str) -> Option<&str> {
    Some(pointer.rsplit_once('/')?.0)
}
