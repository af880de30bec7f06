//! Comparisons of two folders of contracts, by the library and by the command.
#![allow(missing_docs, reason = "a test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use jiff::civil::date;
use serde_json::{Value, json};
use tidings_contracts::{
    Contract, Finding, Folder, Level, Outcome, Policy, Rule, Severity, Stale, Waivers, judge,
};

fn order(version: u32, fields: &[&str]) -> Contract {
    event("order.created", version, fields)
}

/// An event with required text fields.
fn event(event_type: &str, version: u32, fields: &[&str]) -> Contract {
    let properties: serde_json::Map<String, Value> = fields
        .iter()
        .map(|name| ((*name).to_owned(), json!({"type": "string"})))
        .collect();
    let schema = json!({"type": "object", "properties": properties, "required": fields});
    Contract::new(event_type, version, schema.clone(), schema)
}

fn folder(contracts: impl IntoIterator<Item = Contract>) -> Folder {
    contracts.into_iter().collect()
}

/// Rule, version, direction and severity of each finding that is not `ok`.
fn summary(findings: &[Finding]) -> Vec<(&str, u32, &str, &str)> {
    let summary = findings.iter().filter(|finding| finding.severity != Severity::Ok);
    summary
        .map(|finding| {
            (
                finding.rule.id(),
                finding.version,
                finding.direction.name(),
                finding.severity.name(),
            )
        })
        .collect()
}

#[test]
fn a_folder_is_compatible_with_itself() {
    let contracts = folder([
        order(1, &["a"]),
        order(2, &["a", "b"]),
        event("order.paid", 1, &["c"]),
    ]);
    let warning = ("version-rule", 1, "forward", "warning");
    assert_eq!(
        summary(&judge(&contracts, &contracts, Policy::level(Level::Backward))),
        []
    );
    assert!(
        !summary(&judge(&contracts, &contracts, Policy::default()))
            .iter()
            .any(|summary| summary.3 != warning.3)
    );
}

#[test]
fn the_hint_of_a_broken_version_is_to_raise_it() {
    let findings = judge(
        &folder([order(1, &["a"])]),
        &folder([order(1, &["a", "b"])]),
        Policy::default(),
    );
    assert_eq!(
        summary(&findings),
        [
            ("field-added-required", 1, "backward", "break"),
            ("version-rule", 1, "backward", "break")
        ]
    );
    let rule = findings
        .iter()
        .find(|finding| finding.rule == Rule::VersionRule && finding.is_break());
    assert_eq!(
        rule.unwrap().hint,
        "raise `version` to 2, keep order.created.v1.json, and add upcast_from"
    );
}

#[test]
fn a_new_version_may_break_when_the_old_contract_stays() {
    let old = folder([order(1, &["a"])]);
    let raised = judge(
        &old,
        &folder([order(1, &["a"]), order(2, &["b"])]),
        Policy::default(),
    );
    assert_eq!(summary(&raised), [("version-rule", 1, "forward", "warning")]);
    let removed = judge(&old, &folder([order(2, &["b"])]), Policy::default());
    assert_eq!(summary(&removed), [("version-rule", 1, "backward", "break")]);
    assert_eq!(removed[0].hint, "keep order.created.v1.json, and add upcast_from");
}

#[test]
fn a_lowered_version_is_a_finding() {
    let findings = judge(
        &folder([order(1, &["a"]), order(2, &["a"])]),
        &folder([order(1, &["a"])]),
        Policy::default(),
    );
    assert_eq!(
        summary(&findings),
        [
            ("version-rule", 2, "backward", "break"),
            ("version-rule", 2, "forward", "break")
        ]
    );
}

#[test]
fn older_versions_are_checked_backward_and_the_latest_in_both_directions() {
    let old = folder([order(1, &["a"]), order(2, &["a"])]);
    let new = folder([order(1, &[]), order(2, &[])]);
    let broken: Vec<_> = judge(&old, &new, Policy::default())
        .into_iter()
        .filter(Finding::is_break)
        .collect();
    assert_eq!(
        summary(&broken),
        [
            ("field-removed-required", 2, "forward", "break"),
            ("version-rule", 2, "forward", "break")
        ]
    );
    let new = folder([order(1, &["a", "b"]), order(2, &["a"])]);
    let broken = judge(&old, &new, Policy::default())
        .into_iter()
        .filter(Finding::is_break)
        .collect::<Vec<_>>();
    assert_eq!(broken[0].version, 1);
    let latest = judge(&old, &new, Policy::default().latest_only());
    assert!(!latest.iter().any(Finding::is_break), "{latest:?}");
}

