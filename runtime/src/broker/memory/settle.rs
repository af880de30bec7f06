//! The broker's side of a subscription: subscribe, ack, requeue, cancel and end.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::consumer::MemoryConsumer;
use super::deferred::DeferredEffects;
use super::queue::Queue;
use super::queue_entry::{DeathReason, QueueEntry};
use super::state::MemoryState;
use crate::broker::{QueueSource, Subscribe};
use crate::error::SubscribeError;

impl MemoryState {
    /// Adds a consumer to a queue. Returns the consumer's id and the queue's name.
    pub(super) fn subscribe(
        &mut self,
        subscribe: Subscribe,
        effects: &mut DeferredEffects,
    ) -> Result<(usize, Arc<str>), SubscribeError> {
        let label = subscribe.queue.label();
        let queue = self
            .queue_for(subscribe.queue, effects)
            .map_err(|why| SubscribeError {
                queue: label,
                source: why.into(),
            })?;
        let name = Arc::clone(&self.queues[queue].name);
        let id = self
            .consumers
            .insert(MemoryConsumer::new(queue, subscribe.prefetch));
        self.queues[queue].consumers.push_back(id);
        self.deliver_ready(queue, effects);
        Ok((id, name))
    }

    fn queue_for(&mut self, source: QueueSource, effects: &mut DeferredEffects) -> Result<usize, String> {
        self.check_available()?;
        match source {
            QueueSource::Named(name) => {
                let id = *self.queue_ids.get(&name).ok_or("it does not exist")?;
                if self.queues[id].exclusive {
                    return Err("it belongs to another subscription".to_owned());
                }
                Ok(id)
            }
            QueueSource::Ephemeral { exchange, patterns } => {
                self.declare_ephemeral(&exchange, &patterns, effects)
            }
        }
    }

    fn declare_ephemeral(
        &mut self,
        exchange: &str,
        patterns: &[String],
        effects: &mut DeferredEffects,
    ) -> Result<usize, String> {
        let name: Arc<str> = format!("amq.gen-{}", Uuid::now_v7().simple()).into();
        let id = self.queues.insert(Queue::exclusive(Arc::clone(&name)));
        self.queue_ids.insert(name, id);
        for pattern in patterns {
            if let Err(why) = self.bind(exchange, id, pattern) {
                self.remove_queue(id, effects);
                return Err(why);
            }
        }
        Ok(id)
    }

    pub(super) fn ack(&mut self, id: usize, tag: u64, multiple: bool, effects: &mut DeferredEffects) {
        let consumer = &mut self.consumers[id];
        let Some(queue) = consumer.queue else { return };
        let mut settled = 0;
        while let Some(entry) = consumer.settle(tag, multiple) {
            self.capacity.release(entry.size);
            settled += 1;
        }
        if settled > 0 {
            self.queues[queue].unsettled -= settled;
            self.deliver_ready(queue, effects);
            self.resume_publishes(effects);
        }
    }

    /// Returns one delivery to its position in the queue. As on RabbitMQ 4.3, this does not raise the delivery count.
    pub(super) fn requeue(&mut self, id: usize, tag: u64, effects: &mut DeferredEffects) {
        let consumer = &mut self.consumers[id];
        let Some(queue) = consumer.queue else { return };
        if let Some(entry) = consumer.settle(tag, false) {
            self.queues[queue].unsettled -= 1;
            self.queues[queue].put_back(entry);
            self.deliver_ready(queue, effects);
        }
    }

    /// Stops new deliveries to a consumer. With a single active consumer, the next consumer becomes active at once,
    /// even while this one has unsettled deliveries.
    pub(super) fn cancel(&mut self, id: usize, effects: &mut DeferredEffects) {
        if let Some(queue) = self.consumers[id].queue {
            self.queues[queue].consumers.retain(|other| *other != id);
            self.deliver_ready(queue, effects);
        }
    }

    /// Ends and removes a consumer, as RabbitMQ does when a channel closes.
    pub(super) fn drop_consumer(&mut self, id: usize, effects: &mut DeferredEffects) {
        self.end_consumer(id, effects);
        self.consumers.remove(id);
        self.resume_publishes(effects);
    }

    /// Ends a consumer. Its unsettled deliveries return to the queue, and each counts as a failed delivery.
    pub(super) fn end_consumer(&mut self, id: usize, effects: &mut DeferredEffects) {
        let Some(queue) = self.consumers[id].queue else {
            return;
        };
        if self.queues[queue].exclusive {
            self.remove_queue(queue, effects);
            return;
        }
        self.queues[queue].consumers.retain(|other| *other != id);
        let unsettled = self.consumers[id].end(effects);
        self.return_unsettled(queue, unsettled, effects);
    }

    fn return_unsettled(
        &mut self,
        id: usize,
        unsettled: BTreeMap<u64, QueueEntry>,
        effects: &mut DeferredEffects,
    ) {
        let queue = &mut self.queues[id];
        let mut dead = Vec::new();
        queue.unsettled -= unsettled.len();
        // In reverse order each insert is near the head of the queue, so that few entries move.
        for mut entry in unsettled.into_values().rev() {
            entry.delivery_count += 1;
            if queue.is_over_limit(entry.delivery_count) {
                dead.push(entry);
            } else {
                queue.put_back(entry);
            }
        }
        for entry in dead.into_iter().rev() {
            self.dead_letter(id, entry, DeathReason::DeliveryLimit, effects);
        }
        self.deliver_ready(id, effects);
    }

    /// Deletes a queue with its messages, and ends its consumers.
    pub(super) fn remove_queue(&mut self, id: usize, effects: &mut DeferredEffects) {
        let Some(queue) = self.queues.remove(id) else {
            return;
        };
        self.queue_ids.remove(&queue.name);
        for (exchange, pattern) in &queue.bindings {
            self.exchanges.unbind(exchange, pattern, id);
        }
        if let Some(due) = queue.scheduled_at {
            self.due_queues.remove(&(due, id));
        }
        let unroutable = queue.unroutable.into_iter().map(|(entry, _)| entry);
        for entry in queue.ready.into_iter().chain(unroutable) {
            self.capacity.release(entry.size);
        }
        for consumer in self.consumers.ids() {
            if self.consumers[consumer].queue == Some(id) {
                for entry in self.consumers[consumer].end(effects).into_values() {
                    self.capacity.release(entry.size);
                }
            }
        }
        self.resume_publishes(effects);
    }
}

impl QueueSource {
    /// The name of the queue in an error.
    fn label(&self) -> String {
        match self {
            Self::Named(name) => name.to_string(),
            Self::Ephemeral { patterns, .. } => patterns.join(", "),
        }
    }
}
