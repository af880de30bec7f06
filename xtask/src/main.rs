//! The project's own commands: `cargo xtask test` runs every test there is and ends with a table.

mod broker;
mod child;
mod feature;
mod hold;
mod messages;
mod obtain;
mod run;
mod soak;
mod step;
mod suite;
mod table;
mod tally;
mod tool;

use std::env;
use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <command>

  test [suite...]              run the suites named, or all of them; `test --help` lists them
  soak --minutes <minutes> [--broker <version>] [--seed <seed>]
                               draw faults for so long, with events under way throughout; ends with a table
  broker install [version...]  get a RabbitMQ, as the tests do
  broker start [version]       run one until Ctrl-C; prints where it is
  broker stop                  end those that run
  messages [--write]           print every compile error with its code; or write docs/mistakes.md anew
";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["test", rest @ ..] => test(rest),
        ["broker", rest @ ..] => broker(rest),
        ["soak", rest @ ..] => soak(rest),
        ["messages", rest @ ..] => messages(rest),
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

fn soak(args: &[&str]) -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    match soak::Soak::parse(args).map(|soak| soak.run(&root)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(fault)) => {
            eprintln!("xtask: {fault}");
            ExitCode::FAILURE
        }
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

fn messages(args: &[&str]) -> ExitCode {
    let writes = match args {
        [] => false,
        ["--write"] => true,
        [other, ..] => return misused(&format!("no option `{other}` of `messages`; there is `--write`")),
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let done = messages::Page::read(&root).and_then(|page| {
        if writes {
            return messages::write(&root, &page);
        }
        print!("{page}");
        Ok(())
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("xtask: {fault}");
            ExitCode::FAILURE
        }
    }
}

/// Says what is wrong with the command line. Two, where one means that a test failed.
fn misused(fault: &str) -> ExitCode {
    eprint!("xtask: {fault}\n\n{USAGE}");
    ExitCode::from(2)
}
