//! The deliveries of one handler that have not started, in the order in which they may start.
//!
//! An unordered handler has one queue, and a delivery that waits for a retry leaves it. An ordered handler has a queue
//! for each aggregate: its first delivery runs or waits for a retry, and the others wait behind it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use super::pending_delivery::PendingDelivery;

/// When a retry is due on the broker's clock, and a number that separates retries that are due at the same time.
type RetryTime = (Duration, u64);

#[derive(Debug)]
pub(crate) struct DeliveryQueue {
    order: StartOrder,
    len: usize,
    retries: u64,
}

#[derive(Debug)]
enum StartOrder {
    Unordered {
        queue: VecDeque<PendingDelivery>,
        retries: BTreeMap<RetryTime, PendingDelivery>,
    },
    PerAggregate(PerAggregate),
}

/// Aggregates by [`PendingDelivery::order_key`].
#[derive(Debug, Default)]
struct PerAggregate {
    /// Every aggregate with a delivery that waits or runs.
    queues: HashMap<String, VecDeque<PendingDelivery>>,
    /// The aggregates whose first delivery may start, in the order in which they became ready.
    ready: VecDeque<String>,
    /// The aggregates whose first delivery waits for a retry.
    retries: BTreeMap<RetryTime, String>,
}

impl DeliveryQueue {
    pub(crate) fn new(ordered: bool) -> Self {
        let order = if ordered {
            StartOrder::PerAggregate(PerAggregate::default())
        } else {
            StartOrder::Unordered {
                queue: VecDeque::new(),
                retries: BTreeMap::new(),
            }
        };
        Self {
            order,
            len: 0,
            retries: 0,
        }
    }

    pub(crate) fn push(&mut self, pending: PendingDelivery) {
        self.len += 1;
        match &mut self.order {
            StartOrder::Unordered { queue, .. } => queue.push_back(pending),
            StartOrder::PerAggregate(order) => order.push(pending),
        }
    }

    /// Takes the next delivery that may start. The aggregate of an ordered handler is busy until
    /// [`finished`](Self::finished) or [`retry`](Self::retry) is called.
    pub(crate) fn start(&mut self) -> Option<PendingDelivery> {
        let pending = match &mut self.order {
            StartOrder::Unordered { queue, .. } => queue.pop_front(),
            StartOrder::PerAggregate(order) => order
                .ready
                .pop_front()
                .and_then(|aggregate| order.queues.get_mut(&aggregate)?.pop_front()),
        };
        self.len -= usize::from(pending.is_some());
        pending
    }

    /// Lets the next delivery of the aggregate start, because the running one is settled.
    pub(crate) fn finished(&mut self, order_key: &str) {
        if let StartOrder::PerAggregate(order) = &mut self.order {
            order.release(order_key);
        }
    }

    /// Keeps a delivery for another attempt at `due`.
    pub(crate) fn retry(&mut self, pending: PendingDelivery, due: Duration) {
        self.len += 1;
        self.retries += 1;
        let due = (due, self.retries);
        match &mut self.order {
            StartOrder::Unordered { retries, .. } => {
                retries.insert(due, pending);
            }
            StartOrder::PerAggregate(order) => {
                let key = pending.order_key().to_owned();
                order.queues.entry(key.clone()).or_default().push_front(pending);
                order.retries.insert(due, key);
            }
        }
    }

    pub(crate) fn next_due(&self) -> Option<Duration> {
        match &self.order {
            StartOrder::Unordered { retries, .. } => retries.keys().next(),
            StartOrder::PerAggregate(order) => order.retries.keys().next(),
        }
        .map(|(due, _)| *due)
    }

    /// Makes every retry ready that is due at `now`.
    pub(crate) fn wake(&mut self, now: Duration) {
        match &mut self.order {
            StartOrder::Unordered { queue, retries } => {
                while let Some(entry) = retries.first_entry().filter(|entry| entry.key().0 <= now) {
                    queue.push_front(entry.remove());
                }
            }
            StartOrder::PerAggregate(order) => {
                while let Some(entry) = order.retries.first_entry().filter(|entry| entry.key().0 <= now) {
                    order.ready.push_back(entry.remove());
                }
            }
        }
    }

    /// Takes every delivery that has not started.
    pub(crate) fn drain(&mut self) -> Vec<PendingDelivery> {
        self.len = 0;
        match &mut self.order {
            StartOrder::Unordered { queue, retries } => queue
                .drain(..)
                .chain(std::mem::take(retries).into_values())
                .collect(),
            StartOrder::PerAggregate(order) => std::mem::take(order).queues.into_values().flatten().collect(),
        }
    }

    /// Whether a delivery may start now.
    pub(crate) fn has_ready(&self) -> bool {
        match &self.order {
            StartOrder::Unordered { queue, .. } => !queue.is_empty(),
            StartOrder::PerAggregate(order) => !order.ready.is_empty(),
        }
    }

    /// Moves the oldest delivery that may start to the front, and returns its tag.
    pub(crate) fn move_oldest_first(&mut self) -> Option<u64> {
        match &mut self.order {
            StartOrder::Unordered { queue, .. } => queue.front().map(|pending| pending.tag),
            StartOrder::PerAggregate(order) => {
                let tag = |aggregate: &String| {
                    let first = order.queues.get(aggregate).and_then(VecDeque::front);
                    first.map(|pending| pending.tag)
                };
                let (at, oldest) = (order.ready.iter().map(tag).enumerate())
                    .filter_map(|(at, tag)| Some((at, tag?)))
                    .min_by_key(|(_, tag)| *tag)?;
                order.ready.swap(0, at);
                Some(oldest)
            }
        }
    }

