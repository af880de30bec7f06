//! Waiting until nothing moves any more.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use crate::broker::Broker;

use super::TestBus;

/// How many deliveries a test may set off before it looks like a ping-pong.
const BUDGET: u64 = 10_000;
/// How long they may take, by the system's clock.
const DEADLINE: Duration = Duration::from_secs(10);

/// A bus that did not come to rest.
#[derive(Debug)]
pub struct NotSettled {
    why: String,
    busiest: Vec<(String, usize)>,
}

impl fmt::Display for NotSettled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not settled: {}", self.why)?;
        if !self.busiest.is_empty() {
            f.write_str("; published most:")?;
        }
        self.busiest
            .iter()
            .try_for_each(|(event, count)| write!(f, " {event} ({count} times)"))
    }
}

impl std::error::Error for NotSettled {}

impl TestBus {
    /// Waits until nothing is in flight, jumping to each delayed retry in turn.
    ///
    /// # Panics
    /// When that takes more than 10,000 deliveries (two handlers that answer each other for ever) or more than ten
    /// seconds (a handler that waits for something that does not come).
    pub async fn settled(&self) {
        if let Err(error) = self.settled_within(BUDGET, DEADLINE).await {
            panic!("{error}");
        }
    }

    /// Waits until nothing is in flight, with a budget and a deadline of one's own.
    ///
    /// # Errors
    /// When it takes more than `budget` deliveries, or more than `deadline` by the system's clock.
    pub async fn settled_within(&self, budget: u64, deadline: Duration) -> Result<(), NotSettled> {
        let end = Instant::now() + deadline;
        let first = self.memory.deliveries();
        loop {
            let changed = self.memory.changed();
            let handed_out = self.memory.deliveries() - first;
            if handed_out > budget {
                return Err(self.not_settled(format!("{handed_out} deliveries, and {budget} is the budget")));
            }
            if self.memory.is_busy() {
                if tokio::time::timeout_at(end, changed).await.is_err() {
                    return Err(self.not_settled(format!("still at work after {deadline:?}")));
                }
            } else if !self.memory.clock().advance_to_next() {
                return Ok(());
            }
            if Instant::now() >= end {
                return Err(self.not_settled(format!("still at work after {deadline:?}")));
            }
        }
    }

    fn not_settled(&self, why: String) -> NotSettled {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for event in self.published_events() {
            *counts.entry(event.event_type().to_owned()).or_default() += 1;
        }
        let mut busiest: Vec<(String, usize)> = counts.into_iter().collect();
        busiest.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        busiest.truncate(3);
        NotSettled { why, busiest }
    }
}
