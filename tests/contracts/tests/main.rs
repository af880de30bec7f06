//! Every verdict within every family, and a table of the families.

mod pair;
mod second;
mod table;
mod tried;

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::LazyLock;

use pair::{Agreement, Pair};
use second::SecondOpinion;
use table::Table;
use tidings_contract_truth::subject::Family;
use tried::Tried;

/// How many letters are printed: the first to go by. The file has them all.
const LETTERS: usize = 20;

static FAMILIES: LazyLock<Vec<(Family, Vec<Tried>)>> = LazyLock::new(|| {
    let families = tidings_contract_truth::families().into_iter();
    let tried = families.map(|family| {
        let tried = Tried::all(&family);
        (family, tried)
    });
    tried.collect()
});

#[test]
fn every_verdict_is_what_serde_does() {
    let mut table = Table::default();
    let mut letters = Vec::new();
    for (family, tried) in FAMILIES.iter() {
        for writer in tried {
            for reader in tried.iter().filter(|reader| !std::ptr::eq(*reader, writer)) {
                let pair = Pair::try_on(writer, reader);
                let agreement = pair.agreement();
                table.count(family, agreement);
                if agreement == Agreement::Wrong {
                    letters.push(pair.letter(family));
                }
            }
        }
    }
    // Past what a test harness keeps back: the table is what this is run for. Who closed the stream wants none.
    let _ = writeln!(io::stderr(), "\n{table}");
    print_some("verdicts", &letters);
    assert!(
        table.types_and_pairs_suffice(),
        "fewer types than the table is meant to have"
    );
    assert!(
        letters.is_empty(),
        "{} verdicts are wrong; the first of them are above",
        letters.len()
    );
    assert!(table.unknown_share() < 0.02, "too many pairs are undecided");
}

#[test]
fn every_event_fits_the_schema_of_its_writer() {
    let mut opinion = SecondOpinion::default();
    for (_, tried) in FAMILIES.iter() {
        opinion.hear(tried);
    }
    let SecondOpinion {
        unfit,
        agreed,
        schema_refuses,
        serde_refuses,
    } = opinion;
    println!(
        "a validator and serde agree on {agreed} readings; serde alone reads {}, the validator alone takes {}",
        schema_refuses.len(),
        serde_refuses.len()
    );
    print_some("schema-refuses", &schema_refuses);
    print_some("serde-refuses", &serde_refuses);
    print_some("unfit", &unfit);
    assert!(
        unfit.is_empty(),
        "{} events do not fit the schema of their writer",
        unfit.len()
    );
}

/// Prints the first letters, and says where the others are.
fn print_some(name: &str, letters: &[String]) {
    for letter in letters.iter().take(LETTERS) {
        println!("{letter}");
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.txt"));
    fs::write(&file, letters.join("\n")).expect("the letters are written");
    println!("all {}: {}", letters.len(), file.display());
}
