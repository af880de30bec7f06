//! `cargo xtask bench-check`: how many instructions each hot path takes an event, held against the figures that are
//! kept in `bench/instructions.toml`.
//!
//! Instructions, because time on a shared machine tells nothing below a tenth. Callgrind counts the same number in every
//! run of these programs, to a ten-thousandth: one thread, one event over and over, nothing that hangs on a seed.
//! Each path is taken twice, by different lengths, and the difference is what the events cost: what a start and an
//! end cost is in both.
//!
//! Roads not taken: gungraun counts in the same way, and needs a runner of its very version beside it, and code of its
//! own in the counted program; `perf stat` needs counters that a virtual machine seldom has.

mod counter;
mod figures;
mod table;

use std::path::Path;

use self::counter::Counter;
use self::figures::Figures;
use self::table::{Row, Table};
use crate::obtain;
use crate::tool::{C_COMPILER, CARGO, VALGRIND};

/// How much more than its figure a path may cost.
const MOST: f64 = 1.10;

/// What to do with what was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Hold it against the figures.
    Check,
    /// Make figures of it.
    Write,
}

impl Order {
    pub(crate) fn parse(args: &[&str]) -> Result<Self, String> {
        match args {
            [] => Ok(Self::Check),
            ["--write"] => Ok(Self::Write),
            [other, ..] => Err(format!(
                "no option `{other}` of `bench-check`; there is `--write`"
            )),
        }
    }

    /// Counts every path and prints the table; whether every path holds.
    ///
    /// # Errors
    /// When the paths cannot be built or counted, or the figures cannot be read or written.
    pub(crate) fn run(self, root: &Path) -> Result<bool, String> {
        here()?;
        for tool in [&CARGO, &C_COMPILER, &VALGRIND] {
            obtain::tool(tool)?;
        }
        let kept = match self {
            Self::Check => Figures::read(root)?,
            // Only for the table: there may be none yet.
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

/// Whether the figures are for this machine.
fn here() -> Result<(), String> {
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
    fn it_checks_unless_told_to_write() {
        assert_eq!(Order::parse(&[]), Ok(Order::Check));
        assert_eq!(Order::parse(&["--write"]), Ok(Order::Write));
        assert!(Order::parse(&["--wrote"]).is_err());
    }
}
