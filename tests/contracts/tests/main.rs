//! Compares all findings with serde in every type set, and prints a table of the type sets.

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
use tidings_contract_tests::subject::TypeSet;
use validator::ValidatorComparison;

/// The number of reports to print. The file has all of them.
const REPORTS: usize = 20;

static TYPE_SETS: LazyLock<Vec<(TypeSet, Vec<TestedType>)>> = LazyLock::new(|| {
    let type_sets = tidings_contract_tests::type_sets().into_iter();
    let types = type_sets.map(|type_set| {
        let types = TestedType::all(&type_set);
        (type_set, types)
    });
    types.collect()
});

#[test]
fn every_finding_agrees_with_serde() {
    let mut table = Table::default();
    let mut reports = Vec::new();
    for (type_set, types) in TYPE_SETS.iter() {
        for writer in types {
            for reader in types.iter().filter(|reader| !std::ptr::eq(*reader, writer)) {
                let pair = Pair::new(writer, reader);
                let agreement = pair.agreement();
                table.count(type_set, agreement);
                if agreement == Agreement::Wrong {
                    reports.push(pair.report(type_set));
                }
            }
        }
    }
    // The test harness does not capture this write to standard error. A closed stream is no failure.
    let _ = writeln!(io::stderr(), "\n{table}");
    print_some("disagreements", &reports);
    assert!(
        table.is_complete(),
        "there are fewer type sets, types or pairs than expected"
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
    for (_, types) in TYPE_SETS.iter() {
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
