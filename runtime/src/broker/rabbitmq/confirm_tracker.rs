//! Which publishes are under way, and what became of each: the book behind the confirms.
//!
//! The broker returns a mandatory message that no queue takes, and then confirms it. The client library keeps the
//! returned messages in a line and hands the first one out with whichever confirm comes next, so a return arrives with
//! a confirm of its own or of another publish, and both may be seen in any order. What holds is this:
//!
//! - A publish's return joins the line before its confirm comes, and each confirm takes one from the line if there is
//!   one. So when a confirm takes none, the line was empty, and the publish's own return, if there was one, went with a
//!   confirm that came before.
//! - A confirm that takes the return of another publish says nothing of its own: that one may still stand in the line.
//!   There are never more in the line than returned publishes without a confirm, so once every mandatory publish that
//!   was under way has its confirm, the line has moved past it.
//! - Confirms are seen soon after they came, but not in their order. A *mark* that is put behind those which came so far
//!   says when all of them have been seen.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::bus::refusal::Refusal;

/// How many of the last that left stand in a row. A publish that is confirmed long after those behind it, for its queue
/// has no majority, say, is not to keep their places.
const ROW: usize = if cfg!(test) { 2 } else { 4096 };

/// The publishes of one channel that are under way.
#[cfg_attr(test, derive(Clone))]
pub(super) struct ConfirmTracker<T> {
    next: u64,
    /// Those that left last, in a row; `None` where one is decided.
    row: VecDeque<Option<Entry<T>>>,
    /// Those from before the row that are undecided.
    stragglers: BTreeMap<u64, Entry<T>>,
    undecided: usize,
    /// The mandatory publishes that have no confirm yet.
    unconfirmed: BTreeSet<u64>,
    /// The confirmed ones that wait.
    parked: Vec<u64>,
    next_mark: u64,
    settled: Vec<(T, Result<(), Refusal>)>,
}

#[cfg_attr(test, derive(Clone))]
struct Entry<T> {
    publish: T,
    returned: bool,
    stage: PublishStage,
}

/// A publish under way, for a test: how many numbers ago it left, its own, whether it was returned, its stage.
#[cfg(test)]
pub(super) type Shape<K> = (u64, K, bool, (u8, u64));

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PublishStage {
    /// Sent, and no more is known.
    Sent,
    /// Confirmed, with the return of another: waits for the confirms of the mandatory publishes below this number.
    Behind(u64),
    /// Confirmed: waits for a mark to be put.
    Unmarked,
    /// Confirmed: waits for this mark to be seen.
    Marked(u64),
}

/// What the broker said of a publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConfirmResult {
    Ack,
    Nack,
}

impl<T> Default for ConfirmTracker<T> {
    fn default() -> Self {
        Self {
            next: 1,
            row: VecDeque::new(),
            stragglers: BTreeMap::new(),
            undecided: 0,
            unconfirmed: BTreeSet::new(),
            parked: Vec::new(),
            next_mark: 0,
            settled: Vec::new(),
        }
    }
}

impl<T> ConfirmTracker<T> {
    /// The number that the next publish has.
    pub(super) fn next_number(&self) -> u64 {
        self.next
    }

    /// A publish leaves, under the next number.
    pub(super) fn sent(&mut self, publish: T, mandatory: bool) {
        if mandatory {
            self.unconfirmed.insert(self.next);
        }
        let entry = Entry {
            publish,
            returned: false,
            stage: PublishStage::Sent,
        };
        if self.row.len() >= ROW {
            let first = self.row.pop_front().flatten();
            let number = self.next - self.row.len() as u64 - 1;
            self.stragglers.extend(first.map(|entry| (number, entry)));
        }
        self.row.push_back(Some(entry));
        self.undecided += 1;
        self.next += 1;
    }

    /// Where the publish stands in the row; `None` when it left before all of those.
    fn place(&self, number: u64) -> Option<usize> {
        let behind = usize::try_from(self.next.checked_sub(number)?).ok()?;
        self.row.len().checked_sub(behind)
    }

