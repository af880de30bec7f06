//! Each edit of the shop's events gives the verdict that stands above its patch: direction, severity, place, rule, and how
//! to go on.
//!
//! The files are never written here. After a change of words on purpose, take the text that a failure shows.

use std::fmt::Write as _;

use tidings::EventDescriptor;
use tidings_contract_edits::{EDITS, Edit};
use tidings_contracts::{Contract, Folder, Policy, judge};

/// The contracts of these events and of the versions that they are upcast from.
fn folder(events: &[EventDescriptor], kept: &Folder) -> Folder {
    let versions = events.iter().flat_map(EventDescriptor::versions);
    versions
        .map(|event| Contract::of_successor(event, kept.iter()))
        .collect()
}

fn verdict(edit: &Edit) -> String {
    let old = folder(edit.old, &Folder::default());
    let new = folder(edit.new, &old);
    let findings = judge(&old, &new, Policy::default());
    findings.iter().fold(String::new(), |mut letter, finding| {
        // Writing to a string cannot fail.
        let _ = writeln!(letter, "{finding} [{}]", finding.rule);
        letter
    })
}

/// What stands between the title and the patch.
fn expected(edit: &Edit) -> &str {
    let (above, _) = edit.patch.split_once("--- a/").expect("the build has applied it");
    above.split_once("\n\n").map_or("", |(_, verdict)| verdict.trim())
}

#[test]
fn each_edit_of_the_shop_means_what_stands_above_it() {
    let mut letters = String::new();
    for edit in EDITS {
        let verdict = verdict(edit);
        if verdict.trim() != expected(edit) {
            let (name, expected) = (edit.name, expected(edit));
            let _ = writeln!(
                letters,
                "patches/{name}.patch says\n{expected}\nand it is\n{verdict}"
            );
        }
    }
    assert!(letters.is_empty(), "{letters}");
}

#[test]
fn there_are_edits_enough() {
    assert!(
        EDITS.len() >= 50,
        "some patches are gone: there are {}",
        EDITS.len()
    );
}
