//! The two ends of publishes under way: the caller who waits, and the broker's side that answers each once.
//!
//! What one caller publishes together has one answer's worth of shared state, and wakes the caller once: when the last of
//! them is decided.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use futures_util::task::AtomicWaker;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::coop;

use crate::bus::refusal::Refusal;

/// How many publishes are answered together at most.
pub(crate) const TOGETHER: usize = 64;

// Who moved first decides: an event whose caller was told "not published" must never be published after.
const TAKEN: u8 = 1;
const ABANDONED: u8 = 2;
// Taken, lost on the way, and taken again: the first may have arrived, whatever becomes of the second.
const LOST: u8 = 4;
const CONFIRMED: u8 = 8;
const REFUSED: u8 = 16;

/// What both ends share. A publish alone and many together differ in nothing but the length of `stages`.
#[derive(Debug)]
struct PublishGroup<S: ?Sized> {
    /// How many confirms are left.
    undecided: AtomicUsize,
    awaited: AtomicBool,
    caller: AtomicWaker,
    kept: Mutex<GroupState>,
    stages: S,
}

#[derive(Debug, Default)]
struct GroupState {
    /// The places in the window of unconfirmed events: each is given back when the broker's side is done with its
    /// publish, however long ago the caller stopped waiting.
    places: Option<OwnedSemaphorePermit>,
    refusals: Vec<(usize, Refusal)>,
}

/// The broker's end of one publish. Dropping it without an answer tells the caller that none will come.
#[derive(Debug)]
pub(crate) struct Confirm {
    shared: Arc<PublishGroup<[AtomicU8]>>,
    index: usize,
}

/// The caller's end of publishes that are answered together: ends when each is decided.
#[derive(Debug)]
pub(crate) struct Answers {
    shared: Arc<PublishGroup<[AtomicU8]>>,
}

/// Makes both ends of `count` publishes, [`TOGETHER`] at most, that have `places` in the window.
pub(crate) fn confirm_together(
    count: usize,
    places: Option<OwnedSemaphorePermit>,
) -> (impl Iterator<Item = Confirm>, Answers) {
    debug_assert!(count <= TOGETHER, "{count} are too many to be answered together");
    let shared: Arc<PublishGroup<[AtomicU8]>> = match count {
        1 => shared::<1>(count, places),
        _ => shared::<TOGETHER>(count, places),
    };
    let answers = Answers {
        shared: Arc::clone(&shared),
    };
    let confirms = (0..count).map(move |index| Confirm {
        shared: Arc::clone(&shared),
        index,
    });
    (confirms, answers)
}

fn shared<const N: usize>(
    count: usize,
    places: Option<OwnedSemaphorePermit>,
) -> Arc<PublishGroup<[AtomicU8; N]>> {
    Arc::new(PublishGroup {
        undecided: AtomicUsize::new(count),
        awaited: AtomicBool::new(true),
        caller: AtomicWaker::new(),
        kept: Mutex::new(GroupState {
            places,
            refusals: Vec::new(),
        }),
        stages: [const { AtomicU8::new(0) }; N],
    })
}

impl PublishGroup<[AtomicU8]> {
    fn kept(&self) -> MutexGuard<'_, GroupState> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Confirm {
    fn seat(&self) -> &AtomicU8 {
        &self.shared.stages[self.index]
    }

    /// Called right before the message leaves for the broker. `false`: the caller gave up before, and the message
    /// must not be published any more.
    #[must_use]
    pub(crate) fn take(&self) -> bool {
        match self
            .seat()
            .compare_exchange(0, TAKEN, Ordering::AcqRel, Ordering::Acquire)
        {
            Ok(_) => true,
            Err(stage) => stage & ABANDONED == 0,
        }
    }

    /// Says that the message left before and may have arrived, though its confirm never will.
    pub(crate) fn lost(&self) {
        self.seat().fetch_or(LOST, Ordering::AcqRel);
    }

    /// How far it has come, for a test to tell two apart.
    #[cfg(test)]
    pub(crate) fn stage(&self) -> u8 {
        self.seat().load(Ordering::Acquire)
    }

    /// Whether the caller still waits.
    pub(crate) fn is_awaited(&self) -> bool {
        self.shared.awaited.load(Ordering::Acquire)
    }

    /// Answers the caller.
    pub(crate) fn finish(self, result: Result<(), Refusal>) {
        // A caller that stopped waiting has been told so; there is no one left to tell.
        let word = match result {
            Ok(()) => CONFIRMED,
            Err(refusal) => {
                self.shared.kept().refusals.push((self.index, refusal));
                REFUSED
            }
        };
        self.seat().fetch_or(word, Ordering::AcqRel);
    }
}

impl Drop for Confirm {
    fn drop(&mut self) {
        // Each by itself: one whose queue has no majority is not to keep the places of the others.
        let place = self.shared.kept().places.as_mut().and_then(|it| it.split(1));
        // Outside of the lock: it wakes who waits for it.
        drop(place);
        if self.shared.undecided.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.caller.wake();
        }
    }
}

impl Answers {
    /// The broker's word for one of them; `None` while there is none, and when none will come.
    pub(crate) fn word(&self, index: usize) -> Option<Result<(), Refusal>> {
        let stage = self.stage(index);
        if stage & CONFIRMED != 0 {
            return Some(Ok(()));
        }
        if stage & REFUSED == 0 {
            return None;
        }
        let kept = self.shared.kept();
        let refusal = kept.refusals.iter().find(|(its, _)| *its == index);
        refusal.map(|(_, refusal)| Err(refusal.clone()))
    }

