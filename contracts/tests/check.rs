//! The check in a service's tests: its report for each kind of change.

use std::fs;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::{DomainEvent, EventDescriptor, events};
use tidings_contracts::{Check, Contract, Error, Finding, Folder, Level, Policy, Rule, check, judge};

/// Returns a new, empty folder for the test.
fn folder(test: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join("contracts")
        .join(test);
    let _ = fs::remove_dir_all(&folder);
    folder
}

/// Writes the contracts of `events`.
fn commit(folder: &PathBuf, events: &[EventDescriptor]) {
    Check::new(folder)
        .events(events)
        .write(true)
        .run()
        .expect("new contracts are written");
}

/// Returns the report and the rules of its failing findings.
fn report(result: Result<(), Error>) -> (String, Vec<Rule>) {
    let error = result.expect_err("the events differ from their contracts");
    let report = error.to_string();
    assert_eq!(format!("{error:?}"), report, "`unwrap` shows the report");
    match error {
        Error::Drift(drift) => {
            let failing = drift.findings.iter().filter(|finding| finding.severity.fails());
            (report, failing.map(|finding| finding.rule).collect())
        }
        other => panic!("{other}"),
    }
}

/// A module for one state of the code: the event before or after an edit.
macro_rules! event {
    ($module:ident, $(#[$attribute:meta])* $name:ident { $($fields:tt)* }) => {
        #[allow(deprecated)]
        mod $module {
            #[allow(unused_imports)]
            use super::*;

            /// A customer placed an order.
            #[derive(Debug, Serialize, Deserialize, JsonSchema, DomainEvent)]
            $(#[$attribute])*
            pub(crate) struct $name { $($fields)* }
        }
    };
}

event!(first, OrderCreated { pub(crate) order_id: u32, pub(crate) customer: String });

#[test]
fn a_new_event_is_written_on_request_and_then_accepted() {
    let folder = folder("new_event");
    let events = events![first::OrderCreated];
    let (text, rules) = report(check(&folder, events));
    assert!(rules.is_empty(), "{text}");
    assert!(
        text.contains("`order.created` version 1 has no contract yet"),
        "{text}"
    );
    assert!(
        text.contains("run with TIDINGS_CONTRACTS=write to accept"),
        "{text}"
    );
    assert!(!folder.exists(), "the check wrote files");

    commit(&folder, events);
    check(&folder, events).unwrap();
    let file = fs::read_to_string(folder.join("order.created.v1.json")).unwrap();
    assert_eq!(file, Contract::of(&events[0]).to_json());
}

event!(documented, OrderCreated {
    pub(crate) order_id: u32,
    pub(crate) customer: String,
    #[serde(default)]
    pub(crate) note: Option<String>,
});

#[test]
fn a_compatible_change_shows_its_difference_until_it_is_accepted() {
    let folder = folder("compatible");
    commit(&folder, events![first::OrderCreated]);
    let changed = events![documented::OrderCreated];
    let (text, rules) = report(check(&folder, changed));
    assert!(rules.is_empty(), "{text}");
    assert!(text.contains("+      \"note\": {"), "{text}");
    assert!(text.contains("TIDINGS_CONTRACTS=write"), "{text}");

    commit(&folder, changed);
    check(&folder, changed).unwrap();
    let kept = Folder::read(&folder).unwrap();
    let examples = &kept.get("order.created", 1).unwrap().examples;
    assert_eq!(examples.len(), 2, "the older example is missing: {examples:?}");
}

event!(broken, OrderCreated {
    pub(crate) order_id: u32,
    pub(crate) customer: String,
    pub(crate) currency: String,
});

#[test]
fn a_break_names_consumers_place_and_hint_and_is_never_written() {
    let folder = folder("broken");
    commit(&folder, events![first::OrderCreated]);
    let before = fs::read_to_string(folder.join("order.created.v1.json")).unwrap();
    let changed = events![broken::OrderCreated];
    for write in [false, true] {
        let (text, rules) = report(Check::new(&folder).events(changed).write(write).run());
        println!("{text}");
        assert_eq!(rules, [Rule::FieldAddedRequired], "{text}");
        assert!(
            text.contains("backward break  order.created  data.currency"),
            "{text}"
        );
        assert!(text.contains("#[serde(default)]"), "{text}");
        let after = fs::read_to_string(folder.join("order.created.v1.json")).unwrap();
        assert_eq!(after, before);
    }
}

#[test]
fn a_break_that_is_waived_is_written_until_the_waiver_expires() {
    let waiver = |day: &str| {
        format!(
            "[[waiver]]\ntype = \"order.created\"\npath = \"data.currency\"\nrule = \"field-added-required\"\n\
             reason = \"it has no consumers yet\"\nexpires = {day}\n"
        )
    };
    let folder = folder("waived");
    commit(&folder, events![first::OrderCreated]);
    let changed = events![broken::OrderCreated];
    fs::write(folder.join("waivers.toml"), waiver("2020-01-01")).unwrap();
    let (text, rules) = report(check(&folder, changed));
    assert_eq!(rules, [Rule::FieldAddedRequired], "{text}");
    assert!(
        text.contains("the waiver of field-added-required expired on 2020-01-01"),
        "{text}"
    );

    fs::write(folder.join("waivers.toml"), waiver("2999-01-01")).unwrap();
    let (text, rules) = report(check(&folder, changed));
    assert!(rules.is_empty(), "{text}");
    assert!(text.contains("+      \"currency\""), "{text}");
    commit(&folder, changed);
    check(&folder, changed).unwrap();
}

event!(second, #[event(version = 2, upcast_from = super::first::OrderCreated)] OrderCreated {
    pub(crate) order_id: u32,
    pub(crate) customer: String,
    pub(crate) currency: String,
});

impl From<first::OrderCreated> for second::OrderCreated {
    fn from(old: first::OrderCreated) -> Self {
        Self {
            order_id: old.order_id,
            customer: old.customer,
            currency: "EUR".to_owned(),
        }
    }
}

#[test]
fn a_break_under_a_new_version_is_written_beside_the_old_contract() {
    let folder = folder("second");
    commit(&folder, events![first::OrderCreated]);
    let events = events![second::OrderCreated];
    let (text, rules) = report(check(&folder, events));
    assert!(rules.is_empty(), "{text}");
    commit(&folder, events);
    check(&folder, events).unwrap();
    assert_eq!(Folder::read(&folder).unwrap().len(), 2);
}

#[test]
fn the_contract_of_an_older_version_is_written_while_its_type_exists() {
    let folder = folder("both_at_once");
    commit(&folder, events![second::OrderCreated]);
    assert_eq!(
        Folder::read(&folder).unwrap().versions("order.created").count(),
        2
    );
    check(&folder, events![second::OrderCreated]).unwrap();
}

event!(alone, #[event(version = 2)] OrderCreated {
    pub(crate) order_id: u32,
    pub(crate) currency: String,
});

