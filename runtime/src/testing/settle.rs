//! Waits until no work is left on a test bus.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use crate::broker::Broker;
use crate::clock::deadline_after;

use super::TestBus;

/// A limit against two handlers that trigger each other forever.
const BUDGET: u64 = 10_000;
/// Real time, not the virtual clock.
const DEADLINE: Duration = Duration::from_secs(10);

/// The error of [`TestBus::settled_within`]: the bus still had work when the limit was reached.
#[derive(Debug)]
pub struct NotSettled {
    reason: String,
    busiest: Vec<(String, usize)>,
}

impl fmt::Display for NotSettled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not settled: {}", self.reason)?;
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
    /// Waits until no delivery and no delayed retry is left. The virtual clock skips each delay.
    ///
    /// # Panics
    /// When this takes more than 10,000 deliveries, for example because two handlers trigger each other forever. Also
    /// when it takes more than 10 seconds of real time, for example because a handler never returns.
    pub async fn settled(&self) {
        if let Err(error) = self.settled_within(BUDGET, DEADLINE).await {
            panic!("{error}");
        }
    }

    /// Waits as [`settled`](Self::settled) does, with other limits.
    ///
    /// # Errors
    /// When this takes more than `budget` deliveries, or more than `deadline` of real time.
    pub async fn settled_within(&self, budget: u64, deadline: Duration) -> Result<(), NotSettled> {
        let end = deadline_after(deadline);
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

    fn not_settled(&self, reason: String) -> NotSettled {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for event in self.published_events() {
            *counts.entry(event.event_type().to_owned()).or_default() += 1;
        }
        let mut busiest: Vec<(String, usize)> = counts.into_iter().collect();
        busiest.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        busiest.truncate(3);
        NotSettled { reason, busiest }
    }
}
