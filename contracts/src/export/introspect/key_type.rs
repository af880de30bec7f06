//! The type that the keys of a map have in Rust. JSON writes every key as a text.

use std::collections::BTreeMap;

/// What the type of a map asks its keys to be.
#[derive(Debug, Clone)]
pub(crate) enum KeyType {
    /// An integer, by the name of its type's format.
    Integer(&'static str),
    Bool,
    Char,
    /// A text; a type behind it may still refuse some.
    Text,
    /// A unit variant, by one of these names.
    Variant(&'static [&'static str]),
}

/// The key type of each map, by the pointer of its schema.
pub(crate) type KeyTypes = BTreeMap<String, KeyType>;

/// The map whose entry lies at `pointer`.
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
