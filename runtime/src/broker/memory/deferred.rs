//! What is left to do once the broker's lock is free: wakers and answers run other people's code.

use std::task::Waker;

use crate::bus::confirm::Confirm;
use crate::bus::refusal::Refusal;
use crate::clock::Sleep;

/// Collected under the lock, run after it.
#[derive(Debug, Default)]
pub(super) struct After {
    wakers: Vec<Waker>,
    answers: Vec<(Confirm, Result<(), Refusal>)>,
    // Dropped and no more: a confirm gives back its place in a window, a sleep tells its clock.
    confirms: Vec<Confirm>,
    sleeps: Vec<Sleep>,
}

impl After {
    /// Wakes who waits, if someone does.
    pub(super) fn wake(&mut self, waker: &mut Option<Waker>) {
        self.wakers.extend(waker.take());
    }

    /// Answers a publish.
    pub(super) fn answer(&mut self, confirm: Confirm, result: Result<(), Refusal>) {
        self.answers.push((confirm, result));
    }

    /// Lets go of a publish that its caller gave up.
    pub(super) fn forget(&mut self, confirm: Confirm) {
        self.confirms.push(confirm);
    }

    /// Stops a sleep.
    pub(super) fn stop(&mut self, sleep: Option<Sleep>) {
        self.sleeps.extend(sleep);
    }

    /// Does it all.
    pub(super) fn run(self) {
        for (confirm, result) in self.answers {
            confirm.finish(result);
        }
        self.wakers.into_iter().for_each(Waker::wake);
        drop((self.confirms, self.sleeps));
    }
}
