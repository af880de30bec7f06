//! What Tidings costs, measured beside what one would use instead.
//!
//! `cargo run -p bench --release -- <scenario>` starts a broker of its own and runs Tidings and its twins in turn, each
//! run in a process of its own, round by round.

mod alloc;

mod broker;
mod compile;
mod contracts;
mod event;
mod foreign;

mod comparison;
mod machine;
mod results;
mod rounds;
mod runtime_cost;
mod scenario;
mod statistics;
mod stopwatch;
mod twins;
mod worker;
mod worker_process;

use std::env;
use std::process::ExitCode;

use crate::comparison::Order;

const USAGE: &str = "\
usage: cargo run -p bench --release -- <benchmark>

  compile [--rounds <number>] [number...]
      what the derive and the attribute add to a build, beside serde's two derives on the same structs;
      of 10, 100 and 500 events and handlers, or of so many as named
  contracts [number]
      what a check of 1,000 contracts takes, or of so many as named
  overhead [--rounds <number>]
      what a delivery costs beside its decoding and its handler, without a broker
  dispatch [--rounds <number>]
      whether it costs more among many patterns, handlers and bindings
  <scenario>... [--broker <version>] [--queue classic|quorum|both] [--rounds <number>] [--events <number>] [--quick]
          [--out <folder>]
      Tidings beside its twins on a RabbitMQ of its own: the installed one, or the version named; on quorum queues
      unless told otherwise. `--quick` is a fifth of everything, to see that it works. Tables go to the screen and,
      with every run, to target/bench/results or the folder named. `all` is every scenario on both types of queue,
      and `overhead` and `dispatch`:

";

/// Runs it as the command line says. `counter` says how often memory was allocated since the process began, where that is
/// counted.
pub fn main(counter: Option<fn() -> u64>) -> ExitCode {
    if let Some(counter) = counter {
        alloc::count_by(counter);
    }
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        // One measured run, for the process that starts it and reads what it prints.
        ["worker", rest @ ..] => return worker::main(rest),
        // What another process cannot count itself.
        ["counted", name] => match runtime_cost::Order::parse(name, &["--rounds", "5"]) {
            Ok(order) => {
                println!("{}", order.count());
                Ok(())
            }
            Err(fault) => return misused(&fault),
        },
        ["compile", rest @ ..] => match compile::Order::parse(rest) {
            Ok(order) => order.run().map(|table| print!("{table}")),
            Err(fault) => return misused(&fault),
        },
        ["contracts", rest @ ..] => match contracts::Order::parse(rest) {
            Ok(order) => order.run().map(|table| print!("{table}")),
            Err(fault) => return misused(&fault),
        },
        [name @ ("overhead" | "dispatch"), rest @ ..] => match runtime_cost::Order::parse(name, rest) {
            Ok(order) => order.run().map(|table| print!("{table}")),
            Err(fault) => return misused(&fault),
        },
        rest => match Order::parse(rest) {
            Ok(order) => order.run(),
            Err(fault) => return misused(&fault),
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("bench: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn misused(fault: &str) -> ExitCode {
    eprint!("bench: {fault}\n\n{USAGE}{}", scenario::list());
    ExitCode::from(2)
}
