//! Benchmarks of Tidings and of reference clients, which do the same work with other libraries.
//!
//! `cargo run -p bench --release -- <scenario>` starts its own broker. In each round it runs every client once, in a
//! process of its own.

mod alloc;
mod broker;
mod clients;
mod comparison;
mod compile;
mod contracts;
mod event;
mod foreign;
mod machine;
mod results;
mod rounds;
mod runtime_cost;
mod scenario;
mod statistics;
mod stopwatch;
mod worker;
mod worker_process;

use std::env;
use std::fmt::Display;
use std::process::ExitCode;
use std::str::FromStr;

use crate::comparison::Comparison;
use crate::compile::CompileBenchmark;
use crate::contracts::ContractsBenchmark;
use crate::runtime_cost::RuntimeCost;

const USAGE: &str = "\
usage: cargo run -p bench --release -- <benchmark>

  compile [--rounds <number>] [number...]
      the build time that the derive and the attribute add, compared with serde's two derives on the same structs;
      for 10, 100 and 500 events and handlers, or for the numbers given
  contracts [number]
      the time of a check of 1,000 contracts, or of the number given
  overhead [--rounds <number>]
      the cost of a delivery without its decoding, its handler and a broker
  dispatch [--rounds <number>]
      the growth of that cost with the number of patterns, handlers and bindings
  <scenario>... [--broker <version>] [--queue classic|quorum|both] [--rounds <number>] [--events <number>] [--quick]
          [--out <folder>]
      Tidings and the reference clients on a private RabbitMQ node: the installed version, or the version given; on
      quorum queues unless `--queue` says otherwise. `--quick` runs a fifth of the events in two rounds. Tables go to the
      screen and, with every run, to target/bench/results or to the folder given. `all` is every scenario on both types
      of queue, and `overhead` and `dispatch`. The scenarios:

";

/// Runs the command line. In the program that counts allocations, `counter` returns their number.
pub fn main(counter: Option<fn() -> u64>) -> ExitCode {
    if let Some(counter) = counter {
        alloc::set_counter(counter);
    }
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        // The benchmark starts a worker for each run, and reads its report.
        ["worker", rest @ ..] => return worker::main(rest),
        // The benchmark starts the program that counts allocations with these arguments.
        ["counted", name] => {
            RuntimeCost::parse(name, &["--rounds", "5"]).map(|benchmark| print(Ok(benchmark.count())))
        }
        ["compile", rest @ ..] => CompileBenchmark::parse(rest).map(|benchmark| print(benchmark.run())),
        ["contracts", rest @ ..] => ContractsBenchmark::parse(rest).map(|benchmark| print(benchmark.run())),
        [name @ ("overhead" | "dispatch"), rest @ ..] => {
            RuntimeCost::parse(name, rest).map(|benchmark| print(benchmark.run()))
        }
        rest => Comparison::parse(rest).map(Comparison::run),
    };
    match done {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprint!("bench: {error}\n\n{USAGE}{}", scenario::list());
            ExitCode::from(2)
        }
    }
}

fn print(table: Result<impl Display, String>) -> Result<(), String> {
    table.map(|table| print!("{table}"))
}

fn number<T: FromStr + PartialOrd + From<u8>>(text: &str) -> Result<T, String> {
    match text.parse::<T>() {
        Ok(number) if number >= T::from(1) => Ok(number),
        _ => Err(format!("`{text}` is not a positive number")),
    }
}
