//! Warns about integers that JavaScript rounds.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::compat::finding::{Direction, Finding, Severity};
use crate::compat::rule::Rule;
use crate::contract::Contract;
use crate::keyword;

/// Up to 2^53 a 64-bit float represents every integer.
const MOST: f64 = 9_007_199_254_740_992.0;

/// Warns of each integer field that may exceed 2^53, once per name.
pub(crate) fn warn_of_big_integers(contract: &Contract, findings: &mut Vec<Finding>) {
    let mut names = BTreeSet::new();
    let mut writer = contract.writer.clone();
    keyword::walk(&mut writer, &mut |at, schema| {
        let beyond = |keyword| {
            let bound = schema.get(keyword).and_then(Value::as_f64);
            bound.is_some_and(|bound: f64| bound.abs() > MOST)
        };
        if beyond("maximum") || beyond("minimum") {
            let name = at.rsplit_once("/properties/").map_or(at, |(_, name)| name);
            names.insert(name.split('/').next().unwrap_or(name).to_owned());
        }
    });
    findings.extend(names.into_iter().map(|name| Finding {
        rule: Rule::BigInteger,
        event_type: contract.event_type.clone(),
        version: contract.version,
        path: format!("data.{name}"),
        direction: Direction::Forward,
        severity: Severity::Warning,
        old: None,
        new: None,
        problem: "it may be beyond 2^53".to_owned(),
        hint: Rule::BigInteger.hint().to_owned(),
    }));
}
