//! The command `tidings-contracts schemas FOLDER --out FOLDER`: writes schemas for code generators.

use std::path::PathBuf;

use lexopt::prelude::*;

use crate::contract::folder::Folder;
use crate::documents::event_schema::Side;
use crate::documents::schema_files::Draft;

pub(super) const HELP: &str = "\
Writes the schema of each whole event, envelope and data, for code generators.

usage: tidings-contracts schemas FOLDER --out FOLDER [options]

  FOLDER              the contracts, usually `contracts`
  --out FOLDER        the folder for the schemas: OrderCreatedV1.json
  --side SIDE         writer: what the service writes, for readers of its events; reader: what it accepts, for
                      writers of events (default: writer)
  --draft DRAFT       2020 or 7 (default: 2020)
";

#[derive(Debug, PartialEq)]
pub(super) struct SchemasArgs {
    folder: PathBuf,
    out: PathBuf,
    side: Side,
    draft: Draft,
}

/// Parses the arguments after `schemas`; `None` is a request for help.
pub(super) fn parse(mut arguments: lexopt::Parser) -> Result<Option<SchemasArgs>, lexopt::Error> {
    let (mut folder, mut out, mut side, mut draft) = (None, None, Side::Writer, Draft::Draft2020);
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("help") | Short('h') => return Ok(None),
            Long("out") => out = Some(PathBuf::from(arguments.value()?)),
            Long("side") => side = arguments.value()?.parse_with(side_of)?,
            Long("draft") => draft = arguments.value()?.parse_with(draft_of)?,
            Value(value) if folder.is_none() => folder = Some(PathBuf::from(value)),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(SchemasArgs {
        folder: folder.ok_or("no folder; write `schemas contracts --out schemas`")?,
        out: out.ok_or("no output folder; write `--out FOLDER`")?,
        side,
        draft,
    }))
}

/// Writes the schemas, and prints their paths.
pub(super) fn run(schemas: &SchemasArgs) -> Result<(), super::BoxError> {
    let folder = super::folder(&schemas.folder)?;
    if folder.is_empty() {
        return Err(format!("there are no contracts in `{}`", schemas.folder.display()).into());
    }
    for file in Folder::write_schemas(&folder, &schemas.out, schemas.side, schemas.draft)? {
        println!("{}", file.display());
    }
    Ok(())
}

fn side_of(name: &str) -> Result<Side, String> {
    match name {
        "writer" => Ok(Side::Writer),
        "reader" => Ok(Side::Reader),
        _ => Err(format!("no side `{name}`; there are writer and reader")),
    }
}

fn draft_of(name: &str) -> Result<Draft, String> {
    match name {
        "7" => Ok(Draft::Draft7),
        "2020" => Ok(Draft::Draft2020),
        _ => Err(format!("no draft `{name}`; there are 7 and 2020")),
    }
}
