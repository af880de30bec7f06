//! The project's own commands: `cargo xtask test` runs every test and ends with a table.

mod api;
mod bench_check;
mod broker;
mod broker_command;
mod child;
mod feature;
mod form;
mod messages;
mod mutate;
mod obtain;
mod run;
mod selection;
mod soak;
mod step;
mod structure;
mod suite;
mod table;
mod tally;
mod tool;

use std::env;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use structure::Structure;

const USAGE: &str = "\
usage: cargo xtask <command>

  test [suite...]              run the named suites, or all; `test --help` lists them
  soak --minutes <minutes> [--broker <version>] [--seed <seed>]
                               run faults in a random order while events are published; ends with a table
  broker install [version...]  install RabbitMQ, as the tests do
  broker start [version]       run a RabbitMQ until Ctrl-C; prints its address
  broker stop                  stop every RabbitMQ that `broker start` runs
  bench-check [--write]        count the instructions of the hot paths and compare them with the committed figures
  mutate [mutation...]         break one promise after the other in a copy, and check that a test fails
  structure                    check imports and type names of the three crates; prints the figures
  api [--write]                compare the public API with docs/api, or write it there
  messages [file]              print every compile error with the code that causes it, or write the page to a file
";

enum Fault {
    /// The command line is wrong.
    Usage(String),
    Failed(String),
}

/// Whether the command's checks passed.
type Done = Result<bool, Fault>;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        ["test", rest @ ..] => test(rest),
        ["broker", rest @ ..] => {
            usage(broker_command::BrokerCommand::parse(rest)).and_then(|command| succeeded(command.run()))
        }
        ["mutate", rest @ ..] => mutate(rest),
        ["soak", rest @ ..] => usage(soak::Soak::parse(rest)).and_then(|soak| succeeded(soak.run(&root()))),
        ["structure"] => check_structure(),
        ["api", rest @ ..] => check_api(rest),
        ["messages", rest @ ..] => messages(rest),
        ["bench-check", rest @ ..] => option(rest, "bench-check", "--write")
            .and_then(|is_write| failed(bench_check::run(&root(), is_write))),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(true)
        }
        [] => Err(Fault::Usage("no command given".to_owned())),
        [other, ..] => Err(Fault::Usage(format!("no command `{other}`"))),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(Fault::Failed(fault)) => {
            eprintln!("xtask: {fault}");
            ExitCode::FAILURE
        }
        // The exit code differs from that of a failed test.
        Err(Fault::Usage(fault)) => {
            eprint!("xtask: {fault}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.canonicalize().unwrap_or(root)
}

fn usage<T>(result: Result<T, String>) -> Result<T, Fault> {
    result.map_err(Fault::Usage)
}

fn failed<T>(result: Result<T, impl Display>) -> Result<T, Fault> {
    result.map_err(|fault| Fault::Failed(fault.to_string()))
}

fn succeeded(result: Result<(), impl Display>) -> Done {
    failed(result.map(|()| true))
}

/// Whether the only option of a command is given.
fn option(args: &[&str], command: &str, option: &str) -> Result<bool, Fault> {
    match args {
        [] => Ok(false),
        [arg] if *arg == option => Ok(true),
        [other, ..] => Err(Fault::Usage(format!(
            "no option `{other}` of `{command}`; there is `{option}`"
        ))),
    }
}

fn is_help(args: &[&str]) -> bool {
    args.iter().any(|arg| matches!(*arg, "--help" | "-h"))
}

fn test(args: &[&str]) -> Done {
    if is_help(args) {
        print!("{}", suite::help());
        return Ok(true);
    }
    usage(selection::select(args)).map(|jobs| run::all(&jobs, &root()))
}

fn mutate(args: &[&str]) -> Done {
    if is_help(args) {
        print!("{}", failed(mutate::help(&root()))?);
        return Ok(true);
    }
    usage(mutate::run(&root(), args))
}

fn check_structure() -> Done {
    let structures = structure::CRATES
        .iter()
        .map(|folder| Structure::read(&root(), folder));
    let structures = failed(structures.collect::<Result<Vec<_>, _>>())?;
    print!("{}", structure::figures_head());
    for structure in &structures {
        print!("{}", structure.figures());
    }
    let faults: Vec<String> = structures.iter().flat_map(Structure::faults).collect();
    for fault in &faults {
        println!("\n{fault}");
    }
    Ok(faults.is_empty())
}

fn check_api(args: &[&str]) -> Done {
    let is_write = option(args, "api", "--write")?;
    Ok(api::run(&root(), is_write))
}

fn messages(args: &[&str]) -> Done {
    let page = failed(messages::Page::read(&root()))?;
    match args {
        [] => {
            print!("{page}");
            Ok(true)
        }
        [file] if !file.starts_with('-') => succeeded(page.write(Path::new(file))),
        _ => Err(Fault::Usage(
            "`messages` takes the name of one file, or nothing".to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_has_its_option_and_no_other() {
        assert!(matches!(option(&[], "api", "--write"), Ok(false)));
        assert!(matches!(option(&["--write"], "api", "--write"), Ok(true)));
        assert!(option(&["--wrote"], "api", "--write").is_err());
    }
}
