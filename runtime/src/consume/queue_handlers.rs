//! The handlers of one queue, and the choice of the handler for a delivery.

use std::iter;
use std::ops::Deref;
use std::sync::Arc;

use super::bound_handler::{BoundHandler, HandlerMatch};

/// The handlers of one queue, in the order of their registration.
pub(crate) struct QueueHandlers {
    all: Vec<Arc<BoundHandler>>,
    /// The patterns without wildcards, sorted, each with the index of its handler.
    by_key: Vec<(&'static str, usize)>,
    /// The sorted indices of the handlers that have a pattern with a wildcard.
    with_wildcards: Vec<usize>,
    ordered: bool,
}

impl QueueHandlers {
    pub(crate) fn new(all: Vec<Arc<BoundHandler>>) -> Self {
        let indexed = || all.iter().enumerate();
        let mut by_key: Vec<_> = indexed()
            .flat_map(|(at, handler)| handler.patterns().keys().iter().map(move |key| (*key, at)))
            .collect();
        by_key.sort_unstable();
        let with_wildcards = indexed()
            .filter(|(_, handler)| handler.patterns().has_wildcards())
            .map(|(at, _)| at)
            .collect();
        let ordered = all.iter().any(|handler| handler.descriptor.ordered());
        Self {
            all,
            by_key,
            with_wildcards,
            ordered,
        }
    }

    /// Whether any handler is ordered.
    pub(crate) fn ordered(&self) -> bool {
        self.ordered
    }

    /// The first handler that takes the event, or else the handler that comes closest. The key is as in
    /// [`BoundHandler::matches`].
    pub(crate) fn choose(&self, event_type: &str, key: Option<&str>) -> (usize, HandlerMatch) {
        let mut best = (0, HandlerMatch::ForeignKey);
        let mut try_handler = |at: usize| {
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
            Some(key) if self.all.len() > 1 => self.candidates(key).find_map(&mut try_handler),
            // A single handler matches its own patterns faster than the index does.
            _ => (0..self.all.len()).find_map(&mut try_handler),
        };
        found.unwrap_or(best)
    }

    /// The handlers that may have a pattern for the key, in the order of their registration. On a queue with a thousand
    /// handlers, most have none and are skipped.
    fn candidates(&self, key: &str) -> impl Iterator<Item = usize> {
        let from = self.by_key.partition_point(|(other, _)| *other < key);
        let mut exact = self.by_key[from..]
            .iter()
            .take_while(move |(other, _)| *other == key)
            .map(|(_, at)| *at)
            .peekable();
        let mut with_wildcards = self.with_wildcards.iter().copied().peekable();
        iter::from_fn(move || match (exact.peek(), with_wildcards.peek()) {
            (Some(one), Some(other)) if other < one => with_wildcards.next(),
            (Some(_), _) => exact.next(),
            (None, _) => with_wildcards.next(),
        })
    }
}

impl Deref for QueueHandlers {
    type Target = [Arc<BoundHandler>];

    fn deref(&self) -> &Self::Target {
        &self.all
    }
}
