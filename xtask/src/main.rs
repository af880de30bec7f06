//! The project's own commands: `cargo xtask test` runs every test there is and ends with a table.

mod bench_check;
mod broker;
mod child;
mod feature;
mod hold;
mod messages;
mod mutate;
mod obtain;
mod run;
mod soak;
mod step;
mod structure;
mod suite;
mod table;
mod tally;
mod tool;

use std::env;
use std::path::Path;
use std::process::ExitCode;

use structure::Structure;

const USAGE: &str = "\
usage: cargo xtask <command>

  test [suite...]              run the suites named, or all of them; `test --help` lists them
  soak --minutes <minutes> [--broker <version>] [--seed <seed>]
                               draw faults for so long, with events under way throughout; ends with a table
  broker install [version...]  get a RabbitMQ, as the tests do
  broker start [version]       run one until Ctrl-C; prints where it is
  broker stop                  end those that run
  bench-check [--write]        count the instructions of the hot paths, and hold them against the figures that are kept
  mutate [mutation...]         break one promise after the other in a copy, and show that a test notices
  circles [crate...]           list the import circles of `runtime`, `macros` and `contracts`, allowed ones too
  structure [--write-exceptions]
                               check that there are no other circles and no name for two types; print the figures
  messages [--write]           print every compile error with its code; or write docs/mistakes.md anew
";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["test", rest @ ..] => test(rest),
        ["broker", rest @ ..] => broker(rest),
        ["mutate", rest @ ..] => mutate(rest),
        ["soak", rest @ ..] => soak(rest),
        ["messages", rest @ ..] => messages(rest),
        ["bench-check", rest @ ..] => bench_check(rest),
        ["circles", rest @ ..] => circles(rest),
        ["structure", rest @ ..] => check_structure(rest),
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

fn mutate(args: &[&str]) -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    if args.iter().any(|arg| matches!(*arg, "--help" | "-h")) {
        return done(mutate::help(&root).map(|help| print!("{help}")));
    }
    match mutate::run(&root, args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(fault) => misused(&fault),
    }
}

fn bench_check(args: &[&str]) -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    // It names files to look at.
    let root = root.canonicalize().unwrap_or(root);
    let order = match bench_check::Order::parse(args) {
        Ok(order) => order,
        Err(fault) => return misused(&fault),
    };
    match order.run(&root) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(fault) => done(Err(fault)),
    }
}

fn circles(args: &[&str]) -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    if let Some(unknown) = args.iter().find(|arg| !structure::CRATES.contains(arg)) {
        let known = structure::CRATES.join(", ");
        return misused(&format!("no crate `{unknown}` to check; there are {known}"));
    }
    let folders = structure::CRATES
        .iter()
        .filter(|folder| args.is_empty() || args.contains(folder));
    let circles: Result<String, _> = folders
        .map(|folder| Structure::read(&root, folder).map(|structure| structure.circles()))
        .collect();
    done(circles.map(|circles| print!("{circles}")))
}

fn check_structure(args: &[&str]) -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    match args {
        [] => {}
        ["--write-exceptions"] => return done(structure::write_exceptions(&root)),
        [other, ..] => {
            return misused(&format!(
                "no option `{other}` of `structure`; there is `--write-exceptions`"
            ));
        }
    }
    let structures = structure::CRATES
        .iter()
        .map(|folder| Structure::read(&root, folder));
    let structures = match structures.collect::<Result<Vec<_>, _>>() {
        Ok(structures) => structures,
        Err(fault) => return done(Err(fault)),
    };
    print!("{}", structure::figures_head());
    for structure in &structures {
        print!("{}", structure.figures());
    }
    let faults: Vec<String> = structures.iter().flat_map(Structure::faults).collect();
    for fault in &faults {
        println!("\n{fault}");
    }
    if faults.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The exit code of what may fail.
fn done(result: Result<(), impl std::fmt::Display>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("xtask: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn messages(args: &[&str]) -> ExitCode {
    let writes = match args {
        [] => false,
        ["--write"] => true,
        [other, ..] => return misused(&format!("no option `{other}` of `messages`; there is `--write`")),
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let written = messages::Page::read(&root).and_then(|page| {
        if writes {
            return messages::write(&root, &page);
        }
        print!("{page}");
        Ok(())
    });
    done(written)
}

/// Says what is wrong with the command line. Two, where one means that a test failed.
fn misused(fault: &str) -> ExitCode {
    eprint!("xtask: {fault}\n\n{USAGE}");
    ExitCode::from(2)
}
