//! Taking from a queue: the broker's side of a subscription, and the handle that its consumer holds.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::deferred::After;
use super::queue::Entry;
use super::shared::MemoryShared;
use crate::broker::{Incoming, Subscription};

/// The broker's side.
#[derive(Debug)]
pub(super) struct Consumer {
    /// Its queue. `None` once the queue is gone or the connection lost: it has ended.
    pub(super) queue: Option<usize>,
    prefetch: usize,
    last_tag: u64,
    // Handed out and not polled yet.
    outbox: VecDeque<Incoming>,
    /// Handed out and not settled, polled or not.
    pub(super) unsettled: BTreeMap<u64, Entry>,
    /// How many of those wait for the clock alone. A consumer that polls no more for a while, and so does not know
    /// what was handed out meanwhile, says `usize::MAX`.
    pub(super) waiting: usize,
    waker: Option<Waker>,
}

impl Consumer {
    /// A consumer of `queue` that holds up to `prefetch` deliveries; 0 is no limit.
    pub(super) fn new(queue: usize, prefetch: u16) -> Self {
        Self {
            queue: Some(queue),
            prefetch: if prefetch == 0 {
                usize::MAX
            } else {
                prefetch.into()
            },
            last_tag: 0,
            outbox: VecDeque::new(),
            unsettled: BTreeMap::new(),
            waiting: 0,
            waker: None,
        }
    }

    /// Whether its window has room.
    pub(super) fn has_room(&self) -> bool {
        self.unsettled.len() < self.prefetch
    }

    /// Hands a message out.
    pub(super) fn hand(&mut self, entry: Entry, after: &mut After) {
        self.last_tag += 1;
        self.outbox.push_back(Incoming {
            tag: self.last_tag,
            message: Arc::clone(&entry.message),
            redelivered: entry.redelivered,
            delivery_count: entry.delivery_count,
            alone: false,
        });
        self.unsettled.insert(self.last_tag, entry);
        after.wake(&mut self.waker);
    }

    /// Takes out what `tag` settles, one at a time.
    pub(super) fn settle(&mut self, tag: u64, multiple: bool) -> Option<Entry> {
        if multiple {
            let first = self.unsettled.first_entry().filter(|entry| *entry.key() <= tag)?;
            Some(first.remove())
        } else {
            self.unsettled.remove(&tag)
        }
    }

    /// Ends it. What it had is given back to be returned to the queue or freed.
    pub(super) fn end(&mut self, after: &mut After) -> BTreeMap<u64, Entry> {
        self.queue = None;
        self.outbox.clear();
        after.wake(&mut self.waker);
        std::mem::take(&mut self.unsettled)
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Incoming>> {
        match self.outbox.pop_front() {
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

/// The consumer's handle.
pub(super) struct MemorySubscription {
    shared: Arc<MemoryShared>,
    id: usize,
    queue: Arc<str>,
}

impl MemorySubscription {
    /// The handle of the consumer `id`.
    pub(super) fn new(shared: Arc<MemoryShared>, id: usize, queue: Arc<str>) -> Self {
        Self { shared, id, queue }
    }
}

impl Subscription for MemorySubscription {
    fn queue(&self) -> &str {
        &self.queue
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Incoming>> {
        // Nothing that others see changes by it, so no one is told.
        self.shared.lock().consumers[self.id].poll_next(cx)
    }

    fn ack(&mut self, tag: u64, multiple: bool) {
        self.shared
            .with(|state, after| state.ack(self.id, tag, multiple, after));
    }

    fn requeue(&mut self, tag: u64) {
        self.shared
            .with(|state, after| state.requeue(self.id, tag, after));
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn cancel(&mut self) {
        self.shared.with(|state, after| state.cancel(self.id, after));
    }

    /// All is returned when it is dropped.
    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn is_drained(&self) -> bool {
        self.shared.lock().consumers[self.id].outbox.is_empty()
    }

    fn set_waiting(&mut self, count: usize) {
        self.shared
            .with(|state, _| state.consumers[self.id].waiting = count);
    }
}

impl fmt::Debug for MemorySubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySubscription")
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

impl Drop for MemorySubscription {
    fn drop(&mut self) {
        self.shared
            .with(|state, after| state.drop_consumer(self.id, after));
    }
}
