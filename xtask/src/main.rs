//! The project's own commands: `cargo xtask test` runs every test there is and ends with a table.

mod broker;
mod child;
mod feature;
mod obtain;
mod run;
mod step;
mod suite;
mod table;
mod tally;
mod tool;

use std::env;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <command>

  test [suite...]    run the suites named, or all of them; `test --help` lists them
";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["test", rest @ ..] => test(rest),
        ["broker", "install", version] => {
            match obtain::obtain(&obtain::Want::Version(version.parse().unwrap())) {
                Ok(i) => {
                    println!("{i} {}", i.place);
                    ExitCode::SUCCESS
                }
                Err(e) => {
                    println!("{e}");
                    ExitCode::FAILURE
                }
            }
        }
        ["broker", "install"] => match obtain::obtain(&obtain::Want::AtHand) {
            Ok(i) => {
                println!("{i} {}", i.place);
                ExitCode::SUCCESS
            }
            Err(e) => {
                println!("{e}");
                ExitCode::FAILURE
            }
        },
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            ExitCode::SUCCESS
        }
        [] => misused("no command given"),
        [other, ..] => misused(&format!("no command `{other}`")),
    }
}

fn test(args: &[&str]) -> ExitCode {
    if args.iter().any(|arg| matches!(*arg, "--help" | "-h")) {
        print!("{}", suite::help());
        return ExitCode::SUCCESS;
    }
    match suite::select(args) {
        Ok(suites) if run::all(&suites) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(fault) => misused(&fault),
    }
}

/// Says what is wrong with the command line. Two, where one means that a test failed.
fn misused(fault: &str) -> ExitCode {
    eprint!("xtask: {fault}\n\n{USAGE}");
    ExitCode::from(2)
}
