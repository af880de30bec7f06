//! Looking in from outside, as a test does: what was published, what waits where, whether anything still moves.

use std::future::Future;
use std::sync::Arc;

use super::MemoryBroker;
use super::queue::Entry;
use super::state::MemoryState;
use crate::message::Message;

impl MemoryBroker {
    /// Every message that was published to a topic exchange so far, in order. Empty without a recording.
    pub(crate) fn recorded(&self) -> Vec<Arc<Message>> {
        self.shared.lock().recording.clone().unwrap_or_default()
    }

    /// What the queue `name` holds, handed out or not, in order. Empty when there is no such queue.
    pub(crate) fn queue_messages(&self, name: &str) -> Vec<Arc<Message>> {
        let state = self.shared.lock();
        state.names.get(name).map_or_else(Vec::new, |id| state.held(*id))
    }

    /// How many messages the queue `name` holds, handed out or not.
    pub(crate) fn message_count(&self, name: &str) -> Option<usize> {
        let state = self.shared.lock();
        Some(state.queues[*state.names.get(name)?].len())
    }

    /// The names of all queues, sorted.
    pub(crate) fn queue_names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.shared.lock().names.keys().map(ToString::to_string).collect();
        names.sort_unstable();
        names
    }

    /// Takes out what waits in the queue `name`, in order; what was handed out stays.
    pub(crate) fn take(&self, name: &str) -> Vec<Arc<Message>> {
        self.shared.with(|state, after| {
            let Some(&id) = state.names.get(name) else {
                return Vec::new();
            };
            let ready = std::mem::take(&mut state.queues[id].ready);
            for entry in &ready {
                state.capacity.release(entry.size);
            }
            state.watch(id);
            state.take_up_parked(after);
            ready.into_iter().map(|entry| entry.message).collect()
        })
    }

    /// Deletes a queue: its subscriptions end. `false`: there is none of this name.
    pub(crate) fn delete_queue(&self, name: &str) -> bool {
        self.shared.with(|state, after| {
            let id = state.names.get(name).copied();
            if let Some(id) = id {
                state.remove_queue(id, after);
            }
            id.is_some()
        })
    }

    /// How many deliveries were handed out so far.
    pub(crate) fn deliveries(&self) -> u64 {
        self.shared.lock().deliveries
    }

    /// Whether anything moves without the clock: someone whom the clock woke is at work, or a delivery is with its
    /// consumer and does not wait for the clock. There is nothing else: what can be handed out or taken up is so at
    /// once, under the lock.
    pub(crate) fn is_busy(&self) -> bool {
        self.shared.clock.pending() > 0 || self.shared.lock().has_work()
    }

    /// Resolves when the answer of [`is_busy`](Self::is_busy) may have changed since this call: call it, ask, then wait.
    pub(crate) fn changed(&self) -> impl Future<Output = ()> + Send + 'static {
        Arc::clone(&self.shared.changed).notified_owned()
    }
}

impl MemoryState {
    fn has_work(&self) -> bool {
        self.consumers
            .iter()
            .any(|(_, consumer)| consumer.unsettled.len() > consumer.waiting)
    }

    fn held(&self, id: usize) -> Vec<Arc<Message>> {
        let queue = &self.queues[id];
        let handed_out = self
            .consumers
            .iter()
            .filter(|(_, consumer)| consumer.queue == Some(id))
            .flat_map(|(_, consumer)| consumer.unsettled.values());
        let stuck = queue.stuck.iter().map(|(entry, _)| entry);
        let mut all: Vec<_> = queue.ready.iter().chain(stuck).chain(handed_out).collect();
        all.sort_unstable_by_key(|entry| Entry::position(entry));
        all.into_iter().map(|entry| Arc::clone(&entry.message)).collect()
    }
}
