//! Tracks the publishes in flight on one channel, and decides what happened to each.
//!
//! The broker returns a mandatory message that no queue accepts, and then confirms it. lapin queues the returned
//! messages, and delivers the first of them with the next confirm of the channel. So a return can come with the confirm
//! of another publish, and we can process both confirms in any order. The tracker relies on three facts:
//!
//! - The return of a publish enters lapin's queue before the confirm of that publish arrives, and each confirm takes
//!   one return from the queue. So a confirm without a return means that the queue was empty. If this publish was
//!   returned, an earlier confirm took its return.
//! - A confirm that takes the return of another publish does not show whether its own publish was returned, because
//!   that return may still be queued. The queue never has more returns than there are returned publishes without a
//!   confirm. So the return has left the queue when every mandatory publish that was in flight then is confirmed.
//! - Confirms are not processed in the order of their arrival. A *barrier* behind the confirms that have arrived shows
//!   when all of them have been processed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::bus::refusal::Refusal;

/// The largest length of the deque `recent`. A publish with a very late confirm, for example because its queue has no
/// majority, moves to the map `older`. So the deque stays short.
const RECENT: usize = if cfg!(test) { 2 } else { 4096 };

#[cfg_attr(test, derive(Clone))]
pub(super) struct ConfirmTracker<T> {
    next: u64,
    /// The last publishes in order. `None` stands for a decided publish.
    recent: VecDeque<Option<InFlightEntry<T>>>,
    older: BTreeMap<u64, InFlightEntry<T>>,
    undecided: usize,
    unconfirmed_mandatory: BTreeSet<u64>,
    /// The publishes that are confirmed but not decided.
    waiting: Vec<u64>,
    next_barrier: u64,
    decided: Vec<(T, Result<(), Refusal>)>,
}

#[cfg_attr(test, derive(Clone))]
struct InFlightEntry<T> {
    publish: T,
    returned: bool,
    state: PublishState,
}

