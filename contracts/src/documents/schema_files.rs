//! Writes the schemas of whole events as files for code generators.

use std::path::{Path, PathBuf};

use crate::check::committed;
use crate::contract::canonical::Sorted;
use crate::contract::folder::Folder;
use crate::documents::event_schema::Side;
use crate::error::Result;

/// A version of JSON Schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Draft {
    /// Draft-07, for json-schema-to-typescript.
    Draft7,
    /// 2020-12, for datamodel-code-generator and most validators.
    Draft2020,
}

impl Folder {
    /// Writes the schema of each whole event into `folder`, one file per event with the name of its type, such as
    /// `OrderCreatedV1.json`. Returns the paths of the files.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write_schemas(&self, folder: impl AsRef<Path>, side: Side, draft: Draft) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for contract in self.iter() {
            let schema = match draft {
                Draft::Draft7 => contract.event_schema_draft7(side),
                Draft::Draft2020 => contract.event_schema(side),
            };
            let mut text =
                serde_json::to_string_pretty(&Sorted(&schema)).expect("a JSON value can be written");
            text.push('\n');
            let file = folder.as_ref().join(format!("{}.json", contract.title()));
            committed::write(&file, &text)?;
            files.push(file);
        }
        Ok(files)
    }
}
