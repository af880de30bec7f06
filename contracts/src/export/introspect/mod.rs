//! What a type reads beyond what its schema says: the other names of its fields and variants, and whether it takes any.
//!
//! The type is fed events made from its schema, by a deserializer of ours. Serde hands it every nested type's own list of
//! names, those of `#[serde(alias)]` among them. Where serde buffers a value first (in what is flattened, internally
//! tagged or untagged), the list is not to be had; there, names that seem likely are tried.

mod aliases;
mod deserializer;
mod explore;
pub(crate) mod index;
mod key_type;
mod keys;
mod variants;
pub(crate) mod walk;

use std::collections::BTreeSet;

use serde_json::Value;
use tidings::__private::Probe;

use self::explore::Explorer;
use self::index::Index;

/// Adds to the schema of a reader what its type shows of itself; to that of the writer what is true of both.
pub(crate) fn complete(writer: &mut Value, reader: &mut Value, probe: Probe, names: &BTreeSet<String>) {
    let schema = reader.clone();
    let index = Index::of(&schema);
    let mut explorer = Explorer::new(&index, probe);
    explorer.explore();
    let aliases = aliases::find(&mut explorer, names);
    let variants = variants::find(&mut explorer, names);
    let keys = keys::find(&mut explorer);
    // The aliases first: variants of other names are copies of what is there by then.
    aliases.into_iter().for_each(|alias| alias.write(reader));
    variants.into_iter().for_each(|variant| variant.write(reader));
    keys.into_iter().for_each(|keys| keys.write(writer, reader));
}
