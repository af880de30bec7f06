//! The broker's whole state, and the way of a message into its queues.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::capacity::{self, Capacity};
use super::deferred::After;
use super::exchange::{self, Exchanges};
use super::queue::Queue;
use super::slab::Slab;
use super::subscription::Consumer;
use crate::broker::Publish;
use crate::bus::refusal::Refusal;
use crate::clock::{Awake, Clock, Sleep};
use crate::message::Message;

/// All that the broker knows.
#[derive(Debug)]
pub(super) struct MemoryState {
    pub(super) clock: Clock,
    pub(super) phase: Phase,
    pub(super) exchanges: Exchanges,
    pub(super) queues: Slab<Queue>,
    pub(super) names: HashMap<Arc<str>, usize>,
    pub(super) consumers: Slab<Consumer>,
    pub(super) capacity: Capacity,
    /// Publishes that wait for room, or for the broker to come back, in the order they came.
    pub(super) parked: VecDeque<Publish>,
    /// What was published to topic exchanges, if anyone wants to know.
    pub(super) recording: Option<Vec<Arc<Message>>>,
    /// How many of the next publishes to an exchange are refused, and why.
    pub(super) refusals: HashMap<String, (usize, Refusal)>,
    /// The queues whose next binding is refused.
    pub(super) unbindable: HashSet<String>,
    /// How many deliveries were handed out.
    pub(super) deliveries: u64,
    /// The queues that wait for the clock.
    pub(super) due: BTreeSet<(Duration, usize)>,
    pub(super) timer: Timer,
    // Kept between publishes for its memory.
    targets: Vec<usize>,
}

/// Whether the broker can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Up,
    Down,
    Closed,
}

/// The one timer, set to the first of the times that queues wait for.
#[derive(Debug, Default)]
pub(super) struct Timer {
    due: Option<Duration>,
    sleep: Option<Sleep>,
    waker: Option<Waker>,
    pub(super) task: Option<JoinHandle<()>>,
}

