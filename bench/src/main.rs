//! The benchmark, as it is run.

use std::process::ExitCode;

fn main() -> ExitCode {
    bench::main(None)
}
