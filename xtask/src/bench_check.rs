//! `cargo xtask bench-check`: compares the instructions of each hot path per event with the figures in
//! `bench/instructions.toml`.
//!
//! It counts instructions, because times on a shared machine differ by more than a tenth. Callgrind's counts of these
//! programs differ by less than a ten-thousandth: they have one thread, the same event each time, and no random seed.
//! Each path runs twice, with different numbers of events. The difference of the counts is the cost of the events.
//!
//! Not used: gungraun counts in the same way, but needs a runner of exactly its version and its own code in the counted
//! program. `perf stat` needs hardware counters, which few virtual machines have.

mod counter;
mod figures;
mod table;

use std::path::Path;

use self::counter::Counter;
use self::figures::Figures;
use self::table::{Count, CountTable};
use crate::obtain;
use crate::tool::{C_COMPILER, CARGO, VALGRIND};

/// How many times its figure a path may cost.
const MAX_RATIO: f64 = 1.10;

/// Counts every path and prints the table. Returns whether every path is within its limit, or writes the figures.
///
/// # Errors
/// When the paths cannot be built or counted, or the figures cannot be read or written.
pub(crate) fn run(root: &Path, is_write: bool) -> Result<bool, String> {
    check_machine()?;
    for tool in [&CARGO, &C_COMPILER, &VALGRIND] {
        obtain::tool(tool)?;
    }
    let committed = if is_write {
        // Only for the table. There may be no figures yet.
        Figures::read(root).unwrap_or_default()
    } else {
        Figures::read(root)?
    };
    let counter = Counter::build(root)?;
    let mut rows = Vec::new();
    for path in counter.paths()? {
        let committed = committed.of(&path);
        let is_enough = |now| committed.is_none() || table::is_within_limit(committed, now);
        let now = counter.count(&path, is_enough)?;
        rows.push(Count { path, committed, now });
    }
    let table = CountTable {
        removed: committed.without(&rows),
        rows,
    };
    print!("\n{table}");
    if is_write {
        return table.figures().write(root).map(|()| true);
    }
    if let Some(fault) = table.fault(&counter) {
        println!("\n{fault}");
    }
    Ok(table.passed())
}

fn check_machine() -> Result<(), String> {
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Ok(());
    }
    Err(format!(
        "cannot compare instructions: the figures are for Linux on x86-64, and this is {} on {}; run it there, as CI does",
        std::env::consts::OS,
        std::env::consts::ARCH
    ))
}
