//! The handle of a [`MemoryConsumer`](super::consumer::MemoryConsumer).

use std::sync::Arc;
use std::task::{Context, Poll};

use super::shared::MemoryShared;
use crate::broker::{Incoming, Subscription};
use crate::message::Message;

pub(super) struct MemorySubscription {
    shared: Arc<MemoryShared>,
    id: usize,
    queue: Arc<str>,
}

impl MemorySubscription {
    pub(super) fn new(shared: Arc<MemoryShared>, id: usize, queue: Arc<str>) -> Self {
        Self { shared, id, queue }
    }
}

impl Subscription for MemorySubscription {
    fn queue(&self) -> &str {
        &self.queue
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Incoming>> {
        // No `with` here: a poll changes nothing that `is_busy` depends on.
        self.shared.lock().consumers[self.id].poll_next(cx)
    }

    fn ack(&mut self, tag: u64, multiple: bool) {
        self.shared
            .with(|state, effects| state.ack(self.id, tag, multiple, effects));
    }

    fn requeue(&mut self, tag: u64) {
        self.shared
            .with(|state, effects| state.requeue(self.id, tag, effects));
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn poll_settled(&mut self, _: &mut Context<'_>) -> Poll<Option<Arc<Message>>> {
        Poll::Ready(None)
    }

    fn cancel(&mut self) {
        self.shared.with(|state, effects| state.cancel(self.id, effects));
    }

    /// `Drop` returns the unsettled deliveries.
    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn set_waiting(&mut self, count: usize) {
        self.shared
            .with(|state, _| state.consumers[self.id].waiting = count);
    }
}

impl Drop for MemorySubscription {
    fn drop(&mut self) {
        self.shared
            .with(|state, effects| state.drop_consumer(self.id, effects));
    }
}