    fn entry(&mut self, number: u64) -> Option<&mut Entry<T>> {
        match self.place(number) {
            Some(place) => self.row.get_mut(place)?.as_mut(),
            None => self.stragglers.get_mut(&number),
        }
    }

    fn take(&mut self, number: u64) -> Option<Entry<T>> {
        let Some(place) = self.place(number) else {
            return self.stragglers.remove(&number);
        };
        let entry = self.row.get_mut(place)?.take();
        while let Some(None) = self.row.front() {
            self.row.pop_front();
        }
        entry
    }

    /// The broker confirmed or refused the publish `number`; with its word came the return of the publish `carried`.
    pub(super) fn answered(&mut self, number: u64, word: ConfirmResult, carried: Option<u64>) {
        if let Some(carried) = carried {
            self.returned(carried);
        }
        let was_mandatory = self.unconfirmed.remove(&number);
        let next = self.next;
        let Some(entry) = self.entry(number) else {
            return;
        };
        match word {
            ConfirmResult::Nack => self.settle(number, Err(Refusal::Nacked)),
            ConfirmResult::Ack if !was_mandatory => self.settle(number, Ok(())),
            ConfirmResult::Ack if entry.returned => self.settle(number, Err(Refusal::Unroutable)),
            ConfirmResult::Ack => {
                entry.stage = match carried {
                    Some(_) => PublishStage::Behind(next),
                    None => PublishStage::Unmarked,
                };
                self.parked.push(number);
            }
        }
        if was_mandatory {
            self.release_behind();
        }
    }

    /// A return of the publish came, with its confirm or another's.
    fn returned(&mut self, number: u64) {
        if let Some(entry) = self.entry(number) {
            entry.returned = true;
            if entry.stage != PublishStage::Sent {
                self.settle(number, Err(Refusal::Unroutable));
            }
        }
    }

    /// Those whose wait for others' confirms is over wait for a mark from now on.
    fn release_behind(&mut self) {
        let first = self.unconfirmed.first().copied().unwrap_or(u64::MAX);
        self.each_parked(|stage| {
            if matches!(stage, PublishStage::Behind(below) if *below <= first) {
                *stage = PublishStage::Unmarked;
            }
        });
    }

    /// The mark to put behind all confirms that came so far, when a publish waits for one.
    pub(super) fn mark(&mut self) -> Option<u64> {
        let mark = self.next_mark;
        let mut needed = false;
        self.each_parked(|stage| {
            if *stage == PublishStage::Unmarked {
                *stage = PublishStage::Marked(mark);
                needed = true;
            }
        });
        self.next_mark += u64::from(needed);
        needed.then_some(mark)
    }

    /// The mark was seen, and with it every confirm that came before it was put.
    pub(super) fn marked(&mut self, mark: u64) {
        for number in std::mem::take(&mut self.parked) {
            match self.entry(number).map(|entry| entry.stage) {
                Some(PublishStage::Marked(its)) if its == mark => self.settle(number, Ok(())),
                Some(_) => self.parked.push(number),
                None => {}
            }
        }
    }

    fn each_parked(&mut self, mut change: impl FnMut(&mut PublishStage)) {
        let mut parked = std::mem::take(&mut self.parked);
        parked.retain(|number| {
            let entry = self.entry(*number);
            entry.map(|entry| change(&mut entry.stage)).is_some()
        });
        self.parked = parked;
    }

    fn settle(&mut self, number: u64, result: Result<(), Refusal>) {
        if let Some(entry) = self.take(number) {
            self.settled.push((entry.publish, result));
            self.undecided -= 1;
        }
    }

