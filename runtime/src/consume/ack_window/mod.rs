//! Which deliveries are acknowledged when, and with how many frames.
//!
//! The contiguous run of finished deliveries goes with one `multiple`: at once when none went for a while, so that a lone
//! one does not wait, and else when that while is over or a quarter of the prefetch has come together. What is finished
//! above a gap waits until there is as much of it, or for 20 ms, and then goes one by one: a slow delivery must not hold
//! back the window of its neighbours.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long what is finished above a gap may wait.
pub(crate) const GAP_WAIT: Duration = Duration::from_millis(20);

/// One acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ack {
    pub(crate) tag: u64,
    pub(crate) multiple: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(test, derive(Hash))]
enum EntryState {
    Unsettled,
    Finished,
    /// Acknowledged or returned on its own.
    Gone,
}

/// The deliveries of one subscription between the first unsettled one and the last that came.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct AckWindow {
    /// The tag of the first entry.
    base: u64,
    entries: VecDeque<(EntryState, Instant)>,
    finished: usize,
    waiting_since: Option<Instant>,
    /// How many finished ones are too many.
    batch: usize,
    /// How long the next run waits after the last.
    spacing: Duration,
    last_run: Option<Instant>,
}

impl AckWindow {
    /// A window of so many deliveries; an acknowledgement follows the last after `spacing`, or when much is finished.
    pub(crate) fn new(prefetch: u16, spacing: Duration) -> Self {
        Self {
            base: 1,
            entries: VecDeque::new(),
            finished: 0,
            waiting_since: None,
            batch: usize::from(prefetch / 4).max(1),
            spacing,
            last_run: None,
        }
    }

    /// A delivery came. Tags rise by one.
    pub(crate) fn delivered(&mut self, tag: u64, now: Instant) {
        debug_assert_eq!(tag, self.base + self.entries.len() as u64, "tags rise by one");
        self.entries.push_back((EntryState::Unsettled, now));
    }

    /// A delivery is done with.
    pub(crate) fn finished(&mut self, tag: u64, now: Instant) {
        if self.set(tag, EntryState::Finished) {
            self.finished += 1;
            self.waiting_since.get_or_insert(now);
        }
    }

    /// A delivery was returned to its queue.
    pub(crate) fn returned(&mut self, tag: u64) {
        self.set(tag, EntryState::Gone);
    }

    /// How many deliveries are neither acknowledged nor returned.
    #[cfg(test)]
    pub(crate) fn unsettled(&self) -> usize {
        self.entries
            .iter()
            .filter(|(state, _)| *state != EntryState::Gone)
            .count()
    }

    /// When the oldest delivery came that is not settled.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.entries
            .iter()
            .find(|(state, _)| *state == EntryState::Unsettled)
            .map(|(_, since)| *since)
    }

    /// Puts what is to be acknowledged now into `acks`, which is empty.
    pub(crate) fn due(&mut self, now: Instant, acks: &mut Vec<Ack>) {
        if self.finished >= self.batch || self.run_due().is_none_or(|due| due <= now) {
            self.take_run(acks);
            if !acks.is_empty() {
                self.last_run = Some(now);
            }
        }
        if self.finished >= self.batch || self.gap_due().is_some_and(|due| due <= now) {
            self.take_run(acks);
            self.take_above_gap(acks);
        }
    }

    /// Everything that is finished, whatever it waits for.
    pub(crate) fn all(&mut self) -> Vec<Ack> {
        let mut acks = Vec::new();
        self.take_run(&mut acks);
        self.take_above_gap(&mut acks);
        acks
    }

    /// When [`due`](Self::due) is to be asked again, if nothing happens before.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let is_run = self
            .entries
            .front()
            .is_some_and(|(state, _)| *state == EntryState::Finished);
        if is_run { self.run_due() } else { self.gap_due() }
    }

    /// When the next run may go.
    fn run_due(&self) -> Option<Instant> {
        self.last_run.map(|last| last + self.spacing)
    }

    /// When what is finished has waited long enough, wherever it stands.
    fn gap_due(&self) -> Option<Instant> {
        self.waiting_since
            .filter(|_| self.finished > 0)
            .map(|since| since + GAP_WAIT)
    }

    fn set(&mut self, tag: u64, state: EntryState) -> bool {
        let Some(at) = tag.checked_sub(self.base).and_then(|at| usize::try_from(at).ok()) else {
            return false;
        };
        match self.entries.get_mut(at) {
            Some(entry) if entry.0 == EntryState::Unsettled => {
                entry.0 = state;
                true
            }
            _ => false,
        }
    }

    /// The finished run at the front, with one acknowledgement of its last unacknowledged delivery.
    fn take_run(&mut self, acks: &mut Vec<Ack>) {
        let mut last = None;
        let mut count = 0;
        while let Some((state, _)) = self
            .entries
            .front()
            .filter(|(state, _)| *state != EntryState::Unsettled)
        {
            if *state == EntryState::Finished {
                last = Some(self.base);
                count += 1;
            }
            self.entries.pop_front();
            self.base += 1;
        }
        if let Some(tag) = last {
            acks.push(Ack {
                tag,
                multiple: count > 1,
            });
            self.finished -= count;
            if self.finished == 0 {
                self.waiting_since = None;
            }
        }
    }

    fn take_above_gap(&mut self, acks: &mut Vec<Ack>) {
        for (at, (state, _)) in self.entries.iter_mut().enumerate() {
            if *state == EntryState::Finished {
                *state = EntryState::Gone;
                acks.push(Ack {
                    tag: self.base + at as u64,
                    multiple: false,
                });
            }
        }
        self.finished = 0;
        self.waiting_since = None;
    }
}

