//! The loop of a session: the whole life of a delivery, on one screen.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Instant;

use tokio::sync::watch;

use super::super::attempt::Report;
use super::super::status::DesiredState;
use super::handler_slot::HandlerSlot;
use super::{ConsumerSession, Pace, SessionEnd};
use crate::clock::Awake;
use crate::message::timestamp::Timestamp;

/// The most deliveries that the session admits before it starts attempts and sends acknowledgements.
const MAX_BATCH: usize = 64;

/// Why the loop wakes up.
enum Wakeup {
    DesiredStateChanged,
    Aborted,
    /// `batch` contains deliveries.
    Received,
    /// The broker ended the subscription.
    Cancelled,
    Reported(Report),
    /// `completions` contains attempts that completed inline.
    CompletedInline,
    /// The earliest retry or probe is due.
    TimerFired(Awake),
    AcksFlushed,
    HoldCheckDue,
    AcksDue,
}

impl ConsumerSession<'_> {
    /// Runs until the subscription ends or the app asks for something else.
    ///
    /// A delivery passes through this loop from its receipt to its acknowledgement. `admit` decodes and routes it, and
    /// `start_ready` runs its handler in an attempt. The attempt publishes the returned events, the retry or the dead
    /// letter, and reports. `complete` records that the delivery is settled, and `acknowledge` acks it.
    pub(crate) async fn run(mut self, desired: &mut watch::Receiver<DesiredState>) -> SessionEnd {
        // The desired state may have changed while the consumer subscribed.
        let mut desired_changed = true;
        loop {
            if std::mem::take(&mut desired_changed) || desired.has_changed().unwrap_or(false) {
                self.stop_clock();
                match self.queue.read_desired(desired) {
                    // This read marks the value as seen, so `next_wakeup` would not see the `Abort`.
                    DesiredState::Abort => return self.abort().await,
                    state => self.apply(state),
                }
            }
            self.start_ready();
            self.acknowledge();
            self.set_timer();
            self.subscription.set_waiting(self.waiting());
            *self.awake = None;
            if let Some(end) = self.ending
                && self.is_idle()
            {
                return self.end(end).await;
            }
            match self.next_wakeup(desired).await {
                Wakeup::DesiredStateChanged => desired_changed = true,
                Wakeup::Aborted => return self.abort().await,
                Wakeup::Cancelled => return self.cancelled().await,
                Wakeup::Received => {
                    let mut batch = std::mem::take(&mut self.batch);
                    let (now, received_at) = (Instant::now(), Timestamp::now());
                    for incoming in batch.drain(..) {
                        self.admit(&incoming, now, received_at);
                    }
                    self.batch = batch;
                }
                Wakeup::Reported(report) => self.complete(Some(report)),
                Wakeup::CompletedInline => {
                    // Completions and deliveries may always be ready, and other tasks need a turn too.
                    tokio::task::coop::consume_budget().await;
                    self.complete(None);
                }
                Wakeup::TimerFired(awake) => {
                    *self.awake = Some(awake);
                    self.wake_retries();
                }
                Wakeup::AcksFlushed => {
                    self.has_unflushed_acks = false;
                    self.ended_trials.clear();
                }
                Wakeup::HoldCheckDue => self.check_hold_limit().await,
                Wakeup::AcksDue => {}
            }
        }
    }

    async fn next_wakeup(&mut self, desired: &mut watch::Receiver<DesiredState>) -> Wakeup {
        if !self.completions.is_empty() {
            return Wakeup::CompletedInline;
        }
        let ack_at = self.ack_window.deadline().filter(|_| !self.keeps_acks());
        let hold_check = self.next_hold_check;
        let (subscription, batch) = (&mut self.subscription, &mut self.batch);
        let has_unflushed_acks = self.has_unflushed_acks;
        let flush_or_receive = poll_fn(|cx| {
            if has_unflushed_acks && subscription.poll_flush(cx).is_ready() {
                return Poll::Ready(Wakeup::AcksFlushed);
            }
            loop {
                match subscription.poll_next(cx) {
                    Poll::Ready(Some(incoming)) => {
                        batch.push(incoming);
                        if batch.len() == MAX_BATCH {
                            return Poll::Ready(Wakeup::Received);
                        }
                    }
                    // With deliveries in the batch, the loop admits them first and sees the end at its next turn.
                    Poll::Ready(None) if batch.is_empty() => return Poll::Ready(Wakeup::Cancelled),
                    Poll::Pending if batch.is_empty() => return Poll::Pending,
                    Poll::Ready(None) | Poll::Pending => return Poll::Ready(Wakeup::Received),
                }
            }
        });
        let timer = async {
            match &mut self.timer {
                Some((_, sleep)) => sleep.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            changed = desired.changed() => match changed {
                Ok(()) if *desired.borrow() != DesiredState::Abort => Wakeup::DesiredStateChanged,
                _ => Wakeup::Aborted,
            },
            Some(report) = self.reports.recv() => Wakeup::Reported(report),
            wakeup = flush_or_receive => wakeup,
            awake = timer => Wakeup::TimerFired(awake),
            () = until(ack_at) => Wakeup::AcksDue,
            () = until(Some(hold_check)) => Wakeup::HoldCheckDue,
        }
    }

    fn acknowledge(&mut self) {
        if self.keeps_acks() {
            return;
        }
        self.ack_window.due(Instant::now(), &mut self.acks);
        for ack in self.acks.drain(..) {
            self.subscription.ack(ack.tag, ack.multiple);
            self.has_unflushed_acks = true;
        }
    }

    /// Whether no acknowledgement may be sent yet. Each one lets the broker send another delivery, and a delivery that
    /// arrives during a round of probes would make the round larger.
    fn keeps_acks(&self) -> bool {
        self.pace == Pace::Probe && self.has_probed && self.ending.is_none()
    }

    /// Sets the timer to the earliest retry, probe or trial.
    fn set_timer(&mut self) {
        let trials = self.trials_at().filter(|at| *at > self.elapsed());
        let due = self
            .occupied()
            .filter_map(HandlerSlot::next_due)
            .chain(trials)
            .min();
        if due != self.timer.as_ref().map(|(due, _)| *due) {
            let now = self.elapsed();
            self.timer = due.map(|due| (due, self.queue.clock().sleep(due.saturating_sub(now))));
        }
    }

    fn wake_retries(&mut self) {
        self.timer = None;
        let now = self.elapsed();
        self.slots.iter_mut().for_each(|slot| slot.deliveries.wake(now));
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
