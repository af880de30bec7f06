//! The command `tidings-contracts`.

mod args;
mod git;
mod schemas;

use std::path::Path;
use std::process::ExitCode;

use self::args::{Against, CheckArgs, Command};
use crate::compat::folders::judge;
use crate::compat::outcome::Outcome;
use crate::compat::waiver::Waivers;
use crate::contract::folder::Folder;
use crate::error::with_sources;
use crate::report::Report;

/// The exit codes: no findings, findings, and an error.
const CODES: [u8; 3] = [0, 1, 2];

/// Runs the command with the arguments of this process.
pub fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    if arguments.nth(1).is_some_and(|command| command == "schemas") {
        return write_schemas(lexopt::Parser::from_args(arguments));
    }
    match args::parse(lexopt::Parser::from_env()) {
        Ok(Command::Help) => {
            print!("{}", args::HELP);
            ExitCode::from(CODES[0])
        }
        Ok(Command::Check(check)) => match run(&check) {
            Ok(outcome) => ExitCode::from(CODES[usize::from(outcome.fails())]),
            Err(error) => exit_with_error(&error),
        },
        Err(error) => exit_with_error(&error.into()),
    }
}

type BoxError = Box<dyn std::error::Error>;

fn exit_with_error(error: &BoxError) -> ExitCode {
    eprintln!("error: {}", with_sources(error.as_ref()));
    ExitCode::from(CODES[2])
}

fn write_schemas(arguments: lexopt::Parser) -> ExitCode {
    let done = match schemas::parse(arguments) {
        Ok(Some(schemas)) => schemas::run(&schemas),
        Ok(None) => {
            print!("{}", schemas::HELP);
            Ok(())
        }
        Err(error) => Err(error.into()),
    };
    done.map_or_else(|error| exit_with_error(&error), |()| ExitCode::from(CODES[0]))
}

fn run(check: &CheckArgs) -> Result<Outcome, BoxError> {
    let new = folder(&check.folder)?;
    let old = match &check.against {
        Against::Folder(path) => folder(path)?,
        Against::Ref(name) => git::folder(&check.folder, name)?,
    };
    let waivers = Waivers::read(&check.folder)?;
    let outcome = Outcome::today(judge(&old, &new, check.policy), &waivers);
    let checked: Vec<_> = old
        .iter()
        .map(|contract| (contract.event_type.clone(), contract.version))
        .collect();
    let report = Report {
        outcome: &outcome,
        folder: &check.folder.to_string_lossy(),
        checked: &checked,
        verbose: check.verbose,
    };
    print!("{}", report.write(check.format));
    Ok(outcome)
}

fn folder(path: &Path) -> Result<Folder, BoxError> {
    if !path.is_dir() {
        return Err(format!("there is no folder `{}`", path.display()).into());
    }
    Ok(Folder::read(path)?)
}
