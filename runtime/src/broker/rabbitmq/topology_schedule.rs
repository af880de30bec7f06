//! When the declared topology is checked next, and how much of it.

use std::time::Duration;

use tokio::time::Instant;

/// How much is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TopologyCheck {
    /// Exchanges and bindings. Without them events go by unheard, and declaring what is there costs the broker next to
    /// nothing.
    Routes,
    /// The queues as well. Of each the broker asks its leader how much is in it, which a busy one tells late.
    All,
}

/// How often something is looked at.
struct CheckInterval {
    /// How long it is from one look to the next, unless a look takes long.
    least: Duration,
    /// The part of the time that looks may take: one in so many, as long as that is not too seldom.
    share: u32,
    /// How long it is at most from one look to the next, however long a look takes: so long may it be gone unseen.
    most: Duration,
}

const ROUTES: CheckInterval = CheckInterval {
    least: Duration::from_secs(5),
    share: 10,
    most: Duration::from_secs(10),
};

const ALL: CheckInterval = CheckInterval {
    least: Duration::from_secs(5),
    share: 50,
    most: Duration::from_secs(30),
};

impl CheckInterval {
    /// How long it is to the next look after one that took so long.
    fn rest_after(&self, took: Duration) -> Duration {
        (took * self.share).clamp(self.least, self.most)
    }
}

/// The next look of each kind.
#[derive(Debug)]
pub(super) struct TopologySchedule {
    routes: Instant,
    all: Instant,
}

impl TopologySchedule {
    /// The first are due some time after `now`.
    pub(super) fn after(now: Instant) -> Self {
        Self {
            routes: now + ROUTES.least,
            all: now + ALL.least,
        }
    }

    /// When the next is due, and which.
    pub(super) fn next(&self) -> (Instant, TopologyCheck) {
        if self.all <= self.routes {
            (self.all, TopologyCheck::All)
        } else {
            (self.routes, TopologyCheck::Routes)
        }
    }

    /// It was looked from `began` to `ended`.
    pub(super) fn looked(&mut self, look: TopologyCheck, began: Instant, ended: Instant) {
        let took = ended - began;
        self.routes = ended + ROUTES.rest_after(took);
        if look == TopologyCheck::All {
            self.all = ended + ALL.rest_after(took);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(from: Instant, to: Instant) -> u64 {
        (to - from).as_secs()
    }

    #[tokio::test]
    async fn a_look_at_all_that_took_long_is_followed_by_another_within_half_a_minute() {
        let now = Instant::now();
        let rests = [0, 100, 200, 10_000].map(|millis| {
            let mut looks = TopologySchedule::after(now);
            looks.looked(TopologyCheck::All, now - Duration::from_millis(millis), now);
            seconds(now, looks.all)
        });
        // A network that swallowed the look's questions for ten seconds, say, says nothing of how much work it is.
        assert_eq!(rests, [5, 5, 10, 30]);
    }

    #[tokio::test]
    async fn bindings_are_looked_at_every_ten_seconds_however_long_the_queues_take() {
        let mut now = Instant::now();
        let mut looks = TopologySchedule::after(now);
        let mut seen = Vec::new();
        while seen.iter().filter(|look| **look == TopologyCheck::All).count() < 2 {
            let (due, look) = looks.next();
            assert!(seconds(now, due) <= 10, "{:?}", due - now);
            // A busy broker: its queues are slow, the rest is not.
            let took = Duration::from_millis(if look == TopologyCheck::All { 900 } else { 50 });
            now = due + took;
            looks.looked(look, due, now);
            seen.push(look);
        }
        assert_eq!(seen.first(), Some(&TopologyCheck::All));
        assert!(seen.len() > 3, "{seen:?}");
    }
}