#[test]
fn a_removed_event_breaks_old_consumers_unless_it_was_deprecated() {
    let findings = judge(&folder([order(1, &["a"])]), &Folder::default(), Policy::default());
    assert_eq!(summary(&findings), [("event-removed", 1, "forward", "break")]);
    let mut deprecated = order(1, &["a"]);
    deprecated.deprecated = Some("use order.placed".to_owned());
    let findings = judge(&folder([deprecated]), &Folder::default(), Policy::default());
    assert_eq!(summary(&findings), [("event-removed", 1, "forward", "warning")]);
}

#[test]
fn a_renamed_event_is_one_finding_per_direction() {
    let old = folder([order(1, &["a"])]);
    let new = folder([event("order.placed", 1, &["a"]), event("order.paid", 1, &["z"])]);
    let findings = judge(&old, &new, Policy::default());
    assert_eq!(
        summary(&findings),
        [
            ("event-type-changed", 1, "backward", "break"),
            ("event-type-changed", 1, "forward", "break")
        ]
    );
    assert_eq!(findings[0].new.as_deref(), Some("order.placed"));
}

const WAIVER: &str = r#"
[[waiver]]
type = "order.created"
path = "data.b"
rule = "field-added-required"
reason = "billing reads it since 1.4"
expires = 2026-12-31
"#;

