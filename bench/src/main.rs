//! What Tidings costs, measured. `cargo run -p bench --release -- compile` measures its macros.

mod compile;
mod generate;

use std::env;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo run -p bench --release -- <benchmark>

  compile [--rounds <number>] [number...]
      what the derive and the attribute add to a build, beside serde's two derives on the same structs;
      of 10, 100 and 500 events and handlers, or of so many as named
";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let benchmark = match args.as_slice() {
        ["compile", rest @ ..] => compile::Order::parse(rest),
        [] => Err("no benchmark given".to_owned()),
        [other, ..] => Err(format!("no benchmark `{other}`")),
    };
    let order = match benchmark {
        Ok(order) => order,
        Err(fault) => {
            eprint!("bench: {fault}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match order.run() {
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
