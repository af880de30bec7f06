//! The life of a subscription: how it starts, how its deliveries are settled, how it ends.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::dead_letter::Reason;
use super::deferred::After;
use super::queue::{Entry, Queue};
use super::state::MemoryState;
use super::subscription::Consumer;
use crate::broker::{QueueSource, Subscribe};
use crate::error::SubscribeError;

impl MemoryState {
    /// Starts to take from a queue: gives the consumer's number and the queue's name.
    pub(super) fn subscribe(
        &mut self,
        subscribe: Subscribe,
        after: &mut After,
    ) -> Result<(usize, Arc<str>), SubscribeError> {
        let label = subscribe.queue.label();
        let queue = self
            .source(subscribe.queue, after)
            .map_err(|why| SubscribeError {
                queue: label,
                source: why.into(),
            })?;
        let name = Arc::clone(&self.queues[queue].name);
        let id = self.consumers.insert(Consumer::new(queue, subscribe.prefetch));
        self.queues[queue].consumers.push_back(id);
        self.hand_out(queue, after);
        Ok((id, name))
    }

    fn source(&mut self, source: QueueSource, after: &mut After) -> Result<usize, String> {
        self.reachable()?;
        match source {
            QueueSource::Named(name) => {
                let id = *self.names.get(&name).ok_or("it does not exist")?;
                if self.queues[id].exclusive {
                    return Err("it belongs to another subscription".to_owned());
                }
                Ok(id)
            }
            QueueSource::Ephemeral { exchange, patterns } => self.ephemeral(&exchange, &patterns, after),
        }
    }

    fn ephemeral(&mut self, exchange: &str, patterns: &[String], after: &mut After) -> Result<usize, String> {
        let name: Arc<str> = format!("amq.gen-{}", Uuid::now_v7().simple()).into();
        let id = self.queues.insert(Queue::exclusive(Arc::clone(&name)));
        self.names.insert(name, id);
        for pattern in patterns {
            if let Err(why) = self.bind(exchange, id, pattern) {
                self.remove_queue(id, after);
                return Err(why);
            }
        }
        Ok(id)
    }

    /// Acknowledges one delivery, or all up to it.
    pub(super) fn ack(&mut self, id: usize, tag: u64, multiple: bool, after: &mut After) {
        let consumer = &mut self.consumers[id];
        let Some(queue) = consumer.queue else { return };
        let mut settled = 0;
        while let Some(entry) = consumer.settle(tag, multiple) {
            self.capacity.release(entry.size);
            settled += 1;
        }
        if settled > 0 {
            self.queues[queue].unsettled -= settled;
            self.hand_out(queue, after);
            self.take_up_parked(after);
        }
    }

    /// Returns one delivery to its place. It counts for nothing, as on RabbitMQ 4.3.
    pub(super) fn requeue(&mut self, id: usize, tag: u64, after: &mut After) {
        let consumer = &mut self.consumers[id];
        let Some(queue) = consumer.queue else { return };
        if let Some(entry) = consumer.settle(tag, false) {
            self.queues[queue].unsettled -= 1;
            self.queues[queue].put_back(entry);
            self.hand_out(queue, after);
        }
    }

    /// Takes no more. Where a single consumer is active, the next one is from now on, whatever this one still holds.
    pub(super) fn cancel(&mut self, id: usize, after: &mut After) {
        if let Some(queue) = self.consumers[id].queue {
            self.queues[queue].consumers.retain(|other| *other != id);
            self.hand_out(queue, after);
        }
    }

    /// Its handle is gone, and with it its channel.
    pub(super) fn drop_consumer(&mut self, id: usize, after: &mut After) {
        self.end_consumer(id, after);
        self.consumers.remove(id);
        self.take_up_parked(after);
    }

    /// Ends a subscription: what it holds returns to its queue and counts as a failed delivery.
    pub(super) fn end_consumer(&mut self, id: usize, after: &mut After) {
        let Some(queue) = self.consumers[id].queue else {
            return;
        };
        if self.queues[queue].exclusive {
            self.remove_queue(queue, after);
            return;
        }
        self.queues[queue].consumers.retain(|other| *other != id);
        let unsettled = self.consumers[id].end(after);
        self.return_unsettled(queue, unsettled, after);
    }

    fn return_unsettled(&mut self, id: usize, unsettled: BTreeMap<u64, Entry>, after: &mut After) {
        let queue = &mut self.queues[id];
        let mut dead = Vec::new();
        queue.unsettled -= unsettled.len();
        // Last first: each goes in front of the one before, where room is found without moving what waits.
        for mut entry in unsettled.into_values().rev() {
            entry.delivery_count += 1;
            if queue.is_over_limit(entry.delivery_count) {
                dead.push(entry);
            } else {
                queue.put_back(entry);
            }
        }
        for entry in dead.into_iter().rev() {
            self.dead_letter(id, entry, Reason::DeliveryLimit, after);
        }
        self.hand_out(id, after);
    }

    /// Deletes a queue: its subscriptions end, and what it held is gone.
    pub(super) fn remove_queue(&mut self, id: usize, after: &mut After) {
        let Some(queue) = self.queues.remove(id) else {
            return;
        };
        self.names.remove(&queue.name);
        for (exchange, pattern) in &queue.bindings {
            self.exchanges.unbind(exchange, pattern, id);
        }
        if let Some(due) = queue.watched {
            self.due.remove(&(due, id));
        }
        let stuck = queue.stuck.into_iter().map(|(entry, _)| entry);
        for entry in queue.ready.into_iter().chain(stuck) {
            self.capacity.release(entry.size);
        }
        for consumer in self.consumers.ids() {
            if self.consumers[consumer].queue == Some(id) {
                for entry in self.consumers[consumer].end(after).into_values() {
                    self.capacity.release(entry.size);
                }
            }
        }
        self.take_up_parked(after);
    }
}

impl QueueSource {
    /// What an error calls it.
    fn label(&self) -> String {
        match self {
            Self::Named(name) => name.to_string(),
            Self::Ephemeral { patterns, .. } => patterns.join(", "),
        }
    }
}
