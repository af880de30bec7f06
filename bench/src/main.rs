//! What Tidings costs, measured. `cargo run -p bench --release -- compile` measures its macros, `-- contracts` its checks.

mod compile;
mod contracts;
mod generate;

use std::env;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo run -p bench --release -- <benchmark>

  compile [--rounds <number>] [number...]
      what the derive and the attribute add to a build, beside serde's two derives on the same structs;
      of 10, 100 and 500 events and handlers, or of so many as named
  contracts [number]
      what a check of 1,000 contracts takes, or of so many as named
";

enum Benchmark {
    Compile(compile::Order),
    Contracts(contracts::Order),
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let benchmark = match args.as_slice() {
        ["compile", rest @ ..] => compile::Order::parse(rest).map(Benchmark::Compile),
        ["contracts", rest @ ..] => contracts::Order::parse(rest).map(Benchmark::Contracts),
        [] => Err("no benchmark given".to_owned()),
        [other, ..] => Err(format!("no benchmark `{other}`")),
    };
    let benchmark = match benchmark {
        Ok(benchmark) => benchmark,
        Err(fault) => {
            eprint!("bench: {fault}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let table = match benchmark {
        Benchmark::Compile(order) => order.run().map(|table| table.to_string()),
        Benchmark::Contracts(order) => order.run().map(|table| table.to_string()),
    };
    match table {
        Ok(table) => {
            print!("{table}");
            ExitCode::SUCCESS
        }
        Err(fault) => {
            eprintln!("bench: {fault}");
            ExitCode::FAILURE
        }
    }
}
