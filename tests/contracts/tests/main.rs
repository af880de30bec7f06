//! Compares all findings with serde in every family, and prints a table of the families.

mod pair;
mod table;
mod tested_type;
mod validator;

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::LazyLock;

use pair::{Agreement, Pair};
use table::Table;
use tested_type::TestedType;
use tidings_contract_tests::subject::Family;
use validator::ValidatorComparison;

/// The number of reports to print. The file has all of them.
const REPORTS: usize = 20;

static FAMILIES: LazyLock<Vec<(Family, Vec<TestedType>)>> = LazyLock::new(|| {
    let families = tidings_contract_tests::families().into_iter();
    let types = families.map(|family| {
        let types = TestedType::all(&family);
        (family, types)
    });
    types.collect()
});

#[test]
fn every_finding_agrees_with_serde() {
    let mut table = Table::default();
    let mut reports = Vec::new();
    for (family, types) in FAMILIES.iter() {
        for writer in types {
            for reader in types.iter().filter(|reader| !std::ptr::eq(*reader, writer)) {
                let pair = Pair::new(writer, reader);
                let agreement = pair.agreement();
                table.count(family, agreement);
                if agreement == Agreement::Wrong {
                    reports.push(pair.report(family));
                }
            }
        }
    }
    // The test harness does not capture this write to standard error. A closed stream is no failure.
    let _ = writeln!(io::stderr(), "\n{table}");
    print_some("disagreements", &reports);
    assert!(
        table.is_complete(),
        "there are fewer families, types or pairs than expected"
    );
    assert!(
        reports.is_empty(),
        "{} findings are wrong; the first of them are above",
        reports.len()
    );
    assert!(table.unknown_share() < 0.02, "too many pairs are undecided");
}

#[test]
fn every_event_fits_the_schema_of_its_writer() {
    let mut comparison = ValidatorComparison::default();
    for (_, types) in FAMILIES.iter() {
        comparison.add(types);
    }
    let ValidatorComparison {
        unfit,
        agreed,
        schema_refuses,
        serde_refuses,
    } = comparison;
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

/// Prints the first reports, and the path of the file with all of them.
fn print_some(name: &str, reports: &[String]) {
    for report in reports.iter().take(REPORTS) {
        println!("{report}");
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.txt"));
    fs::write(&file, reports.join("\n")).expect("the reports are written");
    println!("all {}: {}", reports.len(), file.display());
}