#[test]
fn a_version_without_the_contract_of_the_version_before_is_a_finding() {
    let folder = folder("alone");
    let (text, rules) = report(check(&folder, events![alone::OrderCreated]));
    assert_eq!(rules, [Rule::VersionRule], "{text}");
    assert!(text.contains("the contract of version 1 is missing"), "{text}");
}

#[test]
fn a_version_without_an_upcast_from_the_older_one_is_a_finding() {
    let folder = folder("no_upcast");
    commit(&folder, events![first::OrderCreated]);
    let (text, rules) = report(check(&folder, events![alone::OrderCreated]));
    assert!(rules.contains(&Rule::VersionRule), "{text}");
    assert!(text.contains("add upcast_from"), "{text}");
    assert!(rules.contains(&Rule::GoldenEvent), "{text}");
}

#[test]
fn a_lowered_version_is_a_finding() {
    let folder = folder("back");
    commit(&folder, events![second::OrderCreated]);
    fs::remove_file(folder.join("order.created.v1.json")).unwrap();
    let (text, rules) = report(check(&folder, events![first::OrderCreated]));
    assert_eq!(rules, [Rule::VersionRule], "{text}");
    assert!(text.contains("version 2 has a contract"), "{text}");
}

event!(other, OrderCancelled { pub(crate) order_id: u32 });

#[test]
fn a_removed_event_is_a_finding() {
    let folder = folder("removed");
    commit(&folder, events![first::OrderCreated, other::OrderCancelled]);
    let (text, rules) = report(check(&folder, events![other::OrderCancelled]));
    assert_eq!(rules, [Rule::EventRemoved], "{text}");
    assert!(
        text.contains("order.created  type: it is no longer published"),
        "{text}"
    );
}

event!(renamed_event, #[event(type = "order.placed")] OrderCreated {
    pub(crate) order_id: u32,
    pub(crate) customer: String,
});
event!(renamed_type, OrderPlaced { pub(crate) order_id: u32, pub(crate) customer: String });

#[test]
fn a_renamed_event_is_reported_with_its_new_name() {
    for (test, events) in [
        ("renamed_event", events![renamed_event::OrderCreated]),
        ("renamed_type", events![renamed_type::OrderPlaced]),
    ] {
        let folder = folder(test);
        commit(&folder, events![first::OrderCreated]);
        let (text, rules) = report(check(&folder, events));
        assert_eq!(rules, [Rule::EventTypeChanged], "{text}");
        assert!(text.contains("it is now called `order.placed`"), "{text}");
        assert!(text.contains("#[event(type = \"order.created\")]"), "{text}");
    }
}

event!(renamed_and_extended, #[event(type = "order.placed")] OrderCreated {
    pub(crate) order_id: u32,
    pub(crate) customer: String,
    #[serde(default)]
    pub(crate) note: Option<String>,
});
event!(deprecated, #[deprecated(note = "use order.placed")] #[event(type = "order.created")] OrderOpened {
    pub(crate) order_id: u32,
});

