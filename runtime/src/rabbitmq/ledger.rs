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

use std::collections::{BTreeMap, BTreeSet};

use crate::refusal::Refusal;

/// The publishes of one channel that are under way.
pub(super) struct Ledger<T> {
    next: u64,
    entries: BTreeMap<u64, Entry<T>>,
    /// The mandatory publishes that have no confirm yet.
    unconfirmed: BTreeSet<u64>,
    /// The confirmed ones that wait.
    parked: Vec<u64>,
    next_mark: u64,
    settled: Vec<(T, Result<(), Refusal>)>,
}

struct Entry<T> {
    publish: T,
    returned: bool,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
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
pub(super) enum Word {
    Ack,
    Nack,
}

impl<T> Default for Ledger<T> {
    fn default() -> Self {
        Self {
            next: 1,
            entries: BTreeMap::new(),
            unconfirmed: BTreeSet::new(),
            parked: Vec::new(),
            next_mark: 0,
            settled: Vec::new(),
        }
    }
}

impl<T> Ledger<T> {
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
            stage: Stage::Sent,
        };
        self.entries.insert(self.next, entry);
        self.next += 1;
    }

    /// The broker confirmed or refused the publish `number`; with its word came the return of the publish `carried`.
    pub(super) fn answered(&mut self, number: u64, word: Word, carried: Option<u64>) {
        if let Some(carried) = carried {
            self.returned(carried);
        }
        let was_mandatory = self.unconfirmed.remove(&number);
        let Some(entry) = self.entries.get_mut(&number) else {
            return;
        };
        match word {
            Word::Nack => self.settle(number, Err(Refusal::Nacked)),
            Word::Ack if !was_mandatory => self.settle(number, Ok(())),
            Word::Ack if entry.returned => self.settle(number, Err(Refusal::Unroutable)),
            Word::Ack => {
                entry.stage = match carried {
                    Some(_) => Stage::Behind(self.next),
                    None => Stage::Unmarked,
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
        if let Some(entry) = self.entries.get_mut(&number) {
            entry.returned = true;
            if entry.stage != Stage::Sent {
                self.settle(number, Err(Refusal::Unroutable));
            }
        }
    }

    /// Those whose wait for others' confirms is over wait for a mark from now on.
    fn release_behind(&mut self) {
        let first = self.unconfirmed.first().copied().unwrap_or(u64::MAX);
        self.each_parked(|stage| {
            if matches!(stage, Stage::Behind(below) if *below <= first) {
                *stage = Stage::Unmarked;
            }
        });
    }

    /// The mark to put behind all confirms that came so far, when a publish waits for one.
    pub(super) fn mark(&mut self) -> Option<u64> {
        let mark = self.next_mark;
        let mut needed = false;
        self.each_parked(|stage| {
            if *stage == Stage::Unmarked {
                *stage = Stage::Marked(mark);
                needed = true;
            }
        });
        self.next_mark += u64::from(needed);
        needed.then_some(mark)
    }

    /// The mark was seen, and with it every confirm that came before it was put.
    pub(super) fn marked(&mut self, mark: u64) {
        for number in std::mem::take(&mut self.parked) {
            match self.entries.get(&number).map(|entry| entry.stage) {
                Some(Stage::Marked(its)) if its == mark => self.settle(number, Ok(())),
                Some(_) => self.parked.push(number),
                None => {}
            }
        }
    }

    fn each_parked(&mut self, mut change: impl FnMut(&mut Stage)) {
        let entries = &mut self.entries;
        self.parked.retain(|number| {
            let entry = entries.get_mut(number);
            entry.map(|entry| change(&mut entry.stage)).is_some()
        });
    }

    fn settle(&mut self, number: u64, result: Result<(), Refusal>) {
        if let Some(entry) = self.entries.remove(&number) {
            self.settled.push((entry.publish, result));
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
        let entries = std::mem::take(&mut self.entries);
        entries.into_values().map(|entry| entry.publish).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.values().map(|entry| &entry.publish)
    }
}
