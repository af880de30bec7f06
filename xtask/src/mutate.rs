//! `cargo xtask mutate`: breaks one promise after the other in a copy of the tree, and shows that a test notices.
//!
//! A test that cannot fail proves nothing. Each patch in `tests/mutations/` breaks one promise and names the tests that
//! keep it; a patch that no test notices, or that no longer fits the code, is a failure.

mod copy;
mod mutant;
mod trial;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use self::copy::Copy;
use self::mutant::Mutant;
use self::trial::{Trial, Verdict};

/// Runs the mutants named, or all, and prints the table; whether a test noticed each.
///
/// # Errors
/// When the copy cannot be made, a patch cannot be read, or one named is not there.
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
        let verdict = match copy.apply(&mutant.patch) {
            Ok(()) => Trial::new(&mutant.caught_by).run(&copy),
            Err(fault) => Verdict::Unfit(fault),
        };
        copy.restore()?;
        println!("    {verdict}");
        rows.push(Row {
            name: mutant.name.clone(),
            verdict,
            took: started.elapsed(),
        });
    }
    print!("\n{}", table(&rows));
    Ok(rows.iter().all(|row| row.verdict.is_caught()))
}

/// A test that fails on the tree as it is notices nothing.
fn passes_unchanged(copy: &Copy, mutants: &[Mutant]) -> Result<bool, String> {
    copy.restore()?;
    let trials: BTreeSet<&str> = mutants.iter().map(|mutant| mutant.caught_by.as_str()).collect();
    let mut all_pass = true;
    for caught_by in trials {
        println!("==> unchanged: cargo {caught_by}");
        let verdict = Trial::new(caught_by).run(copy);
        if !matches!(verdict, Verdict::Survived) {
            println!("    on the tree as it is: {verdict}");
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
    // Those that are built alike stand together: the next build then has less to do.
    mutants.sort_by(|a, b| (&a.caught_by, &a.name).cmp(&(&b.caught_by, &b.name)));
    Ok(mutants)
}

/// What a mutant came to.
struct Row {
    name: String,
    verdict: Verdict,
    took: Duration,
}

fn table(rows: &[Row]) -> String {
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
            row.verdict
        );
    }
    let caught = rows.iter().filter(|row| row.verdict.is_caught()).count();
    let _ = writeln!(table, "{caught} caught, {} not", rows.len() - caught);
    table
}

const USAGE: &str = "\
usage: cargo xtask mutate [mutation...]

Applies each patch of `tests/mutations/` to a copy of the tree under `target/mutants`, and runs the tests that its header
names. Fails when they pass. It needs git.

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
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let unfit: Vec<String> = Mutant::all(&root)
            .unwrap()
            .iter()
            .filter_map(|mutant| {
                let fault = copy::fits(&root, &mutant.patch).err()?;
                Some(format!("tests/mutations/{}.patch: {fault}", mutant.name))
            })
            .collect();
        assert!(
            unfit.is_empty(),
            "make the change again by hand and write `git diff` below the header:\n{}",
            unfit.join("\n")
        );
    }

    #[test]
    fn the_table_says_what_caught_each() {
        let row = |name: &str, verdict| Row {
            name: name.to_owned(),
            verdict,
            took: Duration::from_millis(31_240),
        };
        let caught = Verdict::Caught {
            first: "settle::a_delivery_settles_once".to_owned(),
            others: 2,
        };
        assert_eq!(
            table(&[row("ack-twice", caught), row("nap", Verdict::Survived)]),
            "mutation   seconds  caught by\n\
             ack-twice     31.2  settle::a_delivery_settles_once, and 2 more\n\
             nap           31.2  NOTHING: every test passed\n\
             1 caught, 1 not\n"
        );
    }
}