#[test]
fn the_check_and_the_command_agree_on_a_missing_event() {
    #[allow(deprecated)]
    let deprecated = events![deprecated::OrderOpened];
    let removed = ("event-removed", "break");
    let renamed = ("event-type-changed", "break");
    for (test, old, new, expected) in [
        (
            "removed",
            events![first::OrderCreated],
            events![other::OrderCancelled],
            removed,
        ),
        (
            "type",
            events![first::OrderCreated],
            events![renamed_event::OrderCreated],
            renamed,
        ),
        (
            "struct",
            events![first::OrderCreated],
            events![renamed_type::OrderPlaced],
            renamed,
        ),
        (
            "extended",
            events![first::OrderCreated],
            events![renamed_and_extended::OrderCreated],
            renamed,
        ),
        (
            "deprecated",
            deprecated,
            events![other::OrderCancelled],
            ("event-removed", "warning"),
        ),
    ] {
        let folder = folder(&format!("missing_{test}"));
        commit(&folder, old);
        let kind = |finding: &Finding| (finding.rule.id(), finding.severity.name());
        let of_check = match check(&folder, new) {
            Err(Error::Drift(drift)) => drift.findings.iter().map(kind).collect::<Vec<_>>(),
            other => panic!("{test}: {other:?}"),
        };
        let contracts = |events: &[EventDescriptor]| events.iter().map(Contract::of).collect::<Folder>();
        let of_command = judge(&contracts(old), &contracts(new), Policy::level(Level::Forward));
        let of_command: Vec<_> = of_command.iter().map(kind).collect();
        assert_eq!(of_check, [expected], "{test}");
        assert_eq!(of_command, [expected], "{test}");
    }
}

mod stricter {
    use super::*;

    /// A customer placed an order.
    #[derive(Debug, Serialize, Deserialize, JsonSchema, DomainEvent)]
    #[serde(deny_unknown_fields)]
    #[event(type = "order.created")]
    pub(crate) struct OrderCreated {
        pub(crate) order_id: u32,
        #[serde(deserialize_with = "known")]
        pub(crate) customer: String,
    }

    fn known<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
        let name = String::deserialize(deserializer)?;
        if name == "Ada" {
            Ok(name)
        } else {
            Err(serde::de::Error::custom("unknown customer"))
        }
    }
}

#[test]
fn a_golden_event_that_is_no_longer_read_is_a_finding() {
    let folder = folder("golden");
    commit(&folder, events![first::OrderCreated]);
    let (text, _) = report(check(&folder, events![stricter::OrderCreated]));
    assert!(text.contains("examples[0]"), "{text}");
    assert!(
        text.contains("cannot decode `data.customer`: unknown customer"),
        "{text}"
    );
}

#[test]
fn an_unreadable_event_of_another_service_is_a_finding() {
    let folder = folder("consumed");
    let theirs = Contract::of(&EventDescriptor::of::<first::OrderCreated>());
    Folder::write(folder.join("consumed"), &theirs).unwrap();
    check(&folder, events![first::OrderCreated]).unwrap();
    check(&folder, events![second::OrderCreated]).unwrap();

    let (text, rules) = report(check(&folder, events![broken::OrderCreated]));
    assert_eq!(rules, [Rule::FieldAddedRequired], "{text}");
    let (text, rules) = report(check(&folder, events![alone::OrderCreated]));
    assert_eq!(rules, [Rule::VersionRule], "{text}");

    let newer = Contract::of(&EventDescriptor::of::<second::OrderCreated>());
    Folder::write(folder.join("consumed"), &newer).unwrap();
    let (text, rules) = report(check(&folder, events![first::OrderCreated]));
    assert_eq!(rules, [Rule::VersionRule], "{text}");
    assert!(text.contains("it is published as version 2"), "{text}");
}

#[test]
fn a_contract_that_someone_edited_is_refused() {
    let folder = folder("edited");
    let events = events![first::OrderCreated];
    commit(&folder, events);
    let file = folder.join("order.created.v1.json");
    let edited = fs::read_to_string(&file)
        .unwrap()
        .replace("\"string\"", "\"boolean\"");
    fs::write(&file, edited).unwrap();
    let error = check(&folder, events).unwrap_err();
    assert!(error.to_string().contains("it was edited"), "{error}");
}

#[test]
fn an_integer_beyond_2_to_the_53_gives_a_warning() {
    event!(big, OrderCreated { pub(crate) order_id: u64 });
    let folder = folder("big");
    let events = events![big::OrderCreated];
    let (text, rules) = report(check(&folder, events));
    assert!(rules.is_empty(), "{text}");
    assert!(text.contains("data.order_id: it may be beyond 2^53"), "{text}");
    commit(&folder, events);
    check(&folder, events).unwrap();
}
