//! The broker's record of a consumer.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::deferred::DeferredEffects;
use super::queue_entry::QueueEntry;
use crate::broker::Incoming;

#[derive(Debug)]
pub(super) struct MemoryConsumer {
    /// `None` after the consumer ended, because the queue was deleted or the connection was lost.
    pub(super) queue: Option<usize>,
    prefetch: usize,
    last_tag: u64,
    // Deliveries that the subscription has not polled yet.
    unpolled: VecDeque<Incoming>,
    /// Delivered and not settled, including the deliveries in `unpolled`.
    pub(super) unsettled: BTreeMap<u64, QueueEntry>,
    /// How many of the unsettled deliveries wait only for the clock.
    pub(super) waiting: usize,
    waker: Option<Waker>,
}

impl MemoryConsumer {
    /// A `prefetch` of 0 means no limit.
    pub(super) fn new(queue: usize, prefetch: u16) -> Self {
        Self {
            queue: Some(queue),
            prefetch: if prefetch == 0 {
                usize::MAX
            } else {
                prefetch.into()
            },
            last_tag: 0,
            unpolled: VecDeque::new(),
            unsettled: BTreeMap::new(),
            waiting: 0,
            waker: None,
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.unsettled.len() >= self.prefetch
    }

    pub(super) fn deliver(&mut self, entry: QueueEntry, effects: &mut DeferredEffects) {
        self.last_tag += 1;
        self.unpolled.push_back(Incoming {
            tag: self.last_tag,
            message: Arc::clone(&entry.message),
            redelivered: entry.redelivered,
            delivery_count: entry.delivery_count,
        });
        self.unsettled.insert(self.last_tag, entry);
        effects.wake(&mut self.waker);
    }

    /// Removes and returns the next delivery that an ack of `tag` settles. Call this until it returns `None`.
    pub(super) fn settle(&mut self, tag: u64, multiple: bool) -> Option<QueueEntry> {
        if multiple {
            let first = self.unsettled.first_entry().filter(|entry| *entry.key() <= tag)?;
            Some(first.remove())
        } else {
            self.unsettled.remove(&tag)
        }
    }

    /// Ends the consumer and returns its unsettled deliveries.
    pub(super) fn end(&mut self, effects: &mut DeferredEffects) -> BTreeMap<u64, QueueEntry> {
        self.queue = None;
        self.unpolled.clear();
        effects.wake(&mut self.waker);
        std::mem::take(&mut self.unsettled)
    }

    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Incoming>> {
        match self.unpolled.pop_front() {
            Some(incoming) => Poll::Ready(Some(incoming)),
            None if self.queue.is_none() => Poll::Ready(None),
            None => {
                match &mut self.waker {
                    Some(waker) => waker.clone_from(cx.waker()),
                    none => *none = Some(cx.waker().clone()),
                }
                Poll::Pending
            }
        }
    }
}
