//! Every pair of every family.

use tidings_contract_truth::subject::{Family, Subject};
use tidings_contract_truth::truth::Truth;

/// What the generated types see.
mod prelude {
    pub(crate) use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
    pub(crate) use std::num::{NonZeroI32, NonZeroU8, NonZeroU32, NonZeroU64};

    pub(crate) use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
    pub(crate) use schemars::JsonSchema;
    pub(crate) use serde::{Deserialize, Deserializer, Serialize, Serializer};
    pub(crate) use serde_json::Value;
    pub(crate) use tidings_contract_truth::sample::{Key, Sample, plans};
    pub(crate) use uuid::Uuid;
}

#[allow(warnings, clippy::all, clippy::pedantic, missing_docs, unreachable_pub)]
mod generated {
    use super::{Family, Subject};
    include!(concat!(env!("OUT_DIR"), "/families.rs"));
}

#[test]
fn every_verdict_is_what_serde_does() {
    let (mut types, mut pairs, mut reads) = (0, 0, 0);
    for family in generated::families() {
        let events: Vec<Vec<String>> = family.subjects.iter().map(|subject| (subject.events)()).collect();
        let mut row = (0, 0, 0);
        for (writer, events) in events.iter().enumerate() {
            types += 1;
            assert!(!events.is_empty(), "no event: {}", family.subjects[writer].source);
            for (reader, subject) in family.subjects.iter().enumerate() {
                let truth = Truth::of(events, subject);
                if reader == writer {
                    if let Truth::Fails { event, cause } = truth {
                        println!("own: {} {event} {cause}", subject.source);
                    }
                    continue;
                }
                row.0 += 1;
                row.1 += usize::from(truth.reads());
            }
            row.2 += events.len();
        }
        pairs += row.0;
        reads += row.1;
        println!("{:14} {:14} {:4} pairs, {:4} read, {} events", family.theme, family.context, row.0, row.1, row.2);
    }
    println!("{types} types, {pairs} pairs, {reads} read");
}
