//! `cargo xtask bench-check`: compares the instructions of each hot path per event with the figures in
//! `bench/instructions.toml`.
//!
//! It counts instructions, because times on a shared machine differ by more than a tenth. Callgrind's counts of these
//! programs differ by less than a ten-thousandth: they have one thread, the same event each time, and no random seed.
//! Each path runs twice with different numbers of events. The difference is the cost of the events, without start and
//! end.
//!
//! Not used: gungraun counts in the same way, but needs a runner of exactly its version and its own code in the counted
//! program. `perf stat` needs hardware counters, which few virtual machines have.

mod counter;
mod figures;
mod table;

use std::path::Path;

use self::counter::Counter;
use self::figures::Figures;
use self::table::{Row, Table};
use crate::obtain;
use crate::tool::{C_COMPILER, CARGO, VALGRIND};

/// How many times its figure a path may cost.
const MOST: f64 = 1.10;

/// What to do with the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Compare them with the figures.
    Check,
    /// Write them as the figures.
    Write,
}

impl Mode {
    pub(crate) fn parse(args: &[&str]) -> Result<Self, String> {
        match args {
            [] => Ok(Self::Check),
            ["--write"] => Ok(Self::Write),
            [other, ..] => Err(format!(
                "no option `{other}` of `bench-check`; there is `--write`"
            )),
        }
    }

    /// Counts every path and prints the table. Returns whether every path is within its limit.
    ///
    /// # Errors
    /// When the paths cannot be built or counted, or the figures cannot be read or written.
    pub(crate) fn run(self, root: &Path) -> Result<bool, String> {
        check_machine()?;
        for tool in [&CARGO, &C_COMPILER, &VALGRIND] {
            obtain::tool(tool)?;
        }
        let kept = match self {
            Self::Check => Figures::read(root)?,
            // Only for the table. There may be no figures yet.
            Self::Write => Figures::read(root).unwrap_or_default(),
        };
        let counter = Counter::build(root)?;
        let mut rows = Vec::new();
        for path in counter.paths()? {
            let kept = kept.of(&path);
            let now = counter.count(&path, |now| kept.is_none() || table::holds(kept, now))?;
            rows.push(Row { path, kept, now });
        }
        let table = Table {
            gone: kept.without(&rows),
            rows,
        };
        print!("\n{table}");
        match self {
            Self::Check => {
                let fault = table.fault(&counter);
                fault.inspect(|fault| println!("\n{fault}"));
                Ok(table.holds())
            }
            Self::Write => table.figures().write(root).map(|()| true),
        }
    }
}

/// Checks that the figures are for a machine like this one.
fn check_machine() -> Result<(), String> {
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Ok(());
    }
    Err(format!(
        "cannot compare instructions: the figures are those of Linux on x86-64, and this is {} on {}; run it there, as \
         CI does",
        std::env::consts::OS,
        std::env::consts::ARCH
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_compares_unless_an_option_says_write() {
        assert_eq!(Mode::parse(&[]), Ok(Mode::Check));
        assert_eq!(Mode::parse(&["--write"]), Ok(Mode::Write));
        assert!(Mode::parse(&["--wrote"]).is_err());
    }
}