impl Timer {
    /// Whether there is something to wait for and no one to do so. A task ends with its runtime, which the broker may
    /// outlive.
    pub(super) fn lacks_task(&self) -> bool {
        self.sleep.is_some() && self.task.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl MemoryState {
    /// An empty broker.
    pub(super) fn new(clock: Clock, capacity: Capacity, recording: bool) -> Self {
        Self {
            clock,
            phase: Phase::Up,
            exchanges: Exchanges::default(),
            queues: Slab::default(),
            names: HashMap::new(),
            consumers: Slab::default(),
            capacity,
            parked: VecDeque::new(),
            recording: recording.then(Vec::new),
            refusals: HashMap::new(),
            unbindable: HashSet::new(),
            deliveries: 0,
            due: BTreeSet::new(),
            timer: Timer::default(),
            targets: Vec::new(),
        }
    }

    /// Takes a publish, or parks it until it can be taken.
    pub(super) fn publish(&mut self, publish: Publish, after: &mut After) {
        if self.phase == Phase::Closed {
            after.answer(publish.confirm, Err(Refusal::Closed));
        } else if self.phase == Phase::Down || (self.is_crowded() && self.must_wait(&publish)) {
            self.parked.push_back(publish);
        } else {
            self.take_up(publish, after);
        }
    }

    fn is_crowded(&self) -> bool {
        self.capacity.is_full() || !self.parked.is_empty()
    }

    /// Whether a publish waits for room. Only a topic exchange's do: delays, returns, dead letters and orphans are how
    /// the runtime settles a delivery, and a full broker that refused them would never have room again.
    fn must_wait(&self, publish: &Publish) -> bool {
        !publish.while_handling && self.exchanges.is_topic(&publish.message.exchange)
    }

    /// Takes up what is parked and no longer has to wait.
    pub(super) fn take_up_parked(&mut self, after: &mut After) {
        while self.phase == Phase::Up && !self.capacity.is_full() {
            let Some(publish) = self.parked.pop_front() else {
                return;
            };
            self.take_up(publish, after);
        }
    }

    /// Takes up what was parked while the broker was away: all that need not wait for room, and the rest in its order.
    pub(super) fn take_up_after_absence(&mut self, after: &mut After) {
        for publish in mem::take(&mut self.parked) {
            self.publish(publish, after);
        }
    }

    fn take_up(&mut self, publish: Publish, after: &mut After) {
        let confirm = publish.confirm;
        // A caller that gave up was told that its event was not published: so it must not be.
        if confirm.take() {
            let result = self.accept(publish.message, publish.mandatory, after);
            after.answer(confirm, result);
        } else {
            after.forget(confirm);
        }
    }

    fn accept(
        &mut self,
        mut message: Arc<Message>,
        mandatory: bool,
        after: &mut After,
    ) -> Result<(), Refusal> {
        self.refuse(&message.exchange)?;
        let copies = exchange::copies(&mut message);
        let mut targets = mem::take(&mut self.targets);
        targets.clear();
        let exists = self.route(&message.exchange, &message.routing_key, &copies, &mut targets);
        let result = match targets.is_empty() {
            _ if !exists => Err(Refusal::NoExchange),
            true if mandatory => Err(Refusal::Unroutable),
            _ => {
                self.record(&message);
                self.enqueue(&message, &targets, after);
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

    /// Fills the empty `targets` with the queues that take a message. `false`: its exchange is not there.
    pub(super) fn route(
        &mut self,
        exchange: &str,
        key: &str,
        copies: &[String],
        targets: &mut Vec<usize>,
    ) -> bool {
        if !exchange.is_empty() {
            return self.exchanges.route(exchange, key, copies, targets);
        }
        let keys = copies.iter().map(String::as_str).chain([key]);
        targets.extend(keys.filter_map(|key| self.names.get(key)));
        targets.sort_unstable();
        targets.dedup();
        true
    }

    /// Puts a message at the end of each of these queues.
    pub(super) fn enqueue(&mut self, message: &Arc<Message>, queues: &[usize], after: &mut After) {
        let size = capacity::size(message);
        for &id in queues {
            self.capacity.hold(size);
            let queue = &mut self.queues[id];
            queue.push(Arc::clone(message), size, || self.clock.elapsed());
            // Behind others it can only wait: those before it found no consumer with room.
            if queue.ready.len() == 1 {
                self.hand_out(id, after);
            }
        }
    }

    /// Hands out what waits in a queue for as long as a consumer has room, and keeps an eye on the new head.
    pub(super) fn hand_out(&mut self, id: usize, after: &mut After) {
        let queue = &mut self.queues[id];
        while !queue.ready.is_empty()
            && let Some(consumer) = queue.next_consumer(&self.consumers)
            && let Some(entry) = queue.ready.pop_front()
        {
            queue.unsettled += 1;
            self.deliveries += 1;
            self.consumers[consumer].hand(entry, after);
        }
        self.watch(id);
    }

    /// Sees to it that the timer knows when the queue has something to do next.
    pub(super) fn watch(&mut self, id: usize) {
        let queue = &mut self.queues[id];
        let due = queue.next_due();
        if queue.watched == due {
            return;
        }
        if let Some(before) = queue.watched {
            self.due.remove(&(before, id));
        }
        if let Some(due) = due {
            self.due.insert((due, id));
        }
        queue.watched = due;
    }

    /// Sets the timer to the first of the times that queues wait for.
    pub(super) fn set_timer(&mut self, after: &mut After) {
        let due = match self.phase {
            Phase::Closed => None,
            _ => self.due.first().map(|(due, _)| *due),
        };
        if self.timer.due != due {
            let delay = due.map(|due| due.saturating_sub(self.clock.elapsed()));
            after.stop(self.timer.sleep.take());
            self.timer.sleep = delay.map(|delay| self.clock.sleep(delay));
            self.timer.due = due;
            after.wake(&mut self.timer.waker);
        }
    }

    /// Waits for the timer, then expires what is due.
    pub(super) fn poll_expire(&mut self, cx: &mut Context<'_>, after: &mut After) -> Poll<Awake> {
        if let Some(sleep) = &mut self.timer.sleep
            && let Poll::Ready(awake) = Pin::new(sleep).poll(cx)
        {
            after.stop(self.timer.sleep.take());
            self.timer.due = None;
            self.expire(after);
            return Poll::Ready(awake);
        }
        self.timer.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}
