//! The two ends of a publish: the caller that waits for the confirm, and the broker side that reports the result once.
//!
//! Publishes that are sent together form a group. A group shares one allocation, and wakes its caller once: when its
//! last publish is decided.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use futures_util::task::AtomicWaker;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::coop;

use crate::bus::refusal::Refusal;

/// The most publishes in one group.
pub(crate) const MAX_GROUP: usize = 64;

// The flags of one publish. TAKEN and ABANDONED exclude each other, and the side that sets its flag first wins. After
// its caller got the error "not delivered", an event must never leave for the broker.
const TAKEN: u8 = 1;
const ABANDONED: u8 = 2;
// The connection was lost after the message had left. The message may have arrived, whatever happens to the next copy.
const LOST: u8 = 4;
const CONFIRMED: u8 = 8;
const REFUSED: u8 = 16;

/// The state that both ends share. The group of a single publish differs only in the length of `flags`.
#[derive(Debug)]
struct PublishGroup<F: ?Sized> {
    /// The number of publishes without a result.
    undecided: AtomicUsize,
    /// Whether the caller still waits.
    awaited: AtomicBool,
    caller: AtomicWaker,
    state: Mutex<GroupState>,
    flags: F,
}

#[derive(Debug, Default)]
struct GroupState {
    /// The group's slots in the window of unconfirmed events. The broker side frees each slot when it is done with the
    /// publish, even when the caller stopped waiting long ago.
    slots: Option<OwnedSemaphorePermit>,
    refusals: Vec<(usize, Refusal)>,
}

/// The broker's end of one publish. When it is dropped without [`finish`](Self::finish), the caller learns that no
/// result will come.
#[derive(Debug)]
pub(crate) struct Confirm {
    group: Arc<PublishGroup<[AtomicU8]>>,
    index: usize,
}

/// The caller's end of a group: a future that is ready when every publish of the group is decided.
#[derive(Debug)]
pub(crate) struct PendingConfirms {
    group: Arc<PublishGroup<[AtomicU8]>>,
}

/// Creates both ends of `count` publishes, at most [`MAX_GROUP`], that own `slots` in the window.
pub(crate) fn confirm_group(
    count: usize,
    slots: Option<OwnedSemaphorePermit>,
) -> (impl Iterator<Item = Confirm>, PendingConfirms) {
    debug_assert!(count <= MAX_GROUP, "{count} publishes are too many for one group");
    let group: Arc<PublishGroup<[AtomicU8]>> = match count {
        1 => new_group::<1>(count, slots),
        _ => new_group::<MAX_GROUP>(count, slots),
    };
    let pending = PendingConfirms {
        group: Arc::clone(&group),
    };
    let confirms = (0..count).map(move |index| Confirm {
        group: Arc::clone(&group),
        index,
    });
    (confirms, pending)
}

fn new_group<const N: usize>(
    count: usize,
    slots: Option<OwnedSemaphorePermit>,
) -> Arc<PublishGroup<[AtomicU8; N]>> {
    Arc::new(PublishGroup {
        undecided: AtomicUsize::new(count),
        awaited: AtomicBool::new(true),
        caller: AtomicWaker::new(),
        state: Mutex::new(GroupState {
            slots,
            refusals: Vec::new(),
        }),
        flags: [const { AtomicU8::new(0) }; N],
    })
}

impl PublishGroup<[AtomicU8]> {
    fn state(&self) -> MutexGuard<'_, GroupState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Confirm {
    fn own_flags(&self) -> &AtomicU8 {
        &self.group.flags[self.index]
    }

    /// Must be called right before the message leaves for the broker. Returns `false` when the caller gave up before:
    /// then the message must not be published.
    #[must_use]
    pub(crate) fn take(&self) -> bool {
        match self
            .own_flags()
            .compare_exchange(0, TAKEN, Ordering::AcqRel, Ordering::Acquire)
        {
            Ok(_) => true,
            Err(flags) => flags & ABANDONED == 0,
        }
    }

    /// Records that the message left and may have arrived, although its confirm will never come.
    pub(crate) fn lost(&self) {
        self.own_flags().fetch_or(LOST, Ordering::AcqRel);
    }

    #[cfg(test)]
    pub(crate) fn flags(&self) -> u8 {
        self.own_flags().load(Ordering::Acquire)
    }

    pub(crate) fn is_awaited(&self) -> bool {
        self.group.awaited.load(Ordering::Acquire)
    }

    /// Reports the result. A caller that stopped waiting has its error already, and does not see this result.
    pub(crate) fn finish(self, result: Result<(), Refusal>) {
        let flag = match result {
            Ok(()) => CONFIRMED,
            Err(refusal) => {
                self.group.state().refusals.push((self.index, refusal));
                REFUSED
            }
        };
        self.own_flags().fetch_or(flag, Ordering::AcqRel);
    }
}

impl Drop for Confirm {
    fn drop(&mut self) {
        // Each publish frees one slot: a publish to a queue without a majority must not keep the slots of the others.
        let slot = self.group.state().slots.as_mut().and_then(|slots| slots.split(1));
        // Dropped outside of the lock, because this wakes a publisher that waits for a slot.
        drop(slot);
        if self.group.undecided.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.group.caller.wake();
        }
    }
}

impl PendingConfirms {
    /// The broker's result for one publish. `None` when there is none yet, and when none will come.
    pub(crate) fn result(&self, index: usize) -> Option<Result<(), Refusal>> {
        let flags = self.flags(index);
        if flags & CONFIRMED != 0 {
            return Some(Ok(()));
        }
        if flags & REFUSED == 0 {
            return None;
        }
        let state = self.group.state();
        let refusal = state.refusals.iter().find(|(refused, _)| *refused == index);
        refusal.map(|(_, refusal)| Err(refusal.clone()))
    }

