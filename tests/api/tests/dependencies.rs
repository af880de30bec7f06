//! The dependencies of the three crates have allowed licences and build with the oldest supported Rust.

use std::collections::{BTreeSet, HashMap};
use std::env;
use std::process::Command;

use serde_json::Value;

const CRATES: &[&str] = &["tidings", "tidings-contracts", "tidings-macros"];

/// The same list is in `deny.toml`.
const LICENCES: &[&str] = &[
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Zlib",
];

/// Returns every package that a user of the crates builds on this system, with all features. Cargo has downloaded them for
/// the tests.
fn dependencies() -> Vec<Value> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--all-features",
            "--locked",
            "--offline",
            "--filter-platform",
            "host-tuple",
        ])
        .output()
        .expect("cargo can be run");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let by_id = |list: &Value| -> HashMap<String, Value> {
        let list = list.as_array().expect("a list").iter();
        list.map(|item| (text(item, "id").to_owned(), item.clone()))
            .collect()
    };
    let packages = by_id(&metadata["packages"]);
    let nodes = by_id(&metadata["resolve"]["nodes"]);
    let roots = packages
        .values()
        .filter(|package| CRATES.contains(&text(package, "name")));
    let mut open: Vec<String> = roots.map(|package| text(package, "id").to_owned()).collect();
    let mut found = BTreeSet::new();
    while let Some(id) = open.pop() {
        if !found.insert(id.clone()) {
            continue;
        }
        for dependency in nodes[&id]["deps"].as_array().expect("a list") {
            let kinds = dependency["dep_kinds"].as_array().expect("a list");
            if kinds.iter().any(|kind| kind["kind"] != "dev") {
                open.push(text(dependency, "pkg").to_owned());
            }
        }
    }
    found.iter().map(|id| packages[id].clone()).collect()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Whether an SPDX expression allows the use under licences of the list. The parts of an `AND` can be checked one by one,
/// because an `OR` beside an `AND` is in parentheses, as in `(MIT OR Apache-2.0) AND Unicode-3.0`.
fn is_allowed(expression: &str) -> bool {
    expression.split(" AND ").all(|part| {
        let part = part.trim_matches(['(', ')']).replace('/', " OR ");
        part.split(" OR ")
            .any(|licence| LICENCES.contains(&licence.trim()))
    })
}

#[test]
fn every_dependency_has_an_allowed_licence() {
    let dependencies = dependencies();
    assert!(dependencies.len() > 100, "{}", dependencies.len());
    for package in dependencies {
        let licence = text(&package, "license");
        assert!(
            is_allowed(licence),
            "{} {} has the licence `{licence}`, which is not in the list",
            text(&package, "name"),
            text(&package, "version")
        );
    }
}

#[test]
fn no_dependency_needs_a_newer_rust_than_the_crates() {
    let version = |package: &Value| -> Vec<u32> {
        let version = text(package, "rust_version").split('.');
        version.filter_map(|part| part.parse().ok()).collect()
    };
    let dependencies = dependencies();
    let ours = dependencies
        .iter()
        .filter(|package| CRATES.contains(&text(package, "name")));
    let oldest = ours.map(version).min().expect("the crates are there");
    for package in &dependencies {
        assert!(
            version(package) <= oldest,
            "{} {} needs Rust {}",
            text(package, "name"),
            text(package, "version"),
            text(package, "rust_version")
        );
    }
}

#[test]
fn an_expression_needs_one_allowed_licence_in_each_part() {
    for (expression, allowed) in [
        ("MIT", true),
        ("MIT/Apache-2.0", true),
        ("GPL-3.0-only OR MIT", true),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
        ("MIT AND GPL-3.0-only", false),
        ("", false),
    ] {
        assert_eq!(is_allowed(expression), allowed, "{expression}");
    }
}