    pub(crate) fn has_retries(&self) -> bool {
        match &self.order {
            StartOrder::Unordered { retries, .. } => !retries.is_empty(),
            StartOrder::PerAggregate(order) => !order.retries.is_empty(),
        }
    }

    /// The number of deliveries that have not started.
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

impl PerAggregate {
    fn push(&mut self, pending: PendingDelivery) {
        let key = pending.order_key().to_owned();
        if let Some(queue) = self.queues.get_mut(&key) {
            queue.push_back(pending);
        } else {
            self.queues.insert(key.clone(), VecDeque::from([pending]));
            self.ready.push_back(key);
        }
    }

    fn release(&mut self, key: &str) {
        match self.queues.get(key) {
            Some(queue) if queue.is_empty() => {
                self.queues.remove(key);
            }
            Some(_) => self.ready.push_back(key.to_owned()),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::handler::delivery::{Delivery, DeliveryFacts};
    use crate::message::Message;
    use crate::message::timestamp::Timestamp;
    use crate::wire::limits::Limits;
    use crate::wire::origin::origin;
    use crate::wire::read::read;

    fn pending(aggregate: &str, tag: u64) -> PendingDelivery {
        let body = format!(r#"{{"id":"{tag}","aggregateId":"{aggregate}","data":{{}}}}"#);
        let message = Arc::new(Message {
            exchange: "domain_events".into(),
            routing_key: "order.placed".into(),
            body: body.into_bytes().into(),
            ..Message::default()
        });
        let now = Timestamp::now();
        let origin = origin(&message, "shop.return", "shop.ordered", now);
        let event = read(&message, &origin, &Limits::default()).unwrap();
        let facts = DeliveryFacts {
            handler: "ordered",
            queue: "shop.ordered".into(),
            exchange: Arc::clone(&origin.exchange),
            attempt: 1,
            redelivered: false,
            first_received_at: now,
            received_at: now,
            last_error: None,
            trace: None,
        };
        PendingDelivery {
            returns: None,
            uncounted: 0,
            tag,
            handler: 0,
            origin,
            delivery: Delivery::new(event, facts),
            waited: Duration::ZERO,
        }
    }

    #[derive(Debug, Clone)]
    enum Move {
        Push(u8),
        Start,
        /// Settles one of the running deliveries.
        Finish(u8),
        /// Lets one of the running deliveries wait for this many seconds.
        Retry(u8, u8),
        /// Advances the clock by this many seconds.
        Wake(u8),
    }

    fn moves() -> impl Strategy<Value = Vec<Move>> {
        let one = prop_oneof![
            (0..4_u8).prop_map(Move::Push),
            Just(Move::Start),
            any::<u8>().prop_map(Move::Finish),
            (any::<u8>(), 0..5_u8).prop_map(|(which, long)| Move::Retry(which, long)),
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
            let mut queue = DeliveryQueue::new(true);
            let (mut running, mut now, mut pushed) = (Vec::new(), Duration::ZERO, 0_u64);
            let mut finished: HashMap<String, Vec<u64>> = HashMap::new();
            // At the end enough time passes for everything to finish.
            let rest = std::iter::repeat_n([Move::Wake(5), Move::Start, Move::Finish(0)], 400).flatten();
            for one in moves.into_iter().chain(rest) {
                match one {
                    Move::Push(aggregate) => {
                        pushed += 1;
                        queue.push(pending(&aggregate.to_string(), pushed));
                    }
                    Move::Start => if let Some(next) = queue.start() {
                        prop_assert!(running.iter().all(|other: &PendingDelivery| other.order_key() != next.order_key()), "one aggregate, two attempts");
                        running.push(next);
                    },
                    Move::Finish(which) => if let Some(one) = pick(&mut running, which) {
                        finished.entry(one.order_key().to_owned()).or_default().push(one.tag);
                        queue.finished(one.order_key());
                    },
                    Move::Retry(which, long) => if let Some(one) = pick(&mut running, which) {
                        queue.retry(one, now + Duration::from_secs(long.into()));
                    },
                    Move::Wake(passed) => {
                        now += Duration::from_secs(passed.into());
                        queue.wake(now);
                    }
                }
            }
            prop_assert_eq!(queue.len(), 0);
            prop_assert_eq!(finished.values().map(Vec::len).sum::<usize>() as u64, pushed);
            for tags in finished.values() {
                prop_assert!(tags.is_sorted(), "{:?}", tags);
            }
        }
    }

    #[test]
    fn events_without_an_aggregate_do_not_wait_for_each_other() {
        let mut queue = DeliveryQueue::new(true);
        queue.push(pending("", 1));
        queue.push(pending("", 2));
        assert_eq!((queue.start().unwrap().tag, queue.start().unwrap().tag), (1, 2));
    }

    #[test]
    fn a_waiting_retry_is_not_ready_and_is_drained() {
        let mut queue = DeliveryQueue::new(true);
        queue.push(pending("a", 1));
        queue.push(pending("a", 2));
        let first = queue.start().unwrap();
        assert!(!queue.has_ready(), "the aggregate is busy");
        queue.retry(first, Duration::from_secs(5));
        assert_eq!((queue.has_ready(), queue.len()), (false, 2));
        assert_eq!(queue.next_due(), Some(Duration::from_secs(5)));
        let tags: Vec<u64> = queue.drain().iter().map(|pending| pending.tag).collect();
        assert_eq!((tags, queue.len(), queue.next_due()), (vec![1, 2], 0, None));
    }
}
