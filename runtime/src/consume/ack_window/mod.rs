//! The ack window: when finished deliveries are acknowledged, and with how many frames.
//!
//! A contiguous run of finished deliveries is acknowledged with one `multiple`. The run leaves at once when no other
//! run left within the spacing, so that a lone delivery does not wait. Otherwise it waits for the end of the spacing,
//! or for a quarter of the prefetch. Deliveries that finished behind an unfinished one are acknowledged one by one,
//! when there are as many of them or after 20 ms. Otherwise one slow delivery would block the prefetch window.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The longest wait of a delivery that finished behind an unfinished one.
pub(crate) const GAP_WAIT: Duration = Duration::from_millis(20);

/// A `basic.ack`.
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
    Settled,
}

/// The deliveries of one subscription from the first unsettled one to the last one received.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct AckWindow {
    /// The delivery tag of the first entry.
    base: u64,
    entries: VecDeque<(EntryState, Instant)>,
    finished: usize,
    /// When the first of the finished deliveries finished.
    waiting_since: Option<Instant>,
    /// The number of finished deliveries that is acknowledged without further wait.
    batch: usize,
    /// The shortest time between two runs.
    spacing: Duration,
    last_run: Option<Instant>,
}

impl AckWindow {
    /// An empty window for a subscription with this prefetch, whose runs leave at least `spacing` apart.
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

    /// Adds a delivery. Delivery tags rise by one.
    pub(crate) fn delivered(&mut self, tag: u64, now: Instant) {
        debug_assert_eq!(tag, self.base + self.entries.len() as u64, "tags rise by one");
        self.entries.push_back((EntryState::Unsettled, now));
    }

    /// Marks a delivery as ready to be acknowledged.
    pub(crate) fn finished(&mut self, tag: u64, now: Instant) {
        if self.set(tag, EntryState::Finished) {
            self.finished += 1;
            self.waiting_since.get_or_insert(now);
        }
    }

    /// Removes a delivery that was returned to its queue.
    pub(crate) fn returned(&mut self, tag: u64) {
        self.set(tag, EntryState::Settled);
    }

    /// When the oldest unfinished delivery was received.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.entries
            .iter()
            .find(|(state, _)| *state == EntryState::Unsettled)
            .map(|(_, since)| *since)
    }

    /// Appends the acknowledgements that are due to `acks`, which is empty.
    pub(crate) fn due(&mut self, now: Instant, acks: &mut Vec<Ack>) {
        if self.finished >= self.batch || self.run_due().is_none_or(|due| due <= now) {
            self.take_run(acks);
            if !acks.is_empty() {
                self.last_run = Some(now);
            }
        }
        if self.finished >= self.batch || self.gap_due().is_some_and(|due| due <= now) {
            self.take_run(acks);
            self.take_behind_gap(acks);
        }
    }

    /// Every acknowledgement, due or not.
    pub(crate) fn all(&mut self) -> Vec<Ack> {
        let mut acks = Vec::new();
        self.take_run(&mut acks);
        self.take_behind_gap(&mut acks);
        acks
    }

    /// When [`due`](Self::due) has acknowledgements next, if no other delivery finishes before.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let is_run = self
            .entries
            .front()
            .is_some_and(|(state, _)| *state == EntryState::Finished);
        if is_run { self.run_due() } else { self.gap_due() }
    }

    /// When the next run may leave.
    fn run_due(&self) -> Option<Instant> {
        self.last_run.map(|last| last + self.spacing)
    }

    /// When the deliveries behind an unfinished one have waited long enough.
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

    /// Takes the finished run at the front.
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

    fn take_behind_gap(&mut self, acks: &mut Vec<Ack>) {
        for (at, (state, _)) in self.entries.iter_mut().enumerate() {
            if *state == EntryState::Finished {
                *state = EntryState::Settled;
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
        assert_eq!(window.all(), []);
    }

    #[test]
    fn a_run_waits_for_the_spacing_after_the_run_before() {
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
            "a lone delivery is acknowledged at once"
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
    fn a_contiguous_run_is_acknowledged_with_one_frame() {
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
    fn deliveries_behind_an_unfinished_one_wait_for_a_quarter_of_the_prefetch() {
        let (mut window, now) = window(16, 16);
        for tag in [2, 3, 4] {
            window.finished(tag, now);
            assert_eq!(due(&mut window, now), []);
        }
        window.finished(6, now);
        assert_eq!(due(&mut window, now), [one(2), one(3), one(4), one(6)]);
    }

    #[test]
    fn deliveries_behind_an_unfinished_one_wait_twenty_milliseconds_at_most() {
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
            "delivery 2 is not acknowledged again"
        );
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
}
