//! Each edit of the shop's events gives the findings above its patch: direction, severity, place, rule and hint.
//!
//! The tests never write the files. After an intended change of the texts, copy the findings from the failure.

use std::fmt::Write as _;

use tidings::EventDescriptor;
use tidings_contract_edits::{EDITS, Edit};
use tidings_contracts::{Contract, Folder, Policy, judge};

/// The contracts of these events, and of the versions that they upcast from.
fn folder(events: &[EventDescriptor], kept: &Folder) -> Folder {
    let versions = events.iter().flat_map(EventDescriptor::versions);
    versions
        .map(|event| Contract::of_successor(event, kept.iter()))
        .collect()
}

fn findings(edit: &Edit) -> String {
    let old = folder(edit.old, &Folder::default());
    let new = folder(edit.new, &old);
    let findings = judge(&old, &new, Policy::default());
    findings.iter().fold(String::new(), |mut text, finding| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{finding} [{}]", finding.rule);
        text
    })
}

/// Returns the text between the title and the patch.
fn expected(edit: &Edit) -> &str {
    let (above, _) = edit.patch.split_once("--- a/").expect("the build has applied it");
    above
        .split_once("\n\n")
        .map_or("", |(_, findings)| findings.trim())
}

#[test]
fn each_edit_of_the_shop_gives_the_findings_above_it() {
    let mut differences = String::new();
    for edit in EDITS {
        let findings = findings(edit);
        if findings.trim() != expected(edit) {
            let (name, expected) = (edit.name, expected(edit));
            let _ = writeln!(
                differences,
                "patches/{name}.patch says\n{expected}\nand it is\n{findings}"
            );
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn there_are_at_least_fifty_edits() {
    assert!(
        EDITS.len() >= 50,
        "patches are missing: there are {}",
        EDITS.len()
    );
}
