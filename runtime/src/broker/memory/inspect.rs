//! Inspection for tests: published messages, queue contents, and whether work is still in progress.

use std::future::Future;
use std::sync::Arc;

use super::MemoryBroker;
use crate::message::Message;

impl MemoryBroker {
    /// The messages published to topic exchanges so far, in order. Empty unless
    /// [`recording`](super::MemoryBrokerBuilder::recording) is on.
    pub(crate) fn recorded(&self) -> Vec<Arc<Message>> {
        self.shared.lock().recording.clone().unwrap_or_default()
    }

    /// The ready and unsettled messages of the queue `name`, in order. Empty when the queue does not exist.
    pub(crate) fn queue_messages(&self, name: &str) -> Vec<Arc<Message>> {
        let state = self.shared.lock();
        let Some(&id) = state.queue_ids.get(name) else {
            return Vec::new();
        };
        let queue = &state.queues[id];
        let unsettled = state
            .consumers
            .iter()
            .filter(|(_, consumer)| consumer.queue == Some(id))
            .flat_map(|(_, consumer)| consumer.unsettled.values());
        let unroutable = queue.unroutable.iter().map(|(entry, _)| entry);
        let mut all: Vec<_> = queue.ready.iter().chain(unroutable).chain(unsettled).collect();
        all.sort_unstable_by_key(|entry| entry.position);
        all.into_iter().map(|entry| Arc::clone(&entry.message)).collect()
    }

    /// The number of ready and unsettled messages of the queue `name`.
    pub(crate) fn message_count(&self, name: &str) -> Option<usize> {
        let state = self.shared.lock();
        Some(state.queues[*state.queue_ids.get(name)?].len())
    }

    pub(crate) fn queue_names(&self) -> Vec<String> {
        let mut names: Vec<_> = self
            .shared
            .lock()
            .queue_ids
            .keys()
            .map(ToString::to_string)
            .collect();
        names.sort_unstable();
        names
    }

    /// Removes the ready messages of the queue `name` and returns them in order. Unsettled messages stay.
    pub(crate) fn take(&self, name: &str) -> Vec<Arc<Message>> {
        self.shared.with(|state, effects| {
            let Some(&id) = state.queue_ids.get(name) else {
                return Vec::new();
            };
            let ready = std::mem::take(&mut state.queues[id].ready);
            for entry in &ready {
                state.capacity.release(entry.size);
            }
            state.schedule_expiry(id);
            state.resume_publishes(effects);
            ready.into_iter().map(|entry| entry.message).collect()
        })
    }

    /// Deletes a queue and ends its subscriptions. Returns `false` when the queue does not exist.
    pub(crate) fn delete_queue(&self, name: &str) -> bool {
        self.shared.with(|state, effects| {
            let id = state.queue_ids.get(name).copied();
            if let Some(id) = id {
                state.remove_queue(id, effects);
            }
            id.is_some()
        })
    }

    /// The number of deliveries to consumers so far.
    pub(crate) fn deliveries(&self) -> u64 {
        self.shared.lock().deliveries
    }

    /// Whether work remains that does not wait for the clock. Either a task that the clock woke has not finished, or a
    /// consumer has a delivery that does not wait for the clock. The broker itself never has unfinished work, because
    /// each call completes under the lock.
    pub(crate) fn is_busy(&self) -> bool {
        self.shared.clock.pending() > 0
            || self
                .shared
                .lock()
                .consumers
                .iter()
                .any(|(_, consumer)| consumer.unsettled.len() > consumer.waiting)
    }

    /// Resolves when the result of [`is_busy`](Self::is_busy) may have changed since this call. To miss no change, call
    /// this method first, then `is_busy`, then await.
    pub(crate) fn changed(&self) -> impl Future<Output = ()> + Send + 'static {
        Arc::clone(&self.shared.changed).notified_owned()
    }
}
