//! Feeds a type every branch of its schema once, and keeps what is observed on the way.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use tidings::__private::Probe;

use crate::export::introspect::deserializer::{LocationDeserializer, Observations, Run};
use crate::export::introspect::index::Index;
use crate::export::introspect::key_type::KeyTypes;
use crate::export::introspect::walk::{Discovered, Location, Plan, Walk};

/// A type with its schema, and what is known of it so far.
pub(crate) struct Explorer<'a> {
    index: &'a Index<'a>,
    pub(crate) discovered: Discovered,
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
pub(crate) struct RunResult {
    pub(crate) result: Result<(), erased_serde::Error>,
    pub(crate) observed: Observations,
}

/// A schema of this size has not been met; it ends one that would go on for ever.
const RUNS: usize = 4096;

impl<'a> Explorer<'a> {
    pub(crate) fn new(index: &'a Index<'a>, probe: Probe) -> Self {
        Self {
            index,
            discovered: Discovered::default(),
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
            self.fields.extend(outcome.observed.fields);
            self.variants.extend(outcome.observed.variants);
            self.keys.extend(outcome.observed.keys);
            for (list, (count, taken)) in &self.discovered.lists {
                if queued.insert(list.clone()) {
                    plans.extend((0..*count).map(|branch| {
                        let mut branches = taken.clone();
                        branches.insert(list.clone(), branch);
                        branches
                    }));
                }
            }
            // What cannot be fed goes last the next time, so that its neighbours are observed.
            if let Some(refused) = outcome.observed.refused
                && self.discovered.failed.insert(refused)
            {
                plans.push(plan.branches);
            }
        }
    }

    /// Feeds the type once.
    pub(crate) fn run(&mut self, plan: &Plan) -> RunResult {
        let run = Run {
            walk: RefCell::new(Walk::new(self.index, plan, &mut self.discovered)),
            observed: RefCell::default(),
        };
        let at = LocationDeserializer {
            run: &run,
            location: Location::root(),
        };
        let mut deserializer = <dyn erased_serde::Deserializer<'_>>::erase(at);
        let result = (self.probe.watch)(&mut deserializer);
        drop(deserializer);
        RunResult {
            result,
            observed: run.observed.into_inner(),
        }
    }

    /// Whether the type takes what `plan` feeds it; `requested` are the schemas whose own types can tell when the event as a
    /// whole does not fit for other reasons.
    pub(crate) fn takes(&mut self, plan: &Plan, requested: &[&str]) -> (bool, RunResult) {
        let (fits, answers) = self.plain(&plan.branches);
        let outcome = self.run(plan);
        let takes = if fits {
            outcome.result.is_ok()
        } else {
            requested
                .iter()
                .any(|at| answers.get(*at) == Some(&true) && outcome.observed.answers.get(*at) == Some(&true))
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
        let found = (outcome.result.is_ok(), outcome.observed.answers);
        self.plain.insert(branches.clone(), found.clone());
        found
    }

    pub(crate) fn node(&self, pointer: &str) -> Option<&'a Map<String, Value>> {
        self.index.node(pointer)
    }

    /// The schema that a chain of references leads to.
    pub(crate) fn resolved(&mut self, pointer: &str) -> Vec<String> {
        let plan = Plan::default();
        Walk::new(self.index, &plan, &mut Discovered::default()).schemas(pointer)
    }
}
