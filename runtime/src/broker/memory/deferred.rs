//! Effects that run after the broker's lock is released. Wakers and confirms run code of other modules, which may call
//! the broker again.

use std::task::Waker;

use crate::bus::confirm::Confirm;
use crate::bus::refusal::Refusal;
use crate::clock::Sleep;

#[derive(Debug, Default)]
pub(super) struct DeferredEffects {
    wakers: Vec<Waker>,
    results: Vec<(Confirm, Result<(), Refusal>)>,
    // These run code in their `Drop`: a confirm frees its slot in the publish window, a sleep notifies its clock.
    dropped_confirms: Vec<Confirm>,
    dropped_sleeps: Vec<Sleep>,
}

impl DeferredEffects {
    pub(super) fn wake(&mut self, waker: &mut Option<Waker>) {
        self.wakers.extend(waker.take());
    }

    pub(super) fn finish(&mut self, confirm: Confirm, result: Result<(), Refusal>) {
        self.results.push((confirm, result));
    }

    pub(super) fn drop_confirm(&mut self, confirm: Confirm) {
        self.dropped_confirms.push(confirm);
    }

    pub(super) fn drop_sleep(&mut self, sleep: Option<Sleep>) {
        self.dropped_sleeps.extend(sleep);
    }

    pub(super) fn run(self) {
        for (confirm, result) in self.results {
            confirm.finish(result);
        }
        self.wakers.into_iter().for_each(Waker::wake);
        drop((self.dropped_confirms, self.dropped_sleeps));
    }
}
