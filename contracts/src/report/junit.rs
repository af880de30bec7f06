//! Writes a report as `JUnit` XML: each contract is a test, and each finding is a failure.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::Report;
use crate::compat::finding::Finding;

pub(super) fn write(report: &Report<'_>) -> String {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    // Writing to memory cannot fail.
    let written = writer
        .write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))
        .and_then(|()| suites(&mut writer, report));
    debug_assert!(written.is_ok(), "{written:?}");
    let mut text = String::from_utf8_lossy(&writer.into_inner()).into_owned();
    text.push('\n');
    text
}

type Written = std::io::Result<()>;

fn suites(writer: &mut Writer<Vec<u8>>, report: &Report<'_>) -> Written {
    let outcome = report.outcome;
    let stale = outcome.stale.len();
    let failures = outcome
        .findings
        .iter()
        .filter(|finding| finding.severity.fails())
        .count()
        + stale;
    let tests = (report.checked.len() + stale).to_string();
    let attributes = [
        ("name", "contracts"),
        ("tests", &tests),
        ("failures", &failures.to_string()),
    ];
    let inner = |writer: &mut Writer<Vec<u8>>| {
        for (event_type, version) in report.checked {
            let of_it = |finding: &&Finding| finding.event_type == *event_type && finding.version == *version;
            let findings: Vec<_> = outcome.findings.iter().filter(of_it).collect();
            contract(writer, &format!("{event_type} v{version}"), &findings)?;
        }
        for stale in &outcome.stale {
            let name = format!("waiver of {} at {}", stale.waiver.event_type, stale.waiver.path);
            let failure = (stale.why.id(), stale.to_string());
            case(writer, &name, &[failure], "")?;
        }
        Ok(())
    };
    writer
        .create_element("testsuites")
        .write_inner_content(|writer| {
            let suite = writer.create_element("testsuite").with_attributes(attributes);
            suite.write_inner_content(inner).map(drop)
        })?;
    Ok(())
}

fn contract(writer: &mut Writer<Vec<u8>>, name: &str, findings: &[&Finding]) -> Written {
    let failing = findings.iter().filter(|finding| finding.severity.fails());
    let failures: Vec<_> = failing
        .map(|finding| (finding.rule.id(), finding.to_string()))
        .collect();
    let notes: Vec<_> = findings
        .iter()
        .filter(|finding| !finding.severity.fails())
        .map(ToString::to_string)
        .collect();
    case(writer, name, &failures, &notes.join("\n"))
}

fn case(writer: &mut Writer<Vec<u8>>, name: &str, failures: &[(&str, String)], notes: &str) -> Written {
    let case = writer
        .create_element("testcase")
        .with_attributes([("classname", "contracts"), ("name", name)]);
    if failures.is_empty() && notes.is_empty() {
        return case.write_empty().map(drop);
    }
    case.write_inner_content(|writer| {
        for (rule, text) in failures {
            let failure = writer
                .create_element("failure")
                .with_attributes([("type", *rule), ("message", text)]);
            failure.write_text_content(BytesText::new(text))?;
        }
        if !notes.is_empty() {
            writer
                .create_element("system-out")
                .write_text_content(BytesText::new(notes))?;
        }
        Ok(())
    })
    .map(drop)
}
