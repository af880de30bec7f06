//! The deliveries of one handler that have not started, in the order in which they may.
//!
//! An unordered handler has one lane, and a delivery that waits for a retry in place steps out of it. An ordered one
//! has a lane an aggregate: its head runs or waits for a retry while the others of the aggregate stand behind it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use super::pending_delivery::PendingDelivery;

/// When a wait ends on the broker's clock, and a number that parts those that end together.
type Due = (Duration, u64);

/// The deliveries of one handler that have not started.
#[derive(Debug)]
pub(crate) struct DeliveryQueue {
    order: StartOrder,
    len: usize,
    sequence: u64,
}

#[derive(Debug)]
enum StartOrder {
    Free {
        queue: VecDeque<PendingDelivery>,
        waiting: BTreeMap<Due, PendingDelivery>,
    },
    PerAggregate(PerAggregate),
}

#[derive(Debug, Default)]
struct PerAggregate {
    /// An aggregate is here while one of its deliveries stands, waits or runs.
    lanes: HashMap<String, VecDeque<PendingDelivery>>,
    /// The aggregates whose head may start now, in the order they came to be so.
    ready: VecDeque<String>,
    /// The aggregates whose head waits.
    waiting: BTreeMap<Due, String>,
}

impl DeliveryQueue {
    pub(crate) fn new(ordered: bool) -> Self {
        let order = if ordered {
            StartOrder::PerAggregate(PerAggregate::default())
        } else {
            StartOrder::Free {
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
    pub(crate) fn push(&mut self, held: PendingDelivery) {
        self.len += 1;
        match &mut self.order {
            StartOrder::Free { queue, .. } => queue.push_back(held),
            StartOrder::PerAggregate(order) => order.push(held),
        }
    }

    /// The next delivery that may start. Of an ordered handler its aggregate is taken until
    /// [`finished`](Self::finished) or [`wait`](Self::wait) is called.
    pub(crate) fn start(&mut self) -> Option<PendingDelivery> {
        let held = match &mut self.order {
            StartOrder::Free { queue, .. } => queue.pop_front(),
            StartOrder::PerAggregate(order) => order
                .ready
                .pop_front()
                .and_then(|aggregate| order.lanes.get_mut(&aggregate)?.pop_front()),
        };
        self.len -= usize::from(held.is_some());
        held
    }

    /// The running delivery of this lane is settled: the next one may start.
    pub(crate) fn finished(&mut self, lane: &str) {
        if let StartOrder::PerAggregate(order) = &mut self.order {
            order.release(lane);
        }
    }

    /// A delivery that ran waits in its place until `due`.
    pub(crate) fn wait(&mut self, held: PendingDelivery, due: Duration) {
        self.len += 1;
        self.sequence += 1;
        let due = (due, self.sequence);
        match &mut self.order {
            StartOrder::Free { waiting, .. } => {
                waiting.insert(due, held);
            }
            StartOrder::PerAggregate(order) => {
                let lane = held.lane().to_owned();
                order.lanes.entry(lane.clone()).or_default().push_front(held);
                order.waiting.insert(due, lane);
            }
        }
    }

    /// When the next wait ends.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        match &self.order {
            StartOrder::Free { waiting, .. } => waiting.keys().next(),
            StartOrder::PerAggregate(order) => order.waiting.keys().next(),
        }
        .map(|(due, _)| *due)
    }

    /// Lets every delivery start whose wait is over at `now`.
    pub(crate) fn wake(&mut self, now: Duration) {
        match &mut self.order {
            StartOrder::Free { queue, waiting } => {
                while let Some(entry) = waiting.first_entry().filter(|entry| entry.key().0 <= now) {
                    queue.push_front(entry.remove());
                }
            }
            StartOrder::PerAggregate(order) => {
                while let Some(entry) = order.waiting.first_entry().filter(|entry| entry.key().0 <= now) {
                    order.ready.push_back(entry.remove());
                }
            }
        }
    }

    /// Takes out all that has not started.
    pub(crate) fn drain(&mut self) -> Vec<PendingDelivery> {
        self.len = 0;
        match &mut self.order {
            StartOrder::Free { queue, waiting } => queue
                .drain(..)
                .chain(std::mem::take(waiting).into_values())
                .collect(),
            StartOrder::PerAggregate(order) => std::mem::take(order).lanes.into_values().flatten().collect(),
        }
    }

    /// Whether one may start now.
    pub(crate) fn has_ready(&self) -> bool {
        match &self.order {
            StartOrder::Free { queue, .. } => !queue.is_empty(),
            StartOrder::PerAggregate(order) => !order.ready.is_empty(),
        }
    }

    /// Puts the oldest of those that may start in front, and gives its tag.
    pub(crate) fn oldest_first(&mut self) -> Option<u64> {
        match &mut self.order {
            StartOrder::Free { queue, .. } => queue.front().map(|held| held.tag),
            StartOrder::PerAggregate(order) => {
                let tag = |lane: &String| {
                    order
                        .lanes
                        .get(lane)
                        .and_then(VecDeque::front)
                        .map(|held| held.tag)
                };
                let (at, oldest) = (order.ready.iter().map(tag).enumerate())
                    .filter_map(|(at, tag)| Some((at, tag?)))
                    .min_by_key(|(_, tag)| *tag)?;
                order.ready.swap(0, at);
                Some(oldest)
            }
        }
    }

    /// Whether one waits in its place.
    pub(crate) fn waits(&self) -> bool {
        match &self.order {
            StartOrder::Free { waiting, .. } => !waiting.is_empty(),
            StartOrder::PerAggregate(order) => !order.waiting.is_empty(),
        }
    }

    /// How many have not started.
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

impl PerAggregate {
    fn push(&mut self, held: PendingDelivery) {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::event::{AnyEvent, Metadata};
    use crate::handler::delivery::Delivery;
    use crate::message::timestamp::Timestamp;
    use crate::wire::origin::{Arrival, Origin};

    fn held(aggregate: &str, tag: u64) -> PendingDelivery {
        let metadata = Metadata {
            id: tag.to_string(),
            event_type: "order.placed".to_owned(),
            version: 1,
            timestamp: Timestamp::now(),
            aggregate_id: aggregate.to_owned(),
            correlation_id: tag.to_string(),
            causation_id: None,
            source: None,
            id_is_derived: false,
        };
        let event = AnyEvent::new(metadata.into(), "order.placed".into(), Arc::default(), "{}");
        let facts = crate::handler::delivery::DeliveryFacts {
            handler: "ordered",
            queue: "shop.ordered".into(),
            exchange: "domain_events".into(),
            attempt: 1,
            redelivered: false,
            first_received_at: Timestamp::now(),
            received_at: Timestamp::now(),
            last_error: None,
            trace: None,
        };
        PendingDelivery {
            came_back: None,
            tag,
            handler: 0,
            origin: Origin {
                exchange: "domain_events".into(),
                routing_key: "order.placed".into(),
                attempt: 1,
                returns: 0,
                first_received_at: Timestamp::now(),
                last_error: None,
                arrival: Arrival::Published,
            },
            delivery: Delivery::new(event, facts),
            waited: Duration::ZERO,
        }
    }

    #[derive(Debug, Clone)]
    enum Move {
        Push(u8),
        Start,
        /// Settles one of those that run.
        Finish(u8),
        /// Lets one of those that run wait for so long.
        Wait(u8, u8),
        /// Lets time pass.
        Wake(u8),
    }

    fn moves() -> impl Strategy<Value = Vec<Move>> {
        let one = prop_oneof![
            (0..4_u8).prop_map(Move::Push),
            Just(Move::Start),
            any::<u8>().prop_map(Move::Finish),
            (any::<u8>(), 0..5_u8).prop_map(|(which, long)| Move::Wait(which, long)),
            (0..5_u8).prop_map(Move::Wake),
        ];
        prop::collection::vec(one, 0..200)
    }

    fn pick(running: &mut Vec<PendingDelivery>, which: u8) -> Option<PendingDelivery> {
        (!running.is_empty()).then(|| running.swap_remove(usize::from(which) % running.len()))
    }

    proptest! {
        #[test]
        fn an_aggregate_is_handled_one_at_a_time_and_in_order(moves in moves()) {
            let mut lanes = DeliveryQueue::new(true);
            let (mut running, mut now, mut pushed) = (Vec::new(), Duration::ZERO, 0_u64);
            let mut finished: HashMap<String, Vec<u64>> = HashMap::new();
            // Whatever came before, time passes and all is finished in the end.
            let rest = std::iter::repeat_n([Move::Wake(5), Move::Start, Move::Finish(0)], 400).flatten();
            for one in moves.into_iter().chain(rest) {
                match one {
                    Move::Push(aggregate) => {
                        pushed += 1;
                        lanes.push(held(&aggregate.to_string(), pushed));
                    }
                    Move::Start => if let Some(next) = lanes.start() {
                        prop_assert!(running.iter().all(|other: &PendingDelivery| other.lane() != next.lane()), "side by side");
                        running.push(next);
                    },
                    Move::Finish(which) => if let Some(one) = pick(&mut running, which) {
                        finished.entry(one.lane().to_owned()).or_default().push(one.tag);
                        lanes.finished(one.lane());
                    },
                    Move::Wait(which, long) => if let Some(one) = pick(&mut running, which) {
                        lanes.wait(one, now + Duration::from_secs(long.into()));
                    },
                    Move::Wake(passed) => {
                        now += Duration::from_secs(passed.into());
                        lanes.wake(now);
                    }
                }
            }
            prop_assert_eq!(lanes.len(), 0);
            prop_assert_eq!(finished.values().map(Vec::len).sum::<usize>() as u64, pushed);
            for tags in finished.values() {
                prop_assert!(tags.is_sorted(), "{:?}", tags);
            }
        }
    }

    #[test]
    fn events_without_an_aggregate_hold_back_no_one() {
        let mut lanes = DeliveryQueue::new(true);
        lanes.push(held("", 1));
        lanes.push(held("", 2));
        assert_eq!((lanes.start().unwrap().tag, lanes.start().unwrap().tag), (1, 2));
    }

    #[test]
    fn what_waits_is_not_ready_and_is_drained_all_the_same() {
        let mut lanes = DeliveryQueue::new(true);
        lanes.push(held("a", 1));
        lanes.push(held("a", 2));
        let first = lanes.start().unwrap();
        assert!(!lanes.has_ready(), "its aggregate is taken");
        lanes.wait(first, Duration::from_secs(5));
        assert_eq!((lanes.has_ready(), lanes.len()), (false, 2));
        assert_eq!(lanes.next_due(), Some(Duration::from_secs(5)));
        let tags: Vec<u64> = lanes.drain().iter().map(|held| held.tag).collect();
        assert_eq!((tags, lanes.len(), lanes.next_due()), (vec![1, 2], 0, None));
    }
}
