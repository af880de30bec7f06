//! Finds what a type accepts beyond its schema: aliases of fields and variants, unknown variants, and types of map
//! keys.
//!
//! The type deserializes events made from its schema. Serde hands our deserializer the list of names that each nested
//! type knows, aliases included. Serde has no such list for values that it buffers first (flattened, internally tagged
//! and untagged types), so the search tries likely names for those.

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
use tidings::__private::Introspect;

use self::explore::Explorer;
use self::index::Index;

/// Adds the findings to the schema of the reader, and those about both sides to the schema of the writer too.
pub(crate) fn complete(writer: &mut Value, reader: &mut Value, hooks: Introspect, names: &BTreeSet<String>) {
    let schema = reader.clone();
    let index = Index::of(&schema);
    let mut explorer = Explorer::new(&index, hooks);
    explorer.explore();
    let aliases = aliases::find(&mut explorer, names);
    let variants = variants::find(&mut explorer, names);
    let keys = keys::find(&mut explorer);
    // Aliases first: a variant under another name is a copy of its branch, and the copy needs the aliases.
    aliases.into_iter().for_each(|alias| alias.write(reader));
    variants.into_iter().for_each(|variant| variant.write(reader));
    keys.into_iter().for_each(|keys| keys.write(writer, reader));
}