    /// Whether no word will come any more.
    pub(crate) fn are_decided(&self) -> bool {
        self.shared.undecided.load(Ordering::Acquire) == 0
    }

    /// Stops waiting for one of them. `true`: the message may have left for the broker already. `false`: it never will.
    pub(crate) fn give_up(&self, index: usize) -> bool {
        let abandon = |stage| (stage & TAKEN == 0).then_some(stage | ABANDONED);
        self.shared.stages[index]
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, abandon)
            .is_err()
    }

    /// Whether the message left once and was lost from sight: a later refusal does not say that it did not arrive.
    pub(crate) fn was_lost(&self, index: usize) -> bool {
        self.stage(index) & LOST != 0
    }

    fn stage(&self, index: usize) -> u8 {
        self.shared.stages[index].load(Ordering::Acquire)
    }
}

impl Future for Answers {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // What is always answered at once would keep every other task of its thread from its turn.
        let coop = ready!(coop::poll_proceed(cx));
        if !self.are_decided() {
            self.shared.caller.register(cx.waker());
            if !self.are_decided() {
                return Poll::Pending;
            }
        }
        coop.made_progress();
        Poll::Ready(())
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        self.shared.awaited.store(false, Ordering::Release);
        if self.are_decided() {
            return;
        }
        // A caller that was cancelled before the broker took its messages: they are not published, as if never called.
        for index in 0..self.shared.stages.len() {
            self.give_up(index);
        }
    }
}

/// The caller's end of a publish alone.
#[cfg(any(test, feature = "testing"))]
#[derive(Debug)]
pub(crate) struct Answer(Answers);

/// Makes both ends of a publish alone.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn confirm(place: Option<OwnedSemaphorePermit>) -> (Confirm, Answer) {
    let (mut confirms, answers) = confirm_together(1, place);
    let confirm = confirms.next().expect("it is one");
    (confirm, Answer(answers))
}

#[cfg(test)]
impl Answer {
    /// As of one among several.
    pub(crate) fn give_up(&self) -> bool {
        self.0.give_up(0)
    }
}

#[cfg(any(test, feature = "testing"))]
impl Future for Answer {
    /// `None`: the broker's side ended without an answer.
    type Output = Option<Result<(), Refusal>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|()| self.0.word(0))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::sync::Semaphore;

    use super::*;

    fn together(count: usize) -> (Vec<Confirm>, Answers) {
        let (confirms, answers) = confirm_together(count, None);
        (confirms.collect(), answers)
    }

    #[test]
    fn those_together_are_waited_for_until_the_last_is_decided() {
        let (mut confirms, mut answers) = together(3);
        assert!(confirms.iter().all(Confirm::take));
        confirms.remove(1).finish(Err(Refusal::Nacked));
        confirms.remove(1).finish(Ok(()));
        assert!((&mut answers).now_or_never().is_none());
        drop(confirms);
        assert!((&mut answers).now_or_never().is_some());
        let words: Vec<_> = (0..3).map(|index| answers.word(index)).collect();
        assert_eq!(words, [None, Some(Err(Refusal::Nacked)), Some(Ok(()))]);
    }

    #[tokio::test]
    async fn their_caller_is_woken_by_the_last() {
        let (confirms, answers) = together(TOGETHER);
        let waiting = tokio::spawn(async move {
            answers.await;
        });
        for confirm in confirms {
            tokio::task::yield_now().await;
            assert!(!waiting.is_finished());
            confirm.finish(Ok(()));
        }
        waiting.await.expect("it is woken");
    }

    #[test]
    fn each_gives_its_place_back_however_long_another_takes_and_the_caller_holds_its_end() {
        let window = Arc::new(Semaphore::new(2));
        let places = Arc::clone(&window)
            .try_acquire_many_owned(2)
            .expect("all are free");
        let (confirms, _answers) = confirm_together(2, Some(places));
        let mut confirms: Vec<_> = confirms.collect();
        confirms.remove(0).finish(Ok(()));
        assert_eq!(window.available_permits(), 1);
        drop(confirms);
        assert_eq!(window.available_permits(), 2);
    }

    #[test]
    fn a_cancelled_caller_gives_up_on_those_that_have_not_left() {
        let (confirms, answers) = together(3);
        assert!(confirms[0].take());
        assert!(answers.give_up(0) && !answers.give_up(1));
        drop(answers);
        assert!(confirms[0].take() && !confirms[1].take() && !confirms[2].take());
        assert!(confirms.iter().all(|confirm| !confirm.is_awaited()));
    }

    #[test]
    fn one_that_was_lost_from_sight_is_known_by_itself() {
        let (confirms, answers) = together(2);
        assert!(confirms[0].take());
        confirms[0].lost();
        assert!(confirms[0].take(), "it leaves again");
        assert!(answers.was_lost(0) && !answers.was_lost(1));
    }

    #[tokio::test]
    async fn what_is_answered_at_once_lets_others_have_their_turn() {
        let other = tokio::spawn(async {});
        for _ in 0..1000 {
            let (confirm, answer) = confirm(None);
            confirm.finish(Ok(()));
            assert_eq!(answer.await, Some(Ok(())));
        }
        assert!(other.is_finished());
    }
}
