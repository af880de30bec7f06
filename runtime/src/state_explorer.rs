//! Goes through every state that a small world can come to, breadth first, so that what is found is the shortest way there.
//!
//! A world is the machine under test with a stand-in for all that acts on it: the broker, the network, callers, time. Its
//! steps are everything that could happen next. A world that holds what cannot be copied, a channel's end or a future, is
//! made anew and led the same way.

use std::collections::{HashSet, VecDeque};
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A machine and its surroundings.
pub(crate) trait Model: Sized {
    type Step: Clone + Debug;

    /// Everything that may happen next. Where nothing may, the world is at its end.
    fn steps(&self) -> Vec<Self::Step>;

    /// Lets it happen.
    ///
    /// # Errors
    /// With the promise that it breaks.
    fn take(&mut self, step: &Self::Step) -> Result<(), String>;

    /// What must hold at the end.
    ///
    /// # Errors
    /// With the promise that is broken.
    fn end(&self) -> Result<(), String>;

    /// All that matters to what may still happen and to what is promised: two worlds with the same key are one.
    fn key(&self) -> impl Hash;

    /// The same again, where it can be copied.
    fn copy(&self) -> Option<Self> {
        None
    }
}

/// How far it went.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Explored {
    pub(crate) states: usize,
    pub(crate) steps: usize,
    pub(crate) ends: usize,
    /// The most steps that it takes to come to a state.
    pub(crate) depth: usize,
}

/// Goes through every state that a world comes to from its start.
///
/// # Errors
/// With the first broken promise, and the shortest way to it.
pub(crate) fn explore<W: Model>(start: impl Fn() -> W) -> Result<Explored, String> {
    // The step that leads to each state, and from which.
    let mut reached: Vec<Option<(usize, W::Step)>> = vec![None];
    let mut known = HashSet::from([hash(&start().key())]);
    let mut ahead = VecDeque::from([(0, start())]);
    let mut explored = Explored {
        states: 0,
        steps: 0,
        ends: 0,
        depth: 0,
    };
    while let Some((at, world)) = ahead.pop_front() {
        let way = way_to(&reached, at);
        let steps = world.steps();
        explored.states += 1;
        explored.depth = explored.depth.max(way.len());
        if steps.is_empty() {
            explored.ends += 1;
            world.end().map_err(|broken| told(&broken, &way))?;
        }
        let copies: Vec<W> = steps.iter().skip(1).map(|_| copy(&world, &start, &way)).collect();
        for (step, mut world) in steps.into_iter().zip(copies.into_iter().chain([world])) {
            explored.steps += 1;
            if let Err(broken) = world.take(&step) {
                return Err(told(&broken, &[way.as_slice(), &[step]].concat()));
            }
            if known.insert(hash(&world.key())) {
                ahead.push_back((reached.len(), world));
                reached.push(Some((at, step)));
            }
        }
    }
    Ok(explored)
}

fn copy<W: Model>(world: &W, start: impl Fn() -> W, way: &[W::Step]) -> W {
    world.copy().unwrap_or_else(|| {
        let mut again = start();
        way.iter()
            .for_each(|step| again.take(step).expect("it went well before"));
        again
    })
}

/// Explores, and fails with the way to what is broken. Says how far it went when it went further than `at_least` states.
#[track_caller]
pub(crate) fn exhaust<W: Model>(at_least: usize, start: impl Fn() -> W) -> Explored {
    let explored = explore(start).unwrap_or_else(|broken| panic!("{broken}"));
    println!("{explored:?}");
    assert!(
        explored.states >= at_least,
        "the world has become small: {explored:?}"
    );
    explored
}

fn way_to<S: Clone>(reached: &[Option<(usize, S)>], mut at: usize) -> Vec<S> {
    let mut way = Vec::new();
    while let Some((before, step)) = &reached[at] {
        way.push(step.clone());
        at = *before;
    }
    way.reverse();
    way
}

fn hash(key: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

fn told<S: Debug>(broken: &str, way: &[S]) -> String {
    let way: Vec<String> = way.iter().map(|step| format!("  {step:?}")).collect();
    format!("{broken}, after\n{}", way.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts up by ones and twos, and must never be 3.
    struct Counter {
        count: u8,
        most: u8,
    }

    impl Model for Counter {
        type Step = u8;

        fn steps(&self) -> Vec<u8> {
            [1, 2]
                .into_iter()
                .filter(|by| self.count + by <= self.most)
                .collect()
        }

        fn take(&mut self, by: &u8) -> Result<(), String> {
            self.count += by;
            if self.count == 3 {
                return Err("it is 3".to_owned());
            }
            Ok(())
        }

        fn end(&self) -> Result<(), String> {
            if self.count == 2 {
                Ok(())
            } else {
                Err("it is not 2".to_owned())
            }
        }

        fn key(&self) -> impl Hash {
            self.count
        }
    }

    #[test]
    fn it_finds_the_shortest_way_to_what_is_broken() {
        let broken = explore(|| Counter { count: 0, most: 9 }).unwrap_err();
        assert_eq!(broken, "it is 3, after\n  1\n  2");
    }

    #[test]
    fn it_sees_what_is_wrong_at_the_end_alone() {
        let broken = explore(|| Counter { count: 0, most: 1 }).unwrap_err();
        assert_eq!(broken, "it is not 2, after\n  1");
    }

    #[test]
    fn it_comes_to_each_state_once() {
        let Explored {
            states,
            steps,
            ends,
            depth,
        } = explore(|| Counter { count: 0, most: 2 }).unwrap();
        assert_eq!((states, steps, ends, depth), (3, 3, 1, 1));
    }
}
