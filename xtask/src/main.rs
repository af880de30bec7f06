//! The project's own commands: `cargo xtask test` runs every test there is and ends with a table.

mod broker;
mod child;
mod feature;
mod hold;
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

  test [suite...]              run the suites named, or all of them; `test --help` lists them
  broker install [version...]  get a RabbitMQ, as the tests do
  broker start [version]       run one until Ctrl-C; prints where it is
  broker stop                  end those that run
";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["test", rest @ ..] => test(rest),
        ["broker", rest @ ..] => broker(rest),
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
        Ok(jobs) if run::all(&jobs) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(fault) => misused(&fault),
    }
}

fn broker(args: &[&str]) -> ExitCode {
    match hold::Order::parse(args).map(|order| order.run()) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(fault)) => {
            eprintln!("xtask: {fault}");
            ExitCode::FAILURE
        }
        Err(fault) => misused(&fault),
    }
}

/// Says what is wrong with the command line. Two, where one means that a test failed.
fn misused(fault: &str) -> ExitCode {
    eprint!("xtask: {fault}\n\n{USAGE}");
    ExitCode::from(2)
}