/// A publish in the key of a model: its age in numbers, its own key, whether it was returned, and its state.
#[cfg(test)]
pub(super) type EntryShape<K> = (u64, K, bool, (u8, u64));

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PublishState {
    Sent,
    /// Confirmed together with the return of another publish. Waits until all mandatory publishes below this number are
    /// confirmed.
    AfterConfirms(u64),
    /// Confirmed. Waits for the next barrier to be created.
    NeedsBarrier,
    /// Confirmed. Waits until this barrier is reached.
    AfterBarrier(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConfirmResult {
    Ack,
    Nack,
}

impl<T> Default for ConfirmTracker<T> {
    fn default() -> Self {
        Self {
            next: 1,
            recent: VecDeque::new(),
            older: BTreeMap::new(),
            undecided: 0,
            unconfirmed_mandatory: BTreeSet::new(),
            waiting: Vec::new(),
            next_barrier: 0,
            decided: Vec::new(),
        }
    }
}

impl<T> ConfirmTracker<T> {
    pub(super) fn next_number(&self) -> u64 {
        self.next
    }

    /// Tracks a publish under the next number.
    pub(super) fn sent(&mut self, publish: T, mandatory: bool) {
        if mandatory {
            self.unconfirmed_mandatory.insert(self.next);
        }
        let entry = InFlightEntry {
            publish,
            returned: false,
            state: PublishState::Sent,
        };
        if self.recent.len() >= RECENT {
            let first = self.recent.pop_front().flatten();
            let number = self.next - self.recent.len() as u64 - 1;
            self.older.extend(first.map(|entry| (number, entry)));
        }
        self.recent.push_back(Some(entry));
        self.undecided += 1;
        self.next += 1;
    }

    /// The index of the publish in `recent`. `None` if the publish is older.
    fn index(&self, number: u64) -> Option<usize> {
        let behind = usize::try_from(self.next.checked_sub(number)?).ok()?;
        self.recent.len().checked_sub(behind)
    }

    fn entry(&mut self, number: u64) -> Option<&mut InFlightEntry<T>> {
        match self.index(number) {
            Some(index) => self.recent.get_mut(index)?.as_mut(),
            None => self.older.get_mut(&number),
        }
    }

    fn take(&mut self, number: u64) -> Option<InFlightEntry<T>> {
        let Some(index) = self.index(number) else {
            return self.older.remove(&number);
        };
        let entry = self.recent.get_mut(index)?.take();
        while let Some(None) = self.recent.front() {
            self.recent.pop_front();
        }
        entry
    }

    /// Records the confirm of the publish `number`. lapin delivered the return of the publish `returned` with it.
    pub(super) fn confirmed(&mut self, number: u64, result: ConfirmResult, returned: Option<u64>) {
        if let Some(returned) = returned {
            self.returned(returned);
        }
        let was_mandatory = self.unconfirmed_mandatory.remove(&number);
        let next = self.next;
        let Some(entry) = self.entry(number) else {
            return;
        };
        match result {
            ConfirmResult::Nack => self.decide(number, Err(Refusal::Nacked)),
            ConfirmResult::Ack if !was_mandatory => self.decide(number, Ok(())),
            ConfirmResult::Ack if entry.returned => self.decide(number, Err(Refusal::Unroutable)),
            ConfirmResult::Ack => {
                entry.state = match returned {
                    Some(_) => PublishState::AfterConfirms(next),
                    None => PublishState::NeedsBarrier,
                };
                self.waiting.push(number);
            }
        }
        if was_mandatory {
            self.advance_waiting();
        }
    }

    /// Records the return of a publish, which can come before or after its confirm.
    fn returned(&mut self, number: u64) {
        if let Some(entry) = self.entry(number) {
            entry.returned = true;
            if entry.state != PublishState::Sent {
                self.decide(number, Err(Refusal::Unroutable));
            }
        }
    }

    /// Advances the publishes whose earlier mandatory publishes are all confirmed.
    fn advance_waiting(&mut self) {
        let first = self.unconfirmed_mandatory.first().copied().unwrap_or(u64::MAX);
        self.each_waiting(|state| {
            if matches!(state, PublishState::AfterConfirms(below) if *below <= first) {
                *state = PublishState::NeedsBarrier;
            }
        });
    }

    /// A new barrier, if a publish needs one. The caller puts the barrier behind the confirms that have arrived.
    pub(super) fn new_barrier(&mut self) -> Option<u64> {
        let barrier = self.next_barrier;
        let mut needed = false;
        self.each_waiting(|state| {
            if *state == PublishState::NeedsBarrier {
                *state = PublishState::AfterBarrier(barrier);
                needed = true;
            }
        });
        self.next_barrier += u64::from(needed);
        needed.then_some(barrier)
    }

    /// Decides the publishes that wait for this barrier: every confirm from before the barrier has been processed.
    pub(super) fn barrier_reached(&mut self, barrier: u64) {
        for number in std::mem::take(&mut self.waiting) {
            match self.entry(number).map(|entry| entry.state) {
                Some(PublishState::AfterBarrier(awaited)) if awaited == barrier => {
                    self.decide(number, Ok(()));
                }
                Some(_) => self.waiting.push(number),
                None => {}
            }
        }
    }

    fn each_waiting(&mut self, mut change: impl FnMut(&mut PublishState)) {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.retain(|number| {
            let entry = self.entry(*number);
            entry.map(|entry| change(&mut entry.state)).is_some()
        });
        self.waiting = waiting;
    }

    fn decide(&mut self, number: u64, result: Result<(), Refusal>) {
        if let Some(entry) = self.take(number) {
            self.decided.push((entry.publish, result));
            self.undecided -= 1;
        }
    }

    pub(super) fn drain_decided(&mut self) -> std::vec::Drain<'_, (T, Result<(), Refusal>)> {
        self.decided.drain(..)
    }

    /// Returns all undecided publishes in their order. A confirmed mandatory publish can be among them, because nobody
    /// can know whether the broker returned it.
    pub(super) fn channel_lost(&mut self) -> Vec<T> {
        self.unconfirmed_mandatory.clear();
        self.waiting.clear();
        self.undecided = 0;
        let older = std::mem::take(&mut self.older).into_values();
        let recent = std::mem::take(&mut self.recent).into_iter().flatten();
        older.chain(recent).map(|entry| entry.publish).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.undecided == 0
    }

    pub(super) fn len(&self) -> usize {
        self.undecided
    }

    /// A key of the tracker for models. Numbers are relative, so the number of earlier publishes does not matter.
    #[cfg(test)]
    pub(super) fn key<K>(&self, of: impl Fn(&T) -> K) -> (Vec<EntryShape<K>>, Vec<(K, bool)>) {
        let entry = |(behind, entry): (u64, &InFlightEntry<T>)| {
            let state = match entry.state {
                PublishState::Sent => (0, 0),
                PublishState::AfterConfirms(below) => (1, self.next - below),
                PublishState::NeedsBarrier => (2, 0),
                PublishState::AfterBarrier(barrier) => (3, self.next_barrier - barrier),
            };
            (behind, of(&entry.publish), entry.returned, state)
        };
        let decided = self
            .decided
            .iter()
            .map(|(publish, result)| (of(publish), result.is_ok()));
        let older = self.older.iter();
        let older = older.map(|(number, entry)| (self.next - number, entry));
        let recent = (1..=self.recent.len() as u64).rev().zip(&self.recent);
        let recent = recent.filter_map(|(behind, entry)| Some((behind, entry.as_ref()?)));
        (older.chain(recent).map(entry).collect(), decided.collect())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        let recent = self.recent.iter().flatten();
        self.older.values().chain(recent).map(|entry| &entry.publish)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum BrokerAnswer {
        Acked,
        /// Acked, and returned before that if the publish is mandatory.
        Unroutable,
        Nacked,
    }

    /// The confirms and returns of the broker and of lapin. Each step is one event that can come next.
    #[derive(Clone)]
    struct ConfirmModel {
        tracker: ConfirmTracker<u64>,
        publishes: Vec<(BrokerAnswer, bool)>,
        /// Mandatory and unroutable publishes that the broker has not returned yet.
        to_return: BTreeSet<u64>,
        to_confirm: BTreeSet<u64>,
        /// lapin's queue of returned messages.
        returns: VecDeque<u64>,
        /// Confirms that the publisher task has not processed, each with the return that lapin delivered with it.
        unprocessed: Vec<(u64, ConfirmResult, Option<u64>)>,
        /// Barriers, each with the confirms before it.
        barriers: Vec<(u64, BTreeSet<u64>)>,
        results: Vec<(u64, Result<(), Refusal>)>,
    }

    #[derive(Debug, Clone, Copy)]
    enum ConfirmStep {
        Return(u64),
        Confirm(u64),
        Process(usize),
        ReachBarrier(usize),
    }

    impl ConfirmModel {
        fn new(publishes: &[(BrokerAnswer, bool)]) -> Self {
            let mut tracker = ConfirmTracker::default();
            let mut to_return = BTreeSet::new();
            for (number, &(answer, mandatory)) in (1..).zip(publishes) {
                assert_eq!(tracker.next_number(), number);
                tracker.sent(number, mandatory);
                if mandatory && answer == BrokerAnswer::Unroutable {
                    to_return.insert(number);
                }
            }
            Self {
                tracker,
                publishes: publishes.to_vec(),
                to_confirm: (1..=publishes.len() as u64).collect(),
                to_return,
                returns: VecDeque::new(),
                unprocessed: Vec::new(),
                barriers: Vec::new(),
                results: Vec::new(),
            }
        }

        fn steps(&self) -> Vec<ConfirmStep> {
            let mut steps: Vec<ConfirmStep> = self
                .to_return
                .iter()
                .map(|&number| ConfirmStep::Return(number))
                .collect();
            let confirmable = self.to_confirm.difference(&self.to_return);
            steps.extend(confirmable.map(|&number| ConfirmStep::Confirm(number)));
            steps.extend((0..self.unprocessed.len()).map(ConfirmStep::Process));
            let is_due = |(at, (_, before)): (usize, &(u64, BTreeSet<u64>))| {
                let processed = self
                    .unprocessed
                    .iter()
                    .all(|(number, ..)| !before.contains(number));
                processed.then_some(ConfirmStep::ReachBarrier(at))
            };
            steps.extend(self.barriers.iter().enumerate().filter_map(is_due));
            steps
        }

        fn take(&mut self, step: ConfirmStep) {
            match step {
                ConfirmStep::Return(number) => {
                    self.to_return.remove(&number);
                    self.returns.push_back(number);
                }
                ConfirmStep::Confirm(number) => {
                    self.to_confirm.remove(&number);
                    let (answer, _) = self.publishes[usize::try_from(number).unwrap() - 1];
                    let result = if answer == BrokerAnswer::Nacked {
                        ConfirmResult::Nack
                    } else {
                        ConfirmResult::Ack
                    };
                    self.unprocessed.push((number, result, self.returns.pop_front()));
                }
                ConfirmStep::Process(at) => {
                    let (number, result, returned) = self.unprocessed.remove(at);
                    self.tracker.confirmed(number, result, returned);
                    if let Some(barrier) = self.tracker.new_barrier() {
                        let before = self.unprocessed.iter().map(|(number, ..)| *number).collect();
                        self.barriers.push((barrier, before));
                    }
                }
                ConfirmStep::ReachBarrier(at) => {
                    let (barrier, _) = self.barriers.remove(at);
                    self.tracker.barrier_reached(barrier);
                }
            }
            self.results.extend(self.tracker.drain_decided());
        }

        fn check(mut self) {
            assert!(self.tracker.is_empty(), "a publish is undecided at the end");
            self.results.sort_by_key(|(number, _)| *number);
            let wanted = (1..).zip(&self.publishes).map(|(number, (answer, mandatory))| {
                let result = match answer {
                    BrokerAnswer::Nacked => Err(Refusal::Nacked),
                    BrokerAnswer::Unroutable if *mandatory => Err(Refusal::Unroutable),
                    BrokerAnswer::Unroutable | BrokerAnswer::Acked => Ok(()),
                };
                (number, result)
            });
            assert_eq!(self.results, wanted.collect::<Vec<_>>());
        }

        /// Tries every order of events, and returns how many there are.
        fn exhaust(self) -> usize {
            let steps = self.steps();
            if steps.is_empty() {
                self.check();
                return 1;
            }
            let each = steps.into_iter().map(|step| {
                let mut next = self.clone();
                next.take(step);
                next.exhaust()
            });
            each.sum()
        }
    }

    const ANSWERS: [BrokerAnswer; 3] = [
        BrokerAnswer::Acked,
        BrokerAnswer::Unroutable,
        BrokerAnswer::Nacked,
    ];

    #[test]
    fn three_publishes_get_their_own_results_in_every_order_of_events() {
        let kinds: Vec<(BrokerAnswer, bool)> = ANSWERS
            .iter()
            .flat_map(|&answer| [(answer, true), (answer, false)])
            .collect();
        let mut orders = 0;
        for &first in &kinds {
            for &second in &kinds {
                for &third in &kinds {
                    orders += ConfirmModel::new(&[first, second, third]).exhaust();
                }
            }
        }
        println!("{orders} orders");
        assert!(orders > 10_000, "{orders}");
    }

    proptest! {
        #[test]
        fn many_publishes_get_their_own_results(
            publishes in proptest::collection::vec((proptest::sample::select(&ANSWERS[..]), any::<bool>()), 1..30),
            choices in proptest::collection::vec(any::<proptest::sample::Index>(), 200),
        ) {
            let mut model = ConfirmModel::new(&publishes);
            for choice in choices {
                let steps = model.steps();
                if steps.is_empty() {
                    break;
                }
                model.take(steps[choice.index(steps.len())]);
            }
            while let Some(&step) = model.steps().first() {
                model.take(step);
            }
            model.check();
        }
    }

    #[test]
    fn a_lost_channel_returns_undecided_publishes_in_order() {
        let mut tracker = ConfirmTracker::default();
        for publish in ["a", "b", "c", "d"] {
            tracker.sent(publish, publish == "c");
        }
        tracker.confirmed(2, ConfirmResult::Ack, None);
        // This publish is confirmed, but its return can come with another confirm.
        tracker.confirmed(3, ConfirmResult::Ack, Some(99));
        assert_eq!(tracker.drain_decided().collect::<Vec<_>>(), [("b", Ok(()))]);
        assert_eq!(tracker.channel_lost(), ["a", "c", "d"]);
        assert!(tracker.is_empty());
        tracker.sent("a", false);
        tracker.confirmed(tracker.next_number() - 1, ConfirmResult::Nack, None);
        assert_eq!(
            tracker.drain_decided().collect::<Vec<_>>(),
            [("a", Err(Refusal::Nacked))]
        );
    }

    #[test]
    fn a_confirm_of_an_unknown_publish_changes_nothing() {
        let mut tracker = ConfirmTracker::default();
        tracker.sent("a", false);
        tracker.channel_lost();
        tracker.confirmed(1, ConfirmResult::Ack, Some(1));
        tracker.barrier_reached(7);
        assert_eq!(tracker.drain_decided().count(), 0);
    }
}