/// Returns a new, empty folder for the test.
fn scratch(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

fn waivers(name: &str, text: &str) -> Result<Waivers, tidings_contracts::Error> {
    let path = scratch(name);
    fs::write(path.join("waivers.toml"), text).unwrap();
    Waivers::read(path)
}

#[test]
fn a_waiver_removes_its_finding_until_it_expires() {
    let waivers = waivers("waived", WAIVER).unwrap();
    let findings = judge(
        &folder([order(1, &["a"])]),
        &folder([order(1, &["a", "b"])]),
        Policy::default(),
    );
    let outcome = Outcome::new(findings.clone(), &waivers, date(2026, 12, 31));
    assert!(!outcome.fails(), "{outcome:?}");
    assert_eq!(outcome.waived.len(), 1);

    let outcome = Outcome::new(findings, &waivers, date(2027, 1, 1));
    assert!(outcome.fails());
    assert_eq!(summary(&outcome.findings).len(), 2);
    assert_eq!(outcome.stale[0].why, Stale::Expired);
}

#[test]
fn an_unused_waiver_is_a_finding() {
    let waivers = waivers("unused", WAIVER).unwrap();
    let outcome = Outcome::new(Vec::new(), &waivers, date(2026, 11, 23));
    assert!(outcome.fails());
    assert_eq!(outcome.stale[0].why, Stale::Unused);
    assert_eq!(
        outcome.stale[0].to_string(),
        "waiver  order.created  data.b: no finding of field-added-required matches it; remove it from waivers.toml"
    );
}

#[test]
fn a_waiver_needs_a_reason_a_date_and_a_rule() {
    let without = |name: &str, line: &str, instead: &str| {
        let text: String = WAIVER
            .lines()
            .map(|it| if it.starts_with(line) { instead } else { it }.to_owned() + "\n")
            .collect();
        waivers(name, &text).unwrap_err().to_string()
    };
    assert!(without("no-reason", "reason", "").contains("missing field `reason`"));
    assert!(without("empty-reason", "reason", "reason = \" \"").contains("`reason` is empty"));
    assert!(without("no-day", "expires", "").contains("missing field `expires`"));
    assert!(without("no-rule", "rule", "rule = \"field-aded\"").contains("no rule `field-aded`"));
    assert!(without("stray", "reason", "because = \"\"").contains("because"));
}

#[test]
fn a_folder_without_a_waiver_file_has_no_waivers() {
    assert_eq!(Waivers::read(scratch("none")).unwrap(), Waivers::default());
}

fn write(path: &Path, contracts: &[Contract]) {
    for contract in contracts {
        Folder::write(path, contract).unwrap();
    }
}

fn command(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings-contracts"));
    command.arg("check").arg(folder).args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn broken(name: &str) -> (PathBuf, PathBuf) {
    let path = scratch(name);
    let (old, new) = (path.join("old"), path.join("new"));
    write(&old, &[order(1, &["a"]), event("order.paid", 1, &["c"])]);
    write(&new, &[order(1, &["a", "b"]), event("order.paid", 1, &["c"])]);
    (old, new)
}

#[test]
fn the_command_prints_what_breaks_and_exits_with_one() {
    let (old, new) = broken("command-text");
    let output = command(&new, &["--against", old.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(
        stdout(&output),
        "backward break  order.created  data.b: new consumers require it, events written as version 1 lack it; \
         make it Option<String> or #[serde(default)], or publish version 2 with upcast_from [field-added-required]\n\
         backward break  order.created  version: version 1 has 1 breaking change; \
         raise `version` to 2, keep order.created.v1.json, and add upcast_from [version-rule]\n\
         2 contracts: 2 breaks\n"
    );
}

#[test]
fn the_command_exits_with_zero_without_findings() {
    let (old, new) = broken("command-level");
    let output = command(&new, &["--against", old.to_str().unwrap(), "--level", "forward"]);
    assert_eq!(
        (output.status.code(), stdout(&output).as_str()),
        (Some(0), "2 contracts: no findings\n")
    );
}

#[test]
fn the_command_exits_with_two_after_an_error() {
    let (old, new) = broken("command-usage");
    let old = old.to_str().unwrap();
    let expect_error = |arguments: &[&str], text: &str| {
        let output = command(&new, arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(error.contains(text), "{error}");
    };
    expect_error(&[], "nothing to compare with");
    expect_error(
        &["--against", "no-such-branch-or-folder"],
        "neither a folder nor a git commit",
    );
    expect_error(&["--against", old, "--level", "sideways"], "no level `sideways`");
    expect_error(&["--against", old, "--format", "yaml"], "no format `yaml`");
    fs::write(new.join("order.created.v1.json"), "{}").unwrap();
    expect_error(&["--against", old], "is not a contract");
}

#[test]
fn the_json_report_has_the_findings() {
    let (old, new) = broken("command-json");
    let output = command(&new, &["--against", old.to_str().unwrap(), "--format", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["ok"], &report["checked"]), (&json!(false), &json!(2)));
    assert_eq!(report["findings"][0]["rule"], "field-added-required");
    assert_eq!(report["findings"][0]["path"], "data.b");
    assert_eq!(report["findings"][0]["new"], "String");
}

#[test]
fn the_junit_report_has_each_contract_as_a_test() {
    let (old, new) = broken("command-junit");
    let output = command(&new, &["--against", old.to_str().unwrap(), "--format", "junit"]);
    let text = stdout(&output);
    assert!(
        text.contains(r#"<testsuite name="contracts" tests="2" failures="2">"#),
        "{text}"
    );
    assert!(
        text.contains(r#"<testcase classname="contracts" name="order.paid v1"/>"#),
        "{text}"
    );
    assert!(text.contains("make it Option&lt;String&gt;"), "{text}");
}

#[test]
fn the_github_report_names_the_file_of_the_contract() {
    let (old, new) = broken("command-github");
    let output = command(&new, &["--against", old.to_str().unwrap(), "--format", "github"]);
    let text = stdout(&output);
    let file = format!(
        "::error file={}/order.created.v1.json,title=field-added-required::backward break",
        new.display()
    );
    assert!(text.starts_with(&file), "{text}");
    assert_eq!(text.lines().count(), 2, "{text}");
}

#[test]
fn the_command_compares_with_a_git_commit() {
    let path = scratch("command-git");
    let contracts = path.join("contracts");
    let git = |arguments: &[&str]| {
        let fixed = [
            "-c",
            "user.name=test",
            "-c",
            "user.email=test@example.com",
            "-c",
            "commit.gpgsign=false",
        ];
        let output = Command::new("git")
            .arg("-C")
            .arg(&path)
            .args(fixed)
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    write(&contracts, &[order(1, &["a"])]);
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "-m", "One"]);
    assert_eq!(command(&contracts, &["--against", "HEAD"]).status.code(), Some(0));
    write(&contracts, &[order(1, &["a", "b"])]);
    assert_eq!(command(&contracts, &["--against", "HEAD"]).status.code(), Some(1));
    let in_force = WAIVER.replace("2026-12-31", "9999-12-31");
    fs::write(contracts.join("waivers.toml"), in_force).unwrap();
    assert_eq!(command(&contracts, &["--against", "HEAD"]).status.code(), Some(0));
}

#[test]
fn a_thousand_contracts_of_fifty_fields_are_compared_in_seconds() {
    let names: Vec<String> = (0..50).map(|field| format!("field_{field}")).collect();
    let fields: Vec<&str> = names.iter().map(String::as_str).collect();
    let contracts = |fields: &[&str]| {
        let types = (0..1_000).map(|number| format!("event.number{number}"));
        folder(types.map(|event_type| event(&event_type, 1, fields)))
    };
    let (old, new) = (contracts(&fields[1..]), contracts(&fields));
    let start = Instant::now();
    let findings = judge(&old, &new, Policy::default());
    let took = start.elapsed();
    println!("1,000 contracts of 50 fields: {took:?}");
    // One finding for the field, one for its version, and a note that old consumers ignore the field.
    assert_eq!(findings.len(), 3_000);
    assert!(
        took < Duration::from_mins(1),
        "it took {took:?}, which is too long even for a busy machine"
    );
}
