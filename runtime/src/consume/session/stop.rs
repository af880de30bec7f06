//! How a shift ends: what makes it leave, and how each of its deliveries is left behind.

use std::future::poll_fn;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::{ConsumerSession, HOLD_CHECKS, SessionEnd};
use crate::broker::Incoming;
use crate::consume::consumer::{DesiredState, Pace};
use crate::message::Message;
use crate::telemetry;

/// To take one delivery at a time.
const CAREFULLY: SessionEnd = SessionEnd::Pace(Pace::Careful);

impl ConsumerSession<'_> {
    /// Starts to leave when the app wants something else than deliveries.
    pub(super) fn obey(&mut self, wanted: DesiredState) {
        match wanted {
            DesiredState::Run => {}
            DesiredState::Pause => self.begin_to_leave(SessionEnd::Paused),
            DesiredState::Drain | DesiredState::Abort => self.begin_to_leave(SessionEnd::Stopped),
        }
    }

    /// Takes no further deliveries, and returns those that have not started; before it takes care it handles them.
    pub(super) fn begin_to_leave(&mut self, exit: SessionEnd) {
        let finishes = self.finishes();
        let is_urgent = exit == SessionEnd::Stopped || (finishes && exit == SessionEnd::Pace(Pace::Probe));
        if self.leaving.is_some() && !is_urgent {
            return;
        }
        if self.leaving.replace(exit).is_some() && !finishes {
            return;
        }
        // Of an ordered queue nothing is returned before the last attempt has ended: another instance would start an
        // event while its predecessor still runs. Leaving then closes the channel, which returns all in one step.
        if !self.consumer.is_ordered() {
            self.subscription.cancel();
            if self.finishes() {
                return;
            }
            let unstarted: Vec<_> = self
                .desks
                .iter_mut()
                .flat_map(|desk| desk.lanes.drain())
                .collect();
            for held in unstarted {
                self.give_back(held.tag, held.delivery.message());
            }
        }
    }

    /// Whether it handles what it holds before it leaves. Returned, it would look more suspect than it is.
    pub(super) fn finishes(&self) -> bool {
        self.leaving == Some(CAREFULLY)
    }

    /// Whether there is something left to handle, or to come.
    pub(super) fn has_to_finish(&self) -> bool {
        self.finishes() && (self.waiting() > 0 || !self.subscription.is_drained())
    }

    /// Whether it leaves to others what it has not started.
    pub(super) fn leaves_for_others(&self) -> bool {
        self.leaving.is_some() && !self.finishes() && !self.consumer.is_ordered()
    }

    pub(super) fn give_back(&mut self, tag: u64, message: &Message) {
        self.consumer.harmless_returns.add(message);
        self.window.returned(tag);
        self.subscription.requeue(tag);
        self.unflushed = true;
    }

    pub(super) async fn leave(mut self, exit: SessionEnd) -> SessionEnd {
        self.stay_awake();
        let acks = self.window.all();
        acks.into_iter()
            .for_each(|ack| self.subscription.ack(ack.tag, ack.multiple));
        // A broker that is away takes no acknowledgement; what it does not hear of it hands out again.
        let flush = poll_fn(|cx| self.subscription.poll_flush(cx));
        let _ = tokio::time::timeout(Duration::from_secs(5), flush).await;
        self.note_returns();
        if self.consumer.is_ordered() && !self.consumer.is_ephemeral() {
            // What comes after what is returned here must not be handed to the next subscription before it.
            let close = poll_fn(|cx| self.subscription.poll_close(cx));
            let _ = tokio::time::timeout(Duration::from_secs(5), close).await;
        }
        exit
    }

    /// What has not started goes back with the subscription, and no crash is behind it.
    fn note_returns(&mut self) {
        for desk in &mut self.desks {
            for held in desk.lanes.drain() {
                self.consumer.harmless_returns.add(held.delivery.message());
            }
        }
    }

    pub(super) fn stay_awake(&mut self) {
        *self.awake = Some(self.consumer.service.bus().broker().clock().hold());
    }

    pub(super) fn abort_all(mut self) -> SessionEnd {
        let tasks = self.running.drain().filter_map(|(_, running)| running.task);
        tasks.for_each(|task| task.abort());
        SessionEnd::Stopped
    }

    /// The subscription is gone, and with it every delivery of it.
    pub(super) async fn lost(mut self) -> SessionEnd {
        self.stay_awake();
        self.let_go_of_what_runs().await;
        self.note_returns();
        match self.leaving {
            Some(exit @ (SessionEnd::Stopped | SessionEnd::Paused)) => exit,
            _ => SessionEnd::Lost,
        }
    }

    /// Leaves those that run to themselves, for they are about to be handed out again. An unordered attempt runs to its
    /// end, since its work may be half done; an ordered one is cancelled, and has ended when this returns: until its
    /// next await it goes on, and its successor must not start beside it.
    async fn let_go_of_what_runs(&mut self) {
        self.lost.store(true, Ordering::Relaxed);
        let mut cancelled = Vec::new();
        for (_, running) in self.running.drain() {
            self.consumer.harmless_returns.add(&running.message);
            if self.desks[running.handler].worker.descriptor.ordered()
                && let Some(task) = running.task
            {
                task.abort();
                cancelled.push(task);
            }
        }
        for desk in &self.desks {
            desk.worker.set_trouble(None);
        }
        for task in cancelled {
            // It was cancelled, or had just ended by itself.
            let _ = task.await;
        }
    }

    pub(super) async fn check_holds(&mut self) {
        let limit = self.consumer.service.bus().config().hold_limit;
        self.next_hold_check = Instant::now() + limit / HOLD_CHECKS;
        if self.window.oldest().is_some_and(|since| since.elapsed() >= limit) && self.leaving.is_none() {
            tracing::warn!(
                queue = self.consumer.queue.as_ref(),
                "a delivery was held for {limit:?}; starting over"
            );
            telemetry::recycled(&self.consumer.queue);
            // What runs cannot be waited for, since it is what was held.
            self.let_go_of_what_runs().await;
            self.leaving = Some(SessionEnd::Recycled);
        }
    }

    /// Slows down when a suspect comes, and says whether it is to be set aside until nothing else is in hand. In an
    /// ordered queue it stays: what comes behind must not overtake it, nor what came before it come back in parts,
    /// as it does when less is taken at a time, since a quorum queue puts what comes back behind what came back before.
    pub(super) fn must_be_set_aside(&mut self, incoming: &Incoming, suspect: Option<u32>) -> bool {
        if suspect.is_none() || incoming.alone {
            return false;
        }
        if self.consumer.is_ordered() {
            self.alone_through = incoming.tag;
            return false;
        }
        if self.pace == Pace::Full {
            self.begin_to_leave(CAREFULLY);
        }
        self.pace == Pace::Full
    }

    /// Speeds up again when one came that is no suspect. That one is started first: given back it would come again as
    /// the first, in front of the next suspect, and none would ever be handled.
    pub(super) fn mind_the_innocent(&mut self, suspect: Option<u32>) {
        if self.pace == Pace::Careful && suspect.is_none() {
            self.start_what_may();
            self.begin_to_leave(SessionEnd::Pace(Pace::Full));
        }
    }

    /// Leaves when a breaker opened whose queue is not held, or when a probe has had its answer.
    pub(super) fn mind_the_breaker(&mut self) {
        if self.consumer.holds_while_open() || (self.leaving.is_some() && !self.finishes()) {
            return;
        }
        let open = self.desks[0].worker.breaker().is_open();
        match self.pace {
            Pace::Probe if self.is_idle() => {
                self.begin_to_leave(SessionEnd::Pace(if open { Pace::Probe } else { Pace::Full }));
            }
            Pace::Full | Pace::Careful if open => self.begin_to_leave(SessionEnd::Pace(Pace::Probe)),
            _ => {}
        }
    }
}
