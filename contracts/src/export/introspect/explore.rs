//! Feeds a type every branch of its schema once, and keeps what is heard on the way.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use tidings::__private::Probe;

use crate::export::introspect::deserializer::{At, Heard, Run};
use crate::export::introspect::index::Index;
use crate::export::introspect::key_type::KeyTypes;
use crate::export::introspect::walk::{Place, Plan, Seen, Walk};

/// A type with its schema, and what is known of it so far.
pub(crate) struct Explorer<'a> {
    index: &'a Index<'a>,
    pub(crate) seen: Seen,
    /// The fields that a struct asks for, by the pointers of its schemas.
    pub(crate) fields: BTreeMap<String, &'static [&'static str]>,
    /// The variants that an enum asks for, likewise.
    pub(crate) variants: BTreeMap<String, &'static [&'static str]>,
    /// What the maps ask their keys to be, likewise.
    pub(crate) keys: KeyTypes,
    probe: Probe,
    /// What came of the plainest run by each set of branches.
    plain: BTreeMap<BTreeMap<String, usize>, (bool, BTreeMap<String, bool>)>,
}

/// What came of one run.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) result: Result<(), erased_serde::Error>,
    pub(crate) heard: Heard,
}

/// A schema of this size has not been met; it ends one that would go on for ever.
const RUNS: usize = 4096;

impl<'a> Explorer<'a> {
    pub(crate) fn new(index: &'a Index<'a>, probe: Probe) -> Self {
        Self {
            index,
            seen: Seen::default(),
            fields: BTreeMap::new(),
            variants: BTreeMap::new(),
            keys: KeyTypes::new(),
            probe,
            plain: BTreeMap::new(),
        }
    }

    /// Takes every branch once.
    pub(crate) fn explore(&mut self) {
        let mut plans = vec![BTreeMap::new()];
        let mut queued = BTreeSet::new();
        for _ in 0..RUNS {
            let Some(branches) = plans.pop() else { return };
            let plan = Plan {
                branches,
                ..Plan::default()
            };
            let outcome = self.run(&plan);
            self.fields.extend(outcome.heard.fields);
            self.variants.extend(outcome.heard.variants);
            self.keys.extend(outcome.heard.keys);
            for (list, (count, taken)) in &self.seen.lists {
                if queued.insert(list.clone()) {
                    plans.extend((0..*count).map(|branch| {
                        let mut branches = taken.clone();
                        branches.insert(list.clone(), branch);
                        branches
                    }));
                }
            }
            // What cannot be fed goes last the next time, so that its neighbours are heard.
            if let Some(refused) = outcome.heard.refused
                && self.seen.failed.insert(refused)
            {
                plans.push(plan.branches);
            }
        }
    }

    /// Feeds the type once.
    pub(crate) fn run(&mut self, plan: &Plan) -> Outcome {
        let run = Run {
            walk: RefCell::new(Walk::new(self.index, plan, &mut self.seen)),
            heard: RefCell::default(),
        };
        let at = At {
            run: &run,
            place: Place::root(),
        };
        let mut deserializer = <dyn erased_serde::Deserializer<'_>>::erase(at);
        let result = (self.probe.watch)(&mut deserializer);
        drop(deserializer);
        Outcome {
            result,
            heard: run.heard.into_inner(),
        }
    }

    /// Whether the type takes what `plan` feeds it; `asked` are the schemas whose own types can tell when the event as a
    /// whole does not fit for other reasons.
    pub(crate) fn takes(&mut self, plan: &Plan, asked: &[&str]) -> (bool, Outcome) {
        let (fits, answers) = self.plain(&plan.branches);
        let outcome = self.run(plan);
        let takes = if fits {
            outcome.result.is_ok()
        } else {
            asked
                .iter()
                .any(|at| answers.get(*at) == Some(&true) && outcome.heard.answers.get(*at) == Some(&true))
        };
        (takes, outcome)
    }

    fn plain(&mut self, branches: &BTreeMap<String, usize>) -> (bool, BTreeMap<String, bool>) {
        if let Some(known) = self.plain.get(branches) {
            return known.clone();
        }
        let plan = Plan {
            branches: branches.clone(),
            ..Plan::default()
        };
        let outcome = self.run(&plan);
        let found = (outcome.result.is_ok(), outcome.heard.answers);
        self.plain.insert(branches.clone(), found.clone());
        found
    }

    pub(crate) fn node(&self, pointer: &str) -> Option<&'a Map<String, Value>> {
        self.index.node(pointer)
    }

    /// The schema that a chain of references leads to.
    pub(crate) fn resolved(&mut self, pointer: &str) -> Vec<String> {
        let plan = Plan::default();
        Walk::new(self.index, &plan, &mut Seen::default()).parts(pointer)
    }
}
