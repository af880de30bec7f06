//! Lanes: the deliveries of one handler that have not started, in the order in which they may.
//!
//! An unordered handler has one lane, and a delivery that waits for a retry in place steps out of it. An ordered one
//! has a lane an aggregate: its head runs or waits for a retry while the others of the aggregate stand behind it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use super::held::Held;

/// When a wait ends on the broker's clock, and a number that parts those that end together.
type Due = (Duration, u64);

/// The deliveries of one handler that have not started.
#[derive(Debug)]
pub(crate) struct Lanes {
    order: Order,
    len: usize,
    sequence: u64,
}

#[derive(Debug)]
enum Order {
    Free {
        queue: VecDeque<Held>,
        waiting: BTreeMap<Due, Held>,
    },
    PerAggregate(PerAggregate),
}

#[derive(Debug, Default)]
struct PerAggregate {
    /// An aggregate is here while one of its deliveries stands, waits or runs.
    lanes: HashMap<String, VecDeque<Held>>,
    /// The aggregates whose head may start now, in the order they came to be so.
    ready: VecDeque<String>,
    /// The aggregates whose head waits.
    waiting: BTreeMap<Due, String>,
}

impl Lanes {
    pub(crate) fn new(ordered: bool) -> Self {
        let order = if ordered {
            Order::PerAggregate(PerAggregate::default())
        } else {
            Order::Free {
                queue: VecDeque::new(),
                waiting: BTreeMap::new(),
            }
        };
        Self {
            order,
            len: 0,
            sequence: 0,
        }
    }

    /// A delivery came.
    pub(crate) fn push(&mut self, held: Held) {
        self.len += 1;
        match &mut self.order {
            Order::Free { queue, .. } => queue.push_back(held),
            Order::PerAggregate(order) => order.push(held),
        }
    }

    /// The next delivery that may start. Of an ordered handler its aggregate is taken until
    /// [`finished`](Self::finished) or [`wait`](Self::wait) is called.
    pub(crate) fn start(&mut self) -> Option<Held> {
        let held = match &mut self.order {
            Order::Free { queue, .. } => queue.pop_front(),
            Order::PerAggregate(order) => order
                .ready
                .pop_front()
                .and_then(|aggregate| order.lanes.get_mut(&aggregate)?.pop_front()),
        };
        self.len -= usize::from(held.is_some());
        held
    }

    /// The running delivery of this lane is settled: the next one may start.
    pub(crate) fn finished(&mut self, lane: &str) {
        if let Order::PerAggregate(order) = &mut self.order {
            order.release(lane);
        }
    }

    /// A delivery that ran waits in its place until `due`.
    pub(crate) fn wait(&mut self, held: Held, due: Duration) {
        self.len += 1;
        self.sequence += 1;
        let due = (due, self.sequence);
        match &mut self.order {
            Order::Free { waiting, .. } => {
                waiting.insert(due, held);
            }
            Order::PerAggregate(order) => {
                let lane = held.lane().to_owned();
                order.lanes.entry(lane.clone()).or_default().push_front(held);
                order.waiting.insert(due, lane);
            }
        }
    }

    /// When the next wait ends.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        match &self.order {
            Order::Free { waiting, .. } => waiting.keys().next(),
            Order::PerAggregate(order) => order.waiting.keys().next(),
        }
        .map(|(due, _)| *due)
    }

    /// Lets every delivery start whose wait is over at `now`.
    pub(crate) fn wake(&mut self, now: Duration) {
        match &mut self.order {
            Order::Free { queue, waiting } => {
                while let Some(entry) = waiting.first_entry().filter(|entry| entry.key().0 <= now) {
                    queue.push_front(entry.remove());
                }
            }
            Order::PerAggregate(order) => {
                while let Some(entry) = order.waiting.first_entry().filter(|entry| entry.key().0 <= now) {
                    order.ready.push_back(entry.remove());
                }
            }
        }
    }

    /// Takes out all that has not started.
    pub(crate) fn drain(&mut self) -> Vec<Held> {
        self.len = 0;
        match &mut self.order {
            Order::Free { queue, waiting } => queue
                .drain(..)
                .chain(std::mem::take(waiting).into_values())
                .collect(),
            Order::PerAggregate(order) => std::mem::take(order).lanes.into_values().flatten().collect(),
        }
    }

    /// Whether one may start now.
    pub(crate) fn has_ready(&self) -> bool {
        match &self.order {
            Order::Free { queue, .. } => !queue.is_empty(),
            Order::PerAggregate(order) => !order.ready.is_empty(),
        }
    }

    /// How many have not started.
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

impl PerAggregate {
    fn push(&mut self, held: Held) {
        let lane = held.lane().to_owned();
        if let Some(queue) = self.lanes.get_mut(&lane) {
            queue.push_back(held);
        } else {
            self.lanes.insert(lane.clone(), VecDeque::from([held]));
            self.ready.push_back(lane);
        }
    }

    fn release(&mut self, lane: &str) {
        match self.lanes.get(lane) {
            Some(queue) if queue.is_empty() => {
                self.lanes.remove(lane);
            }
            Some(_) => self.ready.push_back(lane.to_owned()),
            None => {}
        }
    }
}
