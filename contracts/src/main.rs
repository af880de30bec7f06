//! The command `tidings-contracts`.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    tidings_contracts::cli::main()
}