#[cfg(test)]
mod explored;

#[cfg(test)]
mod tests {
    use super::*;

    const SPACING: Duration = Duration::from_millis(1);

    fn window(prefetch: u16, deliveries: u64) -> (AckWindow, Instant) {
        let mut window = AckWindow::new(prefetch, SPACING);
        let now = Instant::now();
        (1..=deliveries).for_each(|tag| window.delivered(tag, now));
        (window, now)
    }

    fn due(window: &mut AckWindow, now: Instant) -> Vec<Ack> {
        let mut acks = Vec::new();
        window.due(now, &mut acks);
        acks
    }

    fn one(tag: u64) -> Ack {
        Ack { tag, multiple: false }
    }

    #[test]
    fn a_lone_delivery_is_acknowledged_at_once() {
        let (mut window, now) = window(256, 1);
        window.finished(1, now);
        assert_eq!(due(&mut window, now), [one(1)]);
        assert_eq!(window.unsettled(), 0);
    }

    #[test]
    fn a_run_that_follows_another_waits_a_while() {
        let (mut window, now) = window(256, 4);
        window.finished(1, now);
        assert_eq!(due(&mut window, now), [one(1)]);
        window.finished(2, now);
        window.finished(3, now);
        assert_eq!(due(&mut window, now), []);
        assert_eq!(window.deadline(), Some(now + SPACING));
        let all = Ack {
            tag: 3,
            multiple: true,
        };
        assert_eq!(due(&mut window, now + SPACING), [all]);
        window.finished(4, now + 3 * SPACING);
        assert_eq!(
            due(&mut window, now + 3 * SPACING),
            [one(4)],
            "a lone one goes at once"
        );
    }

    #[test]
    fn a_run_of_a_quarter_of_the_prefetch_does_not_wait() {
        let (mut window, now) = window(16, 5);
        window.finished(1, now);
        assert_eq!(due(&mut window, now), [one(1)]);
        [2, 3, 4].into_iter().for_each(|tag| window.finished(tag, now));
        assert_eq!(due(&mut window, now), []);
        window.finished(5, now);
        let all = Ack {
            tag: 5,
            multiple: true,
        };
        assert_eq!(due(&mut window, now), [all]);
    }

    #[test]
    fn a_contiguous_run_goes_with_one_acknowledgement() {
        let (mut window, now) = window(256, 5);
        [3, 1, 2].into_iter().for_each(|tag| window.finished(tag, now));
        assert_eq!(
            due(&mut window, now),
            [Ack {
                tag: 3,
                multiple: true
            }]
        );
        assert_eq!(window.deadline(), None);
    }

    #[test]
    fn what_is_finished_above_a_gap_waits_for_a_quarter_of_the_prefetch() {
        let (mut window, now) = window(16, 16);
        for tag in [2, 3, 4] {
            window.finished(tag, now);
            assert_eq!(due(&mut window, now), []);
        }
        window.finished(6, now);
        assert_eq!(due(&mut window, now), [one(2), one(3), one(4), one(6)]);
    }

    #[test]
    fn what_is_finished_above_a_gap_waits_twenty_milliseconds_at_most() {
        let (mut window, now) = window(256, 3);
        window.finished(2, now);
        assert_eq!(due(&mut window, now), []);
        assert_eq!(window.deadline(), Some(now + GAP_WAIT));
        assert_eq!(due(&mut window, now + GAP_WAIT), [one(2)]);
        assert_eq!(window.deadline(), None);
        window.finished(1, now);
        assert_eq!(
            due(&mut window, now + SPACING),
            [one(1)],
            "the one acknowledged above the gap is not acknowledged again"
        );
    }

    #[test]
    fn a_multiple_never_covers_a_delivery_that_is_not_finished() {
        let (mut window, now) = window(4, 64);
        let mut settled = std::collections::HashSet::new();
        let mut finished = std::collections::HashSet::new();
        // A fixed scatter of finishing orders: 37 and 64 have no common divisor, so every tag comes once.
        for step in 0..64_u64 {
            let tag = (step * 37) % 64 + 1;
            window.finished(tag, now);
            finished.insert(tag);
            for ack in due(&mut window, now) {
                let covered = if ack.multiple {
                    1..=ack.tag
                } else {
                    ack.tag..=ack.tag
                };
                for tag in covered {
                    assert!(finished.contains(&tag), "{tag} acknowledged before it finished");
                    settled.insert(tag);
                }
            }
        }
        window.all().iter().for_each(|ack| {
            settled.insert(ack.tag);
        });
        assert_eq!(settled.len(), 64);
    }

    #[test]
    fn a_returned_delivery_is_never_acknowledged() {
        let (mut window, now) = window(256, 3);
        window.returned(2);
        window.finished(1, now);
        window.finished(3, now);
        assert_eq!(
            due(&mut window, now),
            [Ack {
                tag: 3,
                multiple: true
            }]
        );
        window.finished(2, now);
        assert_eq!(window.all(), []);
    }

    #[test]
    fn a_delivery_settles_once_however_often_it_finishes() {
        let (mut window, now) = window(256, 2);
        window.finished(2, now);
        window.finished(2, now);
        assert_eq!(window.all(), [one(2)]);
        assert_eq!(window.all(), []);
    }
}
