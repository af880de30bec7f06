//! Every verdict within every family, and a table of the families.

mod pair;
mod second;
mod table;
mod tried;

use std::fs;
use std::path::Path;

use pair::{Agreement, Pair};
use table::Table;
use tried::Tried;

/// How many letters are printed: the first to go by, not all there are.
const LETTERS: usize = 4000;

#[test]
fn every_verdict_is_what_serde_does() {
    let mut table = Table::default();
    let mut letters = Vec::new();
    for family in tidings_contract_truth::families() {
        let tried = Tried::all(&family);
        for writer in &tried {
            for reader in tried.iter().filter(|reader| !std::ptr::eq(*reader, writer)) {
                let pair = Pair::try_on(writer, reader);
                table.count(&family, pair.agreement());
                if matches!(pair.agreement(), Agreement::Wrong) {
                    letters.push(pair.letter(&family));
                }
            }
        }
    }
    println!("{table}");
    for letter in letters.iter().take(LETTERS) {
        println!("{letter}");
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("letters.txt");
    fs::write(&file, letters.join("\n")).expect("the letters are written");
    println!("all {} letters: {}", letters.len(), file.display());
    assert!(table.types_and_pairs_suffice(), "fewer types than the table is meant to have");
    assert_eq!(letters.len(), 0, "verdicts are wrong; the first of them are above");
    assert!(table.unknown_share() < 0.02, "too many pairs are undecided");
}