    /// What is decided.
    pub(super) fn settled(&mut self) -> std::vec::Drain<'_, (T, Result<(), Refusal>)> {
        self.settled.drain(..)
    }

    /// The channel is gone: all that is undecided, in the order it was sent. Of a confirmed mandatory publish among
    /// them it will never be known whether it was returned.
    pub(super) fn lost(&mut self) -> Vec<T> {
        self.unconfirmed.clear();
        self.parked.clear();
        self.undecided = 0;
        let stragglers = std::mem::take(&mut self.stragglers).into_values();
        let row = std::mem::take(&mut self.row).into_iter().flatten();
        stragglers.chain(row).map(|entry| entry.publish).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.undecided == 0
    }

    pub(super) fn len(&self) -> usize {
        self.undecided
    }

    /// All that tells it from another ledger, but for how many publishes and marks there have been.
    #[cfg(test)]
    pub(super) fn shape<K>(&self, of: impl Fn(&T) -> K) -> (Vec<Shape<K>>, Vec<(K, bool)>) {
        let entry = |(behind, entry): (u64, &Entry<T>)| {
            let stage = match entry.stage {
                PublishStage::Sent => (0, 0),
                PublishStage::Behind(below) => (1, self.next - below),
                PublishStage::Unmarked => (2, 0),
                PublishStage::Marked(mark) => (3, self.next_mark - mark),
            };
            (behind, of(&entry.publish), entry.returned, stage)
        };
        let settled = self
            .settled
            .iter()
            .map(|(publish, result)| (of(publish), result.is_ok()));
        let stragglers = self.stragglers.iter();
        let stragglers = stragglers.map(|(number, entry)| (self.next - number, entry));
        let row = (1..=self.row.len() as u64).rev().zip(&self.row);
        let row = row.filter_map(|(behind, entry)| Some((behind, entry.as_ref()?)));
        (stragglers.chain(row).map(entry).collect(), settled.collect())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        let row = self.row.iter().flatten();
        self.stragglers.values().chain(row).map(|entry| &entry.publish)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    /// What becomes of a publish at the broker.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Fate {
        Taken,
        /// Confirmed, and returned first when it is mandatory.
        Unroutable,
        Refused,
    }

    /// The broker and the client library, as far as confirms and returns go: every order of events that they may
    /// produce, as a choice at each step.
    #[derive(Clone)]
    struct Model {
        ledger: ConfirmTracker<u64>,
        publishes: Vec<(Fate, bool)>,
        /// Mandatory and unroutable, not returned yet.
        to_return: BTreeSet<u64>,
        to_answer: BTreeSet<u64>,
        /// The library's line of returned messages.
        line: VecDeque<u64>,
        /// Answered by the broker and not seen by the publisher, with the return that came along.
        unseen: Vec<(u64, ConfirmResult, Option<u64>)>,
        /// Marks, each with the answers that stand before it.
        marks: Vec<(u64, BTreeSet<u64>)>,
        verdicts: Vec<(u64, Result<(), Refusal>)>,
    }

    #[derive(Debug, Clone, Copy)]
    enum Step {
        Return(u64),
        Answer(u64),
        See(usize),
        SeeMark(usize),
    }

    impl Model {
        fn new(publishes: &[(Fate, bool)]) -> Self {
            let mut ledger = ConfirmTracker::default();
            let mut to_return = BTreeSet::new();
            for (number, &(fate, mandatory)) in (1..).zip(publishes) {
                assert_eq!(ledger.next_number(), number);
                ledger.sent(number, mandatory);
                if mandatory && fate == Fate::Unroutable {
                    to_return.insert(number);
                }
            }
            Self {
                ledger,
                publishes: publishes.to_vec(),
                to_answer: (1..=publishes.len() as u64).collect(),
                to_return,
                line: VecDeque::new(),
                unseen: Vec::new(),
                marks: Vec::new(),
                verdicts: Vec::new(),
            }
        }

        fn steps(&self) -> Vec<Step> {
            let mut steps: Vec<Step> = self
                .to_return
                .iter()
                .map(|&number| Step::Return(number))
                .collect();
            let answerable = self.to_answer.difference(&self.to_return);
            steps.extend(answerable.map(|&number| Step::Answer(number)));
            steps.extend((0..self.unseen.len()).map(Step::See));
            let is_due = |(at, (_, before)): (usize, &(u64, BTreeSet<u64>))| {
                let seen = self.unseen.iter().all(|(number, ..)| !before.contains(number));
                seen.then_some(Step::SeeMark(at))
            };
            steps.extend(self.marks.iter().enumerate().filter_map(is_due));
            steps
        }

        fn take(&mut self, step: Step) {
            match step {
                Step::Return(number) => {
                    self.to_return.remove(&number);
                    self.line.push_back(number);
                }
                Step::Answer(number) => {
                    self.to_answer.remove(&number);
                    let (fate, _) = self.publishes[usize::try_from(number).unwrap() - 1];
                    let word = if fate == Fate::Refused {
                        ConfirmResult::Nack
                    } else {
                        ConfirmResult::Ack
                    };
                    self.unseen.push((number, word, self.line.pop_front()));
                }
                Step::See(at) => {
                    let (number, word, carried) = self.unseen.remove(at);
                    self.ledger.answered(number, word, carried);
                    if let Some(mark) = self.ledger.mark() {
                        let before = self.unseen.iter().map(|(number, ..)| *number).collect();
                        self.marks.push((mark, before));
                    }
                }
                Step::SeeMark(at) => {
                    let (mark, _) = self.marks.remove(at);
                    self.ledger.marked(mark);
                }
            }
            self.verdicts.extend(self.ledger.settled());
        }

        fn check(mut self) {
            assert!(self.ledger.is_empty(), "everything is decided at the end");
            self.verdicts.sort_by_key(|(number, _)| *number);
            let wanted = (1..).zip(&self.publishes).map(|(number, (fate, mandatory))| {
                let verdict = match fate {
                    Fate::Refused => Err(Refusal::Nacked),
                    Fate::Unroutable if *mandatory => Err(Refusal::Unroutable),
                    Fate::Unroutable | Fate::Taken => Ok(()),
                };
                (number, verdict)
            });
            assert_eq!(self.verdicts, wanted.collect::<Vec<_>>());
        }

        /// Goes through every order of events there is; says how many.
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

    const FATES: [Fate; 3] = [Fate::Taken, Fate::Unroutable, Fate::Refused];

    #[test]
    fn three_publishes_get_their_own_answers_in_every_order_of_events() {
        let kinds: Vec<(Fate, bool)> = FATES
            .iter()
            .flat_map(|&fate| [(fate, true), (fate, false)])
            .collect();
        let mut orders = 0;
        for &first in &kinds {
            for &second in &kinds {
                for &third in &kinds {
                    orders += Model::new(&[first, second, third]).exhaust();
                }
            }
        }
        println!("{orders} orders");
        assert!(orders > 10_000, "{orders}");
    }

    proptest! {
        #[test]
        fn many_publishes_get_their_own_answers(
            publishes in proptest::collection::vec((proptest::sample::select(&FATES[..]), any::<bool>()), 1..30),
            choices in proptest::collection::vec(any::<proptest::sample::Index>(), 200),
        ) {
            let mut world = Model::new(&publishes);
            for choice in choices {
                let steps = world.steps();
                if steps.is_empty() {
                    break;
                }
                world.take(steps[choice.index(steps.len())]);
            }
            while let Some(&step) = world.steps().first() {
                world.take(step);
            }
            world.check();
        }
    }

    #[test]
    fn a_lost_channel_gives_back_what_is_undecided_in_order() {
        let mut ledger = ConfirmTracker::default();
        for publish in ["a", "b", "c", "d"] {
            ledger.sent(publish, publish == "c");
        }
        ledger.answered(2, ConfirmResult::Ack, None);
        // Confirmed, but it may have been returned: the return would have come with another's confirm.
        ledger.answered(3, ConfirmResult::Ack, Some(99));
        assert_eq!(ledger.settled().collect::<Vec<_>>(), [("b", Ok(()))]);
        assert_eq!(ledger.lost(), ["a", "c", "d"]);
        assert!(ledger.is_empty());
        ledger.sent("a", false);
        ledger.answered(ledger.next_number() - 1, ConfirmResult::Nack, None);
        assert_eq!(
            ledger.settled().collect::<Vec<_>>(),
            [("a", Err(Refusal::Nacked))]
        );
    }

    #[test]
    fn a_word_about_a_publish_that_is_not_under_way_changes_nothing() {
        let mut ledger = ConfirmTracker::default();
        ledger.sent("a", false);
        ledger.lost();
        ledger.answered(1, ConfirmResult::Ack, Some(1));
        ledger.marked(7);
        assert_eq!(ledger.settled().count(), 0);
    }
}
