//! `cargo xtask mutate`: breaks one promise after the other in a copy of the tree, and checks that a test fails.
//!
//! Each patch in `tests/mutations/` breaks one promise and names the tests that must fail. If none of them fails, or
//! the patch no longer fits the code, the command fails.

mod copy;
mod mutant;
mod trial;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use self::copy::Copy;
use self::mutant::Mutant;
use self::trial::{Trial, TrialResult};

/// Runs the named mutants, or all, and prints the table. Returns whether a test caught each of them.
///
/// # Errors
/// When the copy cannot be made, a patch cannot be read, or a named mutant does not exist.
pub(crate) fn run(root: &Path, names: &[&str]) -> Result<bool, String> {
    let mutants = select(Mutant::all(root)?, names)?;
    let copy = Copy::of(root)?;
    if !passes_unchanged(&copy, &mutants)? {
        return Ok(false);
    }
    let mut rows = Vec::new();
    for mutant in &mutants {
        println!("==> {}: {}", mutant.name, mutant.about);
        let started = Instant::now();
        let result = match copy.apply(&mutant.patch) {
            Ok(()) => Trial::new(&mutant.caught_by).run(&copy),
            Err(fault) => TrialResult::Invalid(fault),
        };
        copy.restore()?;
        println!("    {result}");
        rows.push(TrialRow {
            name: mutant.name.clone(),
            result,
            took: started.elapsed(),
        });
    }
    print!("\n{}", table(&rows));
    Ok(rows.iter().all(|row| row.result.is_caught()))
}

/// Runs all trials without a mutation. A test that fails without one cannot show that it catches one.
fn passes_unchanged(copy: &Copy, mutants: &[Mutant]) -> Result<bool, String> {
    copy.restore()?;
    let trials: BTreeSet<&str> = mutants.iter().map(|mutant| mutant.caught_by.as_str()).collect();
    let mut all_pass = true;
    for caught_by in trials {
        println!("==> unchanged: cargo {caught_by}");
        let result = Trial::new(caught_by).run(copy);
        if !matches!(result, TrialResult::Survived) {
            println!("    without a mutation: {result}");
            all_pass = false;
        }
    }
    Ok(all_pass)
}

fn select(mut mutants: Vec<Mutant>, names: &[&str]) -> Result<Vec<Mutant>, String> {
    if let Some(unknown) = names
        .iter()
        .find(|name| mutants.iter().all(|mutant| mutant.name != **name))
    {
        let known: Vec<&str> = mutants.iter().map(|mutant| mutant.name.as_str()).collect();
        return Err(format!("no mutation `{unknown}`; there are {}", known.join(", ")));
    }
    mutants.retain(|mutant| names.is_empty() || names.contains(&mutant.name.as_str()));
    // Mutants with the same cargo command are neighbours, so that the next build has less to do.
    mutants.sort_by(|a, b| (&a.caught_by, &a.name).cmp(&(&b.caught_by, &b.name)));
    Ok(mutants)
}

struct TrialRow {
    name: String,
    result: TrialResult,
    took: Duration,
}

fn table(rows: &[TrialRow]) -> String {
    let width = rows
        .iter()
        .map(|row| row.name.len())
        .chain([8])
        .max()
        .unwrap_or_default();
    let mut table = format!("{:width$}  {:>7}  caught by\n", "mutation", "seconds");
    for row in rows {
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "{:width$}  {:>7.1}  {}",
            row.name,
            row.took.as_secs_f64(),
            row.result
        );
    }
    let caught = rows.iter().filter(|row| row.result.is_caught()).count();
    let _ = writeln!(table, "{caught} caught, {} not", rows.len() - caught);
    table
}

const USAGE: &str = "\
usage: cargo xtask mutate [mutation...]

Applies each patch of `tests/mutations/` to a copy of the tree in `target/mutants`, and runs the tests that its header
names. The command fails if they pass. It needs git.

";

/// What `cargo xtask mutate --help` prints.
///
/// # Errors
/// When a patch cannot be read.
pub(crate) fn help(root: &Path) -> Result<String, String> {
    let mutants = Mutant::all(root)?;
    let width = mutants
        .iter()
        .map(|mutant| mutant.name.len())
        .max()
        .unwrap_or_default();
    let mut help = USAGE.to_owned();
    for mutant in mutants {
        let _ = writeln!(help, "  {:width$}  {}", mutant.name, mutant.about);
    }
    Ok(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_patch_fits_the_code_that_it_breaks() {
        let root = crate::root();
        let mutants = Mutant::all(&root).unwrap();
        assert!(mutants.len() >= 12, "{}", mutants.len());
        let faults: Vec<String> = mutants
            .iter()
            .filter_map(|mutant| {
                let fault = copy::check(&root, &mutant.patch).err()?;
                Some(format!("tests/mutations/{}.patch: {fault}", mutant.name))
            })
            .collect();
        assert!(
            faults.is_empty(),
            "make the change again by hand and write `git diff` below the header:\n{}",
            faults.join("\n")
        );
    }

    #[test]
    fn the_table_names_the_tests_that_caught_each_mutant() {
        let row = |name: &str, result| TrialRow {
            name: name.to_owned(),
            result,
            took: Duration::from_millis(31_240),
        };
        let caught = TrialResult::Caught {
            first: "settle::a_delivery_settles_once".to_owned(),
            others: 2,
        };
        assert_eq!(
            table(&[row("ack-twice", caught), row("nap", TrialResult::Survived)]),
            "mutation   seconds  caught by\n\
             ack-twice     31.2  settle::a_delivery_settles_once, and 2 more\n\
             nap           31.2  NOTHING: every test passed\n\
             1 caught, 1 not\n"
        );
    }
}
