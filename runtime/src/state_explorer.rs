//! Visits every state that a small model can reach. The search is breadth first, so the path to a failure is the
//! shortest one.
//!
//! A model is the code under test together with fakes for everything that acts on it: the broker, the network, callers
//! and time. Its steps are all events that can happen next. A model that cannot be copied, for example because it
//! contains a future, is built again from its start and repeats the same path.

use std::collections::{HashSet, VecDeque};
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};

pub(crate) trait Model: Sized {
    type Step: Clone + Debug;

    /// Every event that can happen next. A state without steps is a final state.
    fn steps(&self) -> Vec<Self::Step>;

    /// Executes one step. The error is the invariant that the step breaks.
    fn take(&mut self, step: &Self::Step) -> Result<(), String>;

    /// Checks a final state. The error is the invariant that is broken.
    fn check_final(&self) -> Result<(), String>;

    /// Identifies the state: two states with equal keys count as one. The key must contain everything that later steps
    /// and checks depend on.
    fn key(&self) -> impl Hash;

    /// Returns `None` for a model that cannot be copied.
    fn copy(&self) -> Option<Self> {
        None
    }
}

/// The size of a search.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Explored {
    pub(crate) states: usize,
    pub(crate) steps: usize,
    pub(crate) final_states: usize,
    /// The largest number of steps that a state needs.
    pub(crate) depth: usize,
}

/// Visits every state that the model can reach from its start. The error names the first broken invariant, and the
/// shortest path to it.
pub(crate) fn explore<M: Model>(start: impl Fn() -> M) -> Result<Explored, String> {
    // For each state, the state before it and the step between them.
    let mut reached: Vec<Option<(usize, M::Step)>> = vec![None];
    let mut known = HashSet::from([hash(&start().key())]);
    let mut pending = VecDeque::from([(0, start())]);
    let mut explored = Explored {
        states: 0,
        steps: 0,
        final_states: 0,
        depth: 0,
    };
    while let Some((at, model)) = pending.pop_front() {
        let path = path_to(&reached, at);
        let steps = model.steps();
        explored.states += 1;
        explored.depth = explored.depth.max(path.len());
        if steps.is_empty() {
            explored.final_states += 1;
            model.check_final().map_err(|broken| with_path(&broken, &path))?;
        }
        let copies: Vec<M> = steps
            .iter()
            .skip(1)
            .map(|_| copy(&model, &start, &path))
            .collect();
        for (step, mut model) in steps.into_iter().zip(copies.into_iter().chain([model])) {
            explored.steps += 1;
            if let Err(broken) = model.take(&step) {
                return Err(with_path(&broken, &[path.as_slice(), &[step]].concat()));
            }
            if known.insert(hash(&model.key())) {
                pending.push_back((reached.len(), model));
                reached.push(Some((at, step)));
            }
        }
    }
    Ok(explored)
}

fn copy<M: Model>(model: &M, start: impl Fn() -> M, path: &[M::Step]) -> M {
    model.copy().unwrap_or_else(|| {
        let mut copy = start();
        path.iter()
            .for_each(|step| copy.take(step).expect("the path succeeded before"));
        copy
    })
}

/// Explores the model and panics with the path to the first broken invariant. It also panics if the model has fewer
/// states than `at_least`.
#[track_caller]
pub(crate) fn exhaust<M: Model>(at_least: usize, start: impl Fn() -> M) -> Explored {
    let explored = explore(start).unwrap_or_else(|broken| panic!("{broken}"));
    println!("{explored:?}");
    assert!(
        explored.states >= at_least,
        "the model has too few states: {explored:?}"
    );
    explored
}

fn path_to<S: Clone>(reached: &[Option<(usize, S)>], mut at: usize) -> Vec<S> {
    let mut path = Vec::new();
    while let Some((before, step)) = &reached[at] {
        path.push(step.clone());
        at = *before;
    }
    path.reverse();
    path
}

fn hash(key: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

fn with_path<S: Debug>(broken: &str, path: &[S]) -> String {
    let path: Vec<String> = path.iter().map(|step| format!("  {step:?}")).collect();
    format!("{broken}, after\n{}", path.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts up by ones and twos. A count of 3 breaks its invariant.
    struct Counter {
        count: u8,
        limit: u8,
    }

    impl Model for Counter {
        type Step = u8;

        fn steps(&self) -> Vec<u8> {
            [1, 2]
                .into_iter()
                .filter(|by| self.count + by <= self.limit)
                .collect()
        }

        fn take(&mut self, by: &u8) -> Result<(), String> {
            self.count += by;
            if self.count == 3 {
                return Err("the count is 3".to_owned());
            }
            Ok(())
        }

        fn check_final(&self) -> Result<(), String> {
            if self.count == 2 {
                Ok(())
            } else {
                Err("the count is not 2".to_owned())
            }
        }

        fn key(&self) -> impl Hash {
            self.count
        }
    }

    #[test]
    fn the_shortest_path_to_a_broken_step_is_reported() {
        let broken = explore(|| Counter { count: 0, limit: 9 }).unwrap_err();
        assert_eq!(broken, "the count is 3, after\n  1\n  2");
    }

    #[test]
    fn a_broken_final_state_is_reported() {
        let broken = explore(|| Counter { count: 0, limit: 1 }).unwrap_err();
        assert_eq!(broken, "the count is not 2, after\n  1");
    }

    #[test]
    fn each_state_is_visited_once() {
        let Explored {
            states,
            steps,
            final_states,
            depth,
        } = explore(|| Counter { count: 0, limit: 2 }).unwrap();
        assert_eq!((states, steps, final_states, depth), (3, 3, 1, 1));
    }
}
