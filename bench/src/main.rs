//! The benchmark's program.

use std::process::ExitCode;

fn main() -> ExitCode {
    bench::main(None)
}