    /// Whether no further result will come.
    pub(crate) fn are_decided(&self) -> bool {
        self.group.undecided.load(Ordering::Acquire) == 0
    }

    /// Stops waiting for one publish. Returns whether its message may have left for the broker already; when it
    /// returns `false`, the message never leaves.
    pub(crate) fn give_up(&self, index: usize) -> bool {
        let abandon = |flags| (flags & TAKEN == 0).then_some(flags | ABANDONED);
        self.group.flags[index]
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, abandon)
            .is_err()
    }

    /// Whether a copy of the message left and was lost. A refusal of a later copy does not prove that the first copy
    /// did not arrive.
    pub(crate) fn was_lost(&self, index: usize) -> bool {
        self.flags(index) & LOST != 0
    }

    fn flags(&self, index: usize) -> u8 {
        self.group.flags[index].load(Ordering::Acquire)
    }
}

impl Future for PendingConfirms {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // Uses tokio's task budget: a caller whose publishes are confirmed at once must still yield to other tasks.
        let coop = ready!(coop::poll_proceed(cx));
        if !self.are_decided() {
            self.group.caller.register(cx.waker());
            if !self.are_decided() {
                return Poll::Pending;
            }
        }
        coop.made_progress();
        Poll::Ready(())
    }
}

impl Drop for PendingConfirms {
    fn drop(&mut self) {
        self.group.awaited.store(false, Ordering::Release);
        if self.are_decided() {
            return;
        }
        // The caller was cancelled. Messages that have not left for the broker are never published.
        for index in 0..self.group.flags.len() {
            self.give_up(index);
        }
    }
}

/// The caller's end of a single publish.
#[cfg(any(test, feature = "testing"))]
#[derive(Debug)]
pub(crate) struct PendingConfirm(PendingConfirms);

/// Creates both ends of a single publish.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn confirm(slot: Option<OwnedSemaphorePermit>) -> (Confirm, PendingConfirm) {
    let (mut confirms, pending) = confirm_group(1, slot);
    let confirm = confirms.next().expect("the group has one publish");
    (confirm, PendingConfirm(pending))
}

#[cfg(test)]
impl PendingConfirm {
    pub(crate) fn give_up(&self) -> bool {
        self.0.give_up(0)
    }
}

#[cfg(any(test, feature = "testing"))]
impl Future for PendingConfirm {
    /// `None` when the broker's end was dropped without a result.
    type Output = Option<Result<(), Refusal>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|()| self.0.result(0))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::sync::Semaphore;

    use super::*;

    fn group(count: usize) -> (Vec<Confirm>, PendingConfirms) {
        let (confirms, pending) = confirm_group(count, None);
        (confirms.collect(), pending)
    }

    #[test]
    fn a_group_is_decided_when_its_last_publish_is_decided() {
        let (mut confirms, mut pending) = group(3);
        assert!(confirms.iter().all(Confirm::take));
        confirms.remove(1).finish(Err(Refusal::Nacked));
        confirms.remove(1).finish(Ok(()));
        assert!((&mut pending).now_or_never().is_none());
        drop(confirms);
        assert!((&mut pending).now_or_never().is_some());
        let results: Vec<_> = (0..3).map(|index| pending.result(index)).collect();
        assert_eq!(results, [None, Some(Err(Refusal::Nacked)), Some(Ok(()))]);
    }

    #[tokio::test]
    async fn the_last_result_wakes_the_caller() {
        let (confirms, pending) = group(MAX_GROUP);
        let waiting = tokio::spawn(async move {
            pending.await;
        });
        for confirm in confirms {
            tokio::task::yield_now().await;
            assert!(!waiting.is_finished());
            confirm.finish(Ok(()));
        }
        waiting.await.expect("the caller is woken");
    }

    #[test]
    fn each_publish_frees_its_slot_without_waiting_for_the_group_or_the_caller() {
        let window = Arc::new(Semaphore::new(2));
        let slots = Arc::clone(&window)
            .try_acquire_many_owned(2)
            .expect("both slots are free");
        let (confirms, _pending) = confirm_group(2, Some(slots));
        let mut confirms: Vec<_> = confirms.collect();
        confirms.remove(0).finish(Ok(()));
        assert_eq!(window.available_permits(), 1);
        drop(confirms);
        assert_eq!(window.available_permits(), 2);
    }

    #[test]
    fn a_cancelled_caller_gives_up_the_publishes_that_have_not_left() {
        let (confirms, pending) = group(3);
        assert!(confirms[0].take());
        assert!(pending.give_up(0) && !pending.give_up(1));
        drop(pending);
        assert!(confirms[0].take() && !confirms[1].take() && !confirms[2].take());
        assert!(confirms.iter().all(|confirm| !confirm.is_awaited()));
    }

    #[test]
    fn a_lost_publish_of_a_group_is_marked_alone() {
        let (confirms, pending) = group(2);
        assert!(confirms[0].take());
        confirms[0].lost();
        assert!(confirms[0].take(), "a lost message can be sent again");
        assert!(pending.was_lost(0) && !pending.was_lost(1));
    }

    #[tokio::test]
    async fn a_caller_whose_publishes_are_confirmed_at_once_yields_to_other_tasks() {
        let other = tokio::spawn(async {});
        for _ in 0..1000 {
            let (confirm, pending) = confirm(None);
            confirm.finish(Ok(()));
            assert_eq!(pending.await, Some(Ok(())));
        }
        assert!(other.is_finished());
    }
}
