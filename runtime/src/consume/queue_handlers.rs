//! The handlers of one queue: which of them an event is for, however many there are.

use std::iter;
use std::ops::Deref;
use std::sync::Arc;

use super::bound_handler::{BoundHandler, HandlerMatch};

/// The handlers of one queue, in the order of their registration.
pub(crate) struct QueueHandlers {
    all: Vec<Arc<BoundHandler>>,
    /// Each pattern without a wildcard and whose it is, in order.
    by_key: Vec<(&'static str, usize)>,
    /// Those with wildcards, in order.
    wild: Vec<usize>,
    ordered: bool,
}

impl QueueHandlers {
    pub(crate) fn new(all: Vec<Arc<BoundHandler>>) -> Self {
        let numbered = || all.iter().enumerate();
        let mut by_key: Vec<_> = numbered()
            .flat_map(|(at, worker)| worker.patterns().keys().iter().map(move |key| (*key, at)))
            .collect();
        by_key.sort_unstable();
        let wild = numbered()
            .filter(|(_, worker)| worker.patterns().has_wildcards())
            .map(|(at, _)| at)
            .collect();
        let ordered = all.iter().any(|worker| worker.descriptor.ordered());
        Self {
            all,
            by_key,
            wild,
            ordered,
        }
    }

    /// Whether events keep an order in this queue.
    pub(crate) fn ordered(&self) -> bool {
        self.ordered
    }

    /// The first handler that takes the event, or else the one that comes closest to it; `None` for a key says that the
    /// event was addressed to the queue itself, past all patterns.
    pub(crate) fn choose(&self, event_type: &str, key: Option<&str>) -> (usize, HandlerMatch) {
        let mut best = (0, HandlerMatch::ForeignKey);
        let mut ask = |at: usize| {
            match self.all[at].matches(event_type, key) {
                HandlerMatch::Takes => return Some((at, HandlerMatch::Takes)),
                HandlerMatch::WrongType => best = (at, HandlerMatch::WrongType),
                HandlerMatch::Undeclared if best.1 == HandlerMatch::ForeignKey => {
                    best = (at, HandlerMatch::Undeclared);
                }
                _ => {}
            }
            None
        };
        let found = match key {
            Some(key) if self.all.len() > 1 => self.that_may_have(key).find_map(&mut ask),
            // A handler alone knows its own patterns.
            _ => (0..self.all.len()).find_map(&mut ask),
        };
        found.unwrap_or(best)
    }

    /// Those of which a pattern may have the key, in order: the key is foreign to the others.
    fn that_may_have(&self, key: &str) -> impl Iterator<Item = usize> {
        let from = self.by_key.partition_point(|(other, _)| *other < key);
        let mut spelled = self.by_key[from..]
            .iter()
            .take_while(move |(other, _)| *other == key)
            .map(|(_, at)| *at)
            .peekable();
        let mut wild = self.wild.iter().copied().peekable();
        iter::from_fn(move || match (spelled.peek(), wild.peek()) {
            (Some(one), Some(other)) if other < one => wild.next(),
            (Some(_), _) => spelled.next(),
            (None, _) => wild.next(),
        })
    }
}

impl Deref for QueueHandlers {
    type Target = [Arc<BoundHandler>];

    fn deref(&self) -> &Self::Target {
        &self.all
    }
}
