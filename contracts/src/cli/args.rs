use std::path::{Path, PathBuf};

use lexopt::prelude::*;

use crate::compat::compare::Level;
use crate::compat::folders::Policy;
use crate::report::Format;

pub(super) const HELP: &str = "\
Compares contracts with an earlier state of them.

usage: tidings-contracts check FOLDER --against FOLDER|REF [options]

  FOLDER              the current contracts, usually `contracts`; its waivers.toml applies
  --against FOLDER    the earlier contracts
  --against REF       the same folder in a git commit: a branch, a tag, HEAD
  --level LEVEL       none, backward, forward or full (default: full for the latest version of an event,
                      backward for its older versions)
  --latest            compare the latest version of each event only
  --format FORMAT     text, json, junit or github (default: text)
  --verbose           show compatible changes too
  --help              show this help

`tidings-contracts schemas --help` describes the other command, which writes schemas for other languages.

exit code: 0 without failing findings, 1 with failing findings, 2 after an error
";

#[derive(Debug, PartialEq)]
pub(super) enum Command {
    Help,
    Check(CheckArgs),
}

#[derive(Debug, PartialEq)]
pub(super) struct CheckArgs {
    pub(super) folder: PathBuf,
    pub(super) against: Against,
    pub(super) policy: Policy,
    pub(super) format: Format,
    pub(super) verbose: bool,
}

/// What to compare the contracts with.
#[derive(Debug, PartialEq)]
pub(super) enum Against {
    Folder(PathBuf),
    Ref(String),
}

pub(super) fn parse(mut arguments: lexopt::Parser) -> Result<Command, lexopt::Error> {
    let (mut command, mut folder, mut against) = (None, None, None);
    let (mut policy, mut latest, mut format, mut verbose) =
        (Policy::default(), false, Format::default(), false);
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("help") | Short('h') => return Ok(Command::Help),
            Long("against") => against = Some(arguments.value()?),
            Long("level") => policy = Policy::level(arguments.value()?.parse_with(level)?),
            Long("latest") => latest = true,
            Long("format") => format = arguments.value()?.parse()?,
            Long("verbose") => verbose = true,
            Value(value) if command.is_none() => command = Some(value.string()?),
            Value(value) if folder.is_none() => folder = Some(PathBuf::from(value)),
            other => return Err(other.unexpected()),
        }
    }
    match command.as_deref() {
        Some("check") => {}
        Some(other) => return Err(format!("no command `{other}`; write `check`").into()),
        None => return Err("no command; write `check FOLDER --against FOLDER|REF`".into()),
    }
    let folder = folder.ok_or("no folder; write `check contracts --against main`")?;
    let against = against.ok_or("nothing to compare with; write `--against FOLDER` or `--against REF`")?;
    let against = if Path::new(&against).is_dir() {
        Against::Folder(against.into())
    } else {
        Against::Ref(against.string()?)
    };
    let policy = if latest { policy.latest_only() } else { policy };
    Ok(Command::Check(CheckArgs {
        folder,
        against,
        policy,
        format,
        verbose,
    }))
}

fn level(name: &str) -> Result<Level, String> {
    match name {
        "none" => Ok(Level::None),
        "backward" => Ok(Level::Backward),
        "forward" => Ok(Level::Forward),
        "full" => Ok(Level::Full),
        _ => Err(format!(
            "no level `{name}`; there are none, backward, forward and full"
        )),
    }
}
