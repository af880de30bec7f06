//! The broker's state, and how a publish reaches its queues.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::capacity::{self, Capacity};
use super::consumer::MemoryConsumer;
use super::deferred::DeferredEffects;
use super::exchange::{self, Exchanges};
use super::queue::Queue;
use super::slab::Slab;
use crate::broker::Publish;
use crate::bus::refusal::Refusal;
use crate::clock::{Awake, Clock, Sleep};
use crate::message::Message;

#[derive(Debug)]
pub(super) struct MemoryState {
    pub(super) clock: Clock,
    pub(super) availability: Availability,
    pub(super) exchanges: Exchanges,
    pub(super) queues: Slab<Queue>,
    pub(super) queue_ids: HashMap<Arc<str>, usize>,
    pub(super) consumers: Slab<MemoryConsumer>,
    pub(super) capacity: Capacity,
    /// Publishes that wait for free capacity or for the end of an outage, in publish order.
    pub(super) pending: VecDeque<Publish>,
    /// Messages published to topic exchanges. `None` when recording is off.
    pub(super) recording: Option<Vec<Arc<Message>>>,
    /// Faults that a test injected: for each exchange, how many of the next publishes are refused, and with what error.
    pub(super) injected_refusals: HashMap<String, (usize, Refusal)>,
    /// Faults that a test injected: queues whose next binding is refused.
    pub(super) refused_bindings: HashSet<String>,
    pub(super) deliveries: u64,
    /// The next expiry or retry of each queue that has one.
    pub(super) due_queues: BTreeSet<(Duration, usize)>,
    pub(super) timer: ExpiryTimer,
    // A buffer that publishes reuse, to avoid an allocation for each publish.
    targets: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Availability {
    Up,
    Down,
    Closed,
}

/// The timer for the earliest entry of `due_queues`.
#[derive(Debug, Default)]
pub(super) struct ExpiryTimer {
    due: Option<Duration>,
    sleep: Option<Sleep>,
    waker: Option<Waker>,
    pub(super) task: Option<JoinHandle<()>>,
}

impl ExpiryTimer {
    /// Whether the timer is set but no task waits for it. The task ends with its tokio runtime, and the broker may
    /// outlive that runtime.
    pub(super) fn lacks_task(&self) -> bool {
        self.sleep.is_some() && self.task.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl MemoryState {
    pub(super) fn new(clock: Clock, capacity: Capacity, recording: bool) -> Self {
        Self {
            clock,
            availability: Availability::Up,
            exchanges: Exchanges::default(),
            queues: Slab::default(),
            queue_ids: HashMap::new(),
            consumers: Slab::default(),
            capacity,
            pending: VecDeque::new(),
            recording: recording.then(Vec::new),
            injected_refusals: HashMap::new(),
            refused_bindings: HashSet::new(),
            deliveries: 0,
            due_queues: BTreeSet::new(),
            timer: ExpiryTimer::default(),
            targets: Vec::new(),
        }
    }

    /// Accepts a publish, or queues it while the broker is down or full.
    pub(super) fn publish(&mut self, publish: Publish, effects: &mut DeferredEffects) {
        if self.availability == Availability::Closed {
            effects.finish(publish.confirm, Err(Refusal::Closed));
        } else if self.availability == Availability::Down || (self.has_backlog() && self.can_wait(&publish)) {
            self.pending.push_back(publish);
        } else {
            self.accept(publish, effects);
        }
    }

    fn has_backlog(&self) -> bool {
        self.capacity.is_full() || !self.pending.is_empty()
    }

    /// Whether a publish waits while the broker is full. Only publishes to topic exchanges wait. The runtime needs the
    /// other publishes (delays, returns, dead letters, orphans) to settle deliveries, which frees capacity.
    fn can_wait(&self, publish: &Publish) -> bool {
        !publish.while_handling && self.exchanges.is_topic(&publish.message.exchange)
    }

    /// Accepts pending publishes while capacity lasts.
    pub(super) fn resume_publishes(&mut self, effects: &mut DeferredEffects) {
        while self.availability == Availability::Up && !self.capacity.is_full() {
            let Some(publish) = self.pending.pop_front() else {
                return;
            };
            self.accept(publish, effects);
        }
    }

    /// Publishes the messages that waited for the end of an outage. Those that must wait for capacity keep their order.
    pub(super) fn resume_after_outage(&mut self, effects: &mut DeferredEffects) {
        for publish in mem::take(&mut self.pending) {
            self.publish(publish, effects);
        }
    }

    fn accept(&mut self, publish: Publish, effects: &mut DeferredEffects) {
        let confirm = publish.confirm;
        // `take` fails when the caller gave up. That caller got an error, so its event must not be published.
        if confirm.take() {
            let result = self.route_and_enqueue(publish.message, publish.mandatory, effects);
            effects.finish(confirm, result);
        } else {
            effects.drop_confirm(confirm);
        }
    }

    fn route_and_enqueue(
        &mut self,
        mut message: Arc<Message>,
        mandatory: bool,
        effects: &mut DeferredEffects,
    ) -> Result<(), Refusal> {
        self.injected_refusal(&message.exchange)?;
        let copy_keys = exchange::take_copy_keys(&mut message);
        let mut targets = mem::take(&mut self.targets);
        targets.clear();
        let exists = self.route(&message.exchange, &message.routing_key, &copy_keys, &mut targets);
        let result = match targets.is_empty() {
            _ if !exists => Err(Refusal::NoExchange),
            true if mandatory => Err(Refusal::Unroutable),
            _ => {
                self.record(&message);
                self.enqueue(&message, &targets, effects);
                Ok(())
            }
        };
        self.targets = targets;
        result
    }

    fn record(&mut self, message: &Arc<Message>) {
        if let Some(recording) = &mut self.recording
            && self.exchanges.is_topic(&message.exchange)
        {
            recording.push(Arc::clone(message));
        }
    }

    /// Fills the empty `targets` with the queues that a message goes to. Returns `false` when the exchange does not
    /// exist.
    pub(super) fn route(
        &mut self,
        exchange: &str,
        key: &str,
        copy_keys: &[String],
        targets: &mut Vec<usize>,
    ) -> bool {
        if !exchange.is_empty() {
            return self.exchanges.route(exchange, key, copy_keys, targets);
        }
        let keys = copy_keys.iter().map(String::as_str).chain([key]);
        targets.extend(keys.filter_map(|key| self.queue_ids.get(key)));
        targets.sort_unstable();
        targets.dedup();
        true
    }

    /// Appends a message to each of `queues`.
    pub(super) fn enqueue(
        &mut self,
        message: &Arc<Message>,
        queues: &[usize],
        effects: &mut DeferredEffects,
    ) {
        let size = capacity::size(message);
        for &id in queues {
            self.capacity.reserve(size);
            let queue = &mut self.queues[id];
            queue.push(Arc::clone(message), size, || self.clock.elapsed());
            // When older messages wait, no consumer has free prefetch.
            if queue.ready.len() == 1 {
                self.deliver_ready(id, effects);
            }
        }
    }

    /// Delivers the ready messages of a queue while one of its consumers has free prefetch.
    pub(super) fn deliver_ready(&mut self, id: usize, effects: &mut DeferredEffects) {
        let queue = &mut self.queues[id];
        while !queue.ready.is_empty()
            && let Some(consumer) = queue.next_consumer(&self.consumers)
            && let Some(entry) = queue.ready.pop_front()
        {
            queue.unsettled += 1;
            self.deliveries += 1;
            self.consumers[consumer].deliver(entry, effects);
        }
        self.schedule_expiry(id);
    }

    /// Updates the queue's entry in `due_queues`. Call this whenever the head of the queue changes.
    pub(super) fn schedule_expiry(&mut self, id: usize) {
        let queue = &mut self.queues[id];
        let due = queue.next_due();
        if queue.scheduled_at == due {
            return;
        }
        if let Some(before) = queue.scheduled_at {
            self.due_queues.remove(&(before, id));
        }
        if let Some(due) = due {
            self.due_queues.insert((due, id));
        }
        queue.scheduled_at = due;
    }

    /// Sets the timer to the earliest entry of `due_queues`.
    pub(super) fn set_timer(&mut self, effects: &mut DeferredEffects) {
        let due = match self.availability {
            Availability::Closed => None,
            _ => self.due_queues.first().map(|(due, _)| *due),
        };
        if self.timer.due != due {
            let delay = due.map(|due| due.saturating_sub(self.clock.elapsed()));
            effects.drop_sleep(self.timer.sleep.take());
            self.timer.sleep = delay.map(|delay| self.clock.sleep(delay));
            self.timer.due = due;
            effects.wake(&mut self.timer.waker);
        }
    }

    /// Waits for the timer, then handles the queues that are due.
    pub(super) fn poll_expire(&mut self, cx: &mut Context<'_>, effects: &mut DeferredEffects) -> Poll<Awake> {
        if let Some(sleep) = &mut self.timer.sleep
            && let Poll::Ready(awake) = Pin::new(sleep).poll(cx)
        {
            effects.drop_sleep(self.timer.sleep.take());
            self.timer.due = None;
            self.expire(effects);
            return Poll::Ready(awake);
        }
        self.timer.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}
