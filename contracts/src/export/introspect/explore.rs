//! Runs a type on values of every branch of its schema.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use tidings::__private::Introspect;

use crate::export::introspect::deserializer::{LocationDeserializer, Observations, Run};
use crate::export::introspect::index::Index;
use crate::export::introspect::key_type::KeyTypes;
use crate::export::introspect::walk::{Discovered, Location, Plan, Walk};

/// A type with its schema, and the results of the runs so far. [`Observations`] describes most of the fields.
pub(crate) struct Explorer<'a> {
    index: &'a Index<'a>,
    pub(crate) discovered: Discovered,
    pub(crate) fields: BTreeMap<String, &'static [&'static str]>,
    pub(crate) variants: BTreeMap<String, &'static [&'static str]>,
    pub(crate) keys: KeyTypes,
    hooks: Introspect,
    /// Results of runs without text or rename, by their branches: whether the type accepted the event, and which of the
    /// nested types accepted their inputs.
    plain: BTreeMap<BTreeMap<String, usize>, (bool, BTreeMap<String, bool>)>,
}

#[derive(Debug)]
pub(crate) struct RunResult {
    pub(crate) result: Result<(), erased_serde::Error>,
    pub(crate) observed: Observations,
}

/// The limit of runs, which ends the exploration of an infinite schema. Real schemas stay far below.
const RUNS: usize = 4096;

impl<'a> Explorer<'a> {
    pub(crate) fn new(index: &'a Index<'a>, hooks: Introspect) -> Self {
        Self {
            index,
            discovered: Discovered::default(),
            fields: BTreeMap::new(),
            variants: BTreeMap::new(),
            keys: KeyTypes::new(),
            hooks,
            plain: BTreeMap::new(),
        }
    }

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
            // Feed a refused property last in the next run, so that the type still requests its neighbours.
            if let Some(refused) = outcome.observed.refused
                && self.discovered.failed.insert(refused)
            {
                plans.push(plan.branches);
            }
        }
    }

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
        let result = (self.hooks.watch)(&mut deserializer);
        drop(deserializer);
        RunResult {
            result,
            observed: run.observed.into_inner(),
        }
    }

    /// Tells whether the type accepts the values of `plan`. If the type refuses the whole event for other reasons, the
    /// nested types at the schemas `requested` decide.
    pub(crate) fn takes(&mut self, plan: &Plan, requested: &[&str]) -> (bool, RunResult) {
        let (fits, accepted) = self.plain(&plan.branches);
        let outcome = self.run(plan);
        let takes = if fits {
            outcome.result.is_ok()
        } else {
            requested.iter().any(|at| {
                accepted.get(*at) == Some(&true) && outcome.observed.accepted.get(*at) == Some(&true)
            })
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
        let found = (outcome.result.is_ok(), outcome.observed.accepted);
        self.plain.insert(branches.clone(), found.clone());
        found
    }

    pub(crate) fn node(&self, pointer: &str) -> Option<&'a Map<String, Value>> {
        self.index.node(pointer)
    }

    /// Follows the references at `pointer`.
    pub(crate) fn resolved(&mut self, pointer: &str) -> Vec<String> {
        let plan = Plan::default();
        Walk::new(self.index, &plan, &mut Discovered::default()).schemas(pointer)
    }
}
