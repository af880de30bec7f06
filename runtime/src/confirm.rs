//! The two ends of a publish under way: the caller who waits, and the broker's side that answers once.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::refusal::Refusal;

// Who moved first decides: an event whose caller was told "not published" must never be published after.
const QUEUED: u8 = 0;
const TAKEN: u8 = 1;
const ABANDONED: u8 = 2;
// Taken, lost on the way, and taken again: the first may have arrived, whatever becomes of the second.
const RESENT: u8 = 3;

/// The broker's end. Dropping it without an answer tells the caller that none will come.
#[derive(Debug)]
pub(crate) struct Confirm {
    answer: oneshot::Sender<Result<(), Refusal>>,
    stage: Arc<AtomicU8>,
    // The place in the window of unconfirmed events: given back when the broker's side is done, however long ago the
    // caller stopped waiting.
    _place: Option<OwnedSemaphorePermit>,
}

/// The caller's end.
#[derive(Debug)]
pub(crate) struct Answer {
    answer: oneshot::Receiver<Result<(), Refusal>>,
    stage: Arc<AtomicU8>,
}

/// Makes both ends.
pub(crate) fn confirm(place: Option<OwnedSemaphorePermit>) -> (Confirm, Answer) {
    let (sender, receiver) = oneshot::channel();
    let stage = Arc::new(AtomicU8::new(QUEUED));
    let confirm = Confirm {
        answer: sender,
        stage: Arc::clone(&stage),
        _place: place,
    };
    (
        confirm,
        Answer {
            answer: receiver,
            stage,
        },
    )
}

impl Confirm {
    /// Called right before the message leaves for the broker. `false`: the caller gave up before, and the message
    /// must not be published any more.
    #[must_use]
    pub(crate) fn take(&self) -> bool {
        match self
            .stage
            .compare_exchange(QUEUED, TAKEN, Ordering::AcqRel, Ordering::Acquire)
        {
            Ok(_) => true,
            Err(stage) => stage != ABANDONED,
        }
    }

    /// Says that the message left before and may have arrived, though its confirm never will.
    pub(crate) fn lost(&self) {
        self.stage.store(RESENT, Ordering::Release);
    }

    /// How far it has come, for a test to tell two apart.
    #[cfg(test)]
    pub(crate) fn stage(&self) -> u8 {
        self.stage.load(Ordering::Acquire)
    }

    /// Whether the caller still waits.
    pub(crate) fn is_awaited(&self) -> bool {
        !self.answer.is_closed()
    }

    /// Answers the caller.
    pub(crate) fn finish(self, result: Result<(), Refusal>) {
        // A caller that stopped waiting has been told so; there is no one left to tell.
        let _ = self.answer.send(result);
    }
}

impl Answer {
    /// Stops waiting. `true`: the message may have left for the broker already. `false`: it never will.
    pub(crate) fn give_up(&self) -> bool {
        self.stage
            .compare_exchange(QUEUED, ABANDONED, Ordering::AcqRel, Ordering::Acquire)
            .is_err()
    }

    /// Whether the message left once and was lost from sight: a later refusal does not say that it did not arrive.
    pub(crate) fn was_lost(&self) -> bool {
        self.stage.load(Ordering::Acquire) == RESENT
    }
}

impl Future for Answer {
    /// `None`: the broker's side ended without an answer.
    type Output = Option<Result<(), Refusal>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.answer).poll(cx).map(Result::ok)
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // A caller that was cancelled before the broker took its message: it is not published, as if never called.
        self.give_up();
    }
}
